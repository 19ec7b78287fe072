"""Means over superpixels: of feature maps, without enlarging them,
and of positions and colors with their covariances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from limner.foundation.machine.compiled import compiled
from limner.foundation.machine.threads import SUMMED_PARTS, in_parts
from limner.nn.tiled_features import FeatureSource


@dataclass(frozen=True)
class Regions:
    """Superpixels as points of (y / H, x / W, red, green, blue), with their covariances.

    count: (N,) int64 pixels. mean: (N, 5) float32. covariance: (N, 5, 5) float32, two blocks: positions 2 x 2, colors
    3 x 3, nothing between them; divided by the count (Giraud et al.'s program), zero for one pixel.
    """

    count: Tensor
    mean: Tensor
    covariance: Tensor

    @property
    def positions(self) -> Tensor:
        """(N, 2) float32: y / H and x / W of the centers."""
        return self.mean[:, :2]

    @property
    def colors(self) -> Tensor:
        """(N, 3) float32: mean colors."""
        return self.mean[:, 2:]

    @staticmethod
    def joined(parts: Sequence[Regions]) -> Regions:
        """The superpixels of several pictures as one list, in order."""
        return Regions(
            torch.cat([part.count for part in parts]),
            torch.cat([part.mean for part in parts]),
            torch.cat([part.covariance for part in parts]),
        )


def measure_regions(picture: Tensor, labels: Tensor, weights: Tensor | None = None) -> Regions:
    """Centers and covariances of superpixels (Carrillo et al. 2021, 2.3; facts, 2.5 and 2.6).

    picture: (3, H, W) float32. labels: (H, W) int, 0..N-1, each used. weights: (H, W) float 0..1 of how much a pixel
    counts; a superpixel without any weight counts all of its pixels alike.
    """
    count = int(labels.max()) + 1
    if picture.device.type == "cpu":
        share = np.zeros((0, 0), np.float32) if weights is None else weights.float().numpy()
        image, numbers = picture.contiguous().numpy(), labels.to(torch.int32).contiguous().numpy()
        parts = in_parts(
            lambda start, stop: _moments(image, numbers, share, count, start, stop), len(numbers), parts=SUMMED_PARTS
        )
        moments = torch.from_numpy(sum(parts))
    else:
        moments = _moments_torch(picture, labels, weights, count)
    pixels, total = moments[:, 0], moments[:, 1:2]
    mean = moments[:, 2:7] / total
    second = moments[:, 7:] / total
    covariance = moments.new_zeros(count, 5, 5)
    for number, (first, other) in enumerate(PAIRS):
        value = second[:, number] - mean[:, first] * mean[:, other]
        covariance[:, first, other] = covariance[:, other, first] = value
    covariance.diagonal(dim1=1, dim2=2).clamp_(min=0)
    return Regions(pixels.long(), mean.float(), covariance.float())


PAIRS = ((0, 0), (0, 1), (1, 1), (2, 2), (2, 3), (2, 4), (3, 3), (3, 4), (4, 4))
"""The entries of a block covariance that are summed: positions, then colors."""
TINY_WEIGHT = 1e-9
"""Given to every pixel, so that a superpixel of which nothing counts still has a center."""


@compiled
def _moments(
    picture: np.ndarray, labels: np.ndarray, weights: np.ndarray, count: int, start: int, stop: int
) -> np.ndarray:
    """(N, 16) float64 over the rows ``start`` to ``stop``: pixels, weight, the five sums, the nine sums of products."""
    height, width = labels.shape
    sums = np.zeros((count, 16))
    for row in range(start, stop):
        y = row / height
        for column in range(width):
            x = column / width
            red = np.float64(picture[0, row, column])
            green = np.float64(picture[1, row, column])
            blue = np.float64(picture[2, row, column])
            weight = 1.0 if weights.size == 0 else weights[row, column] + TINY_WEIGHT
            entry = sums[labels[row, column]]
            entry[0] += 1.0
            entry[1] += weight
            entry[2] += weight * y
            entry[3] += weight * x
            entry[4] += weight * red
            entry[5] += weight * green
            entry[6] += weight * blue
            entry[7] += weight * y * y
            entry[8] += weight * y * x
            entry[9] += weight * x * x
            entry[10] += weight * red * red
            entry[11] += weight * red * green
            entry[12] += weight * red * blue
            entry[13] += weight * green * green
            entry[14] += weight * green * blue
            entry[15] += weight * blue * blue
    return sums


def _moments_torch(picture: Tensor, labels: Tensor, weights: Tensor | None, count: int) -> Tensor:
    """As `_moments`, on any device."""
    height, width = labels.shape
    rows = torch.arange(height, device=picture.device, dtype=torch.float64) / height
    columns = torch.arange(width, device=picture.device, dtype=torch.float64) / width
    points = [*torch.meshgrid(rows, columns, indexing="ij"), *picture.double()]
    share = torch.ones_like(points[0]) if weights is None else weights.double() + TINY_WEIGHT
    values = [torch.ones_like(share), share, *(share * point for point in points)]
    values += [share * points[first] * points[other] for first, other in PAIRS]
    sums = picture.new_zeros(count, 16, dtype=torch.float64)
    return sums.index_add_(0, labels.flatten().long(), torch.stack([value.flatten() for value in values], dim=1))


def pool_features(picture: Tensor, labels: Tensor, source: FeatureSource) -> Tensor:
    """Super-features: the mean over each superpixel of the bilinearly enlarged maps, without enlarging them.

    The mean of an enlarged map is W f / count, where W (N x cells) sums each pixel's bilinear weights (Carrillo et al.
    2021, 2.3; half-pixel centers, edge repeated).

    picture: (3, H, W) float32 0..1. labels: (H, W) int, 0..N-1, each used. Gives (N, C) float32 on the picture's
    device, C the channels of all layers together.
    """
    count = int(labels.max()) + 1
    pixels = torch.bincount(labels.flatten().long(), minlength=count)
    sums: list[Tensor] = []
    for tile in source.tiles(picture):
        rows, columns = tile.inner.slices
        inside = labels[rows, columns]
        # Numbers in reading order: a tile holds few of them, and working memory need not grow with the picture.
        first, last = int(inside.min()), int(inside.max()) + 1
        local = (inside - first).to("cpu", torch.int32).contiguous().numpy()
        corner = tile.inner.row - tile.outer.row, tile.inner.column - tile.outer.column
        padded = tuple(-(-length // source.stride) * source.stride for length in (tile.outer.height, tile.outer.width))
        for number, found in enumerate(tile.maps):
            stride = padded[0] / found.shape[1], padded[1] / found.shape[2]
            if number == len(sums):
                sums.append(torch.zeros(count, found.shape[0], dtype=torch.float64, device=found.device))
            if found.device.type == "cpu":
                cells = found.permute(1, 2, 0).contiguous().numpy()
                work = partial(_pooled, cells, local, corner, stride, last - first)
                parts = in_parts(work, len(local), parts=SUMMED_PARTS)
                sums[number][first:last] += torch.from_numpy(sum(parts))
            else:
                _pool_torch(sums[number], found, inside, corner, padded)
    return (torch.cat(sums, dim=1) / pixels[:, None]).float()


@compiled
def _pooled(
    cells: np.ndarray,
    labels: np.ndarray,
    corner: tuple[int, int],
    stride: tuple[float, float],
    count: int,
    start: int,
    stop: int,
) -> np.ndarray:
    """(N, C) float64: sums over rows of ``labels`` of the maps ``cells`` (h, w, C) read bilinearly between cells.

    corner: of the labels' first pixel, in pixels of the maps' window. stride: pixels a cell.
    """
    rows, columns, channels = cells.shape
    sums = np.zeros((count, channels))
    line = np.empty((columns, channels), np.float32)  # the maps between two rows of cells
    for row in range(start, stop):
        y = min(max((row + corner[0] + 0.5) / stride[0] - 0.5, 0.0), rows - 1.0)
        above = int(y)
        below = min(above + 1, rows - 1)
        share = np.float32(y - above)
        for column in range(columns):
            for channel in range(channels):
                upper = cells[above, column, channel]
                line[column, channel] = upper + share * (cells[below, column, channel] - upper)
        for column in range(labels.shape[1]):
            x = min(max((column + corner[1] + 0.5) / stride[1] - 0.5, 0.0), columns - 1.0)
            left = int(x)
            right = min(left + 1, columns - 1)
            across = np.float32(x - left)
            entry = sums[labels[row, column]]
            for channel in range(channels):
                first = line[left, channel]
                entry[channel] += first + across * (line[right, channel] - first)
    return sums


def _pool_torch(sums: Tensor, found: Tensor, labels: Tensor, corner: tuple[int, int], padded: tuple[int, ...]) -> None:
    """As `_pooled`, by enlarging one tile's maps, on any device."""
    enlarged = functional.interpolate(found[None], size=padded, mode="bilinear", align_corners=False)[0]
    height, width = labels.shape
    inside = enlarged[:, corner[0] : corner[0] + height, corner[1] : corner[1] + width]
    sums.index_add_(0, labels.flatten().long(), inside.flatten(1).T.double())
