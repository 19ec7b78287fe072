"""Tiny places for tests: bright squares on dark ground, as pictures with masks, GeoTIFF scenes and polygons."""

from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import rasterio
import shapely
from rasterio import Affine

WEST, NORTH, PIXEL_M, CRS = 500_000.0, 4_000_000.0, 0.5, "EPSG:32636"
SQUARE_PX, STEP_PX = 16, 32


def draw_mask(height: int = 128, width: int = 128) -> np.ndarray:
    """(height, width) uint8: a square of 16 px every 32 px is 255, all else 0."""
    rows, columns = np.arange(height)[:, None], np.arange(width)[None]
    inside = (rows % STEP_PX // SQUARE_PX == 1) & (columns % STEP_PX // SQUARE_PX == 1)
    return inside.astype(np.uint8) * 255


def draw_picture(mask: np.ndarray, bands: int = 3, seed: int = 0, dtype: str = "uint8") -> np.ndarray:
    """(bands, height, width): squares about 180, ground about 60, with noise of its own for each seed."""
    noise = np.random.default_rng(seed).integers(-20, 21, (bands, *mask.shape))
    return (np.where(mask > 0, 180, 60) + noise).astype(dtype)


def write_raster(path: Path, values: np.ndarray, *, place: bool = True, **profile: Any) -> Path:
    """Write (bands, height, width) or (height, width); GeoTIFFs lie at the test place unless ``place`` is False."""
    values = values if values.ndim == 3 else values[None]
    if place and path.suffix == ".tif":
        profile = {"crs": CRS, "transform": Affine(PIXEL_M, 0, WEST, 0, -PIXEL_M, NORTH), **profile}
    if path.suffix == ".tif" and len(values) > 3:
        profile = {"photometric": "minisblack", "alpha": "no", **profile}  # or GDAL takes the fourth band for alpha
    driver = {".tif": "GTiff", ".png": "PNG", ".jpg": "JPEG"}[path.suffix]
    count, height, width = values.shape
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", driver=driver, count=count, height=height, width=width, dtype=values.dtype, **profile
    ) as file:
        file.write(values)
    return path


def draw_area(area: Path, chips: int = 6, *, size: int = 96, bands: int = 3, seed: int = 0) -> Path:
    """An area of PNG chips with masks of 0 and 255."""
    mask = draw_mask(size, size)
    for number in range(chips):
        picture = draw_picture(mask, bands, seed + number)
        write_raster(area / f"images/{number}.tif", picture, place=False)
        write_raster(area / f"masks/{number}.png", mask)
    return area


def draw_scene(path: Path, height: int = 160, width: int = 192, *, bands: int = 3, seed: int = 7) -> Path:
    """A scene of squares, georeferenced when it is a GeoTIFF."""
    return write_raster(path, draw_picture(draw_mask(height, width), bands, seed))


def draw_polygons(path: Path, *, squares: int = 4, east_m: float = 0, crs: str | None = CRS) -> Path:
    """The first row of a scene's squares as polygons, moved ``east_m`` to the east."""
    side = SQUARE_PX * PIXEL_M
    corners = [(WEST + east_m + (2 * number + 1) * side, NORTH - side) for number in range(squares)]
    shapes = [shapely.box(x, y - side, x + side, y) for x, y in corners]
    path.parent.mkdir(parents=True, exist_ok=True)
    pyogrio.raw.write(
        path, np.array(shapely.to_wkb(shapes)), field_data=[], fields=[], geometry_type="Polygon", crs=crs
    )
    return path
