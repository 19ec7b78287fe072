"""MKL: the equation it solves."""

import pytest
import torch
from torch import Tensor

from limner.colors.classic.clouds import moments, regularized
from limner.colors.classic.mkl import mkl, mkl_from_moments, symmetric_power


def covariance(bands: int, rank: int, scale: float, seed: int) -> Tensor:
    """A random covariance (bands, bands) float64 of the given rank."""
    generator = torch.Generator().manual_seed(seed)
    factor = torch.randn(bands, rank, generator=generator, dtype=torch.float64)
    return scale * factor @ factor.T


@pytest.mark.parametrize("bands", [1, 3, 4, 13])
@pytest.mark.parametrize("scale", [0.05, 4e6])
def test_the_map_brings_one_covariance_to_the_other(bands: int, scale: float) -> None:
    mean = torch.zeros(bands)
    before, after = covariance(bands, 3 * bands, scale, 1), covariance(bands, 3 * bands, 2 * scale, 2)
    matrix = mkl_from_moments(mean, before, mean, after).matrix
    torch.testing.assert_close(matrix @ before @ matrix, after, rtol=0, atol=3e-5 * float(after.trace()))
    assert torch.equal(matrix, matrix.T)
    assert torch.linalg.eigvalsh(matrix).min() > 0


@pytest.mark.parametrize(("rank_before", "rank_after"), [(3, 1), (1, 3), (1, 1), (0, 2), (2, 0)])
def test_singular_covariances_are_reached_up_to_the_regularization(rank_before: int, rank_after: int) -> None:
    mean = torch.zeros(3)
    before, after = covariance(3, rank_before, 0.05, 1), covariance(3, rank_after, 0.05, 2)
    matrix = mkl_from_moments(mean, before, mean, after).matrix
    full_before, full_after = regularized(before, after)
    torch.testing.assert_close(matrix @ full_before @ matrix, full_after, rtol=0, atol=1e-9)
    assert torch.linalg.eigvalsh(matrix).max() < 10_000


def test_no_other_map_between_the_gaussians_moves_colors_less() -> None:
    before, after = covariance(3, 9, 0.05, 1), covariance(3, 9, 0.05, 2)
    matrix = mkl_from_moments(torch.zeros(3), before, torch.zeros(3), after).matrix
    by_roots = symmetric_power(after, 0.5) @ symmetric_power(before, -0.5)

    def moved(linear: Tensor) -> float:
        change = linear - torch.eye(3, dtype=torch.float64)
        return float((change @ before @ change.T).trace())

    assert moved(matrix) < moved(by_roots)


def test_colors_take_the_references_moments() -> None:
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(3, 3000, generator=generator)
    reference = torch.randn(3, 3, generator=generator) @ torch.rand(3, 2000, generator=generator)
    mean, spread = moments(mkl(target, reference)(target))
    wanted_mean, wanted_spread = moments(reference)
    torch.testing.assert_close(mean, wanted_mean, rtol=0, atol=1e-6)
    torch.testing.assert_close(spread, wanted_spread, rtol=0, atol=1e-4)
