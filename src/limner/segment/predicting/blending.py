"""Adding up the tiles' answers in a buffer that rolls down the scene: no more than a row of tiles is ever held."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from limner.segment.predicting.tiles import Axis, Columns


class Rows(NamedTuple):
    """Finished rows of a scene.

    row: number of the first one. planes: (P, n, width) float32, 0..1. valid: (n, width) bool. column: number of the
    first one, where they are a part of the scene's width.
    """

    row: int
    planes: np.ndarray
    valid: np.ndarray
    column: int = 0

    def parts(self, most_rows: int) -> Iterator["Rows"]:
        """The same rows, so many at a time: what is made of them takes several times their memory."""
        for first in range(0, len(self.valid), most_rows):
            own = slice(first, first + most_rows)
            yield self._replace(row=self.row + first, planes=self.planes[:, own], valid=self.valid[own])


class Blend:
    """A weighted sum of tiles over a band of rows, given row of tiles by row of tiles from the top.

    Probabilities are averaged, not logits: one tile that is wrong with great confidence must not outvote another.
    Rows leave in blocks of ``block_px``, the height of the output file's own blocks, so that each is written once.
    """

    def __init__(self, rows: Axis, columns: Columns, planes: int, block_px: int) -> None:
        self.rows, self.columns, self.block_px = rows, columns, block_px
        height = rows.size_px + min(block_px, rows.padded_px)  # less than a block waits for its rest
        self.sums = np.zeros((planes, height, columns.padded_px), np.float32)
        self.valid = np.zeros((height, columns.padded_px), bool)
        self.top = 0  # the scene's row that lies first in the buffer
        self.column_shares = [columns.share(index) for index in range(len(columns.origins))]

    def mark_valid(self, index: int, valid: np.ndarray) -> None:
        """Note which pixels under the tiles of row ``index`` hold data: (size_px, padded width) bool."""
        start = self.rows.origins[index] - self.top
        self.valid[start : start + self.rows.size_px] = valid

    def add(self, index: int, columns: list[int], planes: np.ndarray) -> None:
        """Add the answers (B, P, H, W) float32 of the tiles at ``columns`` of tile row ``index``."""
        start = self.rows.origins[index] - self.top
        share = self.rows.share(index)
        for column, answer in zip(columns, planes, strict=True):
            left = self.columns.origins[column]
            weight = share[:, None] * self.column_shares[column]  # (H, W)
            target = self.sums[:, start : start + self.rows.size_px, left : left + self.columns.size_px]
            target += answer * weight

    def take(self, index: int) -> Rows:
        """The rows that no tile below row ``index`` touches, in whole blocks (after the last row of tiles: all).

        They leave the buffer.
        """
        is_last = index == len(self.rows.origins) - 1
        end = self.rows.length if is_last else self.rows.origins[index + 1]
        count = end - self.top if is_last else (end - self.top) // self.block_px * self.block_px
        first = self.columns.start - self.columns.left
        own = slice(first, first + self.columns.length)
        planes, valid = self.sums[:, :count, own].copy(), self.valid[:count, own].copy()
        finished = Rows(self.top, planes, valid, self.columns.start)
        if count:
            self._roll(count)
        return finished

    def _roll(self, count: int) -> None:
        for buffer in (self.sums, self.valid[None]):
            buffer[:, : buffer.shape[1] - count] = buffer[:, count:]
            buffer[:, buffer.shape[1] - count :] = 0
        self.top += count
