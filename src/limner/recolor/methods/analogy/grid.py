"""A change of colors as a bilateral grid of affine maps (Gharbi et al. 2017): small, yet sharp at edges."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from limner.colors.spaces import lab_to_srgb, srgb_to_lab

DEPTH, COEFFICIENTS = 8, 12
"""Layers of lightness, and the numbers of an affine map of three channels."""
STRIP_PX = 1 << 20
"""Pixels that are recolored at a time: their maps take 48 bytes each."""
MOST_GAIN, MOST_SHIFT = 2.0, 1.5
"""How far an entry of the matrix may lie from the identity's, and a shift from 0, in units of `CENTER` and `SCALE`."""
CENTER = (50.0, 0.0, 0.0)
SCALE = 50.0


def scaled(lab: Tensor) -> Tensor:
    """CIELAB (B, 3, ...) as the network has it: lightness about -1 to 1, a and b mostly so."""
    return (lab - lab.new_tensor(CENTER).view(1, 3, *[1] * (lab.dim() - 2))) / SCALE


def unscaled(colors: Tensor) -> Tensor:
    """Inverse of `scaled`."""
    return colors * SCALE + colors.new_tensor(CENTER).view(1, 3, *[1] * (colors.dim() - 2))


def changed(colors: Tensor, grid: Tensor, first_row: int = 0, rows: int | None = None) -> Tensor:
    """Each color by the map that stands in the grid at its place and lightness, between eight of them linearly.

    colors: (B, 3, h, W) as `scaled` gives, rows from ``first_row`` of a picture of ``rows`` (none: the picture is
    whole). grid: (B, 12, 8, gh, gw), numbers of any size: what changes the identity, bounded here by tanh, so that a
    grid of zeros changes nothing, bit for bit.
    """
    height, width = colors.shape[2:]
    rows = rows or height
    y = (torch.arange(first_row, first_row + height, device=colors.device) + 0.5) * (2 / rows) - 1
    x = (torch.arange(width, device=colors.device) + 0.5) * (2 / width) - 1
    depth = colors[:, 0]  # lightness is the place among the layers, -1..1
    places = torch.stack(
        [x.expand_as(depth).to(depth), y[:, None].expand_as(depth).to(depth), depth.clamp(-1, 1)], dim=-1
    )
    bounds = grid.new_tensor([MOST_GAIN] * 9 + [MOST_SHIFT] * 3).view(1, COEFFICIENTS, 1, 1, 1)
    bounded = bounds * (grid / bounds).tanh()
    maps = grid_sample(bounded, places[:, None], mode="bilinear", padding_mode="border", align_corners=False)[:, :, 0]
    moved = maps[:, 9:]
    for channel in range(3):
        moved = moved + maps[:, 3 * channel : 3 * channel + 3] * colors[:, channel : channel + 1]
    return colors + moved


@dataclass(frozen=True)
class ColorGrid:
    """A change of a picture's colors that any size of it can be given. grid: (1, 12, 8, gh, gw)."""

    grid: Tensor

    def __call__(self, picture: Tensor) -> Tensor:
        """The picture with its colors changed, strip by strip: (3, H, W) float32, gamma-encoded, not clipped."""
        height, width = picture.shape[1:]
        made = torch.empty_like(picture)
        step = max(1, STRIP_PX // width)
        for first in range(0, height, step):
            part = picture[:, first : first + step]
            colors = changed(scaled(srgb_to_lab(part)[None]), self.grid.to(part), first, height)
            made[:, first : first + step] = lab_to_srgb(unscaled(colors)[0])
        return made
