"""A small picture of a scene with its map drawn over it."""

from pathlib import Path

import numpy as np
import rasterio
from PIL import Image

from limner.segment.outputs import NODATA_CLASS, class_color
from limner.segment.rasters import Raster, open_raster

LONGEST_PX = 1024
OPACITY = 0.5  # of the classes over the scene
STRETCH_PERCENT = (2, 98)  # of the values, to black and white, where a band is not 8 bit


def write_preview(path: Path, scene: Path, classes: Path, background: int | None) -> None:
    """Write a PNG of at most 1024 pixels: the scene, its classes other than ``background`` in their colors.

    Both are read decimated, never whole. Ground without data is transparent.
    """
    with open_raster(scene) as raster, rasterio.open(classes) as mapped:
        shrink = min(1.0, LONGEST_PX / max(raster.height, raster.width))
        height, width = (max(1, round(side * shrink)) for side in (raster.height, raster.width))
        picture = _colors(raster, height, width)
        numbers = mapped.read(1, out_shape=(height, width))
    for number in np.unique(numbers):
        if number not in (background, NODATA_CLASS):
            mask = numbers == number
            picture[mask] = (1 - OPACITY) * picture[mask] + OPACITY * np.array(class_color(int(number)))
    alpha = np.where(numbers == NODATA_CLASS, 0, 255)
    colors = np.dstack([picture, alpha]).round().astype(np.uint8)
    Image.fromarray(colors).save(path, format="PNG", compress_level=3)


def _colors(raster: Raster, height: int, width: int) -> np.ndarray:
    """(height, width, 3) float64, 0..255: the first three bands, or the first one as gray."""
    pixels = raster.read_decimated(height, width)
    bands = pixels.values[:3] if raster.bands >= 3 else pixels.values[:1]
    stretched = [_stretched(band, pixels.valid) for band in bands]
    return np.dstack(stretched * 3 if len(stretched) == 1 else stretched)


def _stretched(band: np.ndarray, valid: np.ndarray) -> np.ndarray:
    if band.dtype == np.uint8:
        return band.astype(np.float64)
    if not valid.any():
        return np.zeros(band.shape)
    low, high = np.percentile(band[valid], STRETCH_PERCENT)
    return np.clip((band.astype(np.float64) - low) / max(high - low, 1e-9), 0, 1) * 255
