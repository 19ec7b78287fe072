"""Buildings squared: sides along each building's two main directions, walls that are shared stay shared.

All corners of a batch of polygons move at once, by least squares: a corner wants to stay where it is, both ends of a
side want to lie on one line along the nearer main direction, and a polygon wants its area (which is not linear, so
there are a few rounds). A corner that several polygons share is one unknown, so no gap opens between neighbors.
Whatever comes out invalid, of another area or over a neighbor stays as it was.
(After the idea of Bayer, Poznanska, Dahlke and Bulatov 2014, "Regularizing building outlines": ours is a plain linear
one.)
"""

from typing import NamedTuple

import numpy as np
import shapely
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import coo_array, csc_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import spsolve

MOST_TURN = np.deg2rad(30)
"""A side farther than this from both main directions is a diagonal, and stays one."""
ALONG = 100.0
"""How much stronger a side pulls to its direction than a corner to its place: angles come out right to a hundredth."""
AREA = 10.0
"""How much stronger an area's error pulls, in pixels of a wall moved, than a corner to its place."""
ROUNDS = 4
BINS = 90
"""Of directions, a degree each."""
SPREAD = np.deg2rad(4)
"""How far the sides of one direction scatter about it: their std."""
SAME_TURN = np.deg2rad(10)
"""Neighbors whose directions are so near to that of all that hangs together take it: one wall has one direction."""
MOST_AREA = 0.02
"""An area may change by this share."""
LEAST_IOU = 0.7
"""Of a polygon with itself before: what moves farther stays as it was."""
TRIES = 8


class _Sides(NamedTuple):
    """first, second: (sides,) int, the unknowns of their ends. owner: (sides,) int, whose they are. delta: (sides, 2),
    from one end to the other."""

    first: np.ndarray
    second: np.ndarray
    owner: np.ndarray
    delta: np.ndarray


def squared(shapes: np.ndarray) -> np.ndarray:
    """The polygons with right angles where they nearly have them.

    shapes: (n,) valid polygons in pixels (taken for square), neighbors with a corner in common wherever they touch.
    Gives (n,) valid polygons of an area within 2 %; what shares a wall still does, and none lies over a neighbor.
    """
    if not len(shapes):
        return shapes
    corners, owners = shapely.get_coordinates(shapes, return_index=True)
    places, unknown = np.unique(corners, axis=0, return_inverse=True)
    unknown = unknown.ravel()
    sides = _sides(shapes, corners, unknown, owners)
    directions = main_directions(sides, len(shapes), unknown, owners)
    kept = np.zeros(len(shapes), bool)
    for _ in range(TRIES):
        fixed = np.zeros(len(places), bool)
        fixed[unknown[kept[owners]]] = True
        moved = places
        for _ in range(ROUNDS):
            moved = _solved(places, moved, fixed, sides, directions, kept)
        found = shapely.set_coordinates(shapes.copy(), moved[unknown])
        wrong = _wrong(shapes, found) & ~kept
        if not wrong.any():
            return found
        kept |= wrong
    return shapes.copy()


def main_directions(sides: _Sides, count: int, unknown: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """The direction that most of each polygon's sides have, (count,) radians modulo a quarter turn; that of all
    polygons that hang together, where it is near.

    unknown, owners: (corners,) int, of each corner its unknown and whose it is.
    """
    angles = 4 * np.arctan2(sides.delta[:, 1], sides.delta[:, 0])
    weights = (sides.delta**2).sum(1)  # lengths squared: walls outweigh what raggedness there is
    found = np.zeros((count, BINS))
    np.add.at(found, (sides.owner, np.round(angles * BINS / (2 * np.pi)).astype(int) % BINS), weights)
    most = gaussian_filter1d(found, BINS * SPREAD / (np.pi / 2), axis=1, mode="wrap").argmax(1) * 2 * np.pi / BINS
    near_most = np.abs(np.angle(np.exp(1j * (angles - most[sides.owner])))) <= 8 * SPREAD
    turned = np.exp(1j * angles) * near_most
    real, imaginary = (
        np.bincount(sides.owner, weights=weights * part, minlength=count) for part in (turned.real, turned.imag)
    )
    own = real + 1j * imaginary
    places = int(unknown.max()) + 1
    links = coo_array((np.ones(len(owners)), (owners, count + unknown)), shape=(count + places, count + places))
    group = connected_components(links, directed=False)[1][:count]
    of_all = np.zeros(count + places, complex)
    np.add.at(of_all, group, own)
    near = np.abs(np.angle(own * np.conj(of_all[group]))) / 4 <= SAME_TURN
    return np.asarray(np.angle(np.where(near, of_all[group], own)) / 4)


def _sides(shapes: np.ndarray, corners: np.ndarray, unknown: np.ndarray, owners: np.ndarray) -> _Sides:
    rings = shapely.get_rings(shapes)
    _, ring = shapely.get_coordinates(rings, return_index=True)
    inner = np.flatnonzero(ring[:-1] == ring[1:])  # a ring's last corner is its first
    return _Sides(unknown[inner], unknown[inner + 1], owners[inner], corners[inner + 1] - corners[inner])


def _solved(
    places: np.ndarray, now: np.ndarray, fixed: np.ndarray, sides: _Sides, directions: np.ndarray, kept: np.ndarray
) -> np.ndarray:
    """Where the corners come to lie, (unknowns, 2), a round after they lay ``now``.

    places: where they want to be. fixed: (unknowns,) bool, those that stay. kept: (polygons,) bool, those that do.
    """
    pulls = ~kept[sides.owner]
    angle = np.arctan2(sides.delta[:, 1], sides.delta[:, 0]) - directions[sides.owner]
    quarter = np.round(angle / (np.pi / 2)) * (np.pi / 2)
    used = np.flatnonzero(pulls & (np.abs(angle - quarter) <= MOST_TURN))
    wanted = (quarter + directions[sides.owner])[used]
    across = np.stack([-np.sin(wanted), np.cos(wanted)], axis=1)
    first, second = sides.first[used], sides.second[used]
    rows = np.repeat(np.arange(len(used)), 4)
    columns = np.stack([2 * first, 2 * first + 1, 2 * second, 2 * second + 1], axis=1).ravel()
    values = np.concatenate([across, -across], axis=1).ravel()
    size = 2 * len(places)
    pull = coo_array((ALONG * values, (rows, columns)), shape=(len(used), size)).tocsc()
    stay = np.repeat(np.where(fixed, (100 * ALONG) ** 2, 1.0), 2)
    diagonal = coo_array((stay, (np.arange(size), np.arange(size))), shape=(size, size))
    areas, wanted_areas = _area_rows(places, now, sides, ~kept)
    normal = csc_array(pull.T @ pull + areas.T @ areas + diagonal)
    moved = np.asarray(spsolve(normal, stay * places.ravel() + areas.T @ wanted_areas)).reshape(-1, 2)
    moved[fixed] = places[fixed]
    return moved


def _area_rows(places: np.ndarray, now: np.ndarray, sides: _Sides, wanted: np.ndarray) -> tuple[csc_array, np.ndarray]:
    """The equations of the areas, linear about ``now``: (polygons, 2 * unknowns), and what they should come to.

    An area is half the sum over the sides of the cross product of their ends; holes run the other way.
    """
    count = len(wanted)

    def areas(corners: np.ndarray) -> np.ndarray:
        one, other = corners[sides.first], corners[sides.second]
        cross = one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]
        return np.bincount(sides.owner, weights=cross, minlength=count) / 2

    before, after = areas(places), areas(now)
    weight = np.where(wanted, AREA / np.sqrt(np.maximum(np.abs(before), 1)), 0)
    one, other = now[sides.first], now[sides.second]
    rows = np.tile(sides.owner, 4)
    columns = np.concatenate([2 * sides.first, 2 * sides.first + 1, 2 * sides.second, 2 * sides.second + 1])
    slopes = np.concatenate([other[:, 1], -other[:, 0], -one[:, 1], one[:, 0]]) / 2
    matrix = coo_array((weight[rows] * slopes, (rows, columns)), shape=(count, now.size)).tocsc()
    return matrix, weight * (before - after) + matrix @ now.ravel()


def _wrong(shapes: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Which polygons may not be so, (n,) bool: they, or one of two that lie over each other."""
    valid = shapely.is_valid(found)
    before, after = shapely.area(shapes), shapely.area(found)
    wrong = ~valid | (np.abs(after - before) > MOST_AREA * before)
    sound = np.flatnonzero(~wrong)
    common = shapely.area(shapely.intersection(shapes[sound], found[sound]))
    wrong[sound] |= common < LEAST_IOU * (before[sound] + after[sound] - common)
    sound = np.flatnonzero(valid)
    one, other = shapely.STRtree(found[sound]).query(found[sound], predicate="intersects")
    pairs = np.stack([sound[one], sound[other]])[:, one < other]
    over = shapely.area(shapely.intersection(found[pairs[0]], found[pairs[1]]))
    over -= shapely.area(shapely.intersection(shapes[pairs[0]], shapes[pairs[1]]))
    clash = pairs[:, over > 1e-6 * np.minimum(after[pairs[0]], after[pairs[1]])]
    wrong[clash.ravel()] = True
    return np.asarray(wrong)
