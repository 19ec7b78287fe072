"""Monotone curves that give values, axis by axis, the distribution of others."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from limner.recolor.blocks import as_working

COUNT_BLOCK = 1 << 20  # large beside the number of bins, whose counts are added after each


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
    # What follows the counting is small: numpy on the processor, whatever the device.
    lows, spreads, shifts = [], [], []
    for axis in range(target.shape[0]):
        values, shares = distribution(target[axis], bins)
        new_values, new_shares = distribution(reference[axis], bins)
        moved = np.interp(shares, new_shares, new_values) - values
        lows.append(values[0])
        spreads.append(values[-1] - values[0])
        shifts.append(np.interp(np.linspace(values[0], values[-1], bins), values, moved))
    per_unit = [(bins - 1) / spread if spread > 0 else 0.0 for spread in spreads]
    parts = (torch.tensor(part, dtype=torch.float64) for part in (lows, per_unit, np.stack(shifts)))
    return Curves(*(part.to(target.device) for part in parts))


def distribution(values: Tensor, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Rising values and the cumulative share at each, float64, as many as bins that are not empty; ``values`` (n,)."""
    low, high = (float(end) for end in values.aminmax())
    per_unit = (bins - 1) / (high - low) if high > low else 0.0
    counts = torch.zeros(bins, dtype=torch.float64, device=values.device)
    sums = torch.zeros_like(counts)
    for part in values.split(COUNT_BLOCK):
        block = as_working(part)
        place = ((block - low) * per_unit).add_(0.5).int().clamp_(0, bins - 1)
        counts += torch.bincount(place, minlength=bins)
        sums += torch.bincount(place, block.double(), minlength=bins)
    count, total = counts.cpu().numpy(), sums.cpu().numpy()
    held = count > 0
    count = count[held]
    return total[held] / count, (np.cumsum(count) - count / 2) / values.numel()
