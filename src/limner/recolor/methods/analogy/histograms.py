"""Color histograms that a network can read: of CIELAB, lightness by chroma, every pixel shared between near bins."""

from __future__ import annotations

import torch
from torch import Tensor

LIGHTNESS_BINS, CHROMA_BINS = 8, 32
CHROMA_REACH = 80.0
"""a and b from -80 to 80 have bins of their own, about 5 Delta E apart; what lies beyond counts in the outermost."""


def soft_histogram(lab: Tensor, weights: Tensor | None = None) -> Tensor:
    """The shares of colors, (B, 8, 32, 32) float32: bins of lightness, a and b; those of a picture sum to 1.

    A pixel is shared between the eight bins whose centers are nearest, linearly along each axis, so that the histogram
    changes smoothly with the colors, and has a gradient. lab: (B, 3, n) float32, CIELAB. weights: (B, n) of 0 or more,
    how much each pixel counts; none: all alike. A picture without a pixel that counts gets zeros.

    >>> soft_histogram(torch.zeros(1, 3, 5)).sum()
    tensor(1.)
    """
    batch, _, count = lab.shape
    sizes = (LIGHTNESS_BINS, CHROMA_BINS, CHROMA_BINS)
    lightness = lab[:, 0] / 100
    chroma = lab[:, 1:] / (2 * CHROMA_REACH) + 0.5
    places = torch.stack([lightness, chroma[:, 0], chroma[:, 1]])  # (3, B, n) of 0..1
    steps = torch.tensor([size - 1 for size in sizes], dtype=lab.dtype, device=lab.device)[:, None, None]
    places = places.clamp(0, 1) * steps
    low = torch.minimum(places.detach().floor(), steps - 1)
    share = places - low
    low = low.long()
    counted = lab.new_ones(batch, count) if weights is None else weights
    counted = counted / counted.sum(1, keepdim=True).clamp(min=1e-12)
    histogram = lab.new_zeros(batch, LIGHTNESS_BINS * CHROMA_BINS * CHROMA_BINS)
    for corner in range(8):
        above = [corner >> axis & 1 for axis in range(3)]
        part, bin_of = counted, torch.zeros_like(low[0])
        for axis, up in enumerate(above):
            part = part * (share[axis] if up else 1 - share[axis])
            bin_of = bin_of * sizes[axis] + low[axis] + up
        histogram = histogram.scatter_add(1, bin_of, part)
    return histogram.view(batch, *sizes)
