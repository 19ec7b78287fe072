"""Where on the ground a picture lies: by its own georeference, or by the name of its Web Mercator tile.

This file imports no torch: `limner check` and `limner score` stay light.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rasterio.crs import CRS
from rasterio.transform import Affine

MERCATOR_HALF_M = 20_037_508.342789244  # half the side of the Web Mercator square: pi * 6378137 m
HIGHEST_ZOOM = 24


class Place(NamedTuple):
    """crs: the reference system (a rasterio CRS). transform: from (column, row) to its coordinates."""

    crs: Any
    transform: Affine


def own_place(dataset: Any) -> Place | None:
    """Where a rasterio dataset itself says that it lies; None without both reference system and transform."""
    if dataset.crs is None or dataset.transform.is_identity:
        return None
    return Place(dataset.crs, dataset.transform)


def place_by_name(stem: str, height: int, width: int) -> Place | None:
    """The place of a tile of ``height`` x ``width`` pixels called ``z19_386690_220241`` (or with ``-``); else None.

    Zoom, column and row as on web maps (XYZ, rows from the north): at zoom Z the Web Mercator square (EPSG:3857) is
    cut into 2**Z x 2**Z tiles. A name with a column or row beyond them is no tile's.

    >>> place_by_name("z1_1_0", 256, 256).transform.c, place_by_name("z1_1_0", 256, 256).transform.f
    (0.0, 20037508.342789244)
    >>> place_by_name("z1_2_0", 256, 256) is None
    True
    """
    name = re.fullmatch(r"z([0-9]{1,2})([_-])([0-9]{1,8})\2([0-9]{1,8})", stem)
    if name is None:
        return None
    zoom, column, row = (int(name[group]) for group in (1, 3, 4))
    if zoom > HIGHEST_ZOOM or max(column, row) >= 2**zoom:
        return None
    side_m = 2 * MERCATOR_HALF_M / 2**zoom
    west, north = column * side_m - MERCATOR_HALF_M, MERCATOR_HALF_M - row * side_m
    return Place(_web_mercator(), Affine(side_m / width, 0, west, 0, -side_m / height, north))


def place_of(path: Path, dataset: Any) -> Place | None:
    """The place of file ``path``, open as ``dataset``: its own, else by its name, else None."""
    return own_place(dataset) or place_by_name(path.stem, dataset.height, dataset.width)


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
