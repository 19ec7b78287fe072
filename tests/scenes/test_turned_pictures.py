"""Pictures that their EXIF turns are upright in every window, at every scale, masks and alpha too."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image, ImageOps
from PIL.ExifTags import Base

from limner.scenes.rasters import open_raster
from limner.scenes.turning import orientation_of
from limner.scenes.windows import Window

HEIGHT, WIDTH = 33, 47


def stored(path: Path, orientation: int, mode: str = "RGB", **options) -> Path:
    """A picture of noise whose EXIF says how it was held."""
    values = np.random.default_rng(orientation).integers(1, 255, (HEIGHT, WIDTH, len(mode)), np.uint8)
    if mode == "RGBA":
        values[:9, :13, 3] = 0
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    Image.fromarray(values if len(mode) > 1 else values[..., 0], mode).save(path, exif=exif, **options)
    return path


def shown(path: Path, mode: str = "RGB") -> np.ndarray:
    """(bands, height, width) as viewers show it."""
    with Image.open(path) as image:
        image.load()
        return np.moveaxis(np.asarray(ImageOps.exif_transpose(image).convert(mode)), -1, 0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_any_window_is_that_of_the_picture_as_viewers_show_it(tmp_path: Path, orientation: int) -> None:
    path = stored(tmp_path / "a.png", orientation)
    expected = shown(path)
    generator = np.random.default_rng(0)
    with open_raster(path) as raster:
        assert raster.orientation == orientation
        assert (raster.height, raster.width) == expected.shape[1:]
        assert np.array_equal(raster.read().values, expected)
        for _ in range(20):
            row, column = generator.integers(-9, 40, 2).tolist()
            height, width = generator.integers(1, 30, 2).tolist()
            values, valid = raster.read(Window(row, column, height, width))
            for (r, c), is_valid in np.ndenumerate(valid):
                inside = 0 <= row + r < raster.height and 0 <= column + c < raster.width
                assert is_valid == inside
                assert values[0, r, c] == (expected[0, row + r, column + c] if inside else 0)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_alpha_and_other_scales_turn_with_the_picture(tmp_path: Path, orientation: int) -> None:
    path = stored(tmp_path / "a.png", orientation, "RGBA")
    with open_raster(path) as raster:
        assert np.array_equal(raster.read().valid, shown(path, "RGBA")[3] > 0)
    turned = Image.open(path)
    turned = ImageOps.exif_transpose(turned)
    turned.save(tmp_path / "upright.png", exif=Image.Exif())
    with open_raster(path, scale=0.5) as small, open_raster(tmp_path / "upright.png", scale=0.5) as expected:
        assert expected.orientation == 1
        for one, other in zip(small.read(), expected.read(), strict=True):
            assert np.array_equal(one, other)


EXACT = {"jpg": {"quality": 100, "subsampling": 0}, "tif": {}, "webp": {"lossless": True}}


@pytest.mark.parametrize("suffix", EXACT)
def test_every_format_of_cameras_is_turned(tmp_path: Path, suffix: str) -> None:
    path = stored(tmp_path / f"a.{suffix}", 6, **EXACT[suffix])
    with open_raster(path) as raster:
        assert (raster.height, raster.width) == (WIDTH, HEIGHT)
        assert np.abs(raster.read().values.astype(int) - shown(path)).max() <= 4


def test_exif_behind_the_pixels_of_a_png_counts_as_well(tmp_path: Path) -> None:
    whole = stored(tmp_path / "a.png", 8).read_bytes()
    start = whole.index(b"eXIf") - 4
    length = 12 + int.from_bytes(whole[start : start + 4], "big")
    end = whole.index(b"IEND") - 4
    behind = whole[:start] + whole[start + length : end] + whole[start : start + length] + whole[end:]
    (tmp_path / "b.png").write_bytes(behind)
    with open_raster(tmp_path / "b.png") as raster:
        assert raster.orientation == 8
        assert np.array_equal(raster.read().values, shown(tmp_path / "a.png"))


def test_a_picture_with_a_place_on_the_ground_counts_its_stored_pixels(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.jpg", 6)
    (tmp_path / "a.jgw").write_text("0.5\n0\n0\n-0.5\n450000\n30000\n")
    with open_raster(path) as raster:
        assert raster.orientation == 1
        assert (raster.height, raster.width) == (HEIGHT, WIDTH)
        assert orientation_of(path, raster.dataset) == 6


def test_a_tag_that_means_nothing_or_a_broken_one_turns_nothing(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.jpg", 1)
    with rasterio.open(path) as dataset:
        assert orientation_of(path, dataset) == 1
    for number in (0, 9, 65535):
        with open_raster(stored(tmp_path / f"{number}.jpg", number)) as raster:
            assert raster.orientation == 1
