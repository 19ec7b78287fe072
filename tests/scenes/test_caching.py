"""GDAL's cache holds what a pass over a scene needs, and is what it was afterwards."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio._env import get_gdal_config

from limner.scenes.caching import LEAST_BYTES, MEGABYTE, WRITTEN_BYTES, cache_for_rows, needed_bytes
from limner.scenes.opening import CACHE_MB
from limner.scenes.rasters import open_raster


def wide_scene(path: Path, block: int, bands: int = 4) -> Path:
    """Of 20,000 columns and no pixel but zeros, which a sparse file does not hold."""
    options = {"tiled": True, "blockxsize": block, "blockysize": block, "sparse_ok": True}
    with rasterio.open(
        path, "w", driver="GTiff", width=20_000, height=64, count=bands, dtype="uint16", **options
    ) as file:
        file.write(np.zeros((bands, 1, 1), np.uint16), window=((0, 1), (0, 1)))
    return path


def cache_bytes() -> int:
    with rasterio.Env():
        return int(get_gdal_config("GDAL_CACHEMAX"))


@pytest.fixture
def usual(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has asked for a cache of their own."""
    monkeypatch.setenv("GDAL_CACHEMAX", str(CACHE_MB))


@pytest.mark.usefixtures("usual")
@pytest.mark.parametrize(("block", "expected"), [(64, LEAST_BYTES), (256, 9216 * 256 * 8 * 3 // 2 + WRITTEN_BYTES)])
def test_a_row_of_blocks_and_a_half_fits(tmp_path: Path, block: int, expected: int) -> None:
    before = cache_bytes()
    with open_raster(wide_scene(tmp_path / "wide.tif", block)) as raster:
        with cache_for_rows(raster, 9216):
            assert cache_bytes() == expected
        with cache_for_rows(raster, 10**6):  # more than the file has
            assert cache_bytes() == max(LEAST_BYTES, 20_000 * block * 8 * 3 // 2 + WRITTEN_BYTES)
    assert cache_bytes() == before


@pytest.mark.usefixtures("usual")
def test_it_is_never_larger_than_elsewhere(tmp_path: Path) -> None:
    with open_raster(wide_scene(tmp_path / "wide.tif", 4096)) as raster, cache_for_rows(raster, 9216):
        assert (needed_bytes(raster, 9216) or 0) > CACHE_MB * MEGABYTE
        assert cache_bytes() == CACHE_MB * MEGABYTE


def test_a_cache_of_the_users_own_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GDAL_CACHEMAX", "512")
    before = cache_bytes()
    with open_raster(wide_scene(tmp_path / "wide.tif", 256)) as raster, cache_for_rows(raster, 9216):
        assert cache_bytes() == before
