"""Polygons along the pixels' sides, ring by ring: with a corner at every pixel, or as GDAL outlines them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import shapely


def with_corner_at_every_pixel(polygon: Any) -> Any:
    """The same polygon along the pixels' sides, with a corner wherever two pixels meet.

    In numpy, as `shapely.segmentize` buffers polygons to make sure that they are valid, which takes minutes for large
    ones.
    """
    return _rebuilt(polygon, _densified)


def as_outlined(polygon: Any) -> Any:
    """The polygon along the pixels' sides as GDAL outlines it at once: the same rings wherever seams were.

    Rings have corners only where they turn, and begin at the left of their highest ones; the outer one runs as holes do
    not, and holes stand in the order of where they begin.
    """
    outer, *holes = [_corners_only(shapely.get_coordinates(ring)) for ring in shapely.get_rings(polygon)]
    outer, *holes = [_begun(outer, ccw=False), *sorted((_begun(hole, ccw=True) for hole in holes), key=_beginning)]
    return shapely.polygons(shapely.linearrings(outer), [shapely.linearrings(hole) for hole in holes] or None)


def _begun(ring: np.ndarray, ccw: bool) -> np.ndarray:
    """A closed ring (n, 2) in one direction (of x and y), from its first corner by row and column."""
    points = ring[:-1] if shapely.is_ccw(shapely.linearrings(ring)) == ccw else ring[:0:-1]
    first = np.lexsort(points.T)[0]
    return np.concatenate([points[first:], points[: first + 1]])


def _beginning(ring: np.ndarray) -> tuple[float, float]:
    return float(ring[0, 1]), float(ring[0, 0])


def _rebuilt(polygon: Any, change: Callable[[np.ndarray], np.ndarray]) -> Any:
    """The polygon with each of its rings, (n, 2) closed, changed."""
    outer, *holes = [shapely.linearrings(change(shapely.get_coordinates(ring))) for ring in shapely.get_rings(polygon)]
    return shapely.polygons(outer, holes or None)


def _densified(ring: np.ndarray) -> np.ndarray:
    """Points (n, 2) of a closed ring whose sides lie along axes, with all whole places between them."""
    sides = np.diff(ring, axis=0)
    lengths = np.abs(sides).sum(axis=1).astype(np.int64)
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    along = np.arange(lengths.sum()) - first
    steps = np.repeat(np.sign(sides), lengths, axis=0) * along[:, None]
    return np.concatenate([np.repeat(ring[:-1], lengths, axis=0) + steps, ring[-1:]])


def _corners_only(ring: np.ndarray) -> np.ndarray:
    """The points of a closed ring along axes where it turns."""
    sides = np.sign(np.diff(ring, axis=0))
    turns = (sides != np.roll(sides, 1, axis=0)).any(axis=1)  # the first point belongs to the first and the last side
    corners = ring[:-1][turns]
    return np.concatenate([corners, corners[:1]])
