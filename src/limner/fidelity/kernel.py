"""KID: the squared maximum mean discrepancy of two sets of features under a cubic kernel, unbiased.

Binkowski et al. 2018: k(x, y) = (x·y / d + 1)³ and, equation 4,
KID = mean of k(x, x') over x ≠ x' + mean of k(y, y') over y ≠ y' - 2 mean of k(x, y).

Every estimate here is a weighting of the pictures: weights of one for the whole set, of zero and one for a subset,
counts for a resample. So one pass over the kernel serves the estimate, its subsets and its interval.
"""

from __future__ import annotations

import torch
from torch import Tensor

BLOCK = 2048
"""Rows and columns of the kernel that are in memory at once: 32 MB."""


def kernel_distance(real: Tensor, fake: Tensor) -> float:
    """KID of all features (n, d) and (m, d), n and m at least 2. May be negative: it is unbiased."""
    whole = [features.new_ones((1, len(features)), dtype=torch.float64) for features in (real, fake)]
    return float(weighted_distances(real, fake, whole[0], whole[1])[0])


def weighted_distances(real: Tensor, fake: Tensor, real_weights: Tensor, fake_weights: Tensor) -> Tensor:
    """KID under each of R weightings of the pictures.

    A picture is never compared with itself, however often a resample holds it: two copies of it would count as
    likeness within the set, and the resamples would lie above the estimate.

    real: (n, d), fake: (m, d), any float type. real_weights: (R, n), fake_weights: (R, m), at least 0, each row with at
    least two that are above it. Gives (R,) float64.
    """
    real, fake = real.double(), fake.double()
    real_weights, fake_weights = real_weights.double(), fake_weights.double()
    across = _weighted_kernel(real, fake, real_weights, fake_weights)
    across = across / (real_weights.sum(dim=1) * fake_weights.sum(dim=1))
    return _within(real, real_weights) + _within(fake, fake_weights) - 2 * across


def draw_subsets(count: int, subsets: int, size: int, generator: torch.Generator) -> Tensor:
    """(subsets, count) float64 of zeros and ones: each row ``size`` different pictures, drawn evenly."""
    if not 2 <= size <= count:
        raise ValueError(f"subsets of {size} out of {count} pictures; needed: 2 or more, at most all")
    keys = torch.rand((subsets, count), generator=generator, device=generator.device)
    chosen = keys.argsort(dim=1)[:, :size]
    return torch.zeros((subsets, count), dtype=torch.float64, device=keys.device).scatter_(1, chosen, 1.0)


def draw_resamples(count: int, resamples: int, generator: torch.Generator) -> Tensor:
    """(resamples, count) float64: how often each picture is in each resample of ``count``, drawn with replacement."""
    drawn = torch.randint(count, (resamples, count), generator=generator, device=generator.device)
    ones = torch.ones(drawn.shape, dtype=torch.float64, device=drawn.device)
    return torch.zeros((resamples, count), dtype=torch.float64, device=drawn.device).scatter_add_(1, drawn, ones)


def _within(features: Tensor, weights: Tensor) -> Tensor:
    """The weighted mean of k over all pairs of different pictures, (R,)."""
    own = weights.square()
    with_itself = own @ _cubed((features * features).sum(dim=1), features.shape[1])
    pairs = weights.sum(dim=1).square() - own.sum(dim=1)
    return (_weighted_kernel(features, features, weights, weights) - with_itself) / pairs


def _weighted_kernel(first: Tensor, second: Tensor, first_weights: Tensor, second_weights: Tensor) -> Tensor:
    """Σᵢⱼ uᵢ k(xᵢ, yⱼ) vⱼ for each row of weights, (R,), block by block."""
    total = first.new_zeros(len(first_weights))
    for row in range(0, len(first), BLOCK):
        rows = slice(row, row + BLOCK)
        for column in range(0, len(second), BLOCK):
            columns = slice(column, column + BLOCK)
            kernel = _cubed(first[rows] @ second[columns].T, first.shape[1])
            total += ((first_weights[:, rows] @ kernel) * second_weights[:, columns]).sum(dim=1)
    return total


def _cubed(products: Tensor, dimensions: int) -> Tensor:
    return (products / dimensions + 1) ** 3
