"""The graph segmentation of Felzenszwalb and Huttenlocher 2004: where selective search begins."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage

from limner.foundation.machine.compiled import compiled

Real = Any
"""A number within compiled code, where numba's types hold, not mypy's."""
SIGMA_PX = 0.8
"""Of the Gaussian that the picture is smoothed with first, as in their program and in selective search."""
DIGIT_BITS = 11
DIGITS = 1 << DIGIT_BITS


class PixelEdges(NamedTuple):
    """Pairs of neighboring pixels, diagonal ones too, the most similar first. first, second: (E,) int32 pixel numbers,
    row by row. weights: (E,) float32, the Euclidean distance of their smoothed colors. size: (height, width)."""

    first: np.ndarray
    second: np.ndarray
    weights: np.ndarray
    size: tuple[int, int]


def pixel_edges(channels: np.ndarray, sigma_px: float = SIGMA_PX) -> PixelEdges:
    """The edges that `join_pixels` goes through; made once for any number of its settings.

    channels: (C, H, W) float32, on the scale that ``scale`` there is meant for (0 to 255 in the paper).
    """
    smooth = channels
    if sigma_px > 0:
        smooth = np.stack([ndimage.gaussian_filter(each, sigma_px, mode="nearest") for each in channels])
    first, second, weights = _weigh(np.ascontiguousarray(smooth, np.float32))
    order = _order(weights.view(np.uint32))  # floats that are not negative sort as their bits do
    return PixelEdges(first[order], second[order], weights[order], channels.shape[1:])


def join_pixels(edges: PixelEdges, scale: float, smallest_px: int) -> np.ndarray:
    """The segments of a picture: (H, W) int32, numbered from 0 in the order of their first pixels, row by row.

    Two segments become one where the edge between them weighs no more than either's inner difference, the largest edge
    that joined it, plus ``scale`` / its number of pixels (eqs. 3-5); edges are gone through from the lightest on. Then
    those below ``smallest_px`` pixels join a neighbor, over the lightest edge again. Nothing is drawn at random: of
    equal edges the one that stands first in the picture comes first.
    """
    height, width = edges.size
    return _join(edges.first, edges.second, edges.weights, height * width, scale, smallest_px).reshape(height, width)


@compiled
def _weigh(channels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every pixel with those to the right, below, and below at either side."""
    count, height, width = channels.shape
    edges = height * (width - 1) + (height - 1) * width + 2 * (height - 1) * (width - 1)
    first, second, weights = np.empty(edges, np.int32), np.empty(edges, np.int32), np.empty(edges, np.float32)
    edge = 0
    for y in range(height):
        for x in range(width):
            for down, across in ((0, 1), (1, 0), (1, 1), (1, -1)):
                v, u = y + down, x + across
                if v < height and 0 <= u < width:
                    total = np.float32(0)
                    for channel in range(count):
                        total += (channels[channel, y, x] - channels[channel, v, u]) ** 2
                    first[edge], second[edge], weights[edge] = y * width + x, v * width + u, np.sqrt(total)
                    edge += 1
    return first, second, weights


@compiled
def _order(keys: np.ndarray) -> np.ndarray:
    """The places of (n,) uint32 in their order, equal ones as they stand: a radix sort by eleven bits at a time."""
    order, other = np.empty(keys.size, np.int32), np.empty(keys.size, np.int32)
    for first in range(keys.size):
        order[first] = first
    for shift in range(0, 32, DIGIT_BITS):
        starts = np.zeros(DIGITS + 1, np.int64)
        for key in keys:
            starts[((key >> np.uint32(shift)) & np.uint32(DIGITS - 1)) + 1] += 1
        for digit in range(DIGITS):
            starts[digit + 1] += starts[digit]
        for place in order:
            digit = (keys[place] >> np.uint32(shift)) & np.uint32(DIGITS - 1)
            other[starts[digit]] = place
            starts[digit] += 1
        order, other = other, order
    return order


@compiled
def _root(parents: np.ndarray, pixel: Real) -> Real:
    while parents[pixel] != pixel:
        parents[pixel] = parents[parents[pixel]]
        pixel = parents[pixel]
    return pixel


@compiled
def _join(
    first: np.ndarray, second: np.ndarray, weights: np.ndarray, pixels: int, scale: Real, smallest: int
) -> np.ndarray:
    parents = np.arange(pixels).astype(np.int32)
    sizes = np.ones(pixels, np.int32)
    limits = np.full(pixels, scale, np.float64)  # inner difference plus scale / size
    for edge in range(first.size):
        a, b = _root(parents, first[edge]), _root(parents, second[edge])
        if a != b and weights[edge] <= limits[a] and weights[edge] <= limits[b]:
            if sizes[a] < sizes[b]:
                a, b = b, a
            parents[b] = a
            sizes[a] += sizes[b]
            limits[a] = weights[edge] + scale / sizes[a]
    for edge in range(first.size):
        a, b = _root(parents, first[edge]), _root(parents, second[edge])
        if a != b and (sizes[a] < smallest or sizes[b] < smallest):
            if sizes[a] < sizes[b]:
                a, b = b, a
            parents[b] = a
            sizes[a] += sizes[b]
    numbers, labels, count = np.full(pixels, -1, np.int32), np.empty(pixels, np.int32), 0
    for pixel in range(pixels):
        root = _root(parents, pixel)
        if numbers[root] < 0:
            numbers[root] = count
            count += 1
        labels[pixel] = numbers[root]
    return labels
