"""Polygons of a file drawn as outlines over a part of their scene."""

from pathlib import Path

import numpy as np
import pyogrio
import shapely
from PIL import Image, ImageDraw
from rasterio.crs import CRS

from limner.foundation.files.names import spelled
from limner.reporting.pictures import to_display
from limner.scenes.georeference import transformer
from limner.scenes.rasters import Raster
from limner.scenes.windows import Window

OUTLINE = (255, 214, 10)


def draw_outlines(raster: Raster, polygons: Path, window: Window, enlarged: int = 2) -> np.ndarray:
    """A window of a scene with the outlines of a file's polygons, (enlarged height, enlarged width, 3) uint8.

    polygons: in any reference system (a plain picture's in pixels). enlarged: pixels of the drawing along an edge for
    one of the scene, so that outlines are seen.
    """
    pixels = raster.read(window)
    image = Image.fromarray(to_display(pixels.values, pixels.valid))
    image = image.resize((window.width * enlarged, window.height * enlarged), Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(image)
    for ring in shapely.get_rings(shapes_in_pixels(raster, polygons, window)):
        points = (shapely.get_coordinates(ring) - (window.column, window.row)) * enlarged
        pen.line([tuple(point) for point in points.tolist()], fill=OUTLINE, width=enlarged + 1)
    return np.asarray(image)


def shapes_in_pixels(raster: Raster, polygons: Path, window: Window) -> np.ndarray:
    """The polygons of a file that touch a window, in the scene's pixels (x = column, y = row)."""
    meta, _, found, _ = pyogrio.raw.read(spelled(polygons), columns=[])
    shapes = shapely.get_parts(shapely.from_wkb(found))
    if raster.crs is not None and meta["crs"] is not None:
        over, to_pixels = transformer(CRS.from_user_input(meta["crs"]), raster.crs), ~raster.transform

        def moved(points: np.ndarray) -> np.ndarray:
            x, y = over.transform(*points.T) if over is not None else points.T
            return np.column_stack([to_pixels.a * x + to_pixels.b * y + to_pixels.c,
                                    to_pixels.d * x + to_pixels.e * y + to_pixels.f])  # fmt: skip

        shapes = shapely.transform(shapes, moved)
    place = shapely.box(window.column, window.row, window.column + window.width, window.row + window.height)
    return np.asarray(shapes[shapely.intersects(shapes, place)])
