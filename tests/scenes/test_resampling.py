"""Rasters seen at another scale: windows are windows of the whole, means are exact, and nodata never bleeds."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from rasterio import Affine

from drawn import PLACE, save
from limner.foundation.errors import UserError
from limner.scenes import rasters
from limner.scenes.rasters import open_raster
from limner.scenes.resampling import blended, nearest
from limner.scenes.windows import Window

HEIGHT, WIDTH = 21, 34
SCALES = st.sampled_from([0.05, 0.2, 1 / 3, 0.5, 0.61, 0.99, 1.0, 1.3, 2.0, 3.7])


def weights_by_hand(old: int, new: int) -> np.ndarray:
    """(new, old) float64: the share of each old pixel in each new one, by three loops' worth of arithmetic."""
    weights = np.zeros((new, old))
    ratio = old / new
    for to in range(new):
        if ratio >= 1:
            for source in range(old):
                weights[to, source] = max(0.0, min(source + 1, (to + 1) * ratio) - max(source, to * ratio)) / ratio
            continue
        center = (to + 0.5) * ratio - 0.5
        below = math.floor(center)
        weights[to, min(max(below, 0), old - 1)] += 1 - (center - below)
        weights[to, min(max(below + 1, 0), old - 1)] += center - below
    return weights


def scene(path: Path, dtype: str = "uint8", nodata: float | None = 0) -> tuple[Path, np.ndarray]:
    """A picture of two bands with a hole of nodata."""
    generator = np.random.default_rng(3)
    values = generator.integers(1, 250, (2, HEIGHT, WIDTH)).astype(dtype)
    values[:, 8:11, 20:23] = 0
    return save(path, values, nodata=nodata, photometric="minisblack", **PLACE), values


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 60))
def test_taps_are_the_ground_that_a_pixel_covers_or_the_line_between_two(old, new):
    taps = blended(old, new, 0, new)
    dense = np.zeros((new, old))
    np.add.at(dense, (np.arange(new)[:, None], taps.index), taps.weights)
    np.testing.assert_allclose(dense, weights_by_hand(old, new), atol=2e-6)
    places = [min(old - 1, math.floor((to + 0.5) * (old / new))) for to in range(new)]
    assert nearest(old, new, 0, new).index[:, 0].tolist() == places


@settings(max_examples=80, deadline=None)
@given(SCALES, st.integers(-20, 60), st.integers(-20, 90), st.integers(0, 50), st.integers(0, 50))
def test_a_scaled_window_is_that_window_of_the_scaled_whole(tmp_path_factory, scale, row, column, height, width):
    path, _ = scene(tmp_path_factory.mktemp("s") / "a.tif", "uint16")
    window = Window(row, column, height, width)
    with open_raster(path, scale=scale) as raster:
        for read in (raster.read, raster.read_classes):
            whole, part = read(), read(window)
            assert whole.values.shape == (2, raster.height, raster.width)
            inside = window.clipped(raster.height, raster.width)
            place = inside.seen_from(window).slices
            np.testing.assert_array_equal(part.values[:, *place], whole.values[:, *inside.slices])
            np.testing.assert_array_equal(part.valid[place], whole.valid[inside.slices])
            assert part.valid.sum() == whole.valid[inside.slices].sum()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
@pytest.mark.parametrize("scale", [0.31, 0.5, 1.7])
def test_scaled_pixels_are_the_means_of_the_slow_reference(tmp_path, dtype, scale):
    path, values = scene(tmp_path / "a.tif", dtype)
    with open_raster(path, scale=scale) as raster:
        pixels = raster.read()
        assert raster.dtype == dtype and pixels.values.dtype == dtype
        assert (raster.height, raster.width) == (round(HEIGHT * scale), round(WIDTH * scale))
    rows, columns = weights_by_hand(HEIGHT, raster.height), weights_by_hand(WIDTH, raster.width)
    expected = np.einsum("rh,bhw,cw->brc", rows, values.astype(np.float64), columns)
    hole = np.einsum("rh,hw,cw->rc", rows, (values[0] == 0).astype(np.float64), columns)
    np.testing.assert_array_equal(pixels.valid, hole < 1e-5)
    assert not pixels.values[:, ~pixels.valid].any()
    closest = 0.501 if dtype[0] in "ui" else 1e-3
    assert np.abs(pixels.values - expected)[:, pixels.valid].max() <= closest


def test_what_is_no_data_never_bleeds_into_data(tmp_path):
    values = np.full((1, 40, 40), 100, np.float32)
    values[0, 10:13, 10:13] = -9999
    values[0, 30, 30] = np.nan
    path = save(tmp_path / "a.tif", values, nodata=-9999)
    for scale in (0.3, 0.5, 0.77, 1.5, 2.0):
        with open_raster(path, scale=scale) as raster:
            pixels = raster.read()
        assert 0 < (~pixels.valid).sum() < 0.2 * pixels.valid.size
        np.testing.assert_allclose(pixels.values[0][pixels.valid], 100, rtol=1e-6)


def test_a_scaled_raster_covers_the_same_ground(tmp_path):
    path, _ = scene(tmp_path / "a.tif")
    with open_raster(path) as raster, open_raster(path, scale=0.4) as small, open_raster(path, scale=2) as large:
        assert (small.height, small.width) == (8, 14)
        for other in (small, large):
            west, north = other.transform.c, other.transform.f
            assert (west, north) == (raster.transform.c, raster.transform.f)
            assert other.transform.a * other.width == pytest.approx(raster.transform.a * WIDTH)
            assert other.transform.e * other.height == pytest.approx(raster.transform.e * HEIGHT)
            ratio = math.sqrt(HEIGHT * WIDTH / (other.height * other.width))
            assert other.ground_m == pytest.approx(raster.ground_m * ratio, rel=1e-4)
        np.testing.assert_array_equal(small.read_decimated(3, 5).values, raster.read_decimated(3, 5).values)


def test_a_turned_raster_covers_the_same_ground_at_any_scale(tmp_path):
    turned = Affine.translation(350_000, 3_060_000) @ Affine.rotation(30) @ Affine.scale(0.5, -0.5)
    path = save(tmp_path / "a.tif", np.ones((1, 20, 30), np.uint8), crs="EPSG:32645", transform=turned)
    with open_raster(path) as raster, open_raster(path, scale=0.5) as small:
        for (x, y), (half_x, half_y) in [((0, 0), (0, 0)), ((30, 20), (15, 10)), ((0, 20), (0, 10))]:
            np.testing.assert_allclose(small.transform @ (half_x, half_y), raster.transform @ (x, y))


def test_the_smallest_scale_leaves_one_pixel_the_mean_of_all(tmp_path):
    path, values = scene(tmp_path / "a.tif", nodata=None)
    with open_raster(path, scale=1e-4) as raster:
        assert (raster.height, raster.width) == (1, 1)
        np.testing.assert_allclose(raster.read().values[:, 0, 0], values.mean(axis=(1, 2)), atol=0.5)


def test_classes_keep_their_numbers_at_any_scale(tmp_path):
    numbers = np.kron(np.array([[0, 7], [3, 255]]), np.ones((10, 12))).astype(np.uint8)
    picture = Image.fromarray(numbers, "P")
    picture.putpalette([channel for number in range(256) for channel in (number, 255 - number, 9)])
    picture.save(tmp_path / "a.png")
    for scale in (0.5, 0.35, 2, 2.5):
        with open_raster(tmp_path / "a.png", scale=scale) as raster:
            values, valid = raster.read_classes()
            colors = raster.read()
        assert set(np.unique(values)) == {0, 3, 7, 255} and valid.all()
        assert values.shape == (1, raster.height, raster.width)
        np.testing.assert_array_equal(values[0, [0, 0, -1, -1], [0, -1, 0, -1]], [0, 7, 3, 255])
        assert colors.values[:, 0, -1].tolist() == [7, 248, 9]


def test_a_large_window_is_scaled_piece_by_piece_to_the_same_pixels(tmp_path, monkeypatch):
    path, _ = scene(tmp_path / "a.tif")
    with open_raster(path, scale=0.5) as raster:
        whole = raster.read()
        monkeypatch.setattr(rasters, "READ_PX", 100)
        pieces = raster.read()
    np.testing.assert_array_equal(pieces.values, whole.values)
    np.testing.assert_array_equal(pieces.valid, whole.valid)


@pytest.mark.parametrize("scale", [0, -1, math.nan, math.inf])
def test_a_scale_that_is_no_size_is_refused(tmp_path, scale):
    path, _ = scene(tmp_path / "a.tif")
    with pytest.raises(UserError, match="needed is a number above 0"):
        open_raster(path, scale=scale)
