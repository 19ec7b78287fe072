"""Which pixels are data is read as GDAL reads it: nodata of each band, rounded tags, masks in and beside the file."""

from pathlib import Path

import numpy as np
import pytest
import rasterio

from limner.foundation.errors import UserError
from limner.scenes.opening import lossy_compression
from limner.scenes.rasters import open_mask, open_raster
from limner.scenes.statistics import measure_raster

HEIGHT, WIDTH = 33, 47


def save(path: Path, values: np.ndarray, **options) -> Path:
    bands, height, width = values.shape
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=bands, dtype=values.dtype, **options
    ) as dataset:
        dataset.write(values)
    return path


def stack(path: Path, bands: list[np.ndarray], nodata: list[float | None], kind: str = "UInt16") -> Path:
    """What ``gdalbuildvrt -separate`` writes: a file a band, each with its own nodata."""
    lines = [f'<VRTDataset rasterXSize="{WIDTH}" rasterYSize="{HEIGHT}">']
    for number, (band, value) in enumerate(zip(bands, nodata, strict=True), start=1):
        part = save(path.parent / f"{path.stem}-{number}.tif", band[None], nodata=value)
        tag = "" if value is None else f"<NoDataValue>{value}</NoDataValue>"
        lines.append(
            f'<VRTRasterBand dataType="{kind}" band="{number}">{tag}<SimpleSource><SourceFilename relativeToVRT="1">'
            f"{part.name}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>"
        )
    path.write_text("\n".join([*lines, "</VRTDataset>"]))
    return path


def dark_noise(dtype: str = "uint16", bands: int = 3) -> np.ndarray:
    return np.random.default_rng(3).integers(100, 2000, (bands, HEIGHT, WIDTH)).astype(dtype)


@pytest.mark.parametrize("nodata", [(0, 65535, 65535), (65535, 0, 65535), (7, 65534, 0)])
def test_each_band_has_its_own_nodata(tmp_path, nodata):
    values = dark_noise()
    for band, value in zip(values, nodata, strict=True):
        band[:9, 5:] = value
    path = stack(tmp_path / "a.vrt", list(values), list(nodata))
    with open_raster(path) as raster, rasterio.open(path) as dataset:
        pixels = raster.read()
        np.testing.assert_array_equal(pixels.valid, dataset.dataset_mask() > 0)
        np.testing.assert_allclose(measure_raster(raster).mean, values[:, pixels.valid].mean(axis=1))
    assert not pixels.values[:, ~pixels.valid].any() and 0 < pixels.valid.sum() < pixels.valid.size


def test_a_fill_in_one_band_alone_spoils_the_pixel_and_a_dark_band_does_not(tmp_path):
    values = dark_noise()
    values[0, 0], values[1, 1], values[2, 2] = 0, 65535, 0
    values[0, 3], values[2, 3] = 0, 0
    with open_raster(stack(tmp_path / "a.vrt", list(values), [0, 65535, 0])) as raster:
        valid = raster.read().valid
        only_first = open_raster(raster.path, bands=(1,))
    assert [bool(valid[row].all()) for row in range(5)] == [True, False, True, False, True]
    with only_first:
        np.testing.assert_array_equal(only_first.read().valid, values[0] > 0)


def test_a_band_without_nodata_beside_one_with_it(tmp_path):
    values = dark_noise(bands=2)
    values[0, :4] = 0
    with open_raster(stack(tmp_path / "a.vrt", list(values), [0, None])) as raster:
        assert raster.nodata == 0
        np.testing.assert_array_equal(raster.read().valid, values[0] > 0)


@pytest.mark.parametrize("tag", [-3.4028235e38, -3.40282306074e38, 9.96921e36, -9999.1, 1e20])
def test_a_float_tag_in_fewer_digits_is_still_nodata(tmp_path, tag):
    values = dark_noise("float32")
    values[:, :6] = np.float32(-3.4028234663852886e38) if tag < -1e30 else np.float32(tag)
    if tag == 9.96921e36:
        values[:, :6] = np.float32(9.969209968386869e36)  # what netCDF fills with; the tag was printed in six digits
    path = save(tmp_path / "a.tif", values, nodata=tag if abs(tag) < 3.4028234e38 else float(np.float32(tag)))
    with open_raster(path) as raster, rasterio.open(path) as dataset:
        valid = raster.read().valid
        np.testing.assert_array_equal(valid, dataset.dataset_mask() > 0)


def test_a_mask_outranks_a_nodata_of_black_but_not_a_fill(tmp_path):
    shown = np.full((HEIGHT, WIDTH), 255, np.uint8)
    shown[:, :10] = 0
    for name, dtype, nodata, data in (("a", "uint8", 0, True), ("b", "float32", -9999, False)):
        values = dark_noise(bands=3).astype(dtype)
        values[:, 5] = nodata
        path = save(tmp_path / f"{name}.tif", values, nodata=nodata)
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as dataset:
            dataset.write_mask(shown)
        with open_raster(path) as raster:
            valid = raster.read().valid
        assert valid[5, 10:].all() == data and not valid[5, :10].any()
        np.testing.assert_array_equal(np.delete(valid, 5, 0), np.delete(shown > 0, 5, 0))


def test_a_mask_beside_the_file_is_validity(tmp_path):
    path = save(tmp_path / "a.tif", dark_noise("uint8"))
    shown = np.full((HEIGHT, WIDTH), 255, np.uint8)
    shown[8:] = 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as dataset:
        dataset.write_mask(shown)
    assert (tmp_path / "a.tif.msk").exists()
    with open_raster(path) as raster:
        assert raster.may_lack_data
        np.testing.assert_array_equal(raster.read().valid, shown > 0)


def test_a_mask_of_one_band_of_a_vrt_is_validity(tmp_path):
    values = dark_noise("uint8", 2)
    mask = np.full((HEIGHT, WIDTH), 255, np.uint8)
    mask[:, 20:] = 0
    save(tmp_path / "m.tif", mask[None])
    path = stack(tmp_path / "a.vrt", list(values), [None, None], "Byte")
    source = '<SimpleSource><SourceFilename relativeToVRT="1">m.tif</SourceFilename><SourceBand>1</SourceBand>'
    own = f'<MaskBand><VRTRasterBand dataType="Byte">{source}</SimpleSource></VRTRasterBand></MaskBand>'
    first, second = path.read_text().rsplit("</VRTRasterBand>", 1)
    path.write_text(first + own + "</VRTRasterBand>" + second)
    with open_raster(path) as raster:
        np.testing.assert_array_equal(raster.read().valid, mask > 0)


def test_bands_of_several_types_are_read_in_one_that_holds_them(tmp_path):
    values = dark_noise()
    bands = [values[0].astype(np.uint8), values[1], values[2]]
    path = stack(tmp_path / "a.vrt", bands, [None] * 3)
    path.write_text(path.read_text().replace('dataType="UInt16" band="1"', 'dataType="Byte" band="1"'))
    with open_raster(path) as raster:
        assert raster.dtype == "uint16"
        np.testing.assert_array_equal(raster.read().values, np.stack(bands))
    path.write_text(path.read_text().replace('dataType="UInt16" band="2"', 'dataType="UInt32" band="2"'))
    with pytest.raises(UserError, match="pixels of type uint32; needed"):
        open_raster(path)


@pytest.mark.parametrize("dtype", ["int8", "int32", "uint32", "int64", "uint64"])
def test_masks_of_every_integer_type_open_and_scenes_of_them_are_refused(tmp_path, dtype):
    values = np.random.default_rng(1).integers(0, 3, (1, 6, 7)).astype(dtype)
    path = save(tmp_path / "m.tif", values, nodata=2)
    with open_mask(path) as raster:
        pixels = raster.read_classes()
    np.testing.assert_array_equal(pixels.valid, values[0] != 2)
    np.testing.assert_array_equal(pixels.values[:, pixels.valid], values[:, pixels.valid])
    with pytest.raises(UserError, match=f"pixels of type {dtype}; needed"):
        open_raster(path)


def test_a_folder_of_masks_of_many_bits_is_one_mask(tmp_path):
    from rasterio.transform import from_origin

    values = np.random.default_rng(1).integers(0, 3, (1, 8, 20)).astype(np.int64)
    for column in (0, 10):
        place = {"crs": "EPSG:32645", "transform": from_origin(500_000 + column, 3_000_000, 1, 1)}
        save(tmp_path / f"{column}.tif", values[:, :, column : column + 10], nodata=2, **place)
    with open_mask(tmp_path) as raster:
        made, valid = raster.read_classes()
    np.testing.assert_array_equal(valid, values[0] != 2)
    np.testing.assert_array_equal(made[:, valid], values[:, valid])


def test_lossy_compressions_are_known(tmp_path):
    values = np.zeros((3, 64, 64), np.uint8)
    kinds = {
        "jpeg.tif": ({"compress": "jpeg"}, "JPEG"),
        "webp.tif": ({"compress": "webp", "WEBP_LEVEL": 70}, "WEBP"),
        "lossless.tif": ({"compress": "webp", "WEBP_LOSSLESS": "YES"}, None),
        "lerc.tif": ({"compress": "lerc", "MAX_Z_ERROR": 1}, "LERC"),
        "exact.tif": ({"compress": "lerc"}, None),
        "plain.tif": ({"compress": "deflate"}, None),
    }
    for name, (options, expected) in kinds.items():
        with rasterio.open(save(tmp_path / name, values, **options)) as dataset:
            assert lossy_compression(dataset) == expected, name


def test_the_greatest_floats_are_no_data_however_short_their_tag_or_without_one(tmp_path):
    values = np.full((3, 8, 9), 50, np.float32)
    values[0, :2] = np.finfo(np.float32).min
    values[1, 2] = np.finfo(np.float32).max
    values[2, 3] = np.nan
    expected = np.ones((8, 9), bool)
    expected[:4] = False
    for number, options in enumerate(({}, {"nodata": -3.40282e38}, {"nodata": -9999})):
        with open_raster(save(tmp_path / f"{number}.tif", values, **options)) as raster:
            made, valid = raster.read()
        np.testing.assert_array_equal(valid, expected)
        assert not made[:, ~valid].any()
