"""Luma and the two planes of color beside it (ITU-R BT.601, as JPEG has them): what a gray picture keeps and lacks.

Luma is the gray of `limner degrade --gray`. Whatever the planes hold, the luma of what is painted with them is the luma
that was given: colors that do not fit into a picture become paler, never lighter or darker.
"""

import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)
"""Of red, green and blue, gamma-encoded."""
RED_FROM_CR, BLUE_FROM_CB = 2 * (1 - LUMA[0]), 2 * (1 - LUMA[2])


def planes_of(rgb01: Tensor) -> Tensor:
    """(..., 2, H, W): Cb and Cr, -0.5 to 0.5, of colors (..., 3, H, W) in [0, 1]; both 0 where there is no color."""
    red, green, blue = rgb01.unbind(-3)
    luma = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    return torch.stack([(blue - luma) / BLUE_FROM_CB, (red - luma) / RED_FROM_CR], dim=-3)


def painted(luma01: Tensor, planes: Tensor) -> Tensor:
    """(..., 3, H, W) in [0, 1]: the colors of a luma (..., 1, H, W) in [0, 1] with planes (..., 2, H, W).

    Where a channel would leave [0, 1], the color is drawn towards gray until it does not, at the same luma.
    """
    cb, cr = planes.unbind(-3)
    red, blue = RED_FROM_CR * cr, BLUE_FROM_CB * cb
    green = -(LUMA[0] * red + LUMA[2] * blue) / LUMA[1]  # so that the three add nothing to the luma
    shift = torch.stack([red, green, blue], dim=-3)
    room = torch.where(shift > 0, 1 - luma01, luma01) / shift.abs().clamp(min=1e-6)
    return (luma01 + room.amin(-3, keepdim=True).clamp(0, 1) * shift).clamp(0, 1)
