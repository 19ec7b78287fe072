"""Pictures made smaller, and enlarged again without learning."""

from typing import Literal, get_args

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from limner.foundation.errors import UserError
from limner.translate.degrading.degradation import Degradation, Degraded

Kernel = Literal["bicubic", "lanczos", "bilinear", "nearest", "area"]
"""Pillow's filters, which widen where a picture shrinks, as MATLAB's do and OpenCV's do not; area is its box."""
FILTERS = {
    "bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS,
    "bilinear": Image.Resampling.BILINEAR, "nearest": Image.Resampling.NEAREST, "area": Image.Resampling.BOX,
}  # fmt: skip


def resized(picture01: Tensor, height: int, width: int, kernel: Kernel = "bicubic") -> Tensor:
    """(C, height, width) of (C, H, W) float32, by Pillow in floats, cut off at 0 and 1."""
    rows = [
        np.asarray(Image.fromarray(band).resize((width, height), FILTERS[kernel]))
        for band in picture01.float().cpu().numpy()
    ]
    return torch.from_numpy(np.stack(rows)).clamp(0, 1)


def in_levels(picture01: Tensor) -> Tensor:
    """Rounded to the nearest of 256 levels, as a file of 8 bits would hold it."""
    return (picture01 * 255).round() / 255


class Smaller(Degradation):
    """The picture at a half, a quarter or an eighth of its size, in 8 bits.

    factor: 2, 4 or 8. kernel: ``bicubic`` (what papers on super-resolution use), ``lanczos``, ``bilinear``, ``nearest``
    or ``area``.
    """

    line = "smaller by a factor"

    def __init__(self, factor: int = 4, kernel: Kernel = "bicubic") -> None:
        if factor not in (2, 4, 8):
            raise UserError(f"pictures shall become {factor} times smaller; needed: 2, 4 or 8")
        if kernel not in get_args(Kernel):
            raise UserError(f"kernel is '{kernel}'; choose one of {', '.join(get_args(Kernel))}")
        self.scale, self.kernel = factor, kernel
        self.margin_px = 4 * factor  # beyond the reach of every kernel, in pixels of the large picture

    def __call__(self, picture01: Tensor, generator: torch.Generator) -> Degraded:
        """See `Degradation`."""
        _, height, width = picture01.shape
        return Degraded(in_levels(resized(picture01, height // self.scale, width // self.scale, self.kernel)))
