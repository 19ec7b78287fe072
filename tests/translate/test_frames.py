"""Next frames: clips as pairs, bars, Mathieu's networks, and a clip that goes on by `limner translate`."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from limner.foundation.errors import UserError
from limner.nn.parameters import count_parameters
from limner.translate.data.clips import find_clips, hold_out_clips, moving, read_clips
from limner.translate.measures.bars import Known
from limner.translate.measures.frame_bars import frame_bars, moved_on
from limner.translate.measures.similarity import Protocol, psnr
from limner.translate.networks.multi_scale import MultiScale, PyramidDiscriminator
from limner.translate.translating.tiles import translated_tiles
from limner.video.clips import open_clip, write_clip
from moving_blobs import blob_at, draw_clips

CommandLine = Callable[..., tuple[int, str, str]]


def test_a_source_is_the_frames_before_the_newest_first(tmp_path: Path) -> None:
    folder = draw_clips(tmp_path / "clips", 3, 11)
    found = read_clips(find_clips([folder]), frames=4, colors="rgb", size_px=None)
    assert len(found) == 3 * 7 and found.clips == tuple(np.repeat([0, 1, 2], 7)) and "3 clips" in found.summary()
    shown = list(open_clip(folder / "clip1"))
    place = found.names.index("clip1/11")
    assert torch.equal(found.targets[place], (shown[10] * 255).round().byte())
    before = torch.cat([(shown[number] * 255).round().byte() for number in (9, 8, 7, 6)])
    assert torch.equal(found.sources[place], before)
    gray = read_clips(find_clips([folder]), frames=2, colors="gray", size_px=32)
    assert gray.sources[0].shape == (2, 32, 32) and gray.fingerprint != found.fingerprint
    learned, held_out = hold_out_clips(found.clips, 1, 0)
    assert len(held_out) == 7 and len({found.clips[int(each)] for each in held_out}) == 1
    assert sorted([*learned.tolist(), *held_out.tolist()]) == list(range(21))


def test_videos_are_clips_too(tmp_path: Path) -> None:
    folder = draw_clips(tmp_path / "clips", 2)
    for number in range(2):
        like = open_clip(folder / f"clip{number}")
        write_clip(tmp_path / "videos" / f"{number}.mp4", iter(like), like)
    found = read_clips(find_clips([tmp_path / "videos"]), frames=3, colors="rgb", size_px=None)
    assert len(found) == 2 * 6 and found.targets[0].shape == (3, 48, 48)
    assert [path.name for path in find_clips([folder / "clip0", folder / "clip1"])] == ["clip0", "clip1"]


def test_flow_moves_on_what_moves_and_moving_pixels_alone_count() -> None:
    before, last, following = (blob_at(place) for place in (6, 9, 12))
    mask = moving(last, following)
    assert 0.02 < float(mask.mean()) < 0.5 and float(mask[0, 40:].max()) == 0
    assert bool((moving(last, last) == 1).all())
    scores = {}
    for name, bar in frame_bars(2, 3).items():
        made = bar(torch.cat([last, before]), None, Known(torch.zeros(3)))
        assert made is not None and made.shape == last.shape
        scores[name] = psnr(made, following, Protocol("rgb", 0, "moving"), mask)
    assert scores["moved on by flow"] > scores["last frame"] + 4
    assert scores["last frame"] > scores["mean of the frames"]
    assert torch.equal(moved_on(last, last), last)
    spoiled = torch.where(mask > 0.5, following, torch.zeros(()))  # wrong where nothing moves
    assert psnr(spoiled, following, Protocol("rgb", 0, "moving"), mask) == 100
    assert "moving" in Protocol("rgb", 0, "moving").label() and "move" in Protocol("rgb", 0, "moving").sentence()


def test_mathieus_networks_have_the_papers_sizes() -> None:
    with torch.device("meta"):
        assert count_parameters(MultiScale(12, 3)) == 12_569_740
        assert count_parameters(PyramidDiscriminator(3, 32)) == 16_875_652
        assert count_parameters(PyramidDiscriminator(15, 32)) == 17_003_140
    seen = PyramidDiscriminator(3, 32, width=8)
    assert seen(torch.rand(2, 3, 32, 32)).shape == (2, 4)
    for wrong in (
        lambda: PyramidDiscriminator(3, 20),
        lambda: seen(torch.rand(1, 3, 40, 40)),
        lambda: MultiScale(3, 3, 2),
    ):
        with pytest.raises(UserError):
            wrong()


def test_each_scale_betters_the_guess_before_it_and_tiles_fit() -> None:
    torch.manual_seed(0)
    network = MultiScale(6, 3, width=4).eval()
    image = torch.rand(1, 6, 120, 136) * 2 - 1
    with torch.no_grad():
        whole = network(image)[0]
        made = torch.empty_like(whole)
        for window, part in translated_tiles(
            network, lambda each: image[0][(slice(None), *each.slices)], 120, 136, tile_px=32
        ):
            made[(slice(None), *window.slices)] = part
        assert float((made - whole).abs().max()) < 1e-5
        for parameter in network.scales[1:].parameters():
            parameter.zero_()
        first = network.scales[0](torch.nn.functional.avg_pool2d(image, 8))
        guess = torch.tanh(first)
        for _ in range(3):  # nothing is added, so the guess is enlarged and goes through tanh at each scale
            guess = torch.tanh(guess.repeat_interleave(2, 2).repeat_interleave(2, 3))
        assert torch.allclose(network(image), guess, atol=1e-6)


def test_a_clip_goes_on_by_a_trained_run(here: Path, limner: CommandLine, quick_scores: None) -> None:
    draw_clips(here / "clips", 4)
    few = "--epochs 1 --steps-per-epoch 40 --batch 4 --data.held-out 1 --data.crop-px 32 --loop.precision fp32"
    small = "--generator.blocks 1 --generator.width 8 --generator-optimizer.learning-rate 3e-3 --data.flip false"
    code, _, error = limner(
        "train", "translate/next-frame", "--data", "clips", "--out", "run", *few.split(), *small.split()
    )
    assert code == 0, error
    told = json.loads(Path("run/evaluation.json").read_text())
    assert list(told["rows"]) == ["translated", "last frame", "moved on by flow", "mean of the frames"]
    assert told["region"] == "moving" and told["pictures"] == 5
    assert told["rows"]["translated"]["scores"]["psnr"] > told["rows"]["last frame"]["scores"]["psnr"] + 1
    code, out, error = limner("translate", "run", "clips/clip0", "--clip", "--ahead", "3", "--out", "next")
    assert (code, out) == (0, "next\n") or out.strip() == "next/clip0", error
    made = Path(out.strip())
    assert len(list(open_clip(made))) == 3 and open_clip(made).width == 48
    assert limner("translate", "run", "clips/clip0", "--clip", "--out", "next.mp4")[0] == 0
    assert len(list(open_clip(Path("next.mp4")))) == 1
    assert limner("evaluate", "run", "--data", "clips", "--out", "again.json")[0] == 0
    for command, says in (
        ("translate run clips/clip0/1.png --out one", "the next frame of clips; give video files"),
        ("translate run clips/clip0 --clip --ahead 0 --out one", "--ahead is 0; needed: 1 to 1000"),
        ("translate run short --clip --out one", "2 frames; the run makes the next one of 4"),
        ("train translate/next-frame --data short --out two", "1 clip is too little"),
        ("train translate/next-frame --data clips --data.frames 9 --out two", "so 10 are needed"),
        ("train translate/next-frame --data clips --data.held-out 3 --out two", "of 4 clips; needed: at most half"),
        ("train translate/next-frame --data clips --degrade gray --out two", "leave one of them out"),
        ("train translate/next-frame --data clips --data.colors bands --out two", "rgb or gray"),
        ("train translate/next-frame --data again.json --out two", "no clip in it"),
    ):
        if not Path("short").exists():
            draw_clips(here / "some", 1, 2)
            (here / "some" / "clip0").rename(here / "short")
        code, _, error = limner(*command.split())
        assert code == 2 and says in error and error.count("\n") == 1, (command, error)
        assert not Path("one").exists() and not Path("two").exists()
