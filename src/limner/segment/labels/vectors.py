"""Polygons that people drew: read from vector files, brought to a picture's grid, and drawn on its pixels.

This file imports no torch: `limner check` and `limner score` stay light.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
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

from limner.foundation.errors import UserError
from limner.scenes.rasters import Raster
from limner.scenes.windows import Window

VECTOR_SUFFIXES = (".geojson", ".gpkg", ".shp")


def is_vector(path: Path) -> bool:
    """Whether the file holds polygons rather than pixels, by its suffix."""
    return path.suffix.lower() in VECTOR_SUFFIXES


def check_vector(path: Path, field: str | None = None) -> None:
    """Raise `UserError` unless ``path`` is a vector file with a reference system (and a ``field`` of that name); its
    polygons are not read."""
    with _reading(path):
        info = pyogrio.read_info(path)
    _check_crs(path, info["crs"])
    if field is not None and field not in info["fields"]:
        raise UserError(
            f"{path}: has no field '{field}' to tell the class; its fields are {', '.join(info['fields']) or 'none'}"
        )


def field_values(path: Path, field: str) -> dict[str, int]:
    """How many features have each text in a field; those without any are left out."""
    check_vector(path, field)
    with _reading(path):
        _, _, _, (column,) = pyogrio.raw.read(path, columns=[field], read_geometry=False)
    return dict(Counter(text for text in map(_text, column) if text is not None))


def _text(value: Any) -> str | None:
    """A field's value as a text: whole numbers without a point. None where it is empty."""
    if value is None or value == "" or value != value:
        return None
    return str(int(value)) if isinstance(value, float | np.floating) and value == int(value) else str(value)


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

    texts: of each polygon what the field that tells its class holds, None for nothing; empty when no field was asked
    for. skipped: features left out (no area: points, lines, empty or beyond mending); mended: invalid ones repaired.
    """

    path: Path
    tree: shapely.STRtree
    texts: tuple[str | None, ...]
    skipped: int
    mended: int

    def near(self, shape: Any) -> np.ndarray:
        """The numbers of the polygons that touch ``shape``, in the order of the file."""
        return np.sort(self.tree.query(shape, predicate="intersects"))


def read_polygons(path: Path, crs: Any, field: str | None = None) -> Polygons:
    """All polygons of a vector file, reprojected to ``crs`` (a rasterio CRS), with what ``field`` says of each.

    Raises `UserError` for a file that cannot be read, has no reference system or no such field, or holds no polygon.
    """
    check_vector(path, field)
    with _reading(path):
        columns = [] if field is None else [field]
        meta, _, geometry, values = pyogrio.raw.read(path, columns=columns, force_2d=True)
    shapes = shapely.from_wkb(geometry, on_invalid="ignore") if geometry is not None else np.array([], object)
    transformer = Transformer.from_crs(meta["crs"], crs.to_wkt(), always_xy=True)
    shapes = shapely.transform(shapes, lambda xy: np.column_stack(transformer.transform(xy[:, 0], xy[:, 1])))
    kept, numbers, mended = _mend(shapes)
    if not kept:
        raise UserError(f"{path}: holds no polygon ({len(shapes)} features); labels are polygons")
    texts = tuple(_text(values[0][number]) for number in numbers) if field is not None else ()
    return Polygons(path, shapely.STRtree(kept), texts, len(shapes) - len(kept), mended)


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


def _mend(shapes: np.ndarray) -> tuple[list[Any], list[int], int]:
    """Polygons with an area, invalid ones made valid; their numbers in the file; and how many were mended."""
    kept: list[Any] = []
    numbers: list[int] = []
    mended = 0
    for number, shape in enumerate(shapes):
        if shape is None or shape.is_empty or not np.isfinite(shape.bounds).all():
            continue
        repaired = not shape.is_valid
        if repaired:
            shape = shapely.make_valid(shape)
        parts = [part for part in shapely.get_parts(shapely.get_parts([shape])) if part.area > 0]
        if parts:
            kept.append(parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts))
            numbers.append(number)
            mended += repaired
    return kept, numbers, mended


def moved(shapes: np.ndarray, affine: Affine) -> np.ndarray:
    """Shapes whose (x, y) went through ``affine``."""
    matrix = np.array([[affine.a, affine.b], [affine.d, affine.e]])
    return shapely.transform(shapes, lambda xy: xy @ matrix.T + (affine.c, affine.f))


def drawn(shapes: Iterable[Any], window: Window) -> np.ndarray:
    """(height, width) bool: pixels of the window whose center lies in a shape (given in columns and rows)."""
    canvas = np.zeros((window.height, window.width), np.uint8)
    draw_over(canvas, [(shape, 1) for shape in shapes], window)
    return canvas.astype(bool)


def draw_over(canvas: np.ndarray, shapes: Sequence[tuple[Any, int]], window: Window) -> None:
    """Put each shape's value on the pixels of ``canvas`` (height, width) whose center lies in it; later ones on top."""
    if shapes:
        rasterize(shapes, out=canvas, transform=Affine.translation(window.column, window.row))
