"""The middles of objects: peaks of a height within regions, no two of a region near each other."""

import numpy as np
from scipy import ndimage

NEIGHBORS = tuple((rows, columns) for rows in (-1, 0, 1) for columns in (-1, 0, 1) if (rows, columns) != (0, 0))


def peaks_within(height: np.ndarray, regions: np.ndarray, apart: int) -> np.ndarray:
    """Rows and columns of the peaks, (n, 2), in order of rows.

    A pixel is a peak where none of its region within ``apart`` rows and columns is higher. Of equally high ones less
    than ``apart`` from each other the first stays. A region of one height has its peaks where it is thin (less than a
    pixel and its four neighbors), and none without such a place. What scikit-image's `peak_local_max` gives with
    ``labels``, which filters each region's frame anew; here only pixels above their eight neighbors are looked at.

    height: (H, W) floating. regions: (H, W) int from 1, 0 for none; each hangs together by its pixels' sides.
    """
    candidates = _above_neighbors(height, regions) & (height > height.min())
    sizes = np.bincount(regions.ravel())
    flat = np.bincount(regions[candidates], minlength=len(sizes)) == sizes
    flat[0] = False
    if flat.any():
        whole = flat[regions]
        candidates &= ~whole | (whole & ~ndimage.binary_opening(whole))
    places = np.argwhere(candidates)
    places = places[np.argsort(-height[candidates], kind="stable")]
    near_higher = np.zeros(height.shape, bool)
    peaks = []
    for row, column in places.tolist():
        if near_higher[row, column]:
            continue
        top, left = max(0, row - apart), max(0, column - apart)
        window = slice(top, row + apart + 1), slice(left, column + apart + 1)
        same = regions[window] == regions[row, column]
        if (height[window][same] > height[row, column]).any():
            continue
        peaks.append((row, column))
        inner = slice(max(0, row - apart + 1), row + apart), slice(max(0, column - apart + 1), column + apart)
        near_higher[inner] |= regions[inner] == regions[row, column]
    return np.array(sorted(peaks), np.int64).reshape(-1, 2)


def _above_neighbors(height: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """Pixels of regions of which none of the eight neighbors in the same region is higher; (H, W) bool."""
    found = regions > 0
    for rows, columns in NEIGHBORS:
        here, there = _shifted(rows, columns)
        found[here] &= (height[there] <= height[here]) | (regions[there] != regions[here])
    return found


def _shifted(rows: int, columns: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Of a raster, the pixels that have a neighbor so many rows and columns further, and those neighbors."""
    pairs = [{1: (slice(-1), slice(1, None)), 0: (slice(None), slice(None)), -1: (slice(1, None), slice(-1))}[step]
             for step in (rows, columns)]  # fmt: skip
    return (pairs[0][0], pairs[1][0]), (pairs[0][1], pairs[1][1])
