"""Frames between others: clips as pairs around a frame, bars, the network that moves frames, and a clip that is slowed
by `limner translate`."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from limner import load
from limner.foundation.errors import UserError
from limner.translate.data.clips import beside, find_clips, moving, read_clips
from limner.translate.measures.bars import Known
from limner.translate.measures.frame_bars import frame_bars, moved_half_way
from limner.translate.measures.similarity import Protocol, psnr
from limner.translate.networks import VoxelFlow
from limner.translate.networks.voxel_flow import fetched
from limner.translate.translating import clips as translating_clips
from limner.translate.translating.clips import translate_clip
from limner.translate.translating.options import TranslateOptions
from limner.translate.translating.predictor import PictureTranslator
from limner.video.clips import open_clip, write_clip
from limner.video.frame_folders import open_folder
from moving_blobs import blob_at, draw_clips

CommandLine = Callable[..., tuple[int, str, str]]
BETWEEN = Protocol("rgb", 0, "between")


class Middle(nn.Module):
    """Gives the mean of the two frames in the middle of so many."""

    stride = scale = least_px = 1
    reach_px = 0

    def __init__(self) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(()))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.stack(beside(image[0], 3, "between")).mean(0)[None] + self.nothing


def translator(network: nn.Module, frames: int = 2, **more: Any) -> PictureTranslator:
    given = {"outputs": 3, "scale": 1, "colors": "rgb", "source_colors": "rgb", "fill": None, "see_mask": True, **more}
    return PictureTranslator(
        network.eval(), channels=3 * frames, frames=frames, frame="between", device=torch.device("cpu"), **given
    )


@pytest.mark.parametrize("frames", [2, 4])
def test_a_source_is_the_frames_around_the_newest_first(frames: int, tmp_path: Path) -> None:
    folder = draw_clips(tmp_path / "clips", 2, 7)
    found = read_clips(find_clips([folder]), frames=frames, colors="rgb", size_px=None, frame="between")
    assert len(found) == 2 * (7 - frames) and "frames between others of 2 clips" in found.summary()
    shown = [(each * 255).round().byte() for each in open_clip(folder / "clip1")]
    place = found.names.index("clip1/4")
    assert torch.equal(found.targets[place], shown[3])
    around = {2: (4, 2), 4: (5, 4, 2, 1)}[frames]
    assert torch.equal(found.sources[place], torch.cat([shown[each] for each in around]))
    before, after = beside(found.sources[place], 3, "between")
    assert torch.equal(before, shown[2]) and torch.equal(after, shown[4])
    following = read_clips(find_clips([folder]), frames=frames, colors="rgb", size_px=None)
    assert following.fingerprint != found.fingerprint and "next frames" in following.summary()
    assert torch.equal(beside(following.sources[0], 3, "next")[0], following.sources[0][:3])


def test_flow_moves_both_half_way_and_pixels_that_move_on_either_side_count() -> None:
    before, wanted, after = (blob_at(place) for place in (6, 9, 12))
    mask = moving(wanted, before, after)
    assert torch.equal(mask, torch.maximum(moving(wanted, before), moving(wanted, after)))
    assert float(mask.mean()) > 1.2 * float(moving(wanted, before).mean())
    assert torch.equal(moving(wanted, wanted, after), moving(wanted, after))
    scores = {}
    for name, bar in frame_bars(4, 3, "between").items():
        made = bar(torch.cat([after, after, before, before]), None, Known(torch.zeros(3)))
        assert made is not None and made.shape == before.shape
        scores[name] = psnr(made, wanted, BETWEEN, mask)
    assert list(scores) == ["frame before", "mean of both", "moved half way by flow"]
    assert scores["moved half way by flow"] > scores["mean of both"] + 4 > scores["frame before"] + 4
    assert torch.allclose(moved_half_way(before, before), before, atol=1e-6)
    assert "before or after" in BETWEEN.label() and "before or after" in BETWEEN.sentence()


def test_pixels_are_fetched_from_where_the_motion_points() -> None:
    image = torch.rand(2, 3, 9, 12)
    right, down = torch.zeros(2, 2, 9, 12), torch.zeros(2, 2, 9, 12)
    right[:, 0], down[:, 1] = 2, -1
    torch.testing.assert_close(fetched(image, right)[..., :10], image[..., 2:])
    torch.testing.assert_close(fetched(image, right)[..., 10:], image[..., -1:].expand(-1, -1, -1, 2))
    torch.testing.assert_close(fetched(image, down)[:, :, 1:], image[:, :, :-1])
    torch.testing.assert_close(fetched(image, right / 4)[..., :-1], (image[..., 1:] + image[..., :-1]) / 2)


def test_an_untrained_voxel_flow_gives_the_mean_and_a_trained_one_is_bounded() -> None:
    torch.manual_seed(0)
    network = VoxelFlow(9, 3, blocks=1, width=4, most_px=5)
    image = torch.rand(2, 9, 16, 24) * 2 - 1
    torch.testing.assert_close(network(image), image.unflatten(1, (3, 3)).mean(1))
    nn.init.normal_(network.last.weight, std=9)
    motions, weights = network.told(image)
    assert motions.shape == (2, 3, 2, 16, 24) and 4.9 < float(motions.detach().abs().max()) <= 5
    torch.testing.assert_close(weights.sum(1), torch.ones(2, 1, 16, 24))
    there = network(image.to(memory_format=torch.channels_last))
    torch.testing.assert_close(there, network(image), atol=1e-3, rtol=0)


def test_voxel_flow_learns_a_motion_by_heart() -> None:
    torch.manual_seed(0)
    coarse = torch.rand(1, 3, 8, 8) * 2 - 1
    wanted = nn.functional.interpolate(coarse, size=(32, 32), mode="bicubic", align_corners=False).clamp(-1, 1)
    source = torch.cat([wanted.roll(3, 3), wanted.roll(-3, 3)], 1)  # the picture moves to the right
    network = VoxelFlow(6, 3, blocks=1, width=8)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    losses = []
    for _ in range(150):
        optimizer.zero_grad()
        loss = (network(source) - wanted).abs()[..., 3:-3].mean()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.25 * losses[0]
    middle = network.told(source)[0][0, :, 0, 4:-4, 4:-4].detach()
    assert middle[0].median() == pytest.approx(3, abs=0.5) and middle[1].median() == pytest.approx(-3, abs=0.5)


@pytest.mark.parametrize("frames", [2, 4])
@pytest.mark.parametrize("times", [None, 2, 4, 8])
def test_a_slowed_clip_holds_its_frames_and_those_between_in_order(
    times: int | None, frames: int, tmp_path: Path
) -> None:
    shades = [0.0, 80.0, 240.0]
    (tmp_path / "clip").mkdir()
    for number, shade in enumerate(shades):
        write_shade(tmp_path / "clip" / f"{number}.png", shade)
    account = translate_clip(
        translator(Middle(), frames), tmp_path / "clip", tmp_path / "slow", tmp_path / "slow",
        TranslateOptions(times=times),
    )  # fmt: skip
    found = [float(each.mean()) * 255 for each in open_clip(tmp_path / "slow")]
    steps = times or 2
    wanted = np.interp(np.arange(2 * steps + 1) / steps, [0, 1, 2], shades)
    assert len(found) == 2 * steps + 1 and np.abs(np.array(found) - wanted).max() < 1
    assert "sound" not in " ".join(account.notes)


def write_shade(path: Path, shade: float) -> None:
    Image.new("RGB", (16, 16), (int(shade),) * 3).save(path)


def test_that_sound_is_not_copied_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_clips(tmp_path / "clips", 1, 2)
    silent = open_folder(tmp_path / "clips/clip0")
    monkeypatch.setattr(translating_clips, "open_clip", lambda path: replace(silent, has_audio=True))
    account = translate_clip(
        translator(Middle()), silent.path, tmp_path / "slow.mp4", tmp_path / "slow.mp4", TranslateOptions()
    )
    assert any("sound is not copied" in note for note in account.notes)


def test_a_predictor_says_which_frame_it_makes() -> None:
    between = translator(Middle())
    made = between.frame_between([torch.zeros(3, 8, 8), torch.ones(3, 8, 8)])
    assert torch.allclose(made, torch.full((3, 8, 8), 0.5)) and "frames between others (of 2)" in between._repr_html_()
    with pytest.raises(UserError, match="the run makes frames between others, so it knows no next frame"):
        between.next_frame([torch.zeros(3, 8, 8)] * 2)
    with pytest.raises(UserError, match="3 frames; the run makes the one in the middle of 2"):
        between.frame_between([torch.zeros(3, 8, 8)] * 3)
    ahead = PictureTranslator(**{**vars(between), "frame": "next"})
    with pytest.raises(UserError, match="the run makes the next frame, so it knows no frame between others"):
        ahead.frame_between([torch.zeros(3, 8, 8)] * 2)


def test_a_clip_is_slowed_by_a_trained_run(here: Path, limner: CommandLine, quick_scores: None) -> None:
    draw_clips(here / "clips", 4)
    few = "--epochs 1 --steps-per-epoch 60 --batch 4 --data.held-out 1 --data.crop-px 32 --loop.precision fp32"
    small = "--generator.blocks 1 --generator.width 8 --generator-optimizer.learning-rate 3e-3 --data.flip false"
    code, _, error = limner("train", "translate/between-frames", "--data", "clips", "--out", "run", *few.split(),
                            *small.split())  # fmt: skip
    assert code == 0, error
    told = json.loads(Path("run/evaluation.json").read_text())
    assert list(told["rows"]) == ["translated", "frame before", "mean of both", "moved half way by flow"]
    assert told["region"] == "between" and told["pictures"] == 7
    scores = {name: row["scores"]["psnr"] for name, row in told["rows"].items()}
    assert scores["translated"] > scores["mean of both"] + 0.5
    assert (load("run").frames, load("run").frame) == (2, "between")
    code, out, error = limner("translate", "run", "clips/clip0", "--clip", "--times", "4", "--out", "slow")
    assert (code, out) == (0, "slow/clip0\n"), error
    made, given = list(open_clip(Path("slow/clip0"))), list(open_clip(Path("clips/clip0")))
    assert len(made) == 4 * 8 + 1 and all(map(torch.equal, made[::4], given))
    write_clip(Path("short.mp4"), iter(given), open_clip(Path("clips/clip0")))
    assert limner("translate", "run", "short.mp4", "--out", "slow.mp4")[0] == 0
    slow = open_clip(Path("slow.mp4"))
    assert len(list(slow)) == 17 and slow.rate == open_clip(Path("short.mp4")).rate
    assert limner("evaluate", "run", "--data", "clips", "--out", "again.json")[0] == 0
    draw_clips(here / "some", 1, 1)
    train = "train translate/between-frames --data clips --out one"
    for command, says in (
        ("translate run clips/clip0/1.png --out one", "makes frames between others of clips; give video files"),
        ("translate run clips/clip0 --clip --times 3 --out one", "--times is 3; needed: 2, 4 or 8"),
        ("translate run clips/clip0 --clip --ahead 2 --out one", "knows no next frame; leave --ahead out"),
        ("translate run some/clip0 --clip --out one", "a single frame; a frame is made between two"),
        (f"{train} --data.frames 3", "data.frames is 3; a frame between others has as many"),
        (f"{train} --data.frames none", "data.frames is none; a frame between others has as many"),
        (f"{train} --data.frames 10", "9 frames; a frame is learned from 10 around it, so 11 are needed"),
        (
            "train translate/next-frame --data clips --data.crop-px 32 --data.frames 1 --generator voxel-flow "
            "--out one",
            "of two others",
        ),
    ):
        code, _, error = limner(*command.split())
        assert code == 2 and says in error and error.count("\n") == 1, (command, error)
        assert not Path("one").exists()


def test_times_mean_nothing_to_runs_that_make_other_things(
    translators: Path, here: Path, limner: CommandLine, quick_scores: None
) -> None:
    draw_clips(here / "clips", 2, 6)
    small = "--epochs 1 --steps-per-epoch 1 --batch 2 --data.held-out 1 --data.crop-px 32 --data.frames 2"
    flow = "--generator voxel-flow --generator.blocks 1 --generator.width 4 --loop.precision fp32"
    code, _, error = limner("train", "translate/next-frame", "--data", "clips", "--out", "run", *small.split(),
                            *flow.split())  # fmt: skip
    assert code == 0, error
    for run, says in (
        (here / "run", "makes the next frame of clips"),
        (translators / "enlarge", "translates pictures"),
    ):
        code, _, error = limner("translate", run, "clips/clip0", "--clip", "--times", "2", "--out", "one")
        assert code == 2 and f"the run {says} and knows no frames between others; leave --times out" in error
        assert not Path("one").exists()
