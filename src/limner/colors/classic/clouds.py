"""What the classic methods ask of a cloud of colors: its checks, its moments, a sample of it, an affine map of it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from limner.colors.blocks import block_ranges, by_blocks, over_blocks
from limner.foundation.errors import UserError

REGULARIZATION = 1e-5  # of the variance: less than rounding a photograph to 8 bits adds


@dataclass(frozen=True)
class AffineMap:
    """Colors x become matrix (x - center) + new_center.

    matrix: (bands, bands) float64. center, new_center: (bands,) float64, in the unit of the colors.
    """

    matrix: Tensor
    center: Tensor
    new_center: Tensor

    def __call__(self, colors: Tensor) -> Tensor:
        """See `limner.colors.color_map.ColorMap`."""
        matrix, center, new_center = (part.to(colors.device) for part in (self.matrix, self.center, self.new_center))

        def move(block: Tensor) -> Tensor:
            # Centered first: a large gain would make the constant a small difference of large numbers.
            centered = block - center[:, None].to(block.dtype)
            return torch.addmm(new_center[:, None].to(block.dtype), matrix.to(block.dtype), centered)

        return by_blocks(move, colors)


def check_clouds(target: Tensor, reference: Tensor) -> None:
    """Raise `UserError` unless both clouds, (bands, n) and (bands, m), hold colors of equally many bands."""
    if target.shape[0] != reference.shape[0]:
        raise UserError(
            f"the target has {target.shape[0]} bands and the reference {reference.shape[0]}; "
            "color transfer needs equally many: choose the same bands of both"
        )
    for name, cloud in (("target", target), ("reference", reference)):
        if cloud.shape[1] == 0:
            raise UserError(f"the {name} has no color to learn from; give a picture or mask with at least one pixel")


def moments(colors: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (bands,) and covariance (bands, bands) of colors (bands, n), divided by n, in float64."""
    bands, count = colors.shape
    origin = colors[:, :1].double()  # near the colors, so that squares of large means do not swallow a small variance
    blocks = block_ranges(colors)
    totals = origin.new_zeros(len(blocks), bands)
    products = origin.new_zeros(len(blocks), bands, bands)

    def work(first: int, last: int) -> None:
        for number in range(first, last):
            start, stop = blocks[number]
            # Rows one after the other: sums along pixels that lie interleaved take twice as long.
            centered = colors[:, start:stop].to(torch.float64, memory_format=torch.contiguous_format) - origin
            totals[number] = centered.sum(1)
            products[number] = centered @ centered.T

    over_blocks(work, len(blocks), colors.device)
    shift = totals.sum(0) / count
    covariance = products.sum(0) / count - torch.outer(shift, shift)
    covariance.diagonal().clamp_(min=0)  # rounding
    return origin[:, 0] + shift, covariance


def regularized(cov_target: Tensor, cov_reference: Tensor) -> tuple[Tensor, Tensor]:
    """Both covariances, (bands, bands) float64, plus a small multiple of the identity, so that neither is singular."""
    bands = cov_target.shape[0]
    floors = variance_floors(cov_target.trace() / bands, cov_reference.trace() / bands)
    identity = torch.eye(bands, dtype=torch.float64, device=cov_target.device)
    return cov_target + floors[0] * identity, cov_reference + floors[1] * identity


def variance_floors(variance_target: Tensor, variance_reference: Tensor) -> tuple[Tensor, Tensor]:
    """What to add to the variances of target and reference: the share `REGULARIZATION` of each.

    So it is the same in any unit, and equal clouds stay equal. Of a flat cloud, that share of a hundredth of the
    other's variance; of two flat clouds, 1. A direction without variance is thus stretched some thousand times at most.
    """
    floor_target = REGULARIZATION * torch.maximum(variance_target, variance_reference / 100)
    floor_reference = REGULARIZATION * torch.maximum(variance_reference, variance_target / 100)
    return torch.where(floor_target > 0, floor_target, 1.0), torch.where(floor_reference > 0, floor_reference, 1.0)


def sample(colors: Tensor, count: int, seed: int) -> Tensor:
    """``count`` colors drawn with replacement, or all of them where there are no more; (bands, up to count).

    Clouds of one size give the same pixels, so that a cloud and its copy stay alike.
    """
    if colors.shape[1] <= count:
        return colors
    generator = torch.Generator().manual_seed(seed)
    return colors[:, torch.randint(colors.shape[1], (count,), generator=generator).to(colors.device)]
