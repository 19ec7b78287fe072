"""GDAL's cache of decoded blocks, no larger than a pass over a scene from top to bottom needs.

This file imports no torch.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import rasterio

from limner.scenes.opening import CACHE_MB
from limner.scenes.rasters import Raster

MEGABYTE = 10**6
WRITTEN_BYTES = 16 * MEGABYTE
"""For the blocks of files that are written meanwhile."""
LEAST_BYTES = 32 * MEGABYTE


def needed_bytes(raster: Raster, width_px: int) -> int | None:
    """Bytes of cache with which rows ``width_px`` wide, read from top to bottom, decode each block once; None where
    nobody knows, as files of a mosaic have blocks of their own.

    A row of tiles begins and ends within blocks, so one row of blocks is kept while the next is read.
    """
    dataset = raster.dataset
    if dataset.driver == "VRT":
        return None
    height, width = dataset.block_shapes[0]
    pixel = sum(np.dtype(name).itemsize for name in dataset.dtypes)
    return height * min(dataset.width, max(width, width_px)) * pixel * 3 // 2 + WRITTEN_BYTES


@contextmanager
def cache_for_rows(raster: Raster, width_px: int) -> Iterator[None]:
    """Within it, GDAL's cache is as large as `needed_bytes` says, at least 32 MB and at most what it is elsewhere; a
    ``GDAL_CACHEMAX`` of the user's own stays."""
    needed = needed_bytes(raster, width_px)
    if needed is None or os.environ.get("GDAL_CACHEMAX") != str(CACHE_MB):
        yield
        return
    with rasterio.Env(GDAL_CACHEMAX=min(max(needed, LEAST_BYTES), CACHE_MB * MEGABYTE)):
        yield
