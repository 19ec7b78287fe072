"""A class raster in parts of bounded area: where they lie, what neighbors agree on, and the labels around a seam.

A part sees some pixels of its neighbors, as far as a pixel can decide about another. Both name the pixels around their
seam, and objects that agree on more than half of the smaller one's pixels there are one.
"""

import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array

from limner.scenes.windows import Window
from limner.segment.footprints.options import Splitting

PART_PIXELS = 2**19
"""Of a part, where objects are split: that takes about 150 bytes a pixel, which of a wide scene are gigabytes."""


class Part(NamedTuple):
    """A part of a raster. own: what it answers for; seen: what it looks at, ``own`` and what surrounds it.

    above, below: (first, end) of the rows around its upper and its lower seam, of the raster; equal at the raster's
    edge. near: how many columns to each side of the seam with the next part decide what is one.
    """

    own: Window
    seen: Window
    above: tuple[int, int]
    below: tuple[int, int]
    near: int

    @property
    def left(self) -> slice:
        """The columns around its left seam, counted from the first that it sees; empty at the raster's edge."""
        return self._columns(self.own.column - self.seen.column, self.own.column == self.seen.column)

    @property
    def right(self) -> slice:
        """The columns around its right seam, as `left`."""
        end = self.own.column + self.own.width
        return self._columns(end - self.seen.column, end == self.seen.column + self.seen.width)

    def _columns(self, seam: int, at_edge: bool) -> slice:
        return slice(0, 0) if at_edge else slice(seam - self.near, seam + self.near)

    @property
    def inner(self) -> tuple[slice, slice]:
        """Its own pixels, of those that it sees."""
        return self.own.seen_from(self.seen).slices

    def around(self, seam: tuple[int, int]) -> tuple[slice, slice]:
        """``above`` or ``below`` in its own columns, of the pixels that it sees."""
        return slice(seam[0] - self.seen.row, seam[1] - self.seen.row), self.inner[1]


def blocks_of_rows(
    height: int, width: int, splitting: Splitting | None, block_pixels: int, part_pixels: int = PART_PIXELS
) -> Iterator[list[Part]]:
    """The parts of each block of rows, from left to right. Where objects are not split, a block has one part: its
    rows are as few as its pixels demand."""
    halo = 1 if splitting is None else splitting.reach_px
    block_rows = max(1 if splitting is None else 4 * halo, block_pixels // max(1, width))
    for row in range(0, height, block_rows):
        bottom = min(height, row + block_rows)
        top, end = max(0, row - halo), min(height, bottom + halo)
        above, below = (
            (max(0, seam - halo), min(height, seam + halo)) if 0 < seam < height else (seam, seam)
            for seam in (row, bottom)
        )
        own_px = width if splitting is None else max(4 * halo, part_pixels // (end - top))
        own_px = width if width <= own_px + 2 * halo else own_px
        yield [
            Part(
                Window(row, left, bottom - row, min(own_px, width - left)),
                Window(top, first := max(0, left - halo), end - top, min(width, left + own_px + halo) - first),
                above, below, max(1, halo // 4),
            )
            for left in range(0, width, own_px)
        ]  # fmt: skip


class Seam:
    """Labels of the rows around a seam, part by part: compressed, as they would be the largest that is kept of a wide
    raster."""

    def __init__(self) -> None:
        self._parts: list[tuple[int, tuple[int, int], bytes]] = []

    def append(self, labels: np.ndarray) -> None:
        """Add the labels (rows, columns) int32 to the right of those before."""
        first = self.width
        self._parts.append((first, labels.shape, zlib.compress(labels.astype(np.int32).tobytes(), 1)))

    @property
    def width(self) -> int:
        """Columns so far."""
        if not self._parts:
            return 0
        first, shape, _ = self._parts[-1]
        return first + shape[1]

    @property
    def kept_bytes(self) -> int:
        """What it keeps."""
        return sum(len(labels) for *_, labels in self._parts)

    def columns(self, start: int, stop: int) -> np.ndarray:
        """The labels of some columns, (rows, stop - start) int32."""
        found = []
        for first, shape, labels in self._parts:
            if first < stop and start < first + shape[1]:
                whole = np.frombuffer(zlib.decompress(labels), np.int32).reshape(shape)
                found.append(whole[:, max(0, start - first) : stop - first])
        return np.concatenate(found, axis=1)


class Sizes:
    """How many pixels labels have, counted part by part."""

    def __init__(self) -> None:
        self.counts = np.zeros(0, np.int64)

    def add(self, labels: np.ndarray) -> None:
        """Count those of more labels (rows, columns), from 0."""
        more = np.bincount(labels.ravel(), minlength=len(self.counts))
        more[: len(self.counts)] += self.counts
        self.counts = more


def shared_pixels(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(n, 3) int64: pairs of labels (above 0) of two namings of the same pixels, and how many pixels share them."""
    both = (one > 0) & (other > 0)
    first, second = one[both], other[both]
    if not len(first):
        return np.zeros((0, 3), np.int64)
    found = coo_array((np.ones(len(first), np.int32), (first, second))).tocsr().tocoo()  # adds up, without sorting
    return np.stack([found.row, found.col, found.data], axis=1).astype(np.int64)


def agreed(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Pairs of labels of two namings of the same pixels, (n, 2), that share more than half of the smaller one's."""
    pairs = shared_pixels(one, other)
    return alike(pairs, *(np.bincount(side[side > 0]) for side in (one, other)))


def alike(pairs: np.ndarray, sizes: np.ndarray, other_sizes: np.ndarray) -> np.ndarray:
    """Of pairs with the pixels that they share, (n, 3), those that share more than half of the smaller one's: (m, 2).

    sizes, other_sizes: of each label of either naming.
    """
    if not len(pairs):
        return pairs[:, :2]
    smaller = np.minimum(sizes[pairs[:, 0]], other_sizes[pairs[:, 1]])
    return pairs[2 * pairs[:, 2] > smaller, :2]
