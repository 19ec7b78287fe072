"""Areas of polygons on the ellipsoid, right anywhere on the Earth: beyond 180 degrees, at the poles, of any size."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import shapely
from pyproj import Geod

Points = Callable[[np.ndarray], np.ndarray]
"""Takes points (n, 2) to others (n, 2)."""


def geodesic_areas(shapes: np.ndarray, to_degrees: Points, longest_edge: float) -> np.ndarray:
    """Square meters of polygons, (n,) float64, on the WGS84 ellipsoid (Karney 2013).

    The rings' own areas are taken without a sign, the holes' away from the outer one's: which way a ring runs on the
    Earth cannot be told from its longitudes where they jump from 180 to -180 degrees.

    Args:
        shapes: single polygons, (n,) object, in the plane where their sides are straight.
        to_degrees: from that plane to longitude and latitude.
        longest_edge: longer sides are divided: straight in the plane is not straight on the ellipsoid.
    """
    rings, owner = shapely.get_rings(shapes, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    if len(points) == 0:
        return np.zeros(len(shapes))
    points, ring = _divided(points, ring, longest_edge)
    longitudes, latitudes = to_degrees(points).T
    ellipsoid = Geod(ellps="WGS84")
    starts = np.append(np.flatnonzero(np.diff(ring, prepend=-1)), len(ring))
    areas = np.array(
        [
            abs(ellipsoid.polygon_area_perimeter(longitudes[start:end], latitudes[start:end])[0])
            for start, end in pairwise(starts.tolist())
        ]
    )
    is_hole = np.diff(owner, prepend=-1) == 0  # a polygon's first ring is its outer one
    return np.bincount(owner, weights=np.where(is_hole, -areas, areas), minlength=len(shapes))


def cut_at_antimeridian(shapes: np.ndarray) -> np.ndarray:
    """Polygons in degrees, those that cross 180 degrees cut in two there, as RFC 7946 (3.1.9) wants it.

    A polygon whose longitudes span more than half the Earth is taken for one that crosses.
    """
    west, _, east, _ = shapely.bounds(shapes).T if len(shapes) else np.zeros((4, 0))
    found = shapes.copy()
    for number in np.flatnonzero((east - west > 180) | (east > 180) | (west < -180)):
        found[number] = _cut(shapes[number])
    return found


def _cut(shape: shapely.Polygon) -> shapely.Geometry:
    def eastward(points: np.ndarray) -> np.ndarray:
        return np.column_stack([np.where(points[:, 0] < 0, points[:, 0] + 360, points[:, 0]), points[:, 1]])

    whole = shapely.make_valid(shapely.transform(shape, eastward))
    parts = [
        shapely.affinity.translate(part, -shift)
        for shift in (0, 360)
        for part in shapely.get_parts(shapely.intersection(whole, shapely.box(shift - 180, -90, shift + 180, 90)))
        if part.area > 0
    ]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _divided(points: np.ndarray, ring: np.ndarray, longest: float) -> tuple[np.ndarray, np.ndarray]:
    """The points (n, 2) of rings, with others between them so that no side is longer than ``longest``."""
    step = np.diff(points, axis=0, append=points[-1:])
    step[np.diff(ring, append=-1) != 0] = 0  # from one ring to the next is no side
    parts = np.maximum(1, np.ceil(np.hypot(*step.T) / longest)).astype(np.int64)
    first = np.cumsum(parts) - parts
    share = (np.arange(parts.sum()) - np.repeat(first, parts)) / np.repeat(parts, parts)
    return np.repeat(points, parts, axis=0) + np.repeat(step, parts, axis=0) * share[:, None], np.repeat(ring, parts)
