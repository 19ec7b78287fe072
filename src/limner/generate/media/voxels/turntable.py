"""Solids as pictures from all sides: rays through the grid, lit by one light."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import ndimage

ELEVATION = 25.0
"""Degrees by which the camera looks down."""
GROUND, AMBIENT, SHADE = 0.94, 0.35, (0.36, 0.55, 0.82)
LIGHT = (-0.45, 0.6, 0.66)
"""Towards the light: to the right, up, and to who looks."""
DEPTH = 3
"""Places on a ray for each voxel of a side: a little more than one a voxel, as a ray is `REACH` sides long."""
REACH = 1.75
"""Sides of the grid that a picture shows: its corners stay inside however it turns."""


class Rays(NamedTuple):
    """The rays of a picture where they cross the grid. numbers: (n,) int64, of places in order of rows, columns, away.
    places: (3, n) float64, of x, y, z in voxels."""

    numbers: np.ndarray
    places: np.ndarray


@lru_cache(maxsize=1)  # all solids of a picture are seen along the same rays
def rays_of(side: int, yaw: float, size_px: int) -> Rays:
    """The rays of a picture of so many pixels through a grid of ``side`` voxels that is turned by a yaw in degrees."""
    steps = (np.arange(size_px, dtype=np.float32) + 0.5) / size_px - 0.5
    away = (np.arange(DEPTH * side, dtype=np.float32) + 0.5) / (DEPTH * side) - 0.5
    x, y, z = steps[None, :, None] * REACH, -steps[:, None, None] * REACH, -away * REACH  # rows, columns, away
    down, turn = np.radians(ELEVATION), np.radians(yaw)
    y, z = np.cos(down) * y + np.sin(down) * z, -np.sin(down) * y + np.cos(down) * z
    x, z = np.cos(turn) * x - np.sin(turn) * z, np.sin(turn) * x + np.cos(turn) * z
    places = [(each + 0.5) * side - 0.5 for each in (x, y, z)]
    crosses = np.logical_and.reduce(np.broadcast_arrays(*((each >= 0) & (each <= side - 1) for each in places)))
    return Rays(np.flatnonzero(crosses), np.stack([np.broadcast_to(each, crosses.shape)[crosses] for each in places]))


def view_of(likelihood: np.ndarray, yaw: float = 30.0, size_px: int = 64, level: float = 0.5) -> np.ndarray:
    """(size_px, size_px, 3) uint8: a solid, (side, side, side) in [0, 1] of x, y, z, seen under a yaw in degrees."""
    solid, rays = likelihood.astype(np.float32), rays_of(len(likelihood), yaw, size_px)
    inside = np.flatnonzero(ndimage.map_coordinates(solid, rays.places, order=1) > level)
    pixels, first = np.unique(rays.numbers[inside] // (DEPTH * len(solid)), return_index=True)
    at = rays.places[:, inside[first]]
    smooth = ndimage.gaussian_filter(solid, 1.0)
    slopes = [ndimage.map_coordinates(slope, at, order=1) for slope in np.gradient(smooth)]
    normal = -np.stack(slopes, axis=-1)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)
    down, turn = np.radians(ELEVATION), np.radians(yaw)
    right, up, front = LIGHT
    up, front = np.cos(down) * up + np.sin(down) * front, -np.sin(down) * up + np.cos(down) * front
    right, front = np.cos(turn) * right - np.sin(turn) * front, np.sin(turn) * right + np.cos(turn) * front
    lit = AMBIENT + (1 - AMBIENT) * np.maximum(normal @ np.asarray((right, up, front)), 0)
    picture = np.full((size_px * size_px, 3), GROUND, np.float32)
    picture[pixels] = lit[:, None] * np.asarray(SHADE)
    return (picture * 255).round().astype(np.uint8).reshape(size_px, size_px, 3)


def turntable(likelihood: np.ndarray, size_px: int = 64, count: int = 12, level: float = 0.5) -> np.ndarray:
    """(count, size_px, size_px, 3) uint8: the solid once around."""
    return np.stack([view_of(likelihood, 360 * number / count, size_px, level) for number in range(count)])
