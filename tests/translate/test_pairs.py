"""Pairs: found, read, refused in one line, cropped alike, shifts noticed."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from PIL import Image

from limner.foundation.errors import UserError
from limner.translate.data.crops import PairCrops
from limner.translate.data.pairs import PairFiles, PairSet, find_pairs, hold_out, read_pairs
from limner.translate.data.reading import read_image
from limner.translate.data.shifts import agreed_shift, find_shift
from limner.translate.degrading.ways import DEGRADATIONS

Draw = Callable[..., Path]


def save(path: Path, height: int = 24, width: int = 32, seed: int = 0, mode: str = "RGB") -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (height, width, 3) if mode == "RGB" else (height, width)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(6):
        save(tmp_path / "source" / f"{number}.png", seed=number)
        save(tmp_path / "target" / f"{number}.png", seed=100 + number)
    return tmp_path


def files_of(folder: Path, **more: Any) -> list[PairFiles]:
    return find_pairs([folder], **{"source": "source", "target": "target", "joined": "no", "made": False, **more})


def test_two_folders_pair_by_name_whatever_the_suffix(folder: Path) -> None:
    Image.open(folder / "source" / "3.png").save(folder / "source" / "3.bmp")
    (folder / "source" / "3.png").unlink()
    found = files_of(folder)
    assert [each.name for each in found] == [str(number) for number in range(6)]
    assert (found[3].source or Path()).suffix == ".bmp" and found[3].target.suffix == ".png"
    pairs = read_pairs(found)
    assert (len(pairs), pairs.scale, pairs.one_size) == (6, 1, (24, 32))
    assert pairs.sources[0].dtype == torch.uint8


def test_a_joined_picture_is_cut_into_halves(tmp_path: Path) -> None:
    pixels = [save(tmp_path / f"{number}.png", 16, 40, seed=number) for number in range(2)]
    for joined, given in (("source-left", slice(0, 20)), ("source-right", slice(20, 40))):
        pairs = read_pairs(files_of(tmp_path, joined=joined), joined=joined)  # type: ignore[arg-type]
        assert torch.equal(pairs.sources[1], torch.from_numpy(pixels[1][:, given]).permute(2, 0, 1))
        assert pairs.targets[1].shape == (3, 16, 20)


def test_targets_may_be_larger_by_2_4_or_8(tmp_path: Path) -> None:
    for number in range(2):
        save(tmp_path / "source" / f"{number}.png", 8, 10)
        save(tmp_path / "target" / f"{number}.png", 32, 40, seed=1)
    assert read_pairs(files_of(tmp_path)).scale == 4


def test_bits_floats_gray_and_bands_are_kept(tmp_path: Path) -> None:
    deep = np.array([[0, 257, 65535]], dtype=np.uint16).repeat(3, 0)
    with rasterio.open(tmp_path / "deep.tif", "w", driver="GTiff", height=3, width=3, count=5, dtype="uint16") as file:
        file.write(np.stack([deep] * 5))
    with rasterio.open(
        tmp_path / "float.tif", "w", driver="GTiff", height=3, width=3, count=2, dtype="float32"
    ) as file:
        file.write(np.full((2, 3, 3), 7.5, np.float32))
    found = read_image(tmp_path / "deep.tif", "bands")
    assert found.shape == (5, 3, 3) and torch.equal(found[0, 0], torch.tensor([0.0, 257 / 65535, 1.0]))
    assert float(read_image(tmp_path / "float.tif", "bands")[1, 2, 2]) == 7.5
    Image.fromarray(deep).save(tmp_path / "gray16.png")
    assert read_image(tmp_path / "gray16.png", "gray").dtype == torch.float32
    save(tmp_path / "rgb.png")
    assert [len(read_image(tmp_path / "rgb.png", colors)) for colors in ("rgb", "gray", "bands")] == [3, 1, 3]


def numbered(count: int = 8, size: int = 40) -> PairSet:
    """Pairs whose pixels tell where they stood: the source holds rows and columns, the target the same."""
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    place = torch.stack([rows, columns, torch.zeros_like(rows)]).float() / 255
    return PairSet((place,) * count, (place,) * count, tuple(map(str, range(count))), "x")


@pytest.mark.parametrize("crop", [16, 40, None])
def test_both_of_a_pair_get_one_crop_and_one_mirroring(crop: int | None) -> None:
    crops = PairCrops(numbered(), None, crop_px=crop, jitter_px=None, flip=True, see_mask=True, seed=3)
    batch = crops.batch(torch.arange(8), 5)
    assert torch.equal(batch.source, batch.target) and batch.target.shape == (8, 3, crop or 40, crop or 40)
    again = crops.batch(torch.arange(8), 5)
    assert torch.equal(batch.target, again.target)
    if crop != 40 and crop is not None:
        assert not torch.equal(batch.target, crops.batch(torch.arange(8), 6).target)
    mirrored = (batch.target[:, 1, 0, 0] > batch.target[:, 1, 0, -1]).sum()
    assert 0 < mirrored < 8


def test_a_crop_of_an_enlarged_pair_lies_on_its_source() -> None:
    large = numbered(size=64).targets
    pairs = PairSet(tuple(each[:, ::4, ::4] for each in large), large, tuple("abcdefgh"), "x", 4)
    batch = PairCrops(pairs, None, crop_px=32, jitter_px=None, flip=False, see_mask=True, seed=0).batch(
        torch.arange(8), 0
    )
    assert torch.equal(batch.source, batch.target[:, :, ::4, ::4])


@pytest.mark.parametrize("name", ["smaller", "motion-blur", "defocus", "hole", "gray", "edges", "night"])
def test_made_sources_fit_their_targets(name: str) -> None:
    pictures = tuple(torch.rand(3, 48, 56, generator=torch.Generator().manual_seed(number)) for number in range(4))
    made: Any = DEGRADATIONS[name]()
    pairs = PairSet((), pictures, tuple("abcd"), "x", made.scale)
    crops = PairCrops(pairs, made, crop_px=32, jitter_px=None, flip=True, see_mask=True, seed=0)
    batch = crops.batch(torch.arange(4), 1)
    assert batch.target.shape == (4, 3, 32, 32)
    channels = made.channels(3) + (name == "hole")
    assert batch.source.shape == (4, channels, 32 // made.scale, 32 // made.scale)
    assert (batch.mask is not None) == (name == "hole")
    assert torch.equal(batch.source, crops.batch(torch.arange(4), 1).source)


def test_pairs_that_look_alike_are_held_out_together() -> None:
    draws = [torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(number // 2)) for number in range(20)]
    pairs = PairSet((), tuple(draws), tuple(map(str, range(20))), "x")
    training, held_out = hold_out(pairs, 0.3, 0)
    assert len(held_out) == 6 and sorted([*training.tolist(), *held_out.tolist()]) == list(range(20))
    assert {number // 2 for number in training.tolist()}.isdisjoint(number // 2 for number in held_out.tolist())


@pytest.mark.parametrize(("down", "right"), [(3, -2), (0, 2), (-5, 0)])
def test_shifted_pairs_are_found_across_different_looks(down: int, right: int) -> None:
    shifts = []
    for number in range(5):
        generator = torch.Generator().manual_seed(number)
        blocks = torch.rand(1, 12, 12, generator=generator).repeat_interleave(9, 1).repeat_interleave(9, 2)
        target = blocks[:, 8:-8, 8:-8]
        source = 1 - blocks.roll((down, right), (1, 2))[:, 8:-8, 8:-8] ** 2  # another curve, inverted
        shifts.append(find_shift(source, target))
    found = agreed_shift(shifts)
    assert found is not None and found.share == 1
    assert found.down_px == pytest.approx(down, abs=0.6) and found.right_px == pytest.approx(right, abs=0.6)
    assert "shift one of the folders back" in found.sentence()


def test_pairs_that_lie_on_each_other_and_unrelated_ones_are_left_alone() -> None:
    pictures = [torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(number)) for number in range(12)]
    assert agreed_shift([find_shift(each, each) for each in pictures]) is None
    assert agreed_shift([find_shift(*both) for both in itertools.pairwise(pictures)]) is None


def break_sizes(folder: Path) -> None:
    save(folder / "source" / "2.png", 25, 32)


def break_scales(folder: Path) -> None:
    save(folder / "source" / "2.png", 12, 16)


def lose_one(folder: Path) -> None:
    (folder / "target" / "4.png").unlink()


def name_twice(folder: Path) -> None:
    save(folder / "source" / "4.bmp")


def spoil(folder: Path) -> None:
    (folder / "target" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")


def leave_one(folder: Path) -> None:
    for number in range(1, 6):
        (folder / "source" / f"{number}.png").unlink()
        (folder / "target" / f"{number}.png").unlink()


def no_target(folder: Path) -> None:
    (folder / "target").rename(folder / "photo")


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (break_sizes, "32 x 25 px, and"),
        (break_scales, "2 times as large as its source"),
        (lose_one, "no picture of this name in"),
        (name_twice, "has the same name"),
        (spoil, "1.png"),
        (leave_one, "1 pair is too little"),
        (no_target, "no folder 'target' in it; there are: photo, source"),
    ],
)
def test_bad_pairs_are_told_in_one_line(harm: Callable[[Path], None], says: str, folder: Path) -> None:
    harm(folder)
    with pytest.raises(UserError) as error:
        read_pairs(files_of(folder))
    assert says in str(error.value) and "\n" not in str(error.value)


def test_other_mistakes_of_data_are_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no data is given"):
        find_pairs([], source="a", target="b", joined="no", made=False)
    with pytest.raises(UserError, match="no such folder"):
        files_of(tmp_path / "gone")
    with pytest.raises(UserError, match="33 px wide"):
        save(tmp_path / "odd" / "1.png", 16, 33)
        save(tmp_path / "odd" / "2.png", 16, 33)
        read_pairs(files_of(tmp_path / "odd", joined="source-left"), joined="source-left")
    several = PairSet((), (torch.rand(3, 32, 40), torch.rand(3, 40, 40)), ("a", "b"), "x")
    for options, says in (
        ({"crop_px": None}, "several sizes"),
        ({"crop_px": 36}, "shortest side of a picture is 32"),
    ):
        with pytest.raises(UserError, match=says):
            PairCrops(several, DEGRADATIONS["gray"](), jitter_px=None, flip=True, see_mask=True, seed=0, **options)  # type: ignore[arg-type]
    enlarged = PairSet((), several.targets, ("a", "b"), "x", 4)
    with pytest.raises(UserError, match="a multiple of 4"):
        PairCrops(enlarged, DEGRADATIONS["smaller"](), crop_px=18, jitter_px=None, flip=True, see_mask=True, seed=0)
