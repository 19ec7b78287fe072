"""Masks of another resolution or reference system than their pictures are laid on them, pixel by nearest pixel."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from PIL.ExifTags import Base
from pyproj import Transformer
from rasterio import Affine
from rasterio.warp import calculate_default_transform

from drawing import CRS, NORTH, PIXEL_M, WEST, draw_mask, write_raster
from limner.foundation.errors import UserError
from limner.scenes.windows import Window
from limner.segment.data.areas import find_data
from limner.segment.labels.reading import Reading

SIZE = 96


def picture(path: Path, size: int = SIZE, **profile: object) -> Path:
    return write_raster(path, np.full((3, size, size), 90, np.uint8), **profile)


def labels_of(scene: Path, mask: Path) -> np.ndarray:
    data = find_data([scene], Reading(labels=mask))
    return data.reader().read(data.chips[0], Window(0, 0, SIZE, SIZE))


@pytest.mark.parametrize(("factor", "suffix"), [(2, ".png"), (2, ".tif"), (4, ".tif")])
def test_a_mask_of_half_or_a_quarter_of_the_resolution_covers_each_pixel(tmp_path, factor, suffix):
    coarse = draw_mask(SIZE // factor, SIZE // factor)
    there = Affine(PIXEL_M * factor, 0, WEST, 0, -PIXEL_M * factor, NORTH)
    mask = write_raster(tmp_path / f"mask{suffix}", coarse, **({"transform": there} if suffix == ".tif" else {}))
    found = labels_of(picture(tmp_path / "scene.tif"), mask)
    np.testing.assert_array_equal(found, np.kron(coarse // 255, np.ones((factor, factor), np.uint8)))


def test_a_mask_of_twice_the_resolution_gives_the_pixel_under_each_center(tmp_path):
    fine = np.random.default_rng(0).integers(0, 2, (2 * SIZE, 2 * SIZE)).astype(np.uint8) * 255
    mask = write_raster(tmp_path / "mask.png", fine)
    np.testing.assert_array_equal(labels_of(picture(tmp_path / "scene.tif"), mask), fine[1::2, 1::2] // 255)


def test_a_shifted_mask_says_nothing_beyond_its_edge(tmp_path):
    moved = Affine(PIXEL_M, 0, WEST + 10 * PIXEL_M, 0, -PIXEL_M, NORTH - 4 * PIXEL_M)
    values = np.random.default_rng(1).integers(0, 2, (SIZE, SIZE)).astype(np.uint8) * 255
    mask = write_raster(tmp_path / "mask.tif", values, transform=moved)
    found = labels_of(picture(tmp_path / "scene.tif"), mask)
    np.testing.assert_array_equal(found[4:, 10:], values[:-4, :-10] // 255)
    assert (found[:4] == 255).all() and (found[:, :10] == 255).all()


def test_a_mask_in_another_reference_system_agrees_with_pixel_by_pixel_projection(tmp_path):
    scene = picture(tmp_path / "scene.tif")
    values = draw_mask(200, 200)
    box = (WEST, NORTH - SIZE * PIXEL_M, WEST + SIZE * PIXEL_M, NORTH)
    there, width, height = calculate_default_transform(
        CRS, "EPSG:4326", SIZE, SIZE, *box, dst_width=200, dst_height=200
    )
    mask = write_raster(tmp_path / "mask.tif", values[:height, :width], crs="EPSG:4326", transform=there)
    expected = np.full((SIZE, SIZE), 255, np.uint8)
    project = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    for row in range(SIZE):
        for column in range(SIZE):
            place = project.transform(WEST + (column + 0.5) * PIXEL_M, NORTH - (row + 0.5) * PIXEL_M)
            x, y = ~there @ place
            if 0 <= y < height and 0 <= x < width:
                expected[row, column] = values[int(y), int(x)] // 255
    np.testing.assert_array_equal(labels_of(scene, mask), expected)


def test_a_window_beyond_the_picture_is_ignored_although_the_mask_goes_on(tmp_path):
    wide = write_raster(tmp_path / "mask.tif", np.full((3 * SIZE, 3 * SIZE), 255, np.uint8))
    data = find_data([picture(tmp_path / "scene.tif")], Reading(labels=wide))
    found = data.reader().read(data.chips[0], Window(SIZE - 2, SIZE - 3, 4, 5))
    assert found.tolist() == [[1, 1, 1, 255, 255]] * 2 + [[255] * 5] * 2


def test_a_mask_of_another_shape_or_place_is_refused(tmp_path):
    scene = picture(tmp_path / "scene.tif")
    for size in ((SIZE + 1, SIZE), (SIZE // 2, SIZE), (2 * SIZE, 2 * SIZE - 4)):
        mask = write_raster(tmp_path / f"{size[0]}.png", np.zeros(size, np.uint8))
        with pytest.raises(UserError, match=rf"is {size[0]} x {size[1]} pixels, but its picture .* is 96 x 96"):
            find_data([scene], Reading(labels=mask))
    far = Affine(PIXEL_M, 0, WEST + 5000, 0, -PIXEL_M, NORTH)
    with pytest.raises(UserError, match="lies elsewhere than its picture"):
        find_data([scene], Reading(labels=write_raster(tmp_path / "far.tif", draw_mask(SIZE, SIZE), transform=far)))


def test_pictures_brought_to_one_ground_resolution_take_their_masks_with_them(tmp_path):
    write_raster(tmp_path / "town/images/a.tif", np.repeat(draw_mask(SIZE, SIZE)[None] // 2, 3, axis=0))
    write_raster(tmp_path / "town/masks/a.png", draw_mask(SIZE, SIZE))
    data = find_data([tmp_path / "town"], Reading(to_ground_m=2 * PIXEL_M))
    (chip,) = data.chips
    assert (chip.height, chip.width) == (SIZE // 2, SIZE // 2)
    assert chip.ground_m == pytest.approx(2 * PIXEL_M, rel=1e-2)
    pixels, mask = data.reader().read_with_pixels(chip, Window(0, 0, SIZE // 2, SIZE // 2))
    np.testing.assert_array_equal(mask, draw_mask(SIZE, SIZE)[1::2, 1::2] // 255)
    np.testing.assert_array_equal(pixels.values[0] > 60, mask == 1)
    with rasterio.open(chip.image) as file:
        assert file.width == SIZE  # the file itself stays as it is


def _held(path: Path, upright: np.ndarray, orientation: int) -> Path:
    """A picture stored so that its EXIF turns it into ``upright`` (height, width, 3)."""
    steps = {1: 0, 3: 2, 6: 1, 8: 3}  # quarter turns to the left: what undoes EXIF's
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(np.rot90(upright, steps[orientation]))).save(path, exif=exif)
    return path


@pytest.mark.parametrize("orientation", [3, 6, 8])
@pytest.mark.parametrize("shape", [(64, 64), (48, 80)])
@pytest.mark.parametrize("drawn_on", ["upright", "stored"])
def test_masks_of_pictures_that_exif_turns_lie_on_their_roofs(
    tmp_path: Path, orientation: int, shape: tuple[int, int], drawn_on: str
) -> None:
    mask = np.zeros(shape, np.uint8)
    mask[5:15, 8:30] = 255
    upright = np.where(mask[..., None] > 0, (200, 150, 120), (60, 90, 50)).astype(np.uint8)
    _held(tmp_path / "a/images/1.png", upright, orientation)
    (tmp_path / "a/masks").mkdir()
    as_drawn = mask if drawn_on == "upright" else np.rot90(mask, {3: 2, 6: 1, 8: 3}[orientation])
    Image.fromarray(np.ascontiguousarray(as_drawn)).save(tmp_path / "a/masks/1.png")
    data = find_data([tmp_path / "a"])
    (chip,) = data.chips
    assert (chip.height, chip.width) == shape
    pixels, classes = data.reader().read_with_pixels(chip, Window(0, 0, *shape))
    assert np.array_equal(pixels.values, np.moveaxis(upright, -1, 0))
    (caution,) = data.cautions
    assert f"EXIF (orientation {orientation})" in caution
    if drawn_on == "upright":
        assert np.array_equal(classes, mask // 255)
    elif shape[0] != shape[1] and orientation != 3:  # the stored size decides
        assert np.array_equal(classes, mask // 255)
        assert "of the size as stored" in caution
    else:
        assert "if it counts those stored, remove the tag" in caution


def test_a_mask_of_neither_size_is_told_with_the_exif_that_turns_its_picture(tmp_path: Path) -> None:
    _held(tmp_path / "a/images/1.png", np.zeros((48, 80, 3), np.uint8), 6)
    (tmp_path / "a/masks").mkdir()
    Image.fromarray(np.zeros((50, 80), np.uint8)).save(tmp_path / "a/masks/1.png")
    with pytest.raises(UserError, match=r"is 48 x 80 \(as its EXIF, orientation 6, turns it\); a mask needs"):
        find_data([tmp_path / "a"])
