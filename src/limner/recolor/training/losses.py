"""What a learned color transfer minimizes.

All colors are CIELAB as `limner.recolor.methods.analogy.grid.scaled` has it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

SLICES, SLICED_PX = 16, 2048
WINDOW_PX = 7
STABLE = (0.01**2, 0.03**2)
"""SSIM's constants, for lightness of 0..1."""


def image_loss(made: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference, 0-d. The paper squares it; that asks for averages where a histogram leaves doubt."""
    return (made - target).abs().mean()


def color_loss(made: Tensor, reference: Tensor, draw: torch.Generator) -> Tensor:
    """How far the colors of pictures (B, 3, H, W) are from those of references, wherever they stand: 0-d.

    The sliced Wasserstein distance (Rabin et al. 2011): the mean difference of sorted projections, along directions and
    on pixels that are drawn. It takes the place of the paper's histogram loss, and tells near colors from far ones.
    """
    directions = torch.randn(3, SLICES, generator=draw).to(made)
    directions = directions / directions.norm(dim=0)
    sides = []
    for pictures in (made, reference):
        cloud = pictures.flatten(2)
        places = torch.randint(cloud.shape[2], (SLICED_PX,), generator=draw).to(made.device)
        sides.append((cloud[:, :, places].transpose(1, 2) @ directions).sort(dim=1).values)
    return (sides[0] - sides[1]).abs().mean()


def structure_loss(made: Tensor, source: Tensor) -> Tensor:
    """1 - SSIM of lightness (Wang et al. 2004, here with a box of 7 px for its window), the mean over all: 0-d."""
    x, y = (made[:, :1] + 1) / 2, (source[:, :1] + 1) / 2
    mean_x, mean_y = _around(x), _around(y)
    variance_x, variance_y = _around(x * x) - mean_x**2, _around(y * y) - mean_y**2
    covariance = _around(x * y) - mean_x * mean_y
    first, second = STABLE
    ssim = (2 * mean_x * mean_y + first) * (2 * covariance + second)
    ssim = ssim / ((mean_x**2 + mean_y**2 + first) * (variance_x + variance_y + second))
    return 1 - ssim.mean()


def roughness(grid: Tensor) -> Tensor:
    """Mean square step between neighbors of a grid (B, 12, 8, h, w) within a layer: what makes blotches. 0-d."""
    down, right = grid.diff(dim=3), grid.diff(dim=4)
    return down.square().mean() + right.square().mean()


def out_of_range(made: Tensor) -> Tensor:
    """How far lightness lies beyond black and white, in the mean: 0-d."""
    return torch.relu(made[:, 0].abs() - 1).mean()


def _around(values: Tensor) -> Tensor:
    return avg_pool2d(values, WINDOW_PX, 1, WINDOW_PX // 2, count_include_pad=False)
