"""What stands in the drawn world: one solid a picture, each a pure function of (seed, number).

Coordinates of a picture: x to the right, y up, both from -0.5 to 0.5, so that the picture's side is 1.
"""

import zlib
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from limner.foundation.errors import UserError

Shape = Literal["cube", "ball", "cone", "cylinder", "ring"]
Color = Literal["red", "yellow", "green", "cyan", "blue", "purple"]
Size = Literal["small", "large"]
Place = Literal["left", "right", "top", "bottom", "middle"]
Light = Literal["left", "right", "front"]
Motion = Literal["still", "left", "right", "up", "down", "turns"]

COLORS: dict[Color, tuple[float, float, float]] = {
    "red": (0.92, 0.12, 0.12), "yellow": (0.95, 0.85, 0.1), "green": (0.12, 0.75, 0.16), "cyan": (0.1, 0.8, 0.85),
    "blue": (0.16, 0.28, 0.95), "purple": (0.66, 0.16, 0.85),
}  # fmt: skip
"""Red, green and blue in [0, 1], in full light. Their hues lie 39 degrees apart at least."""
RADII: dict[Size, tuple[float, float]] = {"small": (0.15, 0.165), "large": (0.215, 0.235)}
"""Between which the radius of the ball around a solid is drawn, in sides of the picture."""
PLACES: dict[Place, tuple[int, int]] = {
    "left": (-1, 0), "right": (1, 0), "top": (0, 1), "bottom": (0, -1), "middle": (0, 0),
}  # fmt: skip
"""In which direction from the middle, x and y."""
AWAY, AROUND = 0.2, 0.03
"""How far from the middle a place is, and how far from it a solid may stand, in each direction."""
HEADINGS: dict[Motion, tuple[int, int]] = {
    "still": (0, 0), "left": (-1, 0), "right": (1, 0), "up": (0, 1), "down": (0, -1), "turns": (0, 0),
}  # fmt: skip
WAY = 0.14
"""How far a solid moves in a clip; it is at its place half of the way."""
TURN = 50.0
"""By how many degrees a solid turns in a clip."""
YAWS: dict[Shape, tuple[float, float]] = {"cube": (30.0, 60.0), "ring": (-30.0, 30.0)}
"""Between which the yaw is drawn, in degrees. Other shapes look the same from all sides: theirs is 0."""


@dataclass(frozen=True)
class Solid:
    """One solid, as sentences tell it (shape, color, size, place, motion) and as it is drawn (the rest).

    radius: of the ball around it, in sides of the picture. center: x and y, where it stands half of the way. yaw: in
    degrees around the upright axis. light: where it is lit from. ground: gray level of what it stands on, in [0, 1].
    """

    shape: Shape
    color: Color
    size: Size
    place: Place
    motion: Motion
    radius: float
    center: tuple[float, float]
    yaw: float
    light: Light
    ground: float

    def at(self, share: float) -> tuple[tuple[float, float], float]:
        """Its center and its yaw when so much of a clip is over, 0 to 1."""
        moved = (share - 0.5) * WAY
        (x, y), (right, up) = self.center, HEADINGS[self.motion]
        turned = (share - 0.5) * TURN if self.motion == "turns" else 0.0
        return (x + moved * right, y + moved * up), self.yaw + turned


def generator(seed: int, purpose: str, *place: int) -> np.random.Generator:
    """Draws of one purpose at one place, whatever else is drawn."""
    return np.random.default_rng([seed, zlib.crc32(purpose.encode()), len(place), *place])


def draw_solid(seed: int, number: int, *, moving: bool = False) -> Solid:
    """Solid ``number`` of a seed. moving: draw a motion for it too; without, it stands still, and is the same else.

    Raises `UserError` for a seed or a number below 0.
    """
    if seed < 0 or number < 0:
        raise UserError(f"solid {number} of seed {seed}; needed: 0 or more of both")
    draws = generator(seed, "solid", number)
    shape: Shape = get_args(Shape)[draws.integers(5)]
    color: Color = get_args(Color)[draws.integers(6)]
    size: Size = get_args(Size)[draws.integers(2)]
    place: Place = get_args(Place)[draws.integers(5)]
    light: Light = get_args(Light)[draws.integers(3)]
    radius, ground = draws.uniform(*RADII[size]), draws.uniform(0.72, 0.88)
    x, y = (AWAY * way + draws.uniform(-AROUND, AROUND) for way in PLACES[place])
    yaw = draws.uniform(*YAWS.get(shape, (0.0, 0.0)))
    motion: Motion = "still"
    if moving:
        # What looks the same from all sides is not seen to turn.
        known = [each for each in get_args(Motion) if each != "turns" or shape in YAWS]
        motion = known[generator(seed, "motion", number).integers(len(known))]
    return Solid(
        shape, color, size, place, motion, float(radius), (float(x), float(y)), float(yaw), light, float(ground)
    )
