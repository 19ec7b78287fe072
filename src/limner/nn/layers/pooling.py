"""Pooling: a neighborhood in one number, by its largest, its mean, a draw, or something between them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


def windows(maps: Tensor, size: int, stride: int | None = None) -> Tensor:
    """The neighborhoods of maps (B, C, H, W): (B, C, H', W', size^2), without what is left at the border."""
    step = size if stride is None else stride
    if min(maps.shape[2:]) < size:
        raise ValueError(f"pooling over {size} x {size} needs maps at least as large, got {tuple(maps.shape[2:])}")
    return maps.unfold(2, size, step).unfold(3, size, step).flatten(4)


def stochastic_pool(
    maps: Tensor, size: int, stride: int | None = None, generator: torch.Generator | None = None
) -> Tensor:
    """One value of each neighborhood, drawn with a probability proportional to it (Zeiler and Fergus 2013, eqs. 4, 5).

    maps: (B, C, H, W) floating, at least 0, as behind a ReLU. generator: of the draws; without one torch's own. A
    neighborhood of zeros gives zero. Gives (B, C, H', W').
    """
    values = windows(maps, size, stride)
    flat = values.flatten(0, 3)
    weights = torch.where(flat.sum(1, keepdim=True) > 0, flat, torch.ones_like(flat))
    chosen = torch.multinomial(weights.detach(), 1, generator=generator)
    return flat.gather(1, chosen).view(values.shape[:-1])


def probability_pool(maps: Tensor, size: int, stride: int | None = None) -> Tensor:
    """What `stochastic_pool` gives on average: the values' mean weighed
    by themselves (Zeiler and Fergus 2013, eq. 6).
    """
    values = windows(maps, size, stride)
    total = values.sum(-1)
    safe = torch.where(total > 0, total, torch.ones_like(total))
    return values.square().sum(-1) / safe


class StochasticPool(nn.Module):
    """Draws while it learns, `probability_pool` afterwards. size: of the neighborhood, which is also its stride."""

    def __init__(self, size: int, stride: int | None = None) -> None:
        super().__init__()
        self.size, self.stride = size, stride

    def forward(self, maps: Tensor) -> Tensor:
        """maps: (B, C, H, W) floating, at least 0. Gives (B, C, H', W')."""
        pool = stochastic_pool if self.training else probability_pool
        return pool(maps, self.size, self.stride)


def smoothed_max(mean: Tensor, cardinality: float) -> Tensor:
    """The expected largest of ``cardinality`` codes that are 1 with probability ``mean``: 1 - (1 - mean)^cardinality.

    Boureau, Ponce and LeCun 2010 ("A theoretical analysis of feature pooling", section 2). mean: floating, 0 to 1. With
    cardinality 1 it is the average; with more it nears the maximum, without the maximum's noise.
    """
    return 1 - (1 - mean.clamp(0, 1)) ** cardinality


class SmoothedMaxPool(nn.Module):
    """`smoothed_max` of the mean of each neighborhood; cardinality:
    by default the neighborhood's own number of values.
    """

    def __init__(self, size: int, stride: int | None = None, cardinality: float | None = None) -> None:
        super().__init__()
        self.size, self.stride = size, stride
        self.cardinality = float(size**2) if cardinality is None else cardinality

    def forward(self, maps: Tensor) -> Tensor:
        """maps: (B, C, H, W) floating, 0 to 1. Gives (B, C, H', W')."""
        return smoothed_max(functional.avg_pool2d(maps, self.size, self.stride), self.cardinality)


class JointPool(nn.Module):
    """Several cardinalities side by side: C maps become C of each (Boureau, Ponce and LeCun 2010, "joint")."""

    def __init__(self, size: int, cardinalities: Sequence[float], stride: int | None = None) -> None:
        super().__init__()
        self.pools = nn.ModuleList(SmoothedMaxPool(size, stride, each) for each in cardinalities)

    def forward(self, maps: Tensor) -> Tensor:
        """maps: (B, C, H, W) floating, 0 to 1. Gives (B, C cardinalities, H', W')."""
        return torch.cat([pool(maps) for pool in self.pools], dim=1)


class PoolToGrid(nn.Module):
    """Pools maps of any size to ``grid`` x ``grid`` values, so that what follows may be fully connected.

    The neighborhoods' size and distance follow from the maps' size. largest: their maximum; else their mean.
    """

    def __init__(self, grid: int, largest: bool = True) -> None:
        super().__init__()
        self.grid, self.largest = grid, largest

    def forward(self, maps: Tensor) -> Tensor:
        """maps: (B, C, H, W) floating. Gives (B, C, grid, grid)."""
        pool = functional.adaptive_max_pool2d if self.largest else functional.adaptive_avg_pool2d
        return pool(maps, self.grid)


class PyramidPool(nn.Module):
    """Grids of several sizes in one vector (He et al. 2014, "Spatial pyramid pooling", section 2.2).

    grids: 1, 2 and 4 give 21 values a map, whatever the size of the maps.
    """

    def __init__(self, grids: Sequence[int] = (1, 2, 4), largest: bool = True) -> None:
        super().__init__()
        self.pools = nn.ModuleList(PoolToGrid(grid, largest) for grid in grids)

    def forward(self, maps: Tensor) -> Tensor:
        """maps: (B, C, H, W) floating. Gives (B, C * sum of grids^2)."""
        return torch.cat([pool(maps).flatten(1) for pool in self.pools], dim=1)


class PartialPool(nn.Module):
    """Pools some maps and leaves the others, so that the place of things is not lost (as Szegedy et al. 2014 do).

    pooled: how many maps, from the first. Their maximum over ``size`` x ``size`` is taken with stride 1 and borders
    kept, so that all maps keep one size. size is odd.
    """

    def __init__(self, pooled: int, size: int = 3) -> None:
        super().__init__()
        if size % 2 == 0:
            raise ValueError(f"size is {size}; needed: an odd number, which has a middle")
        self.pooled, self.size = pooled, size

    def forward(self, maps: Tensor) -> Tensor:
        """maps: (B, C, H, W) floating, C at least ``pooled``. Gives the same shape."""
        if maps.shape[1] < self.pooled:
            raise ValueError(f"{self.pooled} maps are to be pooled, but there are {maps.shape[1]}")
        pooled = functional.max_pool2d(maps[:, : self.pooled], self.size, 1, self.size // 2)
        return torch.cat([pooled, maps[:, self.pooled :]], dim=1)
