"""The whole palette of the references for the target's superpixels:
what averaging by attention has dulled is spread again.
"""

from __future__ import annotations

import torch
from torch import Tensor

from limner.colors.classic import FITS

DRAWN = 2**14
"""Colors that stand for each side, every superpixel as often as its size asks."""


def complete_palette(
    colors: Tensor, counts: Tensor, reference_colors: Tensor, reference_counts: Tensor, share: float
) -> Tensor:
    """``colors`` moved by ``share`` of the way to where their distribution is that of the references.

    A mean of many reference colors is duller than each of them, and what no target superpixel looks at is lost;
    iterative distribution transfer (Pitie et al. 2005) of the few thousand matched colors gives both back, and keeps
    which is redder, lighter or bluer than which. Ours, not in the paper: 0 is the paper's method.

    colors: (N, 3), reference_colors: (M, 3) float32. counts: (N,), reference_counts: (M,) pixels of each superpixel.
    """
    if share == 0:
        return colors
    spread = FITS["idt"](_drawn(colors, counts), _drawn(reference_colors, reference_counts))
    return torch.lerp(colors, spread(colors.T).T, share)


def _drawn(colors: Tensor, counts: Tensor) -> Tensor:
    """(3, `DRAWN`): each color as often as its count asks, evenly, without chance."""
    edges = counts.double().cumsum(0)
    places = (torch.arange(DRAWN, device=colors.device, dtype=torch.float64) + 0.5) / DRAWN * edges[-1]
    return colors[torch.searchsorted(edges, places).clamp_max(len(colors) - 1)].T
