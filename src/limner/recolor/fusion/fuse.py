"""Color fusion: every pixel a mean of superpixels' new colors, weighed by how well it fits them (Carrillo et al. 2021,
eq. 3-6).

With the rows of the attention A summing to one, sum_j W(p, j) I_R(j) / sum_j W(p, j) is sum_i d(p, i) C(i) / sum_i d(p,
i) with C = A I_R: the reference's superpixels leave the work of a pixel. What is left, all pixels against all
superpixels of the target, is pruned: a superpixel too far to matter is found by bounds over whole groups of pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from limner.colors.color_map import ColorMap
from limner.foundation.machine.threads import in_parts
from limner.recolor.fusion.fusion_loops import NEAREST_FLOOR, UNFITTED, fuse_groups, group_pixels
from limner.recolor.superpixels.pooling import Regions

DELTA_SPACE, DELTA_COLOR = 10.0, 0.1
"""delta_s and delta_c of the paper: covariances of positions count 100 times, of colors a hundredth."""
REGULARIZATION = 1e-4
"""Added to the diagonal after scaling, in units of [0, 1] (Giraud et al.'s program);
it sets how narrow a color can be.
"""
TOLERANCE = 1 / 1024
"""What pruning may change in any channel of any pixel, in units of [0, 1]: a quarter of a step of 8 bit."""
PARTS_A_THREAD = 16
CELL_PX = 24
"""Side of the squares of pixels that share a list of candidates where no labels are given."""
BLOCK = 1024


@dataclass(frozen=True)
class Kernel:
    """The shape of d(p, i) = exp(-q(p, i) / sigma), q the squared distance under a superpixel's scaled covariance.

    sigma: a number, or None for sigma(p) = q_min(p) + 1e-5, which widens where no superpixel fits and never divides
    nothing by nothing (the paper gives no value; this is Giraud et al.'s program). covariance: whose, "superpixel" (eq.
    6) or "pixel": of the superpixel that holds p (Giraud et al.'s program).
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


@dataclass(frozen=True)
class Fusion:
    """What a method of superpixels found, kept as a function from pictures to pictures: it can be asked of any.

    regions: N superpixels. colors: (N, 3) float32, what each becomes. of_changes: a pixel becomes itself and a mean of
    what the superpixels change by, so that it keeps its place among its own (ours), not a mean of what they become, in
    which it loses it (the paper's). start: a map of colors that changes are measured from, for pixels and superpixels
    alike; None: from what they are.
    """

    regions: Regions
    colors: Tensor
    of_changes: bool = False
    start: ColorMap | None = None

    def __call__(self, picture: Tensor, kernel: Kernel = PUBLISHED, *, labels: Tensor | None = None) -> Fused:
        """See `fuse`."""
        if not self.of_changes:
            return fuse(picture, self.regions, self.colors, kernel, labels=labels)
        own, started = self.regions.colors, picture
        if self.start is not None:
            own, started = self.start(own.T.contiguous()).T, self.start(picture.flatten(1)).view_as(picture)
        fused = fuse(picture, self.regions, self.colors - own, kernel, labels=labels)
        return replace(fused, picture=fused.picture.add_(started))


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
    """The picture with each pixel a weighted mean of ``colors`` (eq. 3), within ``tolerance`` of the sum over all
    superpixels.

    picture: (3, H, W) float32. regions: N superpixels, of this picture or (in a clip) of another like it. colors: (N,
    3) float32, what each superpixel becomes. labels: (H, W) int, groups of like pixels that are worked on together, and
    for the covariance "pixel" the superpixels themselves; without them squares of pixels.

    No array of pixels x superpixels is made: on a CPU the sum is pruned, elsewhere blocks of pixels are summed exactly.
    """
    if kernel.covariance == "pixel" and labels is None:
        raise ValueError("the covariance of the superpixel that holds a pixel needs labels")
    if picture.device.type != "cpu":
        return fuse_exactly(picture, regions, colors, kernel, labels=labels)
    if labels is None:
        labels = _squares(*picture.shape[1:])
    order, starts = group_pixels(labels.to(torch.int32).contiguous().numpy().ravel())
    spread = float((colors.amax(0) - colors.amin(0)).max())
    image = picture.contiguous().flatten(1).numpy()
    result = np.empty_like(image)
    size = picture.shape[1], picture.shape[2]
    found = torch.cat([_roots(precisions(regions, kernel)), regions.mean, colors], dim=1).float().numpy()
    own = kernel.covariance == "pixel"

    def work(start: int, stop: int) -> tuple[int, int]:
        # The nearest superpixel weighs one: what all that are left out weigh moves a mean by that share of the spread.
        allowance = tolerance / max(spread, tolerance)
        return fuse_groups(image, result, size, order, starts, found, kernel.sigma or 0.0, allowance, own, start, stop)

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
    """(b, N): squared distances under each superpixel's precision,
    as one product of 16 monomials with 16 coefficients.
    """
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


def _roots(precision: Tensor) -> Tensor:
    """(N, 9): of the triangular U with U' U = precision yy, yx, xx, rr, rg, rb, gg, gb, bb; q is |U d|^2."""
    upper = torch.linalg.cholesky(precision).transpose(1, 2)
    entries = ((0, 0), (0, 1), (1, 1), (2, 2), (2, 3), (2, 4), (3, 3), (3, 4), (4, 4))
    return torch.stack([upper[:, row, column] for row, column in entries], dim=1)
