"""A second pass over a scene that was mapped: its probabilities through a CRF, tile by tile."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import torch

from limner.foundation.background import Progress
from limner.scenes.rasters import Raster
from limner.scenes.statistics import measure_raster
from limner.scenes.windows import Window
from limner.scenes.writing import create_raster
from limner.segment.predicting import blending
from limner.segment.predicting.crf import tiled
from limner.segment.predicting.crf.options import CrfOptions


class PlaneWriter:
    """Writes the probabilities of finished rows, all of them, into a raster that the second pass reads."""

    def __init__(self, scene: Raster, path: Path, planes: int) -> None:
        self._file = create_raster(path, scene, "float32", planes, np.nan, predictor=3)

    def __enter__(self) -> "PlaneWriter":
        return self

    def __exit__(self, *error: Any) -> None:
        self._file.__exit__(*error)

    def write(self, rows: blending.Rows) -> None:
        """Write finished rows; they come in whole blocks."""
        count, width = rows.valid.shape
        if count:
            window = Window(rows.row, rows.column, count, width).rasterio
            self._file.write(np.where(rows.valid, rows.planes, np.float32(np.nan)), window=window)


def smooth(
    raster: Raster,
    planes: Path,
    options: CrfOptions,
    device: torch.device,
    write: Callable[[blending.Rows], None],
    progress: Progress,
) -> None:
    """Give the rows that the CRF makes of a scene's probabilities to ``write``, top to bottom.

    raster: the scene, by whose own colors, each band in its standard deviations, pixels are alike. planes: what
    `PlaneWriter` wrote; one plane is class 1 of two.
    """
    progress("measuring the scene", 0, 1)
    statistics = measure_raster(raster)
    mean, std = (np.array(values, np.float32)[:, None, None] for values in (statistics.mean, statistics.std))
    with rasterio.open(planes) as said:

        def read(first: int, end: int) -> tiled.Rows:
            window = Window(first, 0, end - first, raster.width)
            pixels, given = raster.read(window), said.read(window=window.rasterio)
            valid = pixels.valid & ~np.isnan(given[0])
            given = np.where(valid, given, np.float32(1 / max(2, len(given))))
            given = np.concatenate([1 - given, given]) if len(given) == 1 else given
            picture = np.where(valid, (pixels.values.astype(np.float32) - mean) / std, np.float32(0))
            return tiled.Rows(picture, valid, given)

        done = 0
        for top, answer in tiled.crf_rows(read, raster.height, raster.width, options, device):
            progress("CRF", done, raster.height)
            done = top + answer.shape[1]
            valid = ~np.isnan(said.read(1, window=Window(top, 0, answer.shape[1], raster.width).rasterio))
            write(blending.Rows(top, answer[1:] if len(answer) == 2 else answer, valid))
        progress("CRF", raster.height, raster.height)
