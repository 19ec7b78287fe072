"""Solids drawn: pictures, clips, views from all sides, and voxels, all from one signed distance a shape.

Rays that stand side by side (an orthographic camera, looking down by `ELEVATION`) walk as far as no surface can be
nearer (sphere tracing; Hart, "Sphere tracing", The Visual Computer 1996). A surface is as bright as Lambert's law has
it, beside light from everywhere.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from limner.datasets.world.solids import COLORS, Light, Shape, Solid

ELEVATION = 25.0
"""Degrees by which the camera looks down."""
STEPS, NEAR = 48, 0.004
"""Steps of a ray, and how near a surface is reached, in radii of the solid."""
SUPERSAMPLING = 2
"""Rays a pixel, in each direction."""
AMBIENT = 0.5
"""Brightness of what no light reaches, of 1."""
LIGHTS: dict[Light, tuple[float, float, float]] = {
    "left": (-0.75, 0.45, 0.48), "right": (0.75, 0.45, 0.48), "front": (0.0, 0.45, 0.89),
}  # fmt: skip
"""Towards the light: to the right, up, and to who looks. About of length 1."""


def _ball(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    return np.sqrt(x * x + y * y + z * z) - 0.85


def _cube(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    return np.maximum(np.maximum(abs(x), abs(y)), abs(z)) - 0.577


def _cylinder(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    return np.maximum(np.hypot(x, z) - 0.5, abs(y) - 0.8)


def _cone(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    base, half = 0.72, 0.69
    slant = np.hypot(2 * half, base)
    return np.maximum((np.hypot(x, z) * 2 * half + (y - half) * base) / slant, -y - half)


def _ring(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    return np.hypot(np.hypot(x, y) - 0.7, z) - 0.24


DISTANCES: dict[Shape, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "cube": _cube, "ball": _ball, "cone": _cone, "cylinder": _cylinder, "ring": _ring,
}  # fmt: skip
"""How far a point is from a shape's surface, at least; below 0 inside. In radii of the ball around it, which holds all
of it; x to the right, y up, z to the front."""


def picture_of(solid: Solid, size_px: int = 64, share: float = 0.5) -> np.ndarray:
    """(size_px, size_px, 3) uint8: the solid when so much of its clip is over."""
    fine = size_px * SUPERSAMPLING
    center, yaw = solid.at(share)
    picture = np.full((fine, fine, 3), solid.ground, np.float32)
    steps = (np.arange(fine, dtype=np.float32) + 0.5) / fine - 0.5
    columns = np.flatnonzero(abs(steps - center[0]) < solid.radius)
    rows = np.flatnonzero(abs(-steps - center[1]) < solid.radius)
    if len(rows) and len(columns):
        x, y = np.meshgrid((steps[columns] - center[0]) / solid.radius, (-steps[rows] - center[1]) / solid.radius)
        hit, brightness = _trace(solid.shape, x, y, yaw, LIGHTS[solid.light])
        window = np.ix_(rows, columns)
        shaded = brightness[..., None] * np.asarray(COLORS[solid.color], np.float32)
        picture[window] = np.where(hit[..., None], shaded, picture[window])
    mean = picture.reshape(size_px, SUPERSAMPLING, size_px, SUPERSAMPLING, 3).mean((1, 3))
    return (mean * 255).round().astype(np.uint8)


def clip_of(solid: Solid, size_px: int = 64, frames: int = 16) -> np.ndarray:
    """(frames, size_px, size_px, 3) uint8: the solid on its way, from its beginning to its end."""
    shares = np.linspace(0, 1, frames) if frames > 1 else np.array([0.5])
    if solid.motion == "still":
        return np.repeat(picture_of(solid, size_px)[None], frames, axis=0)
    return np.stack([picture_of(solid, size_px, float(share)) for share in shares])


def views_of(solid: Solid, size_px: int = 64, count: int = 8) -> np.ndarray:
    """(count, size_px, size_px, 3) uint8: the solid from all sides, as on a turntable."""
    turned = [replace(solid, yaw=solid.yaw + 360 * number / count) for number in range(count)]
    return np.stack([picture_of(each, size_px) for each in turned])


def voxels_of(solid: Solid, side: int = 32) -> np.ndarray:
    """(side, side, side) bool, indexed [x, y, z], y up: the solid alone, in the middle, large or small.

    Its ball's radius is twice that in a picture, in sides of the grid: 0.3 to 0.47.
    """
    steps = ((np.arange(side, dtype=np.float32) + 0.5) / side - 0.5) * 2
    reach = 4 * solid.radius  # the grid is 2 wide here
    x, y, z = np.meshgrid(steps / reach, steps / reach, steps / reach, indexing="ij")
    turn = np.radians(solid.yaw)
    x, z = np.cos(turn) * x - np.sin(turn) * z, np.sin(turn) * x + np.cos(turn) * z
    return DISTANCES[solid.shape](x, y, z) < 0


def silhouette(shape: Shape, yaw: float, side: int = 96) -> np.ndarray:
    """(side, side) bool: where a solid is seen whose ball fills the square."""
    steps = ((np.arange(side, dtype=np.float32) + 0.5) / side - 0.5) * 2
    x, y = np.meshgrid(steps, -steps)
    return _trace(shape, x, y, yaw, LIGHTS["front"])[0]


def _trace(
    shape: Shape, x: np.ndarray, y: np.ndarray, yaw: float, light: tuple[float, float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Whether the rays through (x, y) hit the solid, and how bright it is there. All in radii of its ball."""
    distance = DISTANCES[shape]
    turn = _rotation(yaw)
    towards = np.asarray((0.0, 0.0, -1.0)) @ turn.T
    begin = np.stack([x, y, np.full_like(x, 1.2)], axis=-1) @ turn.T
    gone = np.zeros_like(x)
    for _ in range(STEPS):
        gap = distance(*np.moveaxis(begin + gone[..., None] * towards, -1, 0))
        gone = np.minimum(gone + np.maximum(gap, 0), 2.4)
    end = begin + gone[..., None] * towards
    hit = distance(*np.moveaxis(end, -1, 0)) < NEAR
    slopes = []
    for axis in np.eye(3) * 0.01:
        ahead, behind = (distance(*np.moveaxis(end + way * axis, -1, 0)) for way in (1, -1))
        slopes.append(ahead - behind)
    normal = np.stack(slopes, axis=-1)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)
    lit = np.maximum(normal @ (turn @ np.asarray(light)), 0)
    return hit, (AMBIENT + (1 - AMBIENT) * lit).astype(np.float32)


def _rotation(yaw: float) -> np.ndarray:
    """(3, 3): from the camera's directions to the solid's own."""
    down, turn = np.radians(ELEVATION), np.radians(yaw)
    tilt = np.array([[1, 0, 0], [0, np.cos(down), np.sin(down)], [0, -np.sin(down), np.cos(down)]])
    spin = np.array([[np.cos(turn), 0, -np.sin(turn)], [0, 1, 0], [np.sin(turn), 0, np.cos(turn)]])
    return spin @ tilt
