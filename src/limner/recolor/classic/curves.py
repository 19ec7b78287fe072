"""Monotone curves that give values, axis by axis, the distribution of others."""

from dataclasses import dataclass

import torch
from torch import Tensor

from limner.recolor.blocks import as_working, block_ranges


@dataclass(frozen=True)
class Curves:
    """A monotone function for each axis: x becomes x + shift(x).

    The shift is a straight line between equally spaced nodes and constant beyond the first and the last, so that the
    curve goes on with slope one. Where all shifts are 0 the values come back as they were, bit by bit.

    low: (axes,) float64, the first node. per_unit: (axes,) float64, nodes in a unit of the values, 0 for one node.
    shifts: (axes, nodes) float64.
    """

    low: Tensor
    per_unit: Tensor
    shifts: Tensor

    def __call__(self, values: Tensor) -> Tensor:
        """New values for ``values``: both (axes, n) float32 or float64."""
        return self.shift(values).add_(values)

    def shift(self, values: Tensor) -> Tensor:
        """By how much each value moves; 0 for NaN."""
        axes, nodes = self.shifts.shape
        place = (values - self.low[:, None].to(values)) * self.per_unit[:, None].to(values)
        place = place.nan_to_num_(0.0).clamp_(0, nodes - 1)
        node = place.int()  # never negative: cutting is rounding down
        share = place.sub_(node)
        first = torch.arange(0, axes * nodes, nodes, dtype=torch.int32, device=values.device)[:, None]
        node = node.add_(first).flatten()
        shifts = self.shifts.to(values)
        rises = torch.nn.functional.pad(shifts.diff(dim=1), (0, 1))
        shift = shifts.flatten().index_select(0, node).view(values.shape)
        rise = rises.flatten().index_select(0, node).view(values.shape)
        return shift.addcmul_(rise, share)


def match_distributions(target: Tensor, reference: Tensor, bins: int) -> Curves:
    """The curves that give each axis of ``target`` the distribution of that axis of ``reference``.

    A value moves to the value of the reference at the same cumulative share. Values are counted in bins over the range
    of their cloud and axis; a bin stands for the mean of its values, with half of its own share on either side. So what
    has no more than ``bins`` distinct values, well apart, is matched as exactly as by sorting, and equal clouds give
    shifts of exactly 0.

    Args:
        target: (axes, n) floating, no NaN.
        reference: (axes, m), in the same unit.
        bins: of each range, and nodes of each curve.
    """
    low, high = target.amin(1).double(), target.amax(1).double()
    spread = high - low
    per_unit = torch.where(spread > 0, (bins - 1) / torch.where(spread > 0, spread, 1.0), 0.0)
    grid = torch.linspace(0, 1, bins, dtype=torch.float64, device=target.device)
    shifts = []
    for axis in range(target.shape[0]):
        values, shares = distribution(target[axis], bins)
        new_values, new_shares = distribution(reference[axis], bins)
        moved = interpolate(shares, new_shares, new_values) - values
        shifts.append(interpolate(low[axis] + spread[axis] * grid, values, moved))
    return Curves(low, per_unit, torch.stack(shifts))


def distribution(values: Tensor, bins: int) -> tuple[Tensor, Tensor]:
    """Rising values and the cumulative share at each, float64, as many as bins that are not empty; ``values`` (n,)."""
    low, high = values.min().double(), values.max().double()
    per_unit = torch.where(high > low, (bins - 1) / (high - low), 0.0)
    counts = torch.zeros(bins, dtype=torch.float64, device=values.device)
    sums = torch.zeros_like(counts)
    for start, stop in block_ranges(values[None]):
        block = as_working(values[start:stop])
        place = ((block - low.to(block)) * per_unit.to(block)).add_(0.5).int().clamp_(0, bins - 1)
        counts += torch.bincount(place, minlength=bins)
        sums += torch.bincount(place, block.double(), minlength=bins)
    held = counts > 0
    counts, sums = counts[held], sums[held]
    return sums / counts, (counts.cumsum(0) - counts / 2) / values.numel()


def interpolate(places: Tensor, knots: Tensor, values: Tensor) -> Tensor:
    """Straight lines through ``values`` (k,) at rising ``knots`` (k,), read at ``places``; constant beyond the ends."""
    if len(knots) == 1:
        return values.expand(places.shape)
    above = torch.searchsorted(knots, places, right=True).clamp(1, len(knots) - 1)
    share = ((places - knots[above - 1]) / (knots[above] - knots[above - 1])).clamp(0, 1)
    return torch.lerp(values[above - 1], values[above], share)
