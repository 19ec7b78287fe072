"""Where on the ground a picture lies: by its own georeference, or by the name or folders of its Web Mercator tile.

This file imports no torch: `limner check` and `limner score` stay light.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rasterio.crs import CRS
from rasterio.transform import Affine

from limner.scenes.map_tiles import tile_of

MERCATOR_HALF_M = 20_037_508.342789244  # half the side of the Web Mercator square: pi * 6378137 m
CONTROL_POINTS_OFF_PX = 0.25  # up to which GDAL, too, takes ground control points for a grid


class Place(NamedTuple):
    """crs: the reference system (a rasterio CRS). transform: from (column, row) to its coordinates."""

    crs: Any
    transform: Affine


def own_place(dataset: Any) -> Place | None:
    """Where a rasterio dataset itself says that it lies: by its transform, or by ground control points.

    None without them, and for control points that fit no straight grid (`misfit`).
    """
    if dataset.crs is not None and not dataset.transform.is_identity:
        return Place(dataset.crs, dataset.transform)
    points, crs = _control_points(dataset)
    grid = None if crs is None else _fitted(points)
    return Place(crs, grid.transform) if grid is not None and grid.off_px <= CONTROL_POINTS_OFF_PX else None


def _control_points(dataset: Any) -> tuple[Sequence[Any], Any]:
    """A dataset's ground control points, and their reference system or None."""
    points, crs = dataset.gcps
    return points, dataset.crs if crs is None else crs


class _Grid(NamedTuple):
    """The straight grid nearest to control points. off_px: how far it is from them, at most."""

    transform: Affine
    off_px: float


def _fitted(points: Sequence[Any]) -> _Grid | None:
    """The affine transform nearest to ground control points, by least squares; None where they lie on one line."""
    if len(points) < 3:
        return None
    pixels = np.array([(point.col, point.row, 1.0) for point in points])
    ground = np.array([(point.x, point.y) for point in points])
    middle = ground.mean(axis=0)  # coordinates of millions of meters would cost digits
    if np.linalg.matrix_rank(pixels) < 3 or not np.isfinite(ground).all():
        return None
    matrix = np.linalg.lstsq(pixels, ground - middle, rcond=None)[0].T  # (2, 3)
    if abs(np.linalg.det(matrix[:, :2])) == 0:
        return None
    errors = np.linalg.solve(matrix[:, :2], (ground - middle).T - matrix @ pixels.T)
    a, b, c, d, e, f = matrix.ravel().tolist()
    return _Grid(Affine(a, b, c + float(middle[0]), d, e, f + float(middle[1])), float(np.abs(errors).max()))


def misfit(dataset: Any) -> str | None:
    """What a dataset says of its place that is no straight grid, and how to make it one; None where it does not."""
    points, crs = _control_points(dataset)
    if points and dataset.transform.is_identity and own_place(dataset) is None:
        grid = _fitted(points)
        if crs is None:
            return f"its {len(points)} ground control points name no reference system; set it (gdal_translate -a_srs)"
        off = "lie on one line" if grid is None else f"fit no straight grid (up to {grid.off_px:.3g} px off)"
        return f"its {len(points)} ground control points {off}; warp it first (gdalwarp -tps FILE new.tif)"
    if dataset.rpcs is not None and own_place(dataset) is None:
        return "it is placed by RPCs only; make it an orthophoto first (gdalwarp -rpc FILE new.tif)"
    return None


def place_by_name(path: Path | str, height: int, width: int) -> Place | None:
    """The place of a web map's tile of ``height`` x ``width`` pixels by its name or folders (`map_tiles.tile_of`).

    At zoom Z the Web Mercator square (EPSG:3857) is cut into 2**Z x 2**Z tiles, rows counted from the north. A name
    with a column or row beyond them is no tile's.

    >>> place_by_name("z1_1_0", 256, 256).transform.c, place_by_name("z1_1_0", 256, 256).transform.f
    (0.0, 20037508.342789244)
    >>> place_by_name("z1_2_0", 256, 256) is None
    True
    """
    tile = tile_of(Path(path), height, width)
    if tile is None:
        return None
    side_m = 2 * MERCATOR_HALF_M / 2**tile.zoom
    west, north = tile.column * side_m - MERCATOR_HALF_M, MERCATOR_HALF_M - tile.row * side_m
    return Place(_web_mercator(), Affine(side_m / width, 0, west, 0, -side_m / height, north))


def place_of(path: Path, dataset: Any) -> Place | None:
    """The place of file ``path``, open as ``dataset``: its own, else by its name or folders, else None."""
    own = own_place(dataset)
    return own if own is not None or path.is_dir() else place_by_name(path, dataset.height, dataset.width)


def lacks_system(dataset: Any) -> bool:
    """Whether a dataset says by a transform where it lies, but not in which reference system."""
    return dataset.crs is None and not dataset.transform.is_identity


def beyond_degrees(place: Place, height: int, width: int) -> tuple[float, float] | None:
    """A corner (x, y) of a picture whose place is told in degrees, where it lies beyond what degrees can say.

    None where no corner does. Longitudes may run to 360, as some count them, or over 180; a pixel's width more is let
    pass, for grids whose outermost pixels have their middles on the edge.
    """
    if not place.crs.is_geographic:
        return None
    _, radians = place.crs.units_factor
    a, b, _, d, e, _ = place.transform[:6]
    most_x, most_y = (np.radians(most) / radians for most in (360, 90))
    for column, row in ((0, 0), (width, 0), (0, height), (width, height)):
        corner = shifted(place.transform, column, row)
        if abs(corner.c) > most_x + abs(a) + abs(b) or abs(corner.f) > most_y + abs(d) + abs(e):
            return float(corner.c), float(corner.f)
    return None


def scaled(transform: Affine, wider: float, higher: float) -> Affine:
    """The transform of the same picture in pixels ``wider`` and ``higher`` times as large."""
    a, b, c, d, e, f = transform[:6]
    return Affine(a * wider, b * higher, c, d * wider, e * higher, f)


def shifted(transform: Affine, column: float, row: float) -> Affine:
    """The transform of a part of a picture whose first pixel is at ``column``, ``row``."""
    a, b, c, d, e, f = transform[:6]
    return Affine(a, b, a * column + b * row + c, d, e, d * column + e * row + f)


def same_system(one: Any, other: Any) -> bool:
    """Whether two reference systems (of rasterio or pyproj) are one on the ground; heights do not count."""
    wkt, others = one.to_wkt(), other.to_wkt()
    return wkt == others or _same_system(wkt, others)


def transformer(here: Any, there: Any) -> Any | None:
    """What brings coordinates (x, y) of one reference system to another, a pyproj Transformer.

    None where that cannot be: one of them is local, tied to no place on the Earth, or of another one.
    """
    from pyproj import Transformer
    from pyproj.exceptions import CRSError, ProjError

    try:
        return Transformer.from_crs(here.to_wkt(), there.to_wkt(), always_xy=True)
    except (ProjError, CRSError):
        return None


@lru_cache(maxsize=256)
def _same_system(one: str, other: str) -> bool:
    from pyproj.exceptions import CRSError

    try:
        first, second = _horizontal(one), _horizontal(other)
    except CRSError:
        return False
    return bool(first.equals(second, ignore_axis_order=True))


def _horizontal(wkt: str) -> Any:
    """The part of a reference system (a pyproj CRS) that says where on the ground, without heights."""
    from pyproj import CRS as System

    system = System.from_wkt(wkt)
    if system.is_compound:
        system = system.sub_crs_list[0]
    return system.to_2d() if len(system.axis_info) > 2 else system


def ground_m(place: Place, height: int, width: int) -> float | None:
    """Side in meters of the square as large as the ground of the middle pixel of ``height`` x ``width``.

    Measured on the ellipsoid, so that Web Mercator's stretched pixels and degrees count rightly. None for a local grid
    that nobody can place on the Earth.
    """
    from pyproj import Geod

    row, column = height / 2, width / 2
    starts = [shifted(place.transform, column + right, row + down) for right, down in ((0, 0), (1, 0), (0, 1))]
    to_degrees = transformer(place.crs, CRS.from_epsg(4326))
    if to_degrees is None:
        return None
    start, right, below = (to_degrees.transform(corner.c, corner.f) for corner in starts)
    try:
        width_m, height_m = (Geod(ellps="WGS84").inv(*start, *end)[2] for end in (right, below))
    except ValueError:
        return None
    side_m = float(np.sqrt(width_m * height_m))
    return side_m if np.isfinite(side_m) else None


@lru_cache(maxsize=1)
def _web_mercator() -> Any:
    return CRS.from_epsg(3857)
