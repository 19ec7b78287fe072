"""Clips: the networks' sizes and streams, reading, scores against clips whose time means nothing, files, bad input."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from PIL import Image

import limner
from limner.datasets.world.drawing import draw_world
from limner.datasets.world.options import WorldOptions
from limner.foundation.errors import UserError
from limner.generate.making.options import GenerateOptions
from limner.generate.media.clips.measure import (
    FROZEN,
    SHUFFLED,
    TRAINING,
    RandomFeatures,
    frozen,
    measure,
    motion_histogram,
    shuffled,
)
from limner.generate.media.clips.networks import ClipDiscriminator, ClipGenerator
from limner.generate.media.clips.predictor import ClipMaker
from limner.generate.media.clips.reading import read_clips
from limner.generate.media.clips.task import ClipTask
from limner.generate.media.verbs import evaluate_run, generate_media
from limner.generate.scoring.options import EvaluateOptions
from limner.learning.library import load_recipe
from limner.learning.loop.task import StageContext
from limner.learning.recipes.recipe import Choice
from limner.learning.runs.opening import open_run
from limner.learning.runs.score_rows import MADE, ScoreRows
from limner.nn.parameters import count_parameters

CommandLine = Callable[..., tuple[int, str, str]]
SMALL = ("--data.size-px=16", "--data.held-out=8", "--generator.width=2", "--discriminator.width=2", "--batch=8")
TINY = [*SMALL, "--kimg=0.016", "--loop.precision=fp32", "--scores.samples=16"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with drawn clips, and runs that learned two steps from them: from noise, and from stills."""
    folder = tmp_path_factory.mktemp("clips")
    draw_world(WorldOptions(clips=24, size_px=16, frames=8), out=folder / "world")
    for name, run in (("vgan-light", "noise"), ("vgan-still-light", "still")):
        limner.train(f"generate/{name}", data=folder / "world", out=folder / run, overrides=TINY)
    return folder


def squares(count: int, step: int, seed: int = 0, frames: int = 8, side: int = 32) -> torch.Tensor:
    """(count, 3, T, S, S) uint8: a textured square that goes to the right by ``step`` px a frame."""
    draws = np.random.default_rng(seed)
    clips = np.full((count, 3, frames, side, side), 60, np.uint8)
    for clip in clips:
        texture = np.kron(draws.integers(80, 255, (3, 6, 6)), np.ones((2, 2))).astype(np.uint8)
        top, left = draws.integers(2, side - 14), draws.integers(2, side - 13 - step * (frames - 1))
        for frame in range(frames):
            clip[:, frame, top : top + 12, left + step * frame : left + step * frame + 12] = texture
    return torch.from_numpy(clips)


# --- networks --------------------------------------------------------------------------------------------------------


def test_vgan_has_the_parameters_of_the_authors_networks() -> None:
    with torch.device("meta"):
        both = ClipGenerator(64)
        assert count_parameters(both) == 16_245_383
        assert count_parameters(both.stand) == 3_577_667
        assert count_parameters(ClipGenerator(64, streams=1)) == 12_667_716 - (64 * 64 + 1)  # without the mask
        assert count_parameters(ClipDiscriminator(64)) == 11_057_858
        assert count_parameters(ClipDiscriminator(64, logits=1)) == 11_041_473
        assert count_parameters(ClipGenerator(64, width=128, still=True)) == 68_216_455
        assert count_parameters(ClipDiscriminator(64, width=128)) == 44_135_810


@pytest.mark.parametrize("size_px", [16, 32])
@pytest.mark.parametrize("streams", [1, 2])
@pytest.mark.parametrize("still", [False, True])
def test_a_pair_makes_and_tells_clips_and_no_weight_is_dead(size_px: int, streams: int, still: bool) -> None:
    torch.manual_seed(0)
    makes = ClipGenerator(size_px, latent=5, width=2, streams=streams, still=still)
    tells = ClipDiscriminator(size_px, width=2)
    first = torch.rand(3, 3, size_px, size_px) * 2 - 1
    made = makes(torch.randn(3, 5), first if still else None)
    assert made.clip.shape == (3, 3, size_px // 2, size_px, size_px)
    assert -1 <= made.clip.min() < made.clip.max() <= 1
    logits = tells(made.clip)
    assert logits.shape == (3,)
    logits.square().sum().backward()
    for network in (makes, tells):
        assert all(each.grad is not None for each in network.parameters())


def test_where_the_mask_is_0_a_clip_is_its_background_and_that_stands_still() -> None:
    torch.manual_seed(0)
    network, latent = ClipGenerator(32, latent=5, width=2), torch.randn(3, 5)
    assert network.mask is not None
    made = network(latent)
    assert made.mask is not None and made.background is not None
    torch.testing.assert_close(made.clip, made.mask * made.moving + (1 - made.mask) * made.background)
    torch.nn.init.zeros_(network.mask.weight)
    torch.nn.init.constant_(network.mask.bias, -200.0)
    clip = network(latent).clip
    assert torch.equal(clip, clip[:, :, :1].expand_as(clip))
    assert clip[0].std() > 0
    torch.nn.init.constant_(network.mask.bias, 200.0)
    made = network(latent)
    torch.testing.assert_close(made.clip, made.moving)


def test_two_logits_are_one_by_their_difference() -> None:
    torch.manual_seed(0)
    two = ClipDiscriminator(16, width=2).eval()
    clip = torch.rand(4, 3, 8, 16, 16)
    said = two.verdict(two.look(clip)).flatten(1)
    torch.testing.assert_close(two(clip).sigmoid(), said.softmax(1)[:, 1])


def test_options_that_mean_nothing_are_refused() -> None:
    with pytest.raises(UserError, match=r"data\.size_px is 24; it must be one of 16, 32, 64, 128"):
        load_recipe("generate/vgan-light", ["--data.size-px", "24"])
    with pytest.raises(UserError, match=r"generator\.streams is 3; it must be 1 or 2"):
        ClipGenerator(16, streams=3)
    with pytest.raises(UserError, match=r"discriminator\.logits is 3; it must be 1 or 2"):
        ClipDiscriminator(16, logits=3)


def task_of(place: Path, tmp_path: Path, recipe: str, *more: str) -> ClipTask:
    task = ClipTask(load_recipe(f"generate/{recipe}", [*TINY, "--data.paths", f"[{place / 'world'}]", *more]))
    task.begin(task.stages()[0], StageContext(Fabric(accelerator="cpu", devices=1), tmp_path))
    return task


def test_the_mask_is_penalized_by_its_mean_and_the_first_frame_by_its_distance(place: Path, tmp_path: Path) -> None:
    task = task_of(place, tmp_path, "vgan-still-light")
    real = task.real(torch.arange(8), 0)
    torch.manual_seed(0)
    streams = task.own_generator(torch.zeros(8, task.own_generator.latent), real.condition.previous)
    torch.manual_seed(0)
    values = task.teach_generator(real, 0)
    assert float(values["mask_penalty"]) == pytest.approx(0.1 * float(streams.mask.detach().mean()), rel=1e-3)
    apart = (streams.clip.detach()[:, :, 0] - real.made[:, :, 0]).abs().mean()
    assert float(values["first_frame_loss"]) == pytest.approx(10 * float(apart), rel=1e-3)
    without = task_of(place, tmp_path, "vgan-light", "--generator.streams", "1")
    assert set(without.teach_generator(without.real(torch.arange(8), 0), 0)) == {"generator_loss"}


# --- reading ---------------------------------------------------------------------------------------------------------


def test_gray_clips_become_colors_and_large_ones_are_reduced_by_means(tmp_path: Path) -> None:
    videos = np.random.default_rng(0).integers(0, 256, (16, 10, 32, 32), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", videos=videos)
    found = read_clips([tmp_path / "a.npz"], 16)
    assert found.clips.shape == (16, 3, 8, 16, 16)
    assert torch.equal(found.clips[:, 0], found.clips[:, 2])
    expected = videos[3, 2, 4:6, 8:10].astype(float).mean()
    assert abs(float(found.clips[3, 1, 2, 2, 4]) - expected) <= 0.5
    assert "16 clips of 8 frames of 16 x 16 px, of 10 frames of 32 x 32" in found.summary()


def test_the_drawn_worlds_folder_is_read_as_it_is(place: Path) -> None:
    whole, own = (read_clips([folder], 16) for folder in (place / "world", place / "world/clips"))
    assert whole.fingerprint == own.fingerprint
    with np.load(place / "world/clips/clips.npz") as held:
        assert (whole.clips[3].permute(1, 2, 3, 0).numpy() == held["videos"][3]).all()


@pytest.mark.parametrize(
    ("videos", "says"),
    [
        (
            np.zeros((20, 1, 16, 16, 3), np.uint8),
            "clips of 1 frame; clips of one frame are pictures; needed: 8 or more",
        ),
        (np.zeros((20, 5, 16, 16, 3), np.uint8), "clips of 5 frames; needed: 8 or more at data.size_px 16"),
        (np.zeros((20, 8, 40, 40, 3), np.uint8), "clips of 40 px, which data.size_px 16 does not divide"),
        (np.zeros((20, 8, 16, 20, 3), np.uint8), r"shape \(20, 8, 16, 20, 3\); needed: \(N, frames, side, side\)"),
        (np.zeros((20, 8, 16, 16, 4), np.uint8), r"shape \(20, 8, 16, 16, 4\); needed"),
        (np.zeros((20, 8, 16, 16), np.float32), "videos is of type float32; needed: uint8, 0 to 255"),
        (np.zeros((3, 8, 16, 16), np.uint8), "3 clips; needed: 16 or more"),
        (np.zeros((20, 8), np.uint8), r"shape \(20, 8\); needed"),
    ],
)
def test_data_that_are_no_clips_are_refused_in_a_line(videos: np.ndarray, says: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", videos=videos)
    with pytest.raises(UserError, match=says) as refused:
        read_clips([tmp_path], 16)
    assert "\n" not in str(refused.value)


def test_files_that_are_missing_damaged_or_of_other_things_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no data is given; needed: --data FILE\.npz"):
        read_clips([], 16)
    with pytest.raises(UserError, match="gone: no such file or folder"):
        read_clips([tmp_path / "gone"], 16)
    with pytest.raises(UserError, match=r"holds no \.npz files with an array videos"):
        read_clips([tmp_path], 16)
    np.savez(tmp_path / "b.npz", voxels=np.zeros((4, 4)))
    with pytest.raises(UserError, match="holds no array called videos"):
        read_clips([tmp_path / "b.npz"], 16)
    (tmp_path / "c.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(UserError, match=r"c\.npz: not an \.npz file, or cut short"):
        read_clips([tmp_path / "c.npz"], 16)


def test_clips_that_no_memory_holds_are_refused_by_the_head_of_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez(tmp_path / "a.npz", videos=np.zeros((20, 8, 16, 16), np.uint8))
    monkeypatch.setattr("limner.generate.media.clips.reading.MOST_BYTES", 1000)
    monkeypatch.setattr("limner.generate.media.clips.reading.read_array", None)  # nothing is read
    with pytest.raises(UserError, match="20 clips take 0 GB; give fewer"):
        read_clips([tmp_path / "a.npz"], 16)


# --- scores ----------------------------------------------------------------------------------------------------------


def test_motion_to_the_right_is_seen_as_such_and_standing_still_as_that() -> None:
    clips = squares(6, 1)
    found = motion_histogram(clips)
    assert found.sum() == pytest.approx(1)
    right = found[1] + found[9]
    assert right > 0.6 * (1 - found[0]) > 0.03
    assert motion_histogram(frozen(clips))[0] == 1
    down = motion_histogram(clips.transpose(3, 4))
    assert down[3] + down[11] > 0.6 * (1 - down[0])


def test_random_features_are_the_same_in_every_process_and_see_an_order_of_frames() -> None:
    one, other = RandomFeatures(), RandomFeatures()
    torch.manual_seed(7)
    clips = squares(4, 1).float() / 127.5 - 1
    assert torch.equal(one(clips), other(clips))
    assert one(clips).shape == (4, 32)
    mixed = shuffled(clips, torch.Generator().manual_seed(0))
    assert (one(mixed) - one(clips)).abs().max() > 1e-3
    assert torch.equal(mixed.sort(dim=2).values, clips.sort(dim=2).values)


def test_clips_like_the_held_out_score_best_and_those_whose_time_means_nothing_worse() -> None:
    training, true, made = squares(36, 1), squares(24, 1, seed=1), squares(30, 1, seed=2)
    found = measure(made, training, true)
    rows = found.rows
    for bar in (FROZEN, SHUFFLED):
        assert rows[MADE]["frechet"] < 0.8 * rows[bar]["frechet"]  # type: ignore[operator]
        assert rows[MADE]["motion"] < 0.5 * rows[bar]["motion"]  # type: ignore[operator]
    assert rows[FROZEN]["moves"] == 0
    assert rows[MADE]["copies"] < 0.2  # type: ignore[operator]
    low, high = found.intervals["frechet"]
    assert 0 < low < high
    copied = measure(training, training, true, bars=False)
    assert copied.rows[MADE]["copies"] == 1
    same = measure(true, training, true, bars=False)
    assert same.rows[MADE]["frechet"] == pytest.approx(0, abs=1e-3)
    assert set(same.rows) == {MADE}
    fast = measure(squares(30, 2, seed=2), training, true, bars=False)
    assert fast.rows[MADE]["motion"] > 3 * rows[MADE]["motion"]  # type: ignore[operator]
    assert ScoreRows.from_json(found.to_json()).rows == rows
    assert "; without learning: Fréchet distance" in found.line()
    assert rows[TRAINING]["copies"] is None


# --- files -----------------------------------------------------------------------------------------------------------


def test_generate_writes_videos_that_play_gifs_and_all_in_one_file(place: Path, tmp_path: Path) -> None:
    made = generate_media(place / "noise", GenerateOptions(n=2), out=tmp_path / "made", device="cpu")
    assert [path.name for path in made.pictures] == ["0-000000.mp4", "0-000001.mp4"]
    with av.open(str(made.pictures[0])) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    assert (len(frames), frames[0].shape) == (8, (128, 128, 3))
    with np.load(tmp_path / "made/clips.npz") as held:
        videos = held["videos"]
    assert (videos.shape, videos.dtype) == ((2, 8, 16, 16, 3), np.uint8)
    large = videos[0, 3].repeat(8, axis=0).repeat(8, axis=1)
    assert abs(frames[3].astype(int) - large).mean() < 12  # of 4:2:0, compressed
    with Image.open(tmp_path / "made/0-000001.gif") as gif:
        assert (gif.n_frames, gif.size) == (8, (128, 128))
    again = generate_media(place / "noise", GenerateOptions(n=2), out=tmp_path / "made", device="cpu")
    assert (again.new, made.new) == (0, 2)
    more = limner.load(place / "noise").generate(5)
    assert (np.abs((more[:2].permute(0, 1, 3, 4, 2) * 255).round().numpy() - videos) <= 1).all()


def test_a_clip_goes_on_from_a_still(place: Path, tmp_path: Path) -> None:
    Image.new("RGB", (40, 20), (200, 30, 30)).save(tmp_path / "still.png")
    options = GenerateOptions(like=tmp_path / "still.png")
    made = generate_media(place / "still", options, out=tmp_path / "made", device="cpu")
    assert [path.name for path in made.pictures] == ["0-000000.mp4"]
    still = torch.tensor([200, 30, 30]).div(255)[None, :, None, None].expand(1, 3, 16, 16)
    expected = limner.load(place / "still").go_on(still)[0]
    with np.load(tmp_path / "made/clips.npz") as held:
        assert np.abs(held["videos"][0] / 255 - expected.permute(0, 2, 3, 1).numpy()).max() <= 0.51 / 255


def test_other_stills_give_other_clips_and_the_same_still_the_same() -> None:
    torch.manual_seed(0)
    maker = ClipMaker(ClipGenerator(16, width=4, still=True).eval(), 16, Choice("normal"), torch.device("cpu"))
    stills = torch.rand(3, 3, 16, 16)
    clips = maker.go_on(stills)
    assert (clips[0] - clips[1]).abs().max() > 1e-3
    torch.testing.assert_close(maker.go_on(stills[1:2])[0], clips[1])
    with pytest.raises(UserError, match="the run makes clips that go on from a still; give --like PICTURE"):
        maker.generate(2)


@pytest.mark.parametrize(
    ("run", "options", "says"),
    [
        ("still", {}, "makes clips that go on from a still; give --like PICTURE"),
        ("still", {"like": Path("gone.png")}, "--like gone.png: no such file; give a picture"),
        ("noise", {"like": Path("still.png")}, "the run makes clips of latents alone; leave --like out"),
        ("noise", {"mix": (0, 1)}, "--mix: .* makes clips and has no such thing; leave it out"),
        ("noise", {"text": ("a cube",)}, "--text: .* learned without sentences; leave it out"),
    ],
)
def test_what_a_run_of_clips_cannot_do_is_told_and_nothing_written(
    run: str, options: dict[str, object], says: str, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (16, 16)).save("still.png")
    with pytest.raises(UserError, match=says):
        generate_media(place / run, GenerateOptions(**options), out=tmp_path / "made", device="cpu")  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["still.png"]


def test_a_run_is_evaluated_on_its_own_and_on_other_clips(place: Path) -> None:
    run = open_run(place / "noise")
    own = evaluate_run(run, EvaluateOptions(), device="cpu")
    other = evaluate_run(run, EvaluateOptions(), data=[place / "world"], device="cpu")
    assert isinstance(own, ScoreRows) and isinstance(other, ScoreRows)
    assert "8 held-out clips" in own.protocol
    assert "24 clips of other data" in other.protocol
