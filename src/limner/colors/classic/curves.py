"""Monotone curves that give values, axis by axis, the distribution of others."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from limner.colors.blocks import as_working
from limner.colors.classic.loops import count_values
from limner.foundation.machine.threads import in_parts


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
    for old, new in zip(count_axes(target, bins), count_axes(reference, bins), strict=True):
        values, shares = cumulated(*old)
        new_values, new_shares = cumulated(*new)
        moved = np.interp(shares, new_shares, new_values) - values
        lows.append(values[0])
        spreads.append(values[-1] - values[0])
        shifts.append(np.interp(np.linspace(values[0], values[-1], bins), values, moved))
    per_unit = [(bins - 1) / spread if spread > 0 else 0.0 for spread in spreads]
    parts = (torch.tensor(part, dtype=torch.float64) for part in (lows, per_unit, np.stack(shifts)))
    return Curves(*(part.to(target.device) for part in parts))


def cumulated(counts: np.ndarray, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean value of each bin that is not empty, and the share of all values up to it, half of its own included."""
    held = counts > 0
    counts = counts[held]
    return sums[held] / counts, (np.cumsum(counts) - counts / 2) / counts.sum()


def count_axes(values: Tensor, bins: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each axis of ``values`` (axes, n), how many fall in each bin of its range, and their sum: (bins,) float64."""
    if values.device.type != "cpu":
        return [count_torch(row, bins) for row in values]
    rows = as_working(values).contiguous().numpy()
    parts = in_parts(lambda first, last: [count_values(row, bins) for row in rows[first:last]], len(rows))
    return [counted for part in parts for counted in part]


def count_torch(values: Tensor, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """As `limner.colors.classic.loops.count_values`, by torch's operations, on any device."""
    values = values.double()
    low, high = (float(end) for end in values.aminmax())
    scale = (bins - 1) / (high - low) if high > low else 0.0
    place = ((values - low) * scale).add_(0.5).int()
    counts, sums = torch.bincount(place, minlength=bins), torch.bincount(place, values, bins)
    return counts.double().cpu().numpy(), sums.cpu().numpy()
