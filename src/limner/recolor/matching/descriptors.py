"""What superpixel color transfer compares: the cumulative color histogram of each superpixel."""

from __future__ import annotations

import torch
from torch import Tensor

BINS = 8  # of each of the three bands


def color_descriptors(picture: Tensor, labels: Tensor) -> Tensor:
    """The cumulative color histogram of every superpixel, (N, 512) float32, 0..1.

    Entry (r, g, b) of the 8 x 8 x 8 is the share of the superpixel's pixels of which no band lies in a higher bin than
    r, g and b, the picture divided by its largest value first. Unlike plain histograms, whose distance is the same for
    all colors in different bins, these are nearer the nearer the colors are. After the authors' program of Giraud, Ta
    and Papadakis, "Superpixel-based Color Transfer" (ICIP 2017).

    picture: (3, H, W) floating, gamma-encoded; values below 0 count as 0. labels: (H, W) integers, 0..N-1 without
    gaps, on the same device.
    """
    largest = picture.amax().clamp(min=torch.finfo(picture.dtype).tiny)
    cells = labels.flatten().long()
    names = int(cells.max()) + 1
    for band in picture.flatten(1):
        cells = cells * BINS + (band / largest * BINS).clamp(0, BINS - 1).long()
    counts = torch.bincount(cells, minlength=names * BINS**3).reshape(names, BINS, BINS, BINS)
    cumulative = counts.cumsum(1).cumsum(2).cumsum(3).flatten(1)
    return (cumulative / cumulative[:, -1:]).float()
