"""Polygons that people drew: read from vector files, brought to a picture's grid, and drawn on its pixels.

This file imports no torch: `limner check` and `limner score` stay light.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError
from rasterio.features import rasterize
from rasterio.transform import Affine

from limner.foundation.errors import UserError
from limner.scenes.georeference import same_system, transformer
from limner.scenes.rasters import Raster
from limner.scenes.windows import Window
from limner.segment.labels.vector_files import Column, VectorLayer

KINDS = {0: "point", 4: "point", 1: "open line", 5: "open line", 3: "flat polygon", 6: "flat polygon"}
UNREADABLE, UNPLACEABLE, OTHER = "unreadable shape", "unplaceable shape", "other shape"
LONGITUDES, LATITUDES = 360.0, 90.0
INSCRIBED = 0.99
"""Of a reach, what the polygon that stands for its circle surely holds (8 corners a quarter: cos(pi / 32) = 0.995)."""


def check_ground(raster: Raster, vector: Path) -> None:
    """Raise `UserError` where polygons cannot be laid on a picture, because it does not say where it lies."""
    if raster.georeferenced:
        return
    if raster.misfit is not None:
        raise UserError(f"{raster.path}: the polygons of {vector.name} cannot be laid on it: {raster.misfit}")
    if not raster.transform.is_identity:
        raise UserError(
            f"{raster.path}: says where its pixels lie, but not in which reference system, so the polygons of "
            f"{vector.name} cannot be laid on it; set it (gdal_edit.py -a_srs EPSG:NUMBER FILE)"
        )
    raise UserError(
        f"{raster.path}: has no georeference, so the polygons of {vector.name} cannot be laid on it; "
        "give a GeoTIFF, or masks of the picture's size"
    )


@dataclass(frozen=True)
class Polygons:
    """Polygons of a layer in one reference system, with a spatial index.

    texts: of each polygon what the field that tells its class holds, None for nothing; empty when no field was asked
    for. closed_lines: how many of them were drawn as closed lines. skipped: features left out, by what they are.
    mended: invalid ones repaired. guessed: the encoding of the texts, where the file does not say it.
    """

    layer: VectorLayer
    tree: shapely.STRtree
    texts: tuple[str | None, ...]
    closed_lines: int
    skipped: Mapping[str, int]
    mended: int
    guessed: str | None = None

    @property
    def count(self) -> int:
        """How many polygons there are."""
        return len(self.tree.geometries)

    def near(self, shape: Any) -> np.ndarray:
        """The numbers of the polygons that touch ``shape``, in the order of the file."""
        return np.sort(self.tree.query(shape, predicate="intersects"))

    def cautions(self) -> list[str]:
        """What may mislead in how the layer was read."""
        words = [f"{counted(self.closed_lines, 'closed line')} read as polygons"] if self.closed_lines else []
        if self.skipped:
            left_out = sum(self.skipped.values())
            words.append(f"{left_out} of {counted(self.layer.features, 'feature')} left out ({self._kinds})")
        if self.guessed is not None:
            words.append(f"its attributes are not in the encoding that it says, if it says one; read as {self.guessed}")
        return words

    def notes(self) -> list[str]:
        """What else a user may want to know of it."""
        words = [f"{counted(self.mended, 'invalid polygon')} mended"] if self.mended else []
        if self.layer.others:
            words.append(f"its layer {self.layer.name} is read, not {', '.join(self.layer.others)}")
        return words

    @property
    def _kinds(self) -> str:
        return ", ".join(counted(count, kind) for kind, count in self.skipped.items())


def read_polygons(layer: VectorLayer, crs: Any, field: str | None = None) -> Polygons:
    """All polygons of a layer, reprojected to ``crs`` (a rasterio CRS), with what ``field`` says of each.

    Closed lines are polygons, too: OpenStreetMap's outlines come so from many programs.

    Raises `UserError` for a layer that cannot be read or has no such field; for coordinates that its reference system
    does not have; for one that cannot be brought to ``crs``; and where there are features, but none is a polygon.
    """
    layer.check_field(field)
    if layer.features == 0:
        return Polygons(layer, shapely.STRtree([]), (), 0, {}, 0)
    shapes = shapely.from_wkb(layer.geometries(), on_invalid="ignore")
    _check_degrees(layer, shapes)
    shapes = _reprojected(layer, shapes, crs)
    column = Column((), None) if field is None else layer.column(field)
    found = _Sorted()
    plain = (shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON) & shapely.is_valid(shapes)
    plain &= shapely.area(shapes) > 0
    for number, shape in enumerate(shapes):
        if plain[number]:
            found.keep(number, [shape])
        else:
            found.add(number, shape)
    read = Polygons(
        layer,
        shapely.STRtree(found.kept),
        tuple(column.texts[number] for number in found.numbers) if field is not None else (),
        found.closed_lines,
        dict(found.skipped),
        found.mended,
        column.guessed,
    )
    if read.count == 0:
        raise UserError(
            f"{layer.path}: holds no polygon ({counted(len(shapes), 'feature')}: {read._kinds}); labels are polygons"
        )
    return read


class _Sorted:
    """The features of a layer, told apart: polygons with an area, and what is none."""

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self.numbers: list[int] = []  # in the file
        self.closed_lines = 0
        self.skipped: Counter[str] = Counter()
        self.mended = 0

    def keep(self, number: int, polygons: list[Any]) -> None:
        """A feature of sound polygons."""
        self.kept.append(polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons))
        self.numbers.append(number)

    def add(self, number: int, shape: Any) -> None:
        """Any feature's shape in the picture's reference system, or None where it has none that can be read."""
        if shape is None or shape.is_empty:
            self.skipped[UNREADABLE] += 1
        elif not np.isfinite(shape.bounds).all():
            self.skipped[UNPLACEABLE] += 1
        else:
            parts = _parts(shape)
            rings = [shapely.Polygon(part.coords) for part in parts if _encloses(part)]
            polygons = [part for part in parts if isinstance(part, shapely.Polygon)] + rings
            sound = all(polygon.is_valid for polygon in polygons)
            if not sound:
                mended = [part for polygon in polygons for part in _parts(shapely.make_valid(polygon))]
                polygons = [part for part in mended if isinstance(part, shapely.Polygon)]
            polygons = [polygon for polygon in polygons if polygon.area > 0]
            if not polygons:
                self.skipped[KINDS.get(int(shapely.get_type_id(shape)), OTHER)] += 1
                return
            self.keep(number, polygons)
            self.closed_lines += bool(rings)
            self.mended += not sound


def _parts(shape: Any) -> list[Any]:
    """The points, lines and polygons that a shape consists of."""
    parts = [shape]
    while any(hasattr(part, "geoms") for part in parts):
        parts = list(shapely.get_parts(parts))
    return parts


def _encloses(part: Any) -> bool:
    """Whether it is a line that ends where it began, around some ground."""
    return isinstance(part, shapely.LineString) and bool(part.is_closed) and len(part.coords) > 3


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "point"), counted(2, "point")
    ('1 point', '2 points')
    """
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _check_degrees(layer: VectorLayer, shapes: np.ndarray) -> None:
    """Raise `UserError` where a layer in degrees holds meters: a GeoJSON that names no reference system."""
    points = shapely.get_coordinates(shapes)
    if len(points) == 0 or not _system(layer).is_geographic:
        return
    beyond = (np.abs(points[:, 0]) > LONGITUDES) | (np.abs(points[:, 1]) > LATITUDES)
    if beyond.mean() > 0.5:
        x, y = points[beyond][0]
        raise UserError(
            f"{layer.path}: its coordinates (such as {x:.7g}, {y:.7g}) are not degrees, as its reference system "
            f"{_system(layer).name} says (a GeoJSON that names none is in longitude and latitude); set the right one "
            "(ogr2ogr -a_srs EPSG:NUMBER new.gpkg FILE)"
        )


def _reprojected(layer: VectorLayer, shapes: np.ndarray, crs: Any) -> np.ndarray:
    """Shapes of a layer in another reference system; what it has no place for becomes infinite."""
    own = _system(layer)
    if same_system(own, crs):
        return shapes
    between = transformer(own, crs)
    if between is None:
        raise UserError(
            f"{layer.path}: its reference system ({own.name}) cannot be brought to that of the picture "
            f"({CRS.from_wkt(crs.to_wkt()).name}): one of them is local, tied to no place on the Earth; bring both "
            "to one"
        )

    def moved_points(xy: np.ndarray) -> np.ndarray:
        return np.column_stack(between.transform(xy[:, 0], xy[:, 1]))

    return np.asarray(shapely.transform(shapes, moved_points))


def _system(layer: VectorLayer) -> CRS:
    try:
        return CRS.from_user_input(layer.crs)
    except CRSError:
        raise UserError(
            f"{layer.path}: its coordinate reference system means nothing; set another "
            "(ogr2ogr -a_srs EPSG:NUMBER new.gpkg FILE)"
        ) from None


def moved(shapes: np.ndarray, affine: Affine) -> np.ndarray:
    """Shapes whose (x, y) went through ``affine``."""
    matrix = np.array([[affine.a, affine.b], [affine.d, affine.e]])
    return shapely.transform(shapes, lambda xy: xy @ matrix.T + (affine.c, affine.f))


def box_of(window: Window, margin_px: int = 0) -> Any:
    """A window's ground and ``margin_px`` around it, as a polygon in columns (x) and rows (y)."""
    row, column, rows, columns = window
    return shapely.box(column - margin_px, row - margin_px, column + columns + margin_px, row + rows + margin_px)


def drawn(shapes: Iterable[Any], window: Window) -> np.ndarray:
    """(height, width) bool: pixels of the window whose center lies in a shape (given in columns and rows)."""
    canvas = np.zeros((window.height, window.width), np.uint8)
    draw_over(canvas, [(shape, 1) for shape in shapes], window)
    return canvas.astype(bool)


def drawn_around(shapes: np.ndarray, window: Window, reach_px: float) -> np.ndarray:
    """(height, width) bool: pixels of the window whose center is at most ``reach_px`` from a shape (as `drawn` takes
    them).

    A window that lies in reach of one point of a shape is told without drawing: of a whole scene's truth, where the
    reach is the scene's side, no window needs it.
    """
    inner = shapely.get_coordinates(shapely.point_on_surface(shapes))
    corners = shapely.get_coordinates(box_of(window))
    farthest = np.linalg.norm(inner[:, None] - corners[None], axis=-1).max(axis=1, initial=0)
    if (farthest < INSCRIBED * reach_px).any():
        return np.ones((window.height, window.width), bool)
    return drawn(shapely.buffer(shapes, reach_px), window)


def draw_over(canvas: np.ndarray, shapes: Sequence[tuple[Any, int]], window: Window) -> None:
    """Put each shape's value on the pixels of ``canvas`` (height, width) whose center lies in it; later ones on top."""
    if shapes:
        rasterize(shapes, out=canvas, transform=Affine.translation(window.column, window.row))
