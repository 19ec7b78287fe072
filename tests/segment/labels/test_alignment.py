"""Masks of another resolution or reference system than their pictures are laid on them, pixel by nearest pixel."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
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
