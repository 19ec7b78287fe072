"""Rasters of every kind give the pixels that are in the file, and tell data from what is none."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from rasterio.enums import ColorInterp

from limner.foundation.errors import UserError
from limner.scenes.rasters import open_raster
from limner.scenes.windows import Window

GENERATOR = np.random.default_rng(0)


def save(path: Path, values: np.ndarray, **options) -> Path:
    bands, height, width = values.shape
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=bands, dtype=values.dtype, **options
    ) as dataset:
        dataset.write(values)
    return path


def noise(dtype: str = "uint8", bands: int = 3, height: int = 21, width: int = 34) -> np.ndarray:
    if dtype.startswith("float"):
        return GENERATOR.normal(size=(bands, height, width)).astype(dtype)
    limits = np.iinfo(dtype)
    return GENERATOR.integers(max(limits.min, -999), limits.max, (bands, height, width), dtype=dtype)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
@pytest.mark.parametrize("bands", [1, 3, 4, 13])
def test_pixels_come_back_in_the_files_own_type_and_order(tmp_path, dtype, bands):
    values = noise(dtype, bands)
    with open_raster(save(tmp_path / "a.tif", values, photometric="minisblack")) as raster:
        assert (raster.bands, raster.dtype, raster.height, raster.width) == (bands, dtype, 21, 34)
        pixels = raster.read()
    assert pixels.values.dtype == dtype
    np.testing.assert_array_equal(pixels.values, values)
    assert pixels.valid.all()


@settings(max_examples=60, deadline=None)
@given(st.integers(-40, 40), st.integers(-40, 60), st.integers(0, 50), st.integers(0, 50))
def test_a_window_beyond_the_border_is_zero_and_invalid_there(tmp_path_factory, row, column, height, width):
    values = np.arange(1, 1 + 2 * 21 * 34, dtype=np.uint16).reshape(2, 21, 34)
    with open_raster(save(tmp_path_factory.mktemp("w") / "a.tif", values)) as raster:
        pixels = raster.read(Window(row, column, height, width))
    canvas = np.zeros((2, 200, 200), np.uint16)
    canvas[:, 60:81, 60:94] = values
    expected = canvas[:, 60 + row : 60 + row + height, 60 + column : 60 + column + width]
    np.testing.assert_array_equal(pixels.values, expected)
    np.testing.assert_array_equal(pixels.valid, expected[0] > 0)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_alpha_is_validity_and_not_a_band(tmp_path, suffix):
    picture = np.moveaxis(noise(bands=4), 0, -1).copy()
    picture[..., 3] = 255
    picture[:5, :, 3] = 0
    picture[5:9, :, 3] = 7  # faint is still there
    Image.fromarray(picture).save(tmp_path / f"a.{suffix}")
    with open_raster(tmp_path / f"a.{suffix}") as raster:
        assert raster.bands == 3
        pixels = raster.read()
    assert not pixels.valid[:5].any()
    assert pixels.valid[5:].all()
    assert not pixels.values[:, :5].any()
    np.testing.assert_array_equal(pixels.values[:, 5:], np.moveaxis(picture[5:, :, :3], -1, 0))


def infrared(height: int = 300, width: int = 280) -> np.ndarray:
    """Four bands of 8 bits, the fourth as varied as the others, a quarter of it dark."""
    values = GENERATOR.integers(0, 256, (4, height, width), dtype=np.uint8)
    values[3, : height // 4] = 0
    return values


def test_a_fourth_band_that_gdal_marks_alpha_but_holds_data_is_data(tmp_path):
    values = infrared()
    path = save(tmp_path / "a.tif", values)  # without photometric=MINISBLACK
    with rasterio.open(path) as dataset:
        assert dataset.colorinterp[3] is ColorInterp.alpha
    with open_raster(path) as raster:
        assert (raster.bands, raster.data_bands, raster.mistaken_alpha) == (4, (1, 2, 3, 4), 4)
        pixels = raster.read()
        small = raster.read_decimated(30, 28)
    np.testing.assert_array_equal(pixels.values, values)
    assert pixels.valid.all() and small.valid.all()
    blocks = values.reshape(4, 30, 10, 28, 10).swapaxes(2, 3).reshape(4, 30, 28, 100)
    assert (blocks == small.values[..., None]).any(axis=-1).all(), "each pixel is one of those it stands for"


def test_a_scene_of_infrared_in_a_sea_of_nothing_keeps_it(tmp_path):
    values = np.zeros((4, 900, 1200), np.uint8)
    values[:, 300:600, 500:800] = infrared(300, 300)
    with open_raster(save(tmp_path / "a.tif", values, tiled=True)) as raster:
        assert raster.bands == 4


@pytest.mark.parametrize("edge_px", [0, 12])
def test_alpha_with_a_soft_edge_or_of_one_faint_value_is_alpha(tmp_path, edge_px):
    values = infrared()
    if edge_px:
        ramp = np.linspace(0, 255, edge_px).astype(np.uint8)
        values[3] = 255
        values[3, :, :edge_px], values[3, :, -edge_px:] = ramp, ramp[::-1]
    else:
        values[3] = 130
    with open_raster(save(tmp_path / "a.tif", values)) as raster:
        assert (raster.bands, raster.mistaken_alpha) == (3, None)
        np.testing.assert_array_equal(raster.read().valid, values[3] > 0)


def test_alpha_of_a_png_is_alpha_whatever_it_holds(tmp_path):
    Image.fromarray(np.moveaxis(infrared(), 0, -1)).save(tmp_path / "a.png")
    with open_raster(tmp_path / "a.png") as raster:
        assert raster.bands == 3


def test_a_file_that_was_written_again_is_looked_at_again(tmp_path):
    values = infrared()
    with open_raster(save(tmp_path / "a.tif", values)) as raster:
        assert raster.bands == 4
    values[3] = 255
    with open_raster(save(tmp_path / "a.tif", values)) as raster:
        assert raster.bands == 3


def test_gray_with_alpha_is_one_band(tmp_path):
    picture = np.full((6, 7, 2), 200, np.uint8)
    picture[0, 0, 1] = 0
    Image.fromarray(picture, "LA").save(tmp_path / "a.png")
    with open_raster(tmp_path / "a.png") as raster:
        assert raster.bands == 1
        assert raster.read().valid.sum() == 41


def test_alpha_need_not_be_the_last_band(tmp_path):
    values = noise(bands=4) // 2 + 1
    values[1, :3] = 0
    path = save(tmp_path / "a.tif", values, photometric="minisblack")
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = [ColorInterp.gray, ColorInterp.alpha, ColorInterp.undefined, ColorInterp.undefined]
    with open_raster(path) as raster:
        assert raster.data_bands == (1, 3, 4)
        pixels = raster.read()
    np.testing.assert_array_equal(pixels.valid, values[1] > 0)
    np.testing.assert_array_equal(pixels.values[:, 3:], values[[0, 2, 3], 3:])


def test_a_mask_inside_the_file_is_validity(tmp_path):
    path = save(tmp_path / "a.tif", noise())
    shown = np.full((21, 34), 255, np.uint8)
    shown[:, :10] = 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as dataset:
        dataset.write_mask(shown)
    with open_raster(path) as raster:
        pixels = raster.read()
    np.testing.assert_array_equal(pixels.valid, shown > 0)
    assert not pixels.values[:, :, :10].any()


def test_one_dark_band_that_equals_a_nodata_of_zero_is_still_a_picture(tmp_path):
    values = np.full((3, 4, 4), 9, np.uint8)
    values[0, 0] = 0
    values[:, 1] = 0
    with open_raster(save(tmp_path / "a.tif", values, nodata=0)) as raster:
        assert raster.nodata == 0
        pixels = raster.read()
    assert pixels.valid[0].all()
    assert not pixels.valid[1].any()


def test_one_band_that_says_minus_9999_spoils_the_pixel(tmp_path):
    values = np.full((3, 4, 4), 0.2, np.float32)
    values[1, 2] = -9999
    with open_raster(save(tmp_path / "a.tif", values, nodata=-9999)) as raster:
        pixels = raster.read()
    assert pixels.valid.sum() == 12
    assert not pixels.values[:, 2].any()


@pytest.mark.parametrize("nodata", [None, np.nan, -1.0])
def test_nan_and_infinity_are_never_data(tmp_path, nodata):
    values = np.ones((2, 4, 4), np.float32)
    values[0, 0, 0] = np.nan
    values[1, 3, 3] = -np.inf
    with open_raster(save(tmp_path / "a.tif", values, nodata=nodata)) as raster:
        pixels = raster.read()
    assert pixels.valid.sum() == 14
    assert np.isfinite(pixels.values).all()


def test_a_palette_picture_reads_as_its_colors(tmp_path):
    picture = Image.new("P", (6, 5))
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putpixel((2, 1), 1)
    picture.save(tmp_path / "a.png")
    with open_raster(tmp_path / "a.png") as raster:
        assert (raster.bands, raster.dtype) == (3, "uint8")
        pixels = raster.read(Window(0, 0, 5, 8))
    assert pixels.values[:, 1, 2].tolist() == [40, 50, 60]
    assert pixels.values[:, 0, 0].tolist() == [10, 20, 30]
    assert pixels.valid[:, :6].all()
    assert not pixels.valid[:, 6:].any()


def test_the_transparent_colors_of_a_palette_are_no_data(tmp_path):
    picture = Image.new("P", (6, 5))
    picture.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    picture.putpixel((2, 1), 1)
    picture.putpixel((3, 1), 2)
    picture.save(tmp_path / "a.png", transparency=bytes([255, 0, 0]))
    with open_raster(tmp_path / "a.png") as raster:
        valid = raster.read().valid
    assert np.argwhere(~valid).tolist() == [[1, 2], [1, 3]]


def test_a_palette_of_16_bit_numbers_is_read(tmp_path):
    path = tmp_path / "a.tif"
    with rasterio.open(path, "w", driver="GTiff", height=2, width=2, count=1, dtype="uint16") as dataset:
        dataset.write_colormap(1, {0: (1, 2, 3, 255), 300: (7, 8, 9, 255)})
        dataset.write(np.array([[0, 300], [0, 0]], np.uint16), 1)
    with open_raster(path) as raster:
        assert raster.dtype == "uint8"
        assert raster.read().values[:, 0, 1].tolist() == [7, 8, 9]


def test_a_tif_that_is_a_jpeg_is_read_and_says_so(tmp_path):
    Image.fromarray(np.full((30, 40, 3), 77, np.uint8)).save(tmp_path / "a.tif", format="JPEG")
    with open_raster(tmp_path / "a.tif") as raster:
        assert raster.format == "JPEG"
        assert not raster.georeferenced
        np.testing.assert_allclose(raster.read().values, 77, atol=2)


def test_a_decimated_picture_is_the_mean_of_its_pixels(tmp_path):
    values = np.kron(np.array([[10, 20], [30, 40]]), np.ones((50, 50)))[None].repeat(3, 0).astype(np.uint8)
    values[:, :, ::2] += 4
    values[:, 50:, 50:] = 0
    with open_raster(save(tmp_path / "a.tif", values, nodata=0)) as raster:
        pixels = raster.read_decimated(2, 2)
    np.testing.assert_array_equal(pixels.values[0], [[12, 22], [32, 0]])
    np.testing.assert_array_equal(pixels.valid, [[True, True], [True, False]])


@pytest.mark.parametrize(
    ("crs", "transform", "meters"),
    [
        ("EPSG:32645", (0.5, 0, 500_000, 0, -0.5, 3_060_000), 0.5),
        ("EPSG:3857", (1, 0, 9_500_000, 0, -1, 8_399_738), 0.5),  # 60 degrees north: stretched twice
        ("EPSG:4326", (1e-5, 0, 85, 0, -1e-5, 0.0), 1.1095),  # at the equator: 1.1132 m by 1.1057 m
        ("EPSG:4326", (1e-5, 0, 85, 0, -1e-5, 60.0), 0.7887),  # 0.5580 m by 1.1141 m
        ("EPSG:32645", (0, 0.5, 500_000, 0.5, 0, 3_060_000), 0.5),  # turned by a quarter
    ],
)
def test_ground_resolution_is_measured_on_the_ellipsoid(tmp_path, crs, transform, meters):
    path = save(tmp_path / "a.tif", noise(), crs=crs, transform=rasterio.Affine(*transform))
    with open_raster(path) as raster:
        assert raster.georeferenced
        assert raster.ground_m == pytest.approx(meters, rel=2e-3)


def test_without_a_place_on_the_earth_there_is_no_ground_resolution(tmp_path):
    with open_raster(save(tmp_path / "a.tif", noise())) as raster:
        assert not raster.georeferenced
        assert raster.ground_m is None
    local = 'LOCAL_CS["a field",UNIT["metre",1]]'
    path = save(tmp_path / "b.tif", noise(), crs=local, transform=rasterio.Affine(1, 0, 5, 0, -1, 5))
    with open_raster(path) as raster:
        assert raster.ground_m is None


@pytest.mark.parametrize(("name", "options"), [("a.tif", {}), ("a.jpg", {}), ("a.png", {})])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_a_picture_cut_short_is_told_in_one_line(tmp_path, name, options, share):
    path = tmp_path / name
    Image.fromarray(np.moveaxis(noise(height=200, width=300), 0, -1)).save(path, **options)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(UserError, match=name) as caught, open_raster(path) as raster:
        raster.read()
    assert "\n" not in str(caught.value)
    assert "previous exception" not in str(caught.value)


def test_files_that_are_no_pictures_are_told_apart(tmp_path):
    (tmp_path / "empty.tif").write_bytes(b"")
    (tmp_path / "text.tif").write_text("not a picture")
    save(tmp_path / "complex.tif", np.ones((1, 4, 4), np.complex64))
    (tmp_path / "folder").mkdir()
    for name, words in [
        ("missing.tif", "no such file"),
        ("folder", "is a folder without pictures; name a scene, a folder of georeferenced chips"),
        ("empty.tif", r"empty \(0 bytes\)"),
        ("text.tif", "not a picture that can be read"),
        ("complex.tif", "pixels of type complex64; needed: uint8"),
    ]:
        with pytest.raises(UserError, match=words):
            open_raster(tmp_path / name)


@pytest.mark.parametrize("chosen", [(1,), (3, 2, 1), (4, 1)])
def test_chosen_bands_come_in_the_order_they_are_named(tmp_path, chosen):
    values = noise("uint16", 4)
    with open_raster(save(tmp_path / "a.tif", values, photometric="minisblack"), bands=chosen) as raster:
        assert raster.bands == len(chosen)
        pixels, small = raster.read(Window(-2, 3, 9, 9)), raster.read_decimated(7, 17)
    expected = values[[number - 1 for number in chosen]]
    np.testing.assert_array_equal(pixels.values[:, 2:], expected[:, :7, 3:12])
    assert not pixels.valid[:2].any() and pixels.valid[2:].all()
    assert small.values.shape == (len(chosen), 7, 17)


def test_alpha_is_not_counted_among_the_bands_to_choose(tmp_path):
    values = noise(bands=4) // 2 + 1
    values[1, :3] = 0
    path = save(tmp_path / "a.tif", values, photometric="minisblack")
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = [ColorInterp.gray, ColorInterp.alpha, ColorInterp.undefined, ColorInterp.undefined]
    with open_raster(path, bands=(3, 1)) as raster:
        pixels = raster.read()
    np.testing.assert_array_equal(pixels.valid, values[1] > 0)
    np.testing.assert_array_equal(pixels.values[:, 3:], values[[3, 0], 3:])


def palette_picture(path: Path) -> Path:
    picture = Image.new("P", (6, 5))
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putpixel((2, 1), 1)
    picture.save(path)
    return path


def test_a_palette_counts_as_three_bands(tmp_path):
    with open_raster(palette_picture(tmp_path / "a.png"), bands=(3, 1)) as raster:
        assert (raster.bands, raster.band_names) == (2, ("blue", "red"))
        pixels = raster.read()
    assert pixels.values[:, 1, 2].tolist() == [60, 40]
    assert pixels.values[:, 0, 0].tolist() == [30, 10]


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ((4,), r"has no band 4 \(its bands are 1 to 3; alpha is not counted\)"),
        ((0, 1), "has no band 0"),
        ((1, 2, 1), "bands 1, 2, 1; name each band to read once"),
        ((), "bands none; name each"),
    ],
)
def test_bands_that_are_not_there_or_named_twice_are_refused(tmp_path, chosen, words):
    path = tmp_path / "a.png"
    Image.fromarray(np.moveaxis(noise(bands=4), 0, -1)).save(path)
    with pytest.raises(UserError, match=words):
        open_raster(path, bands=chosen)


def test_bands_are_named_as_the_file_describes_them_else_by_their_colors(tmp_path):
    path = save(tmp_path / "a.tif", noise("uint16", 4), photometric="rgb", alpha="no")
    with open_raster(path) as raster:
        assert raster.band_names is None  # the fourth is nothing that the file says
    with open_raster(path, bands=(3, 1)) as raster:
        assert raster.band_names == ("blue", "red")
    with rasterio.open(path, "r+") as dataset:
        dataset.descriptions = ("Red ", "green", "blue", "NIR")
    with open_raster(path, bands=(4, 1)) as raster:
        assert raster.band_names == ("nir", "red")
    with open_raster(save(tmp_path / "gray.tif", noise(bands=1))) as raster:
        assert raster.band_names == ("gray",)


def test_classes_are_a_palettes_numbers(tmp_path):
    with open_raster(palette_picture(tmp_path / "a.png")) as raster:
        values, valid = raster.read_classes(Window(0, 0, 5, 8))
    assert values.shape == (1, 5, 8) and values.dtype == np.uint8
    assert np.argwhere(values[0]).tolist() == [[1, 2]]
    assert valid[:, :6].all() and not valid[:, 6:].any()
