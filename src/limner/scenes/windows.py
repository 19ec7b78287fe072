"""Rectangles of pixels: how pictures of any size are read, cut and covered piece by piece."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from rasterio.windows import Window as RasterioWindow

BAND_OF_ROWS_PX = 2**20  # pixels of a band of rows: eight bytes each while values are summed


class Window(NamedTuple):
    """A rectangle of pixels: first row, first column, height, width. It may reach beyond the picture."""

    row: int
    column: int
    height: int
    width: int

    def clipped(self, height: int, width: int) -> "Window":
        """The part of this window that lies on a picture of ``height`` x ``width`` (perhaps empty)."""
        row, column = min(max(self.row, 0), height), min(max(self.column, 0), width)
        return Window(
            row,
            column,
            max(0, min(self.row + self.height, height) - row),
            max(0, min(self.column + self.width, width) - column),
        )

    def intersects(self, other: "Window") -> bool:
        """Whether the two windows share a pixel."""
        return (
            self.row < other.row + other.height
            and other.row < self.row + self.height
            and self.column < other.column + other.width
            and other.column < self.column + self.width
        )

    def seen_from(self, other: "Window") -> "Window":
        """The same pixels, counted from the first row and column of ``other``.

        >>> Window(10, 20, 4, 4).seen_from(Window(8, 19, 9, 9))
        Window(row=2, column=1, height=4, width=4)
        """
        return self._replace(row=self.row - other.row, column=self.column - other.column)

    def cells(self, edge_px: int) -> list["Window"]:
        """This window cut into squares of ``edge_px``, smaller where it ends.

        >>> Window(5, 0, 10, 8).cells(8)
        [Window(row=5, column=0, height=8, width=8), Window(row=13, column=0, height=2, width=8)]
        """
        bottom, right = self.row + self.height, self.column + self.width
        return [
            Window(row, column, min(edge_px, bottom - row), min(edge_px, right - column))
            for row in range(self.row, bottom, edge_px)
            for column in range(self.column, right, edge_px)
        ]

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns as slices, for an array of the whole picture."""
        return slice(self.row, self.row + self.height), slice(self.column, self.column + self.width)

    @property
    def rasterio(self) -> RasterioWindow:
        """The same window as rasterio takes it: column first."""
        return RasterioWindow(self.column, self.row, self.width, self.height)


class Pixels(NamedTuple):
    """What a window holds. values: (bands, height, width) in the file's own type; valid: (height, width) bool."""

    values: np.ndarray
    valid: np.ndarray


def row_bands(height: int, width: int, band_px: int = BAND_OF_ROWS_PX) -> Iterator[Window]:
    """Windows of whole rows, about ``band_px`` pixels each, that cover ``height`` x ``width`` once."""
    rows = max(1, band_px // max(1, width))
    for row in range(0, height, rows):
        yield Window(row, 0, min(rows, height - row), width)


def spread_tiles(height: int, width: int, edge_px: int, most: int) -> tuple[list[Window], int]:
    """At most ``most`` tiles of a picture, evenly spread over all of ``edge_px`` side by side, and how many those are.

    >>> spread_tiles(4, 6, 2, 2)
    ([Window(row=0, column=2, height=2, width=2), Window(row=2, column=2, height=2, width=2)], 6)
    """
    tiles = [
        Window(row, column, min(edge_px, height - row), min(edge_px, width - column))
        for row in range(0, height, edge_px)
        for column in range(0, width, edge_px)
    ]
    if len(tiles) <= most:
        return tiles, len(tiles)
    return [tiles[int((place + 0.5) * len(tiles) / most)] for place in range(most)], len(tiles)


def covered(windows: Iterable[Window], window: Window) -> np.ndarray:
    """(height, width) bool: which pixels of ``window`` lie in any of ``windows``."""
    found = np.zeros((window.height, window.width), bool)
    for other in windows:
        if other.intersects(window):
            found[other.seen_from(window).clipped(window.height, window.width).slices] = True
    return found


def cut(array: np.ndarray, window: Window, fill: int) -> np.ndarray:
    """A window of a (..., height, width) array, ``fill`` beyond it."""
    height, width = array.shape[-2:]
    inside = window.clipped(height, width)
    part = array[(..., *inside.slices)]
    if inside == window:
        return part
    padded = np.full((*array.shape[:-2], window.height, window.width), fill, array.dtype)
    padded[(..., *inside.seen_from(window).slices)] = part
    return padded
