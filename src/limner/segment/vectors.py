"""Polygons that people drew: read from vector files, brought to a picture's grid, and drawn on its pixels.

This file imports no torch: `limner check` and `limner score` stay light.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import Transformer
from rasterio.features import rasterize
from rasterio.transform import Affine

from limner.errors import UserError
from limner.segment.rasters import Raster
from limner.segment.windows import Window

VECTOR_SUFFIXES = (".geojson", ".gpkg", ".shp")


def is_vector(path: Path) -> bool:
    """Whether the file holds polygons rather than pixels, by its suffix."""
    return path.suffix.lower() in VECTOR_SUFFIXES


def check_vector(path: Path) -> None:
    """Raise `UserError` unless ``path`` is a vector file with a reference system; its polygons are not read."""
    with _reading(path):
        crs = pyogrio.read_info(path)["crs"]
    _check_crs(path, crs)


def check_ground(raster: Raster, vector: Path) -> None:
    """Raise `UserError` where polygons cannot be laid on a picture, because it does not say where it lies."""
    if not raster.georeferenced:
        raise UserError(
            f"{raster.path}: has no georeference, so the polygons of {vector.name} cannot be laid on it; "
            "give a GeoTIFF, or masks of the picture's size"
        )


@dataclass(frozen=True)
class Polygons:
    """Polygons of a vector file in one reference system, with a spatial index.

    skipped: features left out (no area: points, lines, empty or beyond mending); mended: invalid ones repaired.
    """

    path: Path
    tree: shapely.STRtree
    skipped: int
    mended: int

    def near(self, shape: Any) -> np.ndarray:
        """The polygons that touch ``shape``."""
        return self.tree.geometries[np.sort(self.tree.query(shape, predicate="intersects"))]


def read_polygons(path: Path, crs: Any) -> Polygons:
    """All polygons of a vector file, reprojected to ``crs`` (a rasterio CRS).

    Raises `UserError` for a file that cannot be read, has no reference system or holds no polygon.
    """
    with _reading(path):
        meta, _, geometry, _ = pyogrio.raw.read(path, columns=[], force_2d=True)
    _check_crs(path, meta["crs"])
    shapes = shapely.from_wkb(geometry, on_invalid="ignore") if geometry is not None else np.array([], object)
    transformer = Transformer.from_crs(meta["crs"], crs.to_wkt(), always_xy=True)
    shapes = shapely.transform(shapes, lambda xy: np.column_stack(transformer.transform(xy[:, 0], xy[:, 1])))
    kept, mended = _mend(shapes)
    if not kept:
        raise UserError(f"{path}: holds no polygon ({len(shapes)} features); labels are polygons")
    return Polygons(path, shapely.STRtree(kept), len(shapes) - len(kept), mended)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    if not path.exists():
        raise UserError(f"{path}: no such file")
    try:
        yield
    except (DataSourceError, DataLayerError) as error:
        reason = str(error).splitlines()[0].removesuffix(".")[:160]
        raise UserError(f"{path}: not a vector file that can be read ({reason})") from None


def _check_crs(path: Path, crs: Any) -> None:
    if crs is None:
        raise UserError(f"{path}: has no coordinate reference system; set one (in QGIS: Export, Save Features As)")


def _mend(shapes: np.ndarray) -> tuple[list[Any], int]:
    """Polygons with an area, invalid ones made valid; and how many were."""
    kept: list[Any] = []
    mended = 0
    for shape in shapes:
        if shape is None or shape.is_empty or not np.isfinite(shape.bounds).all():
            continue
        repaired = not shape.is_valid
        if repaired:
            shape = shapely.make_valid(shape)
        parts = [part for part in shapely.get_parts(shapely.get_parts([shape])) if part.area > 0]
        if parts:
            kept.append(parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts))
            mended += repaired
    return kept, mended


def moved(shapes: np.ndarray, affine: Affine) -> np.ndarray:
    """Shapes whose (x, y) went through ``affine``."""
    matrix = np.array([[affine.a, affine.b], [affine.d, affine.e]])
    return shapely.transform(shapes, lambda xy: xy @ matrix.T + (affine.c, affine.f))


def drawn(shapes: Iterable[Any], window: Window) -> np.ndarray:
    """(height, width) bool: pixels of the window whose center lies in a shape (given in columns and rows)."""
    shapes = list(shapes)
    if not shapes:
        return np.zeros((window.height, window.width), bool)
    return rasterize(
        ((shape, 1) for shape in shapes),
        out_shape=(window.height, window.width),
        transform=Affine.translation(window.column, window.row),
        dtype="uint8",
    ).astype(bool)
