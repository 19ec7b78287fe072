"""Bands that are only marked alpha: GDAL takes the fourth band of an 8-bit GeoTIFF so, and it may be infrared.

This file imports no torch: `limner check` and `limner score` stay light.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError

from limner.foundation.files.names import spelled
from limner.scenes.windows import Window

RGB_ALPHA = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
SAMPLES, SAMPLE_PX = 8, 32  # windows along each edge, and their size: enough of a band to know what it holds
ALPHA_STEPS = 8  # values between 0 and 255 that an alpha band may have all over
FEATHERED = 0.25  # share of what an alpha band shows that may be its soft edge


def mistaken_alpha(path: Path, dataset: Any) -> int | None:
    """The number of a band of ``dataset`` (a rasterio dataset of file ``path``) that is marked alpha but holds data.

    Told by the content, on 256 x 256 pixels at most, spread over the picture: an alpha band is 0, 255 and a few steps
    between, or in between only along the edges of what it shows. A PNG's alpha is always one. None without such a band.
    """
    if dataset.colorinterp != RGB_ALPHA or dataset.dtypes[0] != "uint8" or dataset.driver == "PNG":
        return None
    stat = path.stat()
    return 4 if _fourth_band_is_data(path, stat.st_size, stat.st_mtime_ns) else None


def data_bands(dataset: Any, mistaken: int | None) -> tuple[int, ...]:
    """The numbers (from 1) of a dataset's bands that hold data: all but alpha, and the one only marked so."""
    return tuple(
        number
        for number, meaning in zip(dataset.indexes, dataset.colorinterp, strict=True)
        if meaning is not ColorInterp.alpha or number == mistaken
    )


@lru_cache(maxsize=4096)
def _fourth_band_is_data(path: Path, size: int, changed_ns: int) -> bool:
    """See `mistaken_alpha`. size, changed_ns: of the file, so that one that changed is looked at again."""
    try:
        with rasterio.open(spelled(path)) as dataset:
            rows, columns = (
                np.unique(np.linspace(0, max(0, length - SAMPLE_PX), SAMPLES).round().astype(int)).tolist()
                for length in dataset.shape
            )
            windows = [Window(row, column, SAMPLE_PX, SAMPLE_PX) for row in rows for column in columns]
            parts = [dataset.read(4, window=window.clipped(*dataset.shape).rasterio).ravel() for window in windows]
    except RasterioError:
        return False  # who reads its pixels is told what is wrong with them
    seen = np.bincount(np.concatenate(parts), minlength=256)
    between = seen[1:255]
    return int(np.count_nonzero(between)) > ALPHA_STEPS and float(between.sum()) > FEATHERED * float(seen[1:].sum())
