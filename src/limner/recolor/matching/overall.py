"""The way that a whole picture goes: a linear map of colors, from which regions then differ.

Regions that change each by itself lose contrast between them and gain none within. Ours, not in the paper.
"""

from __future__ import annotations

import torch
from torch import Tensor

from limner.colors.classic.clouds import AffineMap
from limner.colors.classic.mkl import mkl_from_moments
from limner.recolor.superpixels.pooling import Regions

LARGEST_GAIN = 1.5
"""A picture of nearly one color has little but noise, which no reference's contrast shall blow up."""


def overall_map(target: Regions, references: Regions, share: float, shares: Tensor | None = None) -> AffineMap | None:
    """``share`` of the way of `limner.colors.classic.mkl.mkl` between all colors of both sides, found from the moments
    of their superpixels; None for a share of 0.

    No direction of colors is stretched or shrunk by more than `LARGEST_GAIN`. shares: (N_R,) how much each superpixel
    of the references counts; by default its pixels.
    """
    if share == 0:
        return None
    found = mkl_from_moments(
        *_moments(target, target.count), *_moments(references, references.count if shares is None else shares)
    )
    gains, axes = torch.linalg.eigh(found.matrix)
    gains = 1 + share * (gains.clamp(1 / LARGEST_GAIN, LARGEST_GAIN) - 1)
    return AffineMap((axes * gains) @ axes.T, found.center, torch.lerp(found.center, found.new_center, share))


def _moments(regions: Regions, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (3,) and covariance (3, 3) of all pixels' colors, float64."""
    weights = (counts.double() / counts.double().sum())[:, None]
    mean = (weights * regions.colors.double()).sum(0)
    apart = regions.colors.double() - mean
    within = (weights[..., None] * regions.covariance[:, 2:, 2:].double()).sum(0)
    return mean, within + (weights * apart).T @ apart
