"""Pairs that do not lie exactly on each other: found by phase correlation of their edges."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from limner.translate.degrading.looks import luma
from limner.translate.degrading.sizes import resized

SUSPECT_PX = 1.0
AGREE_PX = 0.75
LEAST_SHARE = 0.6
LEAST_PAIRS = 4
LEAST_PEAK = 6.0
"""Standard deviations by which the peak must stand out of its surface."""


class Shift(NamedTuple):
    """How far a source lies from its target, in the target's pixels. peak: how clearly, in standard deviations."""

    down_px: float
    right_px: float
    peak: float


class ShiftFinding(NamedTuple):
    """What most pairs agree on. share: how many of those that were looked at."""

    down_px: float
    right_px: float
    share: float

    def sentence(self) -> str:
        """For people."""
        return (
            f"shifted pairs: in {self.share:.0%} of those looked at, what the source shows lies {self.down_px:+.1f} px "
            f"(down) and {self.right_px:+.1f} px (right) of where the target shows it; networks then learn to blur: "
            "shift one of the folders back"
        )


def find_shift(source01: Tensor, target01: Tensor) -> Shift:
    """How far the source lies from the target: the peak of the phase correlation of their edges, to a part of a pixel.

    Kuglin and Hines, "The phase correlation image alignment method", 1975. Of edges, so that a label map and its photo
    can be compared. source01: (C, h, w), enlarged to the target's size; target01: (C, H, W); in [0, 1].
    """
    height, width = target01.shape[1:]
    if source01.shape[1:] != (height, width):
        source01 = resized(source01, height, width)
    one, other = (_edges(luma(each)[0].numpy()) for each in (source01, target01))
    spectrum = np.fft.fft2(one) * np.conj(np.fft.fft2(other))
    surface = np.fft.ifft2(spectrum / np.maximum(np.abs(spectrum), 1e-12)).real
    row, column = np.unravel_index(int(surface.argmax()), surface.shape)
    peak = float((surface[row, column] - surface.mean()) / max(surface.std(), 1e-12))
    down, right = _refined(surface, int(row), int(column))
    return Shift(down, right, peak)


def agreed_shift(shifts: Sequence[Shift]) -> ShiftFinding | None:
    """The shift that most pairs have, where it is a pixel or more; None where they have none, or do not agree."""
    clear = [each for each in shifts if each.peak >= LEAST_PEAK]
    if len(clear) < LEAST_PAIRS:
        return None
    places = np.array([each[:2] for each in clear])
    middle = np.median(places, axis=0)
    share = float((np.abs(places - middle).max(axis=1) <= AGREE_PX).mean())
    if np.abs(middle).max() < SUSPECT_PX or share < LEAST_SHARE:
        return None
    return ShiftFinding(float(middle[0]), float(middle[1]), share)


def _edges(gray: np.ndarray) -> np.ndarray:
    """The size of the gradient, less its mean, faded out towards the borders."""
    rows, columns = np.gradient(gray.astype(np.float64))
    strength = np.hypot(rows, columns)
    window = np.hanning(gray.shape[0] + 2)[1:-1, None] * np.hanning(gray.shape[1] + 2)[None, 1:-1]
    faded: np.ndarray = (strength - strength.mean()) * window
    return faded


def _refined(surface: np.ndarray, row: int, column: int) -> tuple[float, float]:
    """The peak's place by a parabola through it and its neighbors; beyond half of the picture it is negative."""
    found = []
    for axis, place in ((0, row), (1, column)):
        length = surface.shape[axis]
        line = np.take(surface, column if axis == 0 else row, axis=1 - axis)
        before, here, after = line[place - 1], line[place], line[(place + 1) % length]
        bend = before - 2 * here + after
        offset = 0.5 * (before - after) / bend if bend < 0 else 0.0
        exact = place + float(np.clip(offset, -0.5, 0.5))
        found.append(exact - length if exact > length / 2 else exact)
    return found[0], found[1]
