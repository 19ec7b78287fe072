"""FID: how far two Gaussians lie apart, one fitted to the features of real pictures and one to those of generated.

Heusel et al. 2017, equation 6: FID = |μ₁ - μ₂|² + Tr(Σ₁ + Σ₂ - 2 (Σ₁Σ₂)^½), with unbiased covariances.

With Σ₁ = AᵀA and Σ₂ = BᵀB, the eigenvalues of Σ₁Σ₂ are the squared singular values of ABᵀ. So Tr (Σ₁Σ₂)^½ is the sum of
those singular values: no matrix root, no eigenvalues of a matrix that is not symmetric, and no loss of half the digits
where there are fewer pictures than dimensions and most eigenvalues are zero.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Gaussian(NamedTuple):
    """mean: (d,) float64. root: (r, d) float64, with covariance = rootᵀ root and r at most d."""

    mean: Tensor
    root: Tensor


def fit_gaussian(features: Tensor, times: Tensor | None = None) -> Gaussian:
    """The mean of features (n, d), any float type, and a root of their covariance (divided by n - 1).

    times: (n,), how often each counts, as in a resample; n is then their sum. A picture that counts three times is one
    row of the root, not three.

    Raises `ValueError` for fewer than 2.
    """
    if times is not None:
        features, times = features[times > 0], times[times > 0].double()
    else:
        times = features.new_ones(len(features), dtype=torch.float64)
    count = float(times.sum())
    if count < 2:
        raise ValueError(f"{count:.0f} pictures have no covariance; needed: 2 or more")
    features = features.double()
    mean = times @ features / count
    root = (features - mean) * (times / (count - 1)).sqrt()[:, None]
    if len(root) > root.shape[1]:
        root = torch.linalg.qr(root, mode="r").R
    return Gaussian(mean, root)


def gaussian_distance(first: Gaussian, second: Gaussian) -> float:
    """The squared Fréchet (2-Wasserstein) distance of two Gaussians, at least 0 but for rounding."""
    between_means = (first.mean - second.mean).square().sum()
    shared = torch.linalg.svdvals(first.root @ second.root.T).sum()
    spreads = first.root.square().sum() + second.root.square().sum()
    return float(between_means + spreads - 2 * shared)


def frechet_distance(real: Tensor, fake: Tensor) -> float:
    """FID of features (n, d) and (m, d). Biased: it falls like 1/n, so compare only at equal counts.

    Raises `ValueError` for fewer than 2 pictures on a side.
    """
    return gaussian_distance(fit_gaussian(real), fit_gaussian(fake))
