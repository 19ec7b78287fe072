"""Streaming statistics equal numpy's over all valid pixels at once."""

import itertools
import json

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from limner.foundation.errors import UserError
from limner.scenes.rasters import Pixels, open_raster
from limner.scenes.statistics import Statistics, measure, measure_raster


def cut(values: np.ndarray, valid: np.ndarray, rows: list[int]) -> list[Pixels]:
    """The picture in horizontal parts that end at ``rows``."""
    edges = [0, *sorted(rows), values.shape[1]]
    return [Pixels(values[:, a:b], valid[a:b]) for a, b in itertools.pairwise(edges)]


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    bands=st.sampled_from([1, 3, 4, 13]),
    rows=st.lists(st.integers(0, 33), max_size=5),
    offset=st.sampled_from([0.0, 1e7]),
)
def test_any_division_into_parts_gives_the_statistics_of_the_whole(seed, bands, rows, offset):
    generator = np.random.default_rng(seed)
    values = generator.normal(offset, 3.0, (bands, 33, 47))
    valid = generator.random((33, 47)) < 0.7
    found = measure(cut(values, valid, rows))
    np.testing.assert_allclose(found.mean, values[:, valid].mean(axis=1), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.std, values[:, valid].std(axis=1), rtol=1e-8)


def test_invalid_pixels_do_not_count():
    values = np.array([[[10, 20, 60000]]], np.uint16)
    found = measure([Pixels(values, np.array([[True, True, False]]))])
    assert found == Statistics((15.0,), (5.0,))


@pytest.mark.parametrize("constant", [0.0, 0.1, 7.0, -3.3e5])
def test_a_constant_band_has_deviation_one(constant):
    values = np.full((1, 50, 31), constant)
    found = measure(cut(values, np.ones((50, 31), bool), [7, 20]))
    assert found.std == (1.0,)
    assert found.mean[0] == pytest.approx(constant)


def test_no_valid_pixel_is_the_users_error():
    with pytest.raises(UserError, match="no pixel holds data"):
        measure([Pixels(np.zeros((3, 4, 4), np.uint8), np.zeros((4, 4), bool))])
    with pytest.raises(UserError, match="no pixel holds data"):
        measure([])


def test_json_keeps_every_digit():
    statistics = Statistics((1 / 3, 2e9), (1e-7, 3.0))
    assert Statistics.from_json(json.loads(json.dumps(statistics.to_json()))) == statistics


def test_a_scene_is_measured_by_rows_without_its_nodata(tmp_path):
    path = tmp_path / "scene.tif"
    values = np.random.default_rng(0).integers(1, 4000, (2, 90, 70)).astype(np.uint16)
    values[:, 40:, 30:] = 0
    with rasterio.open(path, "w", driver="GTiff", width=70, height=90, count=2, dtype="uint16", nodata=0) as file:
        file.write(values)
    with open_raster(path) as raster:
        found = measure_raster(raster)
    kept = values[:, values[0] > 0]
    np.testing.assert_allclose(found.mean, kept.mean(axis=1))
    np.testing.assert_allclose(found.std, kept.std(axis=1))


def test_an_empty_scene_is_named(tmp_path):
    path = tmp_path / "empty.tif"
    with rasterio.open(path, "w", driver="GTiff", width=8, height=8, count=1, dtype="uint8", nodata=0) as file:
        file.write(np.zeros((1, 8, 8), np.uint8))
    with open_raster(path) as raster, pytest.raises(UserError, match=r"empty\.tif: no pixel"):
        measure_raster(raster)
