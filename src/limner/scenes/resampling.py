"""Pixels seen at another scale: shrunk by the mean of what each covers, enlarged bilinearly, classes by the nearest.

Each new pixel is a sum over the same few old ones in the same order wherever the window lies, so a window of a scaled
picture equals that part of the whole to the bit. (GDAL's own resampling starts anew at each window.)
"""

from dataclasses import dataclass

import numpy as np

from limner.scenes.windows import Pixels

NOTHING = 1e-6  # a share of a pixel below this is rounding


@dataclass(frozen=True, eq=False)
class FilterWeights:
    """Which old pixels along one axis make up each new one.

    index: (new, taps) int64 numbers of old pixels; weights: (new, taps) float64, each row's sum is 1.
    """

    index: np.ndarray
    weights: np.ndarray

    @property
    def first(self) -> int:
        """The first old pixel that is needed."""
        return int(self.index.min())

    @property
    def count(self) -> int:
        """How many old pixels are needed, from `first` on."""
        return int(self.index.max()) + 1 - self.first

    def part(self, start: int, end: int) -> "FilterWeights":
        """The taps of new pixels ``start`` to ``end``."""
        return FilterWeights(self.index[start:end], self.weights[start:end])


def blended(old: int, new: int, start: int, count: int) -> FilterWeights:
    """FilterWeights of ``count`` pixels from ``start`` on an axis of ``old`` pixels seen as ``new``: means or bilinear.

    Shrinking, a new pixel is the mean of the ground that it covers, border pixels by their share; enlarging, it lies on
    the line between the centers of two old ones.

    >>> blended(4, 2, 1, 1).weights.tolist()
    [[0.5, 0.5, 0.0]]
    """
    ratio = old / new
    places = np.arange(start, start + count, dtype=np.float64)[:, None]
    if ratio >= 1:
        low, high = places * ratio, (places + 1) * ratio
        index = np.floor(low) + np.arange(int(np.ceil(ratio)) + 1)
        weights = np.clip(np.minimum(index + 1, high) - np.maximum(index, low), 0, None)
        weights[index >= old] = 0
    else:
        center = (places + 0.5) * ratio - 0.5
        index = np.floor(center) + np.arange(2)
        weights = 1 - np.abs(center - index)
    weights[weights < NOTHING] = 0
    weights /= weights.sum(axis=1, keepdims=True)
    return FilterWeights(index.clip(0, old - 1).astype(np.int64), weights)


def nearest(old: int, new: int, start: int, count: int) -> FilterWeights:
    """As `blended`, but each new pixel is the old one under its center.

    >>> nearest(4, 2, 0, 2).index.tolist()
    [[1], [3]]
    """
    places = np.arange(start, start + count, dtype=np.float64)[:, None]
    index = np.floor((places + 0.5) * (old / new)).clip(0, old - 1).astype(np.int64)
    return FilterWeights(index, np.ones(index.shape))


def resampled(pixels: Pixels, rows: FilterWeights, columns: FilterWeights) -> Pixels:
    """The new pixels from the old ones that are needed (``rows.first``, ``rows.count`` and so on).

    A new pixel is valid where every old one it stands on is, so that nothing bleeds into data; integers are rounded.
    """
    dtype = pixels.values.dtype
    if rows.index.shape[1] == columns.index.shape[1] == 1:
        row, column = rows.index - rows.first, columns.index[:, 0] - columns.first
        return Pixels(pixels.values[:, row, column], pixels.valid[row, column])
    values = pixels.values.astype(np.result_type(dtype, np.float32), copy=False)
    values = _along(_along(values, rows, axis=1), columns, axis=2)
    if np.issubdtype(dtype, np.integer):
        values = np.rint(values)
    values = values.astype(dtype, copy=False)
    valid = np.ones(values.shape[1:], bool)
    if not pixels.valid.all():
        valid = ~_touched(_touched(~pixels.valid, rows, axis=0), columns, axis=1)
        values[:, ~valid] = 0
    return Pixels(values, valid)


def _along(values: np.ndarray, taps: FilterWeights, axis: int) -> np.ndarray:
    """Weighted sums of a (bands, height, width) array along its rows (axis 1) or columns (axis 2)."""
    shape = (1, -1, 1) if axis == 1 else (1, 1, -1)
    index, weights = taps.index - taps.first, taps.weights.astype(values.dtype)
    total = values.take(index[:, 0], axis=axis) * weights[:, 0].reshape(shape)
    for tap in range(1, index.shape[1]):
        if weights[:, tap].any():
            total += values.take(index[:, tap], axis=axis) * weights[:, tap].reshape(shape)
    return total


def _touched(flags: np.ndarray, taps: FilterWeights, axis: int) -> np.ndarray:
    """Which new pixels stand on a flagged old one, along one axis of a (height, width) array."""
    index, used = taps.index - taps.first, taps.weights > 0
    shape = (-1, 1) if axis == 0 else (1, -1)
    found = flags.take(index[:, 0], axis=axis) & used[:, 0].reshape(shape)
    for tap in range(1, index.shape[1]):
        found |= flags.take(index[:, tap], axis=axis) & used[:, tap].reshape(shape)
    return found
