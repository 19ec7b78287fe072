"""Color fusion: every pixel a mean of superpixels' new colors, weighed by how well it fits them (Carrillo et al. 2021, eq. 3-6).

With the rows of the attention A summing to one, sum_j W(p, j) I_R(j) / sum_j W(p, j) is sum_i d(p, i) C(i) / sum_i d(p, i)
with C = A I_R: the reference's superpixels leave the work of a pixel. What is left, all pixels against all superpixels of
the target, is pruned: a superpixel too far to matter is found by bounds over whole groups of pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from limner.recolor.compiled import compiled
from limner.recolor.pooling import Regions
from limner.recolor.threads import in_parts

DELTA_SPACE, DELTA_COLOR = 10.0, 0.1
"""delta_s and delta_c of the paper: covariances of positions count 100 times, of colors a hundredth."""
REGULARIZATION = 1e-4
"""Added to the diagonal after scaling, in units of [0, 1] (Giraud et al.'s program); it sets how narrow a color can be."""
NEAREST_FLOOR = 1e-5
"""sigma_g(p) = q_min(p) + this (Giraud et al.'s program)."""
TOLERANCE = 1 / 1024
"""What pruning may change in any channel of any pixel, in units of [0, 1]: a quarter of a step of 8 bit."""
STRIDE = 32
"""Superpixels looked at between two looks at the bound."""
PARTS_A_THREAD = 16
BINS = 2048
CELL_PX = 24
"""Side of the squares of pixels that share a list of candidates where no labels are given."""
BLOCK = 1024


@dataclass(frozen=True)
class Kernel:
    """The shape of d(p, i) = exp(-q(p, i) / sigma), q the squared distance under a superpixel's scaled covariance.

    sigma: a number, or None for sigma(p) = q_min(p) + 1e-5, which widens where no superpixel fits and never divides nothing
    by nothing (the paper gives no value; this is Giraud et al.'s program). covariance: whose, "superpixel" (eq. 6) or
    "pixel": of the superpixel that holds p (Giraud et al.'s program).
    """

    sigma: float | None = None
    covariance: str = "superpixel"
    delta_space: float = DELTA_SPACE
    delta_color: float = DELTA_COLOR
    regularization: float = REGULARIZATION


PUBLISHED = Kernel()
"""Eq. 6, with sigma_g after Giraud et al."""


@dataclass(frozen=True)
class Fused:
    """picture: (3, H, W) float32. unfitted: share of the pixels that no superpixel is near (q_min above `UNFITTED`)."""

    picture: Tensor
    unfitted: float
    candidates: float


UNFITTED = 9.0
"""q_min of three deviations: the pixel's color is a mean of what fits least badly."""


def precisions(regions: Regions, kernel: Kernel) -> Tensor:
    """(N, 5, 5) float64: the inverses of the scaled, regularized covariances of eq. 6."""
    scale = regions.covariance.new_tensor([kernel.delta_space**2] * 2 + [kernel.delta_color**2] * 3).double()
    scaled = regions.covariance.double() * scale[:, None]  # blocks: rows and columns of one block share a scale
    return torch.linalg.inv(scaled + kernel.regularization * torch.eye(5, dtype=torch.float64, device=scaled.device))


def fuse(
    picture: Tensor,
    regions: Regions,
    colors: Tensor,
    kernel: Kernel = PUBLISHED,
    *,
    labels: Tensor | None = None,
    tolerance: float = TOLERANCE,
) -> Fused:
    """The picture with each pixel a weighted mean of ``colors`` (eq. 3), within ``tolerance`` of the sum over all superpixels.

    picture: (3, H, W) float32. regions: N superpixels, of this picture or (in a clip) of another like it. colors: (N, 3)
    float32, what each superpixel becomes. labels: (H, W) int, groups of like pixels that are worked on together, and for
    the covariance "pixel" the superpixels themselves; without them squares of pixels.

    No array of pixels x superpixels is made: on a CPU the sum is pruned, elsewhere blocks of pixels are summed exactly.
    """
    if kernel.covariance == "pixel" and labels is None:
        raise ValueError("the covariance of the superpixel that holds a pixel needs labels")
    if picture.device.type != "cpu":
        return fuse_exactly(picture, regions, colors, kernel, labels=labels)
    if labels is None:
        labels = _squares(*picture.shape[1:])
    order, starts = _grouped(labels.to(torch.int32).contiguous().numpy().ravel())
    spread = float((colors.amax(0) - colors.amin(0)).max()) if len(colors) else 0.0
    # Each superpixel left out weighs at most exp(1 - reach) of the best one.
    reach = 1 + math.log(max(math.e, len(colors) * max(spread, 1e-6) / tolerance))
    image = picture.contiguous().flatten(1).numpy()
    result = np.empty_like(image)
    size = picture.shape[1], picture.shape[2]
    centers, targets = regions.mean.contiguous().numpy(), colors.contiguous().float().numpy()
    shape, least = _packed(precisions(regions, kernel)), _least_precisions(regions, kernel)
    own = kernel.covariance == "pixel"

    def work(start: int, stop: int) -> tuple[int, int]:
        return _fuse_groups(
            image, result, size, order, starts, centers, shape, least, targets, kernel.sigma or 0.0, reach, own, start, stop
        )

    counts = in_parts(work, len(starts) - 1, PARTS_A_THREAD)
    unfitted, looked_at = (sum(values) / image.shape[1] for values in zip(*counts, strict=True))
    return Fused(torch.from_numpy(result).view_as(picture), unfitted, looked_at)


def fuse_exactly(
    picture: Tensor,
    regions: Regions,
    colors: Tensor,
    kernel: Kernel = PUBLISHED,
    *,
    labels: Tensor | None = None,
    block: int = BLOCK,
) -> Fused:
    """As `fuse`, over all superpixels, ``block`` pixels at a time; in the picture's own precision, on any device.

    Where the quadratic form is expanded it loses digits, so centers and pixels are taken from the middle of the range.
    """
    height, width = picture.shape[1:]
    rows = torch.arange(height, device=picture.device, dtype=picture.dtype) / height
    columns = torch.arange(width, device=picture.device, dtype=picture.dtype) / width
    points = torch.stack([*torch.meshgrid(rows, columns, indexing="ij"), *picture]).flatten(1).T - 0.5  # (n, 5)
    mean = regions.mean.to(picture.dtype) - 0.5
    precision = precisions(regions, kernel).to(picture.dtype)
    owners = None if labels is None else labels.flatten().long()
    result = torch.empty_like(points[:, 2:])
    unfitted = 0
    for start in range(0, len(points), block):
        part = points[start : start + block]
        if kernel.covariance == "pixel" and owners is not None:
            own = precision[owners[start : start + block]]  # (b, 5, 5)
            apart = part[:, None] - mean
            distance = torch.einsum("bnx,bxy,bny->bn", apart, own, apart)
        else:
            distance = _distances(part, mean, precision)
        distance = distance.clamp_min(0)
        least = distance.amin(1, keepdim=True)
        sigma = least + NEAREST_FLOOR if kernel.sigma is None else kernel.sigma
        # The exponent is cut off at -80: smaller numbers are denormal, ten times slower, and add nothing.
        weight = ((least - distance) / sigma).clamp_min_(-80).exp_()
        result[start : start + block] = weight @ colors.to(picture.dtype) / weight.sum(1, keepdim=True)
        unfitted += int((least > UNFITTED).sum())
    return Fused(result.T.reshape(picture.shape), unfitted / len(points), float(len(mean)))


def _distances(points: Tensor, mean: Tensor, precision: Tensor) -> Tensor:
    """(b, N): squared distances under each superpixel's precision, as one product of 16 monomials with 16 coefficients."""
    upper = torch.triu_indices(5, 5)
    doubled = torch.where(upper[0] == upper[1], 1.0, 2.0).to(points)
    squares = points[:, upper[0]] * points[:, upper[1]]
    monomials = torch.cat([squares, points, torch.ones_like(points[:, :1])], dim=1)
    toward = torch.einsum("nxy,ny->nx", precision, mean)
    constant = (toward * mean).sum(1, keepdim=True)
    coefficients = torch.cat([precision[:, upper[0], upper[1]] * doubled, -2 * toward, constant], dim=1)
    return monomials @ coefficients.T


def _squares(height: int, width: int) -> Tensor:
    """(H, W) int32: numbers of squares of `CELL_PX` pixels."""
    across = -(-width // CELL_PX)
    rows, columns = (torch.arange(length, dtype=torch.int32) // CELL_PX for length in (height, width))
    return rows[:, None] * across + columns


def _packed(precision: Tensor) -> np.ndarray:
    """(9, N) float32: yy, yx, xx, rr, rg, rb, gg, gb, bb, off-diagonal entries doubled."""
    entries = ((0, 0, 1), (0, 1, 2), (1, 1, 1), (2, 2, 1), (2, 3, 2), (2, 4, 2), (3, 3, 1), (3, 4, 2), (4, 4, 1))
    return torch.stack([precision[:, row, column] * factor for row, column, factor in entries]).float().numpy()


def _least_precisions(regions: Regions, kernel: Kernel) -> np.ndarray:
    """(2, N) float32: the least eigenvalues of the precisions of positions and of colors, which bound distances from below."""
    found = []
    for block, delta in ((slice(0, 2), kernel.delta_space), (slice(2, 5), kernel.delta_color)):
        largest = torch.linalg.eigvalsh(regions.covariance[:, block, block].double())[:, -1].clamp_min(0)
        found.append(1 / (largest * delta**2 + kernel.regularization))
    return torch.stack(found).float().numpy()


@compiled
def _grouped(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixel numbers in order of their labels (a counting sort), and where each label begins: (n,) and (groups + 1,) int64."""
    starts = np.zeros(labels.max() + 2, np.int64)
    for label in labels:
        starts[label + 1] += 1
    starts = np.cumsum(starts)
    places = starts.copy()
    order = np.empty(labels.size, np.int64)
    for pixel in range(labels.size):
        order[places[labels[pixel]]] = pixel
        places[labels[pixel]] += 1
    return order, starts


@compiled
def _fuse_groups(
    image: np.ndarray,
    result: np.ndarray,
    size: tuple[int, int],
    order: np.ndarray,
    starts: np.ndarray,
    centers: np.ndarray,
    shape: np.ndarray,
    least_precisions: np.ndarray,
    colors: np.ndarray,
    sigma: float,
    reach: float,
    own_covariance: bool,
    first_group: int,
    last_group: int,
) -> tuple[int, int]:
    """Fill ``result`` (3, n) for the pixels of some groups; gives how many no superpixel fits, and the candidates looked at.

    For each group of pixels: a list of the superpixels in order of a lower bound on their distance from any of its pixels.
    For each pixel: distances along that list until the bound says that the rest weighs too little, then the weighted mean.
    """
    height, width = size
    count = len(centers)
    bounds = np.empty(count, np.float32)
    table = np.empty((18, count), np.float32)  # what a pixel needs of a superpixel, in the order of the group's list
    distances = np.empty(count, np.float32)
    fills = np.empty(BINS + 1, np.int64)
    listed = np.empty(count, np.int64)
    unfitted = 0
    looked_at = 0
    for group in range(first_group, last_group):
        pixels = order[starts[group] : starts[group + 1]]
        if len(pixels) == 0:
            continue
        low, high = _box(image, pixels, height, width)
        own = group if own_covariance else -1
        for number in range(count):
            shaped = number if own < 0 else own
            space = _outside(centers[number, 0], low[0], high[0]) + _outside(centers[number, 1], low[1], high[1])
            color = (
                _outside(centers[number, 2], low[2], high[2])
                + _outside(centers[number, 3], low[3], high[3])
                + _outside(centers[number, 4], low[4], high[4])
            )
            bounds[number] = space * least_precisions[0, shaped] + color * least_precisions[1, shaped]
        _sort_coarsely(bounds, fills, listed)
        ready = 0
        for pixel in pixels:
            y, x = np.float32(pixel // width / height), np.float32(pixel % width / width)
            red, green, blue = image[0, pixel], image[1, pixel], image[2, pixel]
            least = np.float32(np.inf)
            scale = np.float32(sigma)
            ceiling = np.float32(np.inf)
            used = 0
            while used < count and _rounded(bounds[listed[used]]) <= ceiling:
                stop = min(used + STRIDE, count)
                if ready < stop:  # most pixels of a group stop at the same place: what they need is laid out once
                    for place in range(ready, stop):
                        number = listed[place]
                        shaped = number if own < 0 else own
                        for entry in range(9):
                            table[entry, place] = shape[entry, shaped]
                        for entry in range(5):
                            table[9 + entry, place] = centers[number, entry]
                        for entry in range(3):
                            table[14 + entry, place] = colors[number, entry]
                    ready = stop
                least = min(least, _distances_to(table, used, stop, y, x, red, green, blue, distances))
                if sigma == 0:
                    scale = least + np.float32(NEAREST_FLOOR)
                ceiling = least + np.float32(reach) * scale
                used = stop
            _average(table, used, distances, least, scale, result, pixel)
            unfitted += least > UNFITTED
            looked_at += used
    return unfitted, looked_at


@compiled
def _bin_of(value: float) -> int:
    """The bin of a number from 0: eight an octave, read off its bits."""
    return np.int64(np.float32(value).view(np.int32) >> 20)


@compiled
def _rounded(value: float) -> float:
    """The least number of the same bin: where numbers are in order of their bins, none that follows is below it."""
    return np.int32((np.float32(value).view(np.int32) >> 20) << 20).view(np.float32)


@compiled
def _sort_coarsely(values: np.ndarray, fills: np.ndarray, order: np.ndarray) -> None:
    """Fill ``order`` with the places of ``values`` in ascending order of their bins (a counting sort)."""
    fills[:] = 0
    for value in values:
        fills[_bin_of(value) + 1] += 1
    for number in range(BINS):
        fills[number + 1] += fills[number]
    for place in range(len(values)):
        number = _bin_of(values[place])
        order[fills[number]] = place
        fills[number] += 1


@compiled
def _box(image: np.ndarray, pixels: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest (y / H, x / W, red, green, blue) of some pixels: (5,) float32 each."""
    low, high = np.full(5, np.inf, np.float32), np.full(5, -np.inf, np.float32)
    for pixel in pixels:
        y, x = np.float32(pixel // width / height), np.float32(pixel % width / width)
        low[0], high[0] = min(low[0], y), max(high[0], y)
        low[1], high[1] = min(low[1], x), max(high[1], x)
        for channel in range(3):
            value = image[channel, pixel]
            low[2 + channel], high[2 + channel] = min(low[2 + channel], value), max(high[2 + channel], value)
    return low, high


@compiled
def _outside(value: float, low: float, high: float) -> float:
    """The squared distance of a number from an interval."""
    gap = max(max(low - value, value - high), np.float32(0))
    return gap * gap


@compiled
def _distances_to(
    table: np.ndarray,
    start: int,
    stop: int,
    y: float,
    x: float,
    red: float,
    green: float,
    blue: float,
    distances: np.ndarray,
) -> float:
    """Fill ``distances`` from ``start`` to ``stop`` with q (eq. 4); gives the least of them."""
    least = np.float32(np.inf)
    for place in range(start, stop):
        dy, dx = y - table[9, place], x - table[10, place]
        dr, dg, db = red - table[11, place], green - table[12, place], blue - table[13, place]
        distance = dy * (dy * table[0, place] + dx * table[1, place]) + dx * dx * table[2, place]
        distance += dr * (dr * table[3, place] + dg * table[4, place] + db * table[5, place])
        distance += dg * (dg * table[6, place] + db * table[7, place]) + db * db * table[8, place]
        distance = max(distance, np.float32(0))
        distances[place] = distance
        least = min(least, distance)
    return least


@compiled
def _average(
    table: np.ndarray,
    used: int,
    distances: np.ndarray,
    least: float,
    scale: float,
    result: np.ndarray,
    pixel: int,
) -> None:
    """The mean of the first ``used`` colors, weighed by exp((least - distance) / scale)."""
    total = np.float32(0)
    red, green, blue = np.float32(0), np.float32(0), np.float32(0)
    inverse = np.float32(1) / scale
    for place in range(used):
        weight = _exponential(max((least - distances[place]) * inverse, np.float32(-16)))
        total += weight
        red += weight * table[14, place]
        green += weight * table[15, place]
        blue += weight * table[16, place]
    result[0, pixel], result[1, pixel], result[2, pixel] = red / total, green / total, blue / total


@compiled
def _exponential(x: float) -> float:
    """exp(x) for -16 <= x <= 0 as (a polynomial of x / 16) ** 16, which vectorizes; the error relative to 1 is below 1e-6."""
    y = x * np.float32(1 / 16)
    power = np.float32(1 / 24) + y * np.float32(1 / 120)
    power = np.float32(1) + y * (np.float32(1) + y * (np.float32(1 / 2) + y * (np.float32(1 / 6) + y * power)))
    power *= power
    power *= power
    power *= power
    return power * power
