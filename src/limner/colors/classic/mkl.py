"""The linear map between two Gaussian clouds that moves colors least (Pitie and Kokaram 2007)."""

import torch
from torch import Tensor

from limner.colors.classic.clouds import AffineMap, check_clouds, moments, regularized


def mkl(target: Tensor, reference: Tensor) -> AffineMap:
    """Monge-Kantorovich's linear transfer: x becomes T (x - mean_t) + mean_r with T C_t T = C_r, T symmetric.

    Takes and raises what `limner.colors.color_map.Fit` says.
    """
    check_clouds(target, reference)
    return mkl_from_moments(*moments(target), *moments(reference))


def mkl_from_moments(
    mean_target: Tensor, cov_target: Tensor, mean_reference: Tensor, cov_reference: Tensor
) -> AffineMap:
    """As `mkl`, from means (bands,) and covariances (bands, bands): for clouds too large to hold.

    T = C_t^-1/2 (C_t^1/2 C_r C_t^1/2)^1/2 C_t^-1/2 is the only symmetric positive solution, and among all maps that
    bring one Gaussian to the other the one that moves colors least in the mean of squares. Covariances are regularized
    first (see `limner.colors.classic.clouds.regularized`), so singular ones are allowed.
    """
    cov_target, cov_reference = regularized(cov_target.double(), cov_reference.double())
    root = symmetric_power(cov_target, 0.5)
    unroot = symmetric_power(cov_target, -0.5)
    matrix = unroot @ symmetric_power(root @ cov_reference @ root, 0.5) @ unroot
    return AffineMap((matrix + matrix.T) / 2, mean_target.double(), mean_reference.double())


def symmetric_power(matrix: Tensor, exponent: float) -> Tensor:
    """A power of a symmetric positive definite matrix (bands, bands)."""
    values, vectors = torch.linalg.eigh((matrix + matrix.T) / 2)
    # Rounding may leave a smallest eigenvalue at or below zero.
    least = values[-1] * torch.finfo(values.dtype).eps
    return (vectors * values.clamp(min=least) ** exponent) @ vectors.T
