"""Outlines along pixels' sides with fewer corners; where two share a border, they still do."""

from collections.abc import Iterator

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from limner.segment.footprints.rings import with_corner_at_every_pixel

MANY_CORNERS = 20_000
POINTS_AT_ONCE = 100_000
"""Corners, one at every pixel, of outlines that are simplified together: GEOS takes about 100 bytes for each."""


def simplified(outlines: np.ndarray, tolerance_px: float, points_at_once: int = POINTS_AT_ONCE) -> np.ndarray:
    """Polygons along pixels' sides with fewer corners; where two share a border, they still do.

    A corner goes while the triangle with its neighbors is smaller than half the square of ``tolerance_px`` (Visvalingam
    and Whyatt 1993), as long as no border meets another. Outlines of very many corners (a noisy map), which would take
    minutes, are simplified each by itself.

    points_at_once: outlines whose boxes touch, from one to the next, are simplified together, however many points they
    have; others only up to so many. It decides about memory alone: a corner's triangle lies in its outline's box, so
    others far away have no say.
    """
    shapes = outlines.copy()
    if tolerance_px == 0 or not len(shapes):
        return shapes
    usual = shapely.get_num_coordinates(outlines) < MANY_CORNERS
    for chosen in _near_each_other(outlines, np.flatnonzero(usual), points_at_once):
        # A corner at every pixel makes the sides of neighbors match, as a coverage needs.
        matching = np.array([with_corner_at_every_pixel(outline) for outline in outlines[chosen]], object)
        shapes[chosen] = shapely.coverage_simplify(matching, tolerance_px)
    shapes[~usual] = shapely.simplify(outlines[~usual], tolerance_px / 3, preserve_topology=False)
    lost = shapely.is_empty(shapes)
    shapes[lost] = outlines[lost]
    return shapes


def _near_each_other(outlines: np.ndarray, numbers: np.ndarray, points_at_once: int) -> Iterator[np.ndarray]:
    """Sorted numbers of outlines to be simplified together: whole groups of those whose boxes touch."""
    if not len(numbers):
        return
    boxes = shapely.box(*shapely.bounds(outlines[numbers]).T)
    one, other = shapely.STRtree(boxes).query(boxes)
    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(len(boxes), len(boxes)))
    count, group = connected_components(graph, directed=False)
    points = np.bincount(group, weights=shapely.length(outlines[numbers]), minlength=count)
    together = (np.cumsum(points) - points) // points_at_once  # of each group
    order = np.argsort(together[group], kind="stable")
    for chosen in np.split(order, np.flatnonzero(np.diff(together[group][order])) + 1):
        yield numbers[chosen]
