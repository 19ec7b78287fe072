"""A small picture of a scene with its map drawn over it."""

from pathlib import Path

import numpy as np
import rasterio
from PIL import Image

from limner.foundation.files.names import spelled
from limner.foundation.machine.disk import open_for_encoder
from limner.reporting.pictures import IGNORE, overlay, to_display
from limner.scenes.rasters import Raster

LONGEST_PX = 1024


def write_preview(path: Path, raster: Raster, classes: Path, background: int | None) -> None:
    """Write a PNG of at most 1024 pixels: the scene, its classes other than ``background`` in their colors.

    Both are read decimated, never whole. Ground without data is transparent.
    """
    with rasterio.open(spelled(classes)) as mapped:
        shrink = min(1.0, LONGEST_PX / max(raster.height, raster.width))
        height, width = (max(1, round(side * shrink)) for side in (raster.height, raster.width))
        pixels = raster.read_decimated(height, width)
        numbers = mapped.read(1, out_shape=(height, width))
    picture = overlay(to_display(pixels.values, pixels.valid), numbers, background=background)
    alpha = np.where(numbers == IGNORE, np.uint8(0), np.uint8(255))
    with open_for_encoder(path) as file:
        Image.fromarray(np.dstack([picture, alpha])).save(file, "PNG", compress_level=3)
