"""Blurred pictures: by motion along a line, and out of focus."""

import math

import torch
from torch import Tensor

from limner.translate.degrading.degradation import (
    Degradation,
    Degraded,
    add_noise,
    between,
    check_range,
    filtered,
)
from limner.translate.degrading.sizes import in_levels

POINTS = 16
"""Points a pixel of a line that is drawn into a kernel."""


class MotionBlur(Degradation):
    """Blur by a straight motion of any direction, then white noise, in 8 bits.

    least_px, most_px: between which the motion's length is drawn. noise: standard deviation, in levels of 255.
    """

    line = "blurred by a straight motion"

    def __init__(self, least_px: float = 7.0, most_px: float = 13.0, noise: float = 2.0) -> None:
        check_range("motion blur", least_px, most_px, 1, 101)
        check_range("noise", noise, noise, 0, 255)
        self.least_px, self.most_px, self.noise = least_px, most_px, noise
        self.margin_px = math.ceil(most_px / 2) + 1

    def kernel(self, generator: torch.Generator) -> Tensor:
        """(k, k) float32 that adds up to 1: a line of the length and direction that are drawn."""
        length = between(self.least_px, self.most_px, generator)
        return line_kernel(length, between(0, math.pi, generator))

    def __call__(self, picture01: Tensor, generator: torch.Generator) -> Degraded:
        """See `Degradation`."""
        kernel = self.kernel(generator)
        blurred = filtered(picture01, kernel)
        return Degraded(in_levels(add_noise(blurred, self.noise, generator)), kernel=kernel)


class Defocus(Degradation):
    """Blur by a disk, as of a lens out of focus, then white noise, in 8 bits.

    least_px, most_px: between which the disk's radius is drawn. noise: standard deviation, in levels of 255.
    """

    line = "out of focus"

    def __init__(self, least_px: float = 1.5, most_px: float = 4.0, noise: float = 2.0) -> None:
        check_range("defocus", least_px, most_px, 0.5, 50)
        check_range("noise", noise, noise, 0, 255)
        self.least_px, self.most_px, self.noise = least_px, most_px, noise
        self.margin_px = math.ceil(most_px) + 1

    def kernel(self, generator: torch.Generator) -> Tensor:
        """(k, k) float32 that adds up to 1: a disk of the radius that is drawn, with a soft rim."""
        radius = between(self.least_px, self.most_px, generator)
        reach = math.ceil(radius)
        steps = torch.arange(-reach, reach + 1, dtype=torch.float32)
        disk = (radius + 0.5 - torch.hypot(steps[:, None], steps)).clamp(0, 1)
        return disk / disk.sum()

    def __call__(self, picture01: Tensor, generator: torch.Generator) -> Degraded:
        """See `Degradation`."""
        kernel = self.kernel(generator)
        blurred = filtered(picture01, kernel)
        return Degraded(in_levels(add_noise(blurred, self.noise, generator)), kernel=kernel)


def line_kernel(length_px: float, angle: float) -> Tensor:
    """(k, k) float32 that adds up to 1: a line through the middle, each of its points shared by the four cells around.

    angle: in radians, from the rows' direction.
    """
    reach = math.ceil((length_px - 1) / 2) + 1
    along = torch.linspace(-(length_px - 1) / 2, (length_px - 1) / 2, max(2, int(POINTS * length_px)))
    rows, columns = along * math.sin(angle) + reach, along * math.cos(angle) + reach
    kernel = torch.zeros(2 * reach + 1, 2 * reach + 1)
    for down in (0, 1):
        for right in (0, 1):
            row, column = rows.floor() + down, columns.floor() + right
            weight = (1 - (rows - row).abs()) * (1 - (columns - column).abs())
            places = (row.clamp(max=2 * reach).long(), column.clamp(max=2 * reach).long())
            kernel.index_put_(places, weight, accumulate=True)
    return kernel / kernel.sum()
