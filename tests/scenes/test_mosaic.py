"""A folder of chips is one scene: the pixels that were cut, gaps invalid, and chips that do not fit are refused."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from rasterio import Affine
from rasterio.enums import ColorInterp

from drawn import PLACE, save
from limner.foundation.errors import UserError
from limner.foundation.files.dependencies import digest
from limner.scenes.georeference import shifted
from limner.scenes.names import chips_folder, scene_name
from limner.scenes.rasters import open_raster
from limner.scenes.windows import Window

HEIGHT, WIDTH, CHIP_PX = 70, 110, 32  # the last chips of a row and a column are smaller


def scene(dtype: str = "uint8", bands: int = 3) -> np.ndarray:
    return np.random.default_rng(5).integers(1, 250, (bands, HEIGHT, WIDTH)).astype(dtype)


def place(column: float = 0, row: float = 0, crs: str = PLACE["crs"]) -> dict[str, Any]:
    return {"crs": crs, "transform": shifted(PLACE["transform"], column, row)}


def cut_chips(folder: Path, values: np.ndarray, windows: list[Window], **options: Any) -> Path:
    """Write windows of an array as georeferenced chips whose names are in the order of the list."""
    for number, window in enumerate(windows):
        save(folder / f"{number:03}.tif", values[:, *window.slices], **place(window.column, window.row), **options)
    return folder


def all_windows() -> list[Window]:
    return Window(0, 0, HEIGHT, WIDTH).cells(CHIP_PX)


@pytest.mark.parametrize(("dtype", "bands"), [("uint8", 3), ("uint16", 4), ("int16", 1), ("float32", 2)])
def test_a_mosaic_of_chips_is_the_scene_they_were_cut_from(tmp_path, dtype, bands):
    values = scene(dtype, bands)
    with open_raster(cut_chips(tmp_path / "chips", values, all_windows())) as raster:
        assert (raster.height, raster.width, raster.bands, raster.dtype) == (HEIGHT, WIDTH, bands, dtype)
        assert raster.georeferenced and not raster.placed_by_name
        assert raster.crs.to_epsg() == 32645
        assert raster.transform == PLACE["transform"]
        assert raster.path == tmp_path / "chips"
        pixels = raster.read()
    np.testing.assert_array_equal(pixels.values, values)
    assert pixels.valid.all()


@settings(max_examples=40, deadline=None)
@given(
    st.sets(st.integers(0, len(all_windows()) - 1), min_size=1),
    st.sampled_from([1.0, 0.5, 1.7]),
    st.tuples(st.integers(-20, 80), st.integers(-20, 110), st.integers(1, 60), st.integers(1, 60)),
)
def test_what_no_chip_covers_is_invalid_at_any_scale(tmp_path_factory, kept, scale, window):
    values, shown = scene(), np.zeros((HEIGHT, WIDTH), bool)
    windows = [all_windows()[number] for number in sorted(kept)]
    for one in windows:
        shown[one.slices] = True
    rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
    part = Window(rows[0], columns[0], rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0])
    folder = tmp_path_factory.mktemp("m")
    whole = save(folder / "whole.tif", (values * shown)[:, *part.slices], nodata=0, **place(part.column, part.row))
    chips = cut_chips(folder / "chips", values, windows)
    with open_raster(chips, scale=scale) as mosaic, open_raster(whole, scale=scale) as assembled:
        assert (mosaic.height, mosaic.width) == (assembled.height, assembled.width)
        assert mosaic.transform.almost_equals(assembled.transform)
        for made, expected in zip(mosaic.read(Window(*window)), assembled.read(Window(*window)), strict=True):
            np.testing.assert_array_equal(made, expected)


def test_later_names_lie_on_top_but_not_where_they_show_nothing(tmp_path):
    values = scene()
    save(tmp_path / "a.tif", values, **place())
    above = 250 - values
    shown = np.full((HEIGHT, WIDTH), 255, np.uint8)
    shown[:, :40] = 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        save(tmp_path / "b.tif", above, **place(30, 10))
        with rasterio.open(tmp_path / "b.tif", "r+") as dataset:
            dataset.write_mask(shown)
    with open_raster(tmp_path) as raster:
        made, valid = raster.read()
    expected = np.zeros((3, HEIGHT + 10, WIDTH + 30), np.uint8)
    expected[:, :HEIGHT, :WIDTH] = values
    expected[:, 10:, 70:] = above[:, :, 40:]
    np.testing.assert_array_equal(made, expected)
    np.testing.assert_array_equal(valid, (expected > 0).any(axis=0))


@pytest.mark.parametrize("nodata", [0, -9999])
def test_nodata_of_a_chip_on_top_lets_the_one_below_show(tmp_path, nodata):
    values = scene("int16", 2)
    above = 300 + values
    above[:, :20] = nodata
    save(tmp_path / "a.tif", values, nodata=nodata, **place())
    save(tmp_path / "b.tif", above, nodata=nodata, **place(WIDTH - 10))
    with open_raster(tmp_path) as raster:
        made, valid = raster.read()
    np.testing.assert_array_equal(made[:, :20, :WIDTH], values[:, :20])
    np.testing.assert_array_equal(made[:, 20:, WIDTH - 10 :], above[:, 20:])
    assert not valid[:20, WIDTH:].any() and valid.sum() == valid.size - 20 * (WIDTH - 10)


def test_alpha_of_chips_is_validity_and_infrared_is_data(tmp_path):
    values = scene(bands=4)
    values[3] = 255
    values[3, :9] = 0
    for folder, alpha in (("alpha", "yes"), ("infrared", "no")):
        save_four_bands(tmp_path / folder / "a.tif", values, alpha)
        save_four_bands(tmp_path / folder / "b.tif", values, alpha, WIDTH)
        with open_raster(tmp_path / folder) as raster:
            made, valid = raster.read()
        assert len(made) == (3 if alpha == "yes" else 4)
        np.testing.assert_array_equal(valid, np.tile(values[3] > 0, 2) | (alpha == "no"))
        np.testing.assert_array_equal(made[:, :, WIDTH:][:, 9:], values[: len(made), 9:])


def save_four_bands(path: Path, values: np.ndarray, alpha: str, column: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "count": 4, "height": HEIGHT, "width": WIDTH, "dtype": "uint8", "alpha": alpha}
    with rasterio.open(path, "w", photometric="rgb", **profile, **place(column)) as dataset:
        dataset.write(values)


def test_a_fourth_band_that_is_only_marked_alpha_is_data_in_a_mosaic_too(tmp_path):
    values = np.random.default_rng(5).integers(0, 256, (4, HEIGHT, WIDTH), dtype=np.uint8)
    save_four_bands(tmp_path / "a.tif", values, "yes")
    save_four_bands(tmp_path / "b.tif", values[:, ::-1], "yes", WIDTH)
    with open_raster(tmp_path) as raster:
        pixels, small = raster.read(), raster.read_decimated(7, 22)
    np.testing.assert_array_equal(pixels.values, np.concatenate([values, values[:, ::-1]], axis=2))
    assert pixels.valid.all() and small.valid.all()


def name_chips(folder: Path, values: np.ndarray, zoom: int = 19, suffix: str = "png") -> Path:
    """The four quarters of 64 x 64 pixels as tiles of a web map, in a square of two by two."""
    folder.mkdir(parents=True, exist_ok=True)
    for row in (0, 1):
        for column in (0, 1):
            part = values[:, 32 * row :, 32 * column :][:, :32, :32]
            picture = np.moveaxis(part, 0, -1).squeeze()
            Image.fromarray(picture).save(folder / f"z{zoom}_{386690 + column}_{220241 + row}.{suffix}")
    return folder


def test_chips_named_as_map_tiles_are_a_scene_of_web_mercator(tmp_path):
    values = scene()[:, :64, :64]
    with open_raster(name_chips(tmp_path / "chips", values)) as raster:
        assert raster.crs.to_epsg() == 3857
        assert raster.band_names == ("red", "green", "blue")
        np.testing.assert_array_equal(raster.read().values, values)
        first = tmp_path / "chips/z19_386690_220241.png"
        with open_raster(first) as chip:
            assert raster.transform.almost_equals(chip.transform)


def test_an_areas_folder_is_the_mosaic_of_its_images(tmp_path):
    values = scene()
    area = tmp_path / "town"
    cut_chips(area / "images", values, all_windows())
    save(area / "overview.tif", values[:, :9, :9])
    assert chips_folder(area) == area / "images"
    with open_raster(area) as raster:
        np.testing.assert_array_equal(raster.read().values, values)
    assert scene_name(area) == scene_name(area / "images") == "town"
    assert scene_name(area / "overview.tif") == "overview"


def test_masks_without_a_georeference_lie_where_their_pictures_do(tmp_path):
    values = scene()
    cut_chips(tmp_path / "images", values, all_windows())
    mask = (values[0] > 128).astype(np.uint8) * 255
    (tmp_path / "masks").mkdir()
    for number, window in enumerate(all_windows()):
        Image.fromarray(mask[window.slices]).save(tmp_path / f"masks/{number:03}.png")
    with open_raster(tmp_path / "masks") as raster:
        assert raster.transform == PLACE["transform"]
        np.testing.assert_array_equal(raster.read_classes().values[0], mask)


def test_masks_half_as_fine_as_their_pictures_cover_the_same_ground(tmp_path):
    save(tmp_path / "images/a.tif", scene(), **place())
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.ones((HEIGHT // 2, WIDTH // 2), np.uint8)).save(tmp_path / "masks/a.png")
    with open_raster(tmp_path / "masks") as raster, open_raster(tmp_path / "images") as picture:
        assert raster.transform @ (WIDTH // 2, HEIGHT // 2) == pytest.approx(picture.transform @ (WIDTH, HEIGHT))


@pytest.mark.parametrize("same_palette", [True, False])
def test_palette_masks_give_their_numbers_and_gaps_are_invalid(tmp_path, same_palette):
    numbers = np.random.default_rng(2).integers(0, 5, (32, 32), dtype=np.uint8)
    for place_number, column in enumerate((386690, 386692)):
        picture = Image.fromarray(numbers, "P")
        picture.putpalette([10 * (1 if same_palette else 1 + place_number)] * 15)
        picture.save(tmp_path / f"z19_{column}_220241.png")
    with open_raster(tmp_path) as raster:
        values, valid = raster.read_classes()
        assert raster.bands == (3 if same_palette else 1)
    np.testing.assert_array_equal(values[0], np.concatenate([numbers, 0 * numbers, numbers], axis=1))
    np.testing.assert_array_equal(valid, np.arange(96)[None].repeat(32, 0) // 32 != 1)


def test_a_decimated_mosaic_is_the_mean_of_what_chips_show(tmp_path):
    values = np.full((1, 40, 40), 100, np.uint8)
    cut_chips(tmp_path, values, [Window(0, 0, 20, 20), Window(20, 20, 20, 20)])
    with open_raster(tmp_path) as raster:
        pixels = raster.read_decimated(4, 4)
    np.testing.assert_array_equal(pixels.values[0], np.kron(np.eye(2), np.full((2, 2), 100)))
    np.testing.assert_array_equal(pixels.valid, pixels.values[0] > 0)


def test_descriptions_and_chosen_bands_hold_for_a_mosaic(tmp_path):
    values = scene("uint16", 4)
    cut_chips(tmp_path, values, all_windows())
    for path in tmp_path.glob("*.tif"):
        with rasterio.open(path, "r+") as dataset:
            dataset.descriptions = ("blue", "green", "red", "near <infrared>")
    with open_raster(tmp_path, bands=(4, 3)) as raster:
        assert raster.band_names == ("near <infrared>", "red")
        np.testing.assert_array_equal(raster.read().values, values[[3, 2]])


def test_a_folder_that_changed_is_looked_at_again(tmp_path):
    values = scene()
    folder = cut_chips(tmp_path / "chips", values, all_windows()[:2])
    before = digest(folder)
    with open_raster(folder) as raster:
        assert raster.width == 2 * CHIP_PX
    assert digest(folder) == before
    save(folder / "more.tif", values[:, :32, 64:96], **place(64))
    assert digest(folder) != before
    with open_raster(folder) as raster:
        assert raster.width == 3 * CHIP_PX
    os.utime(folder / "more.tif", (0, 0))
    assert len({before, digest(folder)}) == 2


def test_a_relative_folder_is_read_wherever_the_work_goes_on(tmp_path, monkeypatch):
    values = scene()
    cut_chips(tmp_path / "one/chips", values, all_windows())
    cut_chips(tmp_path / "two/chips", values[:, :32], all_windows()[:4])
    for name, height in (("one", HEIGHT), ("two", 32)):
        monkeypatch.chdir(tmp_path / name)
        with open_raster("chips") as raster:
            assert raster.read().values.shape == (3, height, WIDTH)


Build = Callable[[Path], object]


def second(values: np.ndarray | None = None, column: float = WIDTH, row: float = 0, **options: Any) -> Build:
    """A folder of the scene and a second chip."""

    def build(folder: Path) -> None:
        save(folder / "a.tif", scene(), **place())
        save(folder / "b.tif", scene() if values is None else values, **{**place(column, row), **options})

    return build


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda folder: folder.mkdir(), "is a folder without pictures; name a scene, a folder of georeferenced"),
        (lambda folder: save(folder / "plain.tif", scene()), r"plain.tif: has no georeference.*z<ZOOM>_<X>_<Y>"),
        (second(crs="EPSG:32646"), "b.tif: reference system EPSG:32646, but a.tif has EPSG:32645; .*gdalwarp -t_srs"),
        (second(scene(bands=2)), "b.tif: bands 2, but a.tif has 3; all chips need the same bands"),
        (second(scene("uint16")), "b.tif: type uint16, but a.tif has uint8; .*gdal_translate -ot"),
        (second(nodata=0), "b.tif: nodata 0.0, but a.tif has None; .*gdal_edit.py -a_nodata"),
        (second(column=WIDTH + 0.4), r"b.tif: lies 0.40 pixels beside the grid of a.tif; .*gdalwarp -tap"),
        (
            second(transform=PLACE["transform"] @ Affine.scale(2)),
            r"chips: holds chips of several resolutions \(b.tif: 1 and a.tif: 0.5 a pixel\); put each zoom in a folder",
        ),
        (second(column=5e6), "chips: its chips lie far apart .*put each place in a folder of its own"),
    ],
)
def test_chips_that_are_no_scene_are_refused_in_one_line(tmp_path, build, words):
    build(tmp_path / "chips")
    with pytest.raises(UserError, match=words) as caught:
        open_raster(tmp_path / "chips")
    assert "\n" not in str(caught.value)


def test_several_zooms_in_a_folder_are_refused(tmp_path):
    name_chips(tmp_path, scene()[:, :64, :64], 19)
    name_chips(tmp_path, scene()[:, :64, :64], 20)
    with pytest.raises(UserError, match=r"holds chips of several resolutions .*put each zoom in a folder of its own"):
        open_raster(tmp_path)


def test_a_chip_cut_short_is_named(tmp_path):
    name_chips(tmp_path, scene()[:, :64, :64])
    broken = tmp_path / "z19_386691_220241.png"
    broken.write_bytes(broken.read_bytes()[:-30])
    with pytest.raises(UserError, match=r"z19_386691_220241.png: the file is cut short"):
        open_raster(tmp_path)


def test_offsets_within_a_tenth_of_a_pixel_are_rounding(tmp_path):
    second(column=WIDTH + 0.07)(tmp_path)
    with open_raster(tmp_path) as raster:
        np.testing.assert_array_equal(raster.read().values, np.tile(scene(), 2))
        assert raster.dataset.colorinterp == (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
