"""Connected pieces of a label map, and the joining of those too small to stand alone."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Pairs = tuple[np.ndarray, np.ndarray]


def join_pieces(labels: np.ndarray, colors: np.ndarray, least: float) -> np.ndarray:
    """Split labels into 4-connected pieces and join each piece smaller than ``least`` pixels to a neighbor.

    A small piece joins the adjacent piece of the nearest mean color, and so on until all are large enough or one is
    left. The work is done on runs, stretches of one label in a row, of which there are far fewer than pixels.

    labels: (H, W) int32. colors: (3, H, W) float32. Returns (H, W) int32, from 0 without gaps in reading order.
    """
    height, width = labels.shape
    starts = _starts(labels)
    lengths = np.diff(starts, append=labels.size)
    upper, lower = _stacked(starts, labels.shape)
    of_run = labels.ravel()[starts]
    same = of_run[upper] == of_run[lower]
    piece = _united(len(starts), (upper[same], lower[same]))
    sizes = np.bincount(piece, lengths)
    sums = np.stack([np.bincount(piece, np.add.reduceat(band.ravel(), starts)) for band in colors])

    beside = np.flatnonzero(starts[1:] % width != 0)
    one = piece[np.concatenate([upper[~same], beside])]
    other = piece[np.concatenate([lower[~same], beside + 1])]
    joined = _join((one, other), sizes, sums, least)
    return np.repeat(joined[piece], lengths).reshape(height, width)


def _starts(labels: np.ndarray) -> np.ndarray:
    """The first pixel of every run, in reading order, (runs,) int64."""
    first = np.ones(labels.shape, bool)
    np.not_equal(labels[:, 1:], labels[:, :-1], out=first[:, 1:])
    return np.flatnonzero(first)


def _stacked(starts: np.ndarray, shape: tuple[int, int]) -> Pairs:
    """Runs that touch from row to row, (upper, lower): where two touch, one of them begins."""
    height, width = shape
    runs = np.arange(len(starts))
    down, up = starts < (height - 1) * width, starts >= width
    below = np.searchsorted(starts, starts[down] + width, side="right") - 1
    above = np.searchsorted(starts, starts[up] - width, side="right") - 1
    return np.concatenate([runs[down], above]), np.concatenate([below, runs[up]])


def _united(count: int, pairs: Pairs) -> np.ndarray:
    """The set of each of ``count`` things when ``pairs`` belong together, (count,) int32, numbered by first member."""
    graph = coo_array((np.ones(len(pairs[0]), bool), pairs), shape=(count, count))
    sets = connected_components(graph, directed=False)[1]
    _, first, place = np.unique(sets, return_index=True, return_inverse=True)
    names = np.empty(len(first), np.int32)
    names[np.argsort(first)] = np.arange(len(first))
    return names[place]


def _join(pairs: Pairs, sizes: np.ndarray, sums: np.ndarray, least: float) -> np.ndarray:
    """The joined piece of each piece, (pieces,) int32."""
    joined = np.arange(len(sizes), dtype=np.int32)
    while True:
        one, other = pairs
        wanted = (one != other) & (np.minimum(sizes[one], sizes[other]) < least)
        one, other = one[wanted], other[wanted]
        if not len(one):
            return joined
        means = sums / sizes
        distances = ((means[:, one] - means[:, other]) ** 2).sum(axis=0)
        piece, neighbor, distance = np.concatenate([one, other]), np.concatenate([other, one]), np.tile(distances, 2)
        shortest = np.full(len(sizes), np.inf)
        np.minimum.at(shortest, piece, distance)
        nearest = np.flatnonzero((sizes[piece] < least) & (distance == shortest[piece]))
        small, first = np.unique(piece[nearest], return_index=True)  # of equally near neighbors only one
        united = _united(len(sizes), (small, neighbor[nearest[first]]))
        joined = united[joined]
        pairs = united[one], united[other]
        sizes = np.bincount(united, sizes)
        sums = np.stack([np.bincount(united, band) for band in sums])
