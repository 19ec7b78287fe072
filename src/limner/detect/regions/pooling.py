"""A region's features as a grid of one size: rounded to whole places (RoIPool), or read between them (RoIAlign)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

POOL, ALIGN, SHIFTED = "pool", "align", "align-shifted"
WAYS = (ALIGN, POOL, SHIFTED)


def pool_regions(
    features: Tensor, boxes: Sequence[Tensor], stride: float, grid: int = 7, way: str = ALIGN, points: int = 2
) -> Tensor:
    """The features in each box: (N, C, grid, grid), the boxes of the first picture first.

    way: `POOL` is Fast R-CNN's: the box is rounded to whole places of the map, so are its bins, and each gives its
    largest value. A box may move by a stride before anything changes, and what is read may stand half a stride away.
    `ALIGN` is Mask R-CNN's: nothing is rounded, each bin is the mean of ``points`` x ``points`` places, bilinearly
    between features, whose own place is the middle of their cell. `SHIFTED` is the same without that middle, half a
    place further to the right and down everywhere: so torchvision's detectors read, and their weights are used to it.

    features: (B, C, H, W) floating. boxes: (n, 4) in pixels of each picture. stride: pixels of a place of the map.
    Both ways are torchvision's. Raises `ValueError` for another way.
    """
    from torchvision.ops import roi_align, roi_pool  # torchvision takes seconds to import: only now

    if way not in WAYS:
        raise ValueError(f"regions by {way!r}; needed: one of {', '.join(WAYS)}")
    given = [each.to(features) for each in boxes]
    if way == POOL:
        return roi_pool(features, given, grid, spatial_scale=1 / stride)
    return roi_align(features, given, grid, 1 / stride, sampling_ratio=points, aligned=way == ALIGN)


class RegionPooling(nn.Module):
    """`pool_regions` as a layer without parameters. Arguments as there."""

    def __init__(self, stride: float, grid: int = 7, way: str = ALIGN, points: int = 2) -> None:
        super().__init__()
        if way not in WAYS:
            raise ValueError(f"regions by {way!r}; needed: one of {', '.join(WAYS)}")
        self.stride, self.grid, self.way, self.points = stride, grid, way, points

    def forward(self, features: Tensor, boxes: Sequence[Tensor]) -> Tensor:
        return pool_regions(features, boxes, self.stride, self.grid, self.way, self.points)


def unique_regions(boxes: Tensor, stride: float) -> tuple[Tensor, Tensor]:
    """((k,) int64 numbers of boxes that `POOL` tells apart, (n,) int64 which of these stands for each of (n, 4)).

    Fast R-CNN's release computes regions once that are the same in whole places of the map, and so saves time.
    """
    rounded = (boxes / stride).round()
    _, standing = rounded.unique(dim=0, return_inverse=True)
    first = torch.full((int(standing.max()) + 1 if len(standing) else 0,), len(boxes), dtype=torch.int64)
    first = first.scatter_reduce(0, standing, torch.arange(len(boxes)), "amin")
    return first, standing
