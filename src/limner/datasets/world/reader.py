"""The exact reader of the drawn world: shape, color, size, place and motion, told from pixels alone.

What is colored is the solid, for the ground is gray. Its hue is its color; its outline, brought to one middle and one
area, is held against the outlines of all shapes; their best fit tells the shape, and with it the size and the place.
On drawn pictures of 32 px and more all answers are right (a test); of made ones they say what is there to be seen.
"""

import colorsys
from functools import cache
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage

from limner.datasets.world.rendering import silhouette
from limner.datasets.world.sentences import Told
from limner.datasets.world.solids import (
    AWAY,
    COLORS,
    HEADINGS,
    RADII,
    TURN,
    WAY,
    YAWS,
    Color,
    Motion,
    Place,
    Shape,
    Size,
)

COLORED = 0.14
"""Difference of the largest and the smallest of red, green and blue, in [0, 1], from which a pixel is of the solid."""
RIM = 0.35
"""Of the solid's own such difference: what of its rim is counted to it. In no light it has half of that in full."""
LEAST_AREA = 0.008
"""Of the picture; less is no solid. The smallest drawn one has 0.02."""
LEAST_FIT = 0.6
"""Intersection over union with the outline that fits best, below which it has no shape that is known."""
CANONICAL = 40
"""Side of the grid on which outlines are compared; their area is a quarter of it."""
FINE = 96
"""Pixels of a side from which outlines are read as they are."""
TURNED = 0.03
"""Mean difference in [0, 1] of two frames' solids from which one that stays in its place has turned."""
SIZES: tuple[Size, Size] = ("small", "large")


class Outline(NamedTuple):
    """mask: (H, W) bool. row, column: its middle. area: in pixels."""

    mask: np.ndarray
    row: float
    column: float
    area: float

    def canonical(self) -> np.ndarray:
        """(CANONICAL, CANONICAL) float: the outline with its middle and its area where those of all are."""
        scale = np.sqrt(self.area) / (CANONICAL / 2)
        steps = (np.arange(CANONICAL) - (CANONICAL - 1) / 2) * scale
        places = np.meshgrid(steps + self.row, steps + self.column, indexing="ij")
        return ndimage.map_coordinates(self.mask.astype(np.float32), places, order=1)


class Template(NamedTuple):
    """A shape's outline: canonical, its area where the ball around it has radius 1, and how far above and to the left
    of the ball's middle the outline's own is, in radii."""

    shape: Shape
    canonical: np.ndarray
    area: float
    up: float
    left: float


class Seen(NamedTuple):
    """What is read from a picture, with the fit of the outline, 0 to 1, and where the solid's ball is: its middle
    (x, y) and its radius, in sides of the picture."""

    told: Told
    fit: float = 0.0
    center: tuple[float, float] = (0.0, 0.0)
    radius: float = 0.0


def read_picture(picture: np.ndarray) -> Told:
    """What a picture, (S, S, 3) uint8, shows: all but the motion; what cannot be told is None."""
    return see(picture).told


def read_clip(clip: np.ndarray) -> Told:
    """What a clip, (T, S, S, 3) uint8, shows: the picture in its middle, and the motion from first to last frame."""
    told = see(clip[len(clip) // 2]).told
    first, last = see(clip[0]), see(clip[-1])
    if told.color is None or not first.fit or not last.fit:
        return told
    middle = ((first.center[0] + last.center[0]) / 2, (first.center[1] + last.center[1]) / 2)
    return Told(told.shape, told.color, told.size, _place(middle), _motion(first, last, clip))


def see(picture: np.ndarray) -> Seen:
    """What a picture, (S, S, 3) uint8, shows, and where.

    Raises `ValueError` for another shape or type.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(f"a picture of shape {picture.shape} and type {picture.dtype}; needed: (S, S, 3) uint8")
    if len(picture) < FINE:  # between its pixels, small outlines are told apart
        factor = -(-FINE // len(picture))
        picture = np.asarray(Image.fromarray(picture).resize((len(picture) * factor,) * 2, Image.Resampling.BICUBIC))
    side = len(picture)
    found = outline_of(picture)
    if found is None:
        return Seen(Told())
    color = _color(picture[found.mask])
    canonical = found.canonical()
    fit, template = max(((_overlap(canonical, each.canonical), each) for each in templates()), key=lambda pair: pair[0])
    radius = float(np.sqrt(found.area / template.area))
    x = (found.column + 0.5 + template.left * radius) / side - 0.5
    y = 0.5 - (found.row + 0.5 + template.up * radius) / side
    if fit < LEAST_FIT:
        return Seen(Told(color=color, place=_place((x, y))), fit, (x, y), radius / side)
    size = SIZES[radius / side > (RADII["small"][1] + RADII["large"][0]) / 2]
    return Seen(Told(template.shape, color, size, _place((x, y))), fit, (x, y), radius / side)


def outline_of(picture: np.ndarray) -> Outline | None:
    """The largest colored thing in a picture, (S, S, 3) uint8; None where there is none."""
    chroma = (picture.max(2).astype(np.int16) - picture.min(2)) / 255
    labels, count = ndimage.label(chroma > COLORED)
    if not count:
        return None
    areas = np.bincount(labels.ravel())[1:]
    mask = labels == areas.argmax() + 1
    mask &= chroma > RIM * np.quantile(chroma[mask], 0.9)  # pixels that are solid but in small part are ground
    if areas.max() < LEAST_AREA * mask.size:
        return None
    return _outline(mask)


@cache
def templates() -> tuple[Template, ...]:
    """The outlines of all shapes; of those that have sides, at several yaws."""
    found = []
    for shape in ("cube", "ball", "cone", "cylinder", "ring"):
        low, high = YAWS.get(shape, (0.0, 0.0))
        yaws = np.linspace(low - TURN / 2, high + TURN / 2, 9) if high > low else [0.0]
        for yaw in yaws:
            mask = silhouette(shape, float(yaw))
            outline, half = _outline(mask), len(mask) / 2
            up, left = (half - 0.5 - outline.row) / half, (half - 0.5 - outline.column) / half
            found.append(Template(shape, outline.canonical(), outline.area / half**2, up, left))
    return tuple(found)


def _outline(mask: np.ndarray) -> Outline:
    rows, columns = np.nonzero(mask)
    return Outline(mask, float(rows.mean()), float(columns.mean()), float(len(rows)))


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.minimum(one, other).sum() / np.maximum(one, other).sum())


def _color(pixels: np.ndarray) -> Color:
    """The color whose hue is nearest to that of (n, 3) uint8."""
    mean = pixels.astype(np.float32).mean(0) / 255
    hue = colorsys.rgb_to_hsv(*map(float, mean))[0]

    def apart(color: Color) -> float:
        difference = abs(colorsys.rgb_to_hsv(*COLORS[color])[0] - hue)
        return min(difference, 1 - difference)

    return min(COLORS, key=apart)


def _place(center: tuple[float, float]) -> Place:
    x, y = center
    if max(abs(x), abs(y)) < AWAY / 2:
        return "middle"
    if abs(x) > abs(y):
        return "right" if x > 0 else "left"
    return "top" if y > 0 else "bottom"


def _motion(first: Seen, last: Seen, clip: np.ndarray) -> Motion:
    gone = np.asarray(last.center) - np.asarray(first.center)
    if abs(gone).max() > WAY / 3:
        way = tuple(int(step) for step in (np.sign(gone) * (abs(gone) == abs(gone).max())))
        return next(motion for motion, heading in HEADINGS.items() if heading == way)
    change = abs(clip[-1].astype(np.float32) - clip[0]).mean(2) / 255
    mask = np.logical_or(*(found.mask for end in (clip[0], clip[-1]) if (found := outline_of(end)) is not None))
    return "turns" if change[mask].mean() > TURNED else "still"
