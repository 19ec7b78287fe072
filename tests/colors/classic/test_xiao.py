"""Xiao's transfer: its equation and its steadiness."""

import torch
from torch import Tensor

from limner.colors.classic.clouds import moments
from limner.colors.classic.xiao import xiao


def cloud(seed: int) -> Tensor:
    """(3, 4000) float32 with three clearly unlike variances."""
    generator = torch.Generator().manual_seed(seed)
    axes = torch.linalg.qr(torch.randn(3, 3, generator=generator))[0]
    return 0.5 + axes @ (torch.tensor([[0.2], [0.08], [0.03]]) * torch.randn(3, 4000, generator=generator))


def test_colors_take_mean_and_covariance() -> None:
    target, reference = cloud(1), cloud(2)
    mean, covariance = moments(xiao(target, reference)(target))
    wanted_mean, wanted_covariance = moments(reference)
    torch.testing.assert_close(mean, wanted_mean, rtol=0, atol=1e-6)
    torch.testing.assert_close(covariance, wanted_covariance, rtol=0, atol=1e-5)


def test_the_axis_of_most_variance_goes_to_the_axis_of_most_variance() -> None:
    target, reference = cloud(1), cloud(2)
    most = torch.linalg.eigh(moments(target)[1])[1][:, -1]
    wanted = torch.linalg.eigh(moments(reference)[1])[1][:, -1]
    turned = xiao(target, reference).matrix @ most
    torch.testing.assert_close((turned / turned.norm() @ wanted).abs(), torch.tensor(1.0, dtype=torch.float64))


def test_nearly_equal_pictures_give_nearly_equal_maps() -> None:
    target, reference = cloud(1), cloud(2)
    matrix = xiao(target, reference).matrix
    for seed in range(20):
        noise = 1e-4 * torch.randn(target.shape, generator=torch.Generator().manual_seed(seed))
        torch.testing.assert_close(xiao(target + noise, reference).matrix, matrix, rtol=0, atol=0.02)
        torch.testing.assert_close(
            xiao(target + noise, target).matrix, torch.eye(3, dtype=torch.float64), rtol=0, atol=0.02
        )
