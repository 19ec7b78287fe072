"""Superpixels of a picture that is transparent in places."""

from __future__ import annotations

from typing import NamedTuple

import torch
from scipy.spatial import KDTree
from torch import Tensor

from limner.recolor.superpixels.pooling import Regions, measure_regions


class SeenPart(NamedTuple):
    """labels: (H, W) int32, 0..n-1. regions: n superpixels. kept: (N,) bool, which of all they are."""

    labels: Tensor
    regions: Regions
    kept: Tensor


def seen_part(picture: Tensor, labels: Tensor, seen: Tensor) -> SeenPart:
    """Only the superpixels of which something is seen, measured by what is; pixels of others go to the nearest.

    picture: (3, H, W) float32. labels: (H, W) int, 0..N-1, each used. seen: (H, W) bool, True somewhere.
    """
    count = int(labels.max()) + 1
    numbers = labels.long()
    shown = torch.bincount(numbers[seen], minlength=count)
    kept = shown > 0
    measured = measure_regions(picture, labels, seen.float())
    regions = Regions(shown[kept], measured.mean[kept], measured.covariance[kept])
    renumbered = torch.empty(count, dtype=torch.int32, device=labels.device)
    renumbered[kept] = torch.arange(len(regions.count), dtype=torch.int32, device=labels.device)
    if not bool(kept.all()):
        hidden = measured.positions[~kept].cpu().numpy()
        nearest = KDTree(regions.positions.cpu().numpy()).query(hidden)[1]
        renumbered[~kept] = torch.from_numpy(nearest).to(renumbered)
    return SeenPart(renumbered[numbers], regions, kept)
