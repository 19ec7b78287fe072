"""Hierarchical grouping: the two most similar neighbors become one region, until one region is left."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from limner.detect.proposals.region_features import Regions
from limner.foundation.machine.compiled import compiled

Real = Any
"""A number within compiled code, where numba's types hold, not mypy's."""


class Similarity(NamedTuple):
    """What the similarity of two regions a, b is the sum of (Uijlings et al. 2013, eqs. 2-6).

    color, texture: the intersection of their histograms, the sum of the smaller numbers. size: 1 - (size of a + of b) /
    the picture's, so that small ones join early. fill: 1 - (the box around both - a - b) / the picture's.
    """

    color: bool = True
    texture: bool = True
    size: bool = True
    fill: bool = True


def group_regions(regions: Regions, similarity: Similarity) -> np.ndarray:
    """The boxes of all regions of a hierarchy: (n + merges, 4) int32, first the n given ones, then each merged one.

    Regions that touch nothing stay alone. Of equally similar pairs, the one that came to be first is merged first.
    """
    count = len(regions.sizes)
    result = np.empty((2 * count - 1, 4), np.int32)
    result[:count] = regions.boxes
    merged = _group(
        regions.histograms.copy(), regions.colors, regions.sizes.copy(), regions.boxes.copy(), regions.pairs,
        regions.pixels, similarity.color, similarity.texture, similarity.size, similarity.fill, result,
    )  # fmt: skip
    return result[:merged]


@compiled
def alike(
    histograms: np.ndarray, colors: int, sizes: np.ndarray, boxes: np.ndarray, pixels: Real, a: Real, b: Real,
    color: bool, texture: bool, size: bool, fill: bool,
) -> Real:  # fmt: skip
    """The similarity of the regions in two places."""
    total = np.float32(0)
    if color:
        for place in range(colors):
            one, two = histograms[a, place], histograms[b, place]
            total += one if one < two else two
    if texture:
        for place in range(colors, histograms.shape[1]):
            one, two = histograms[a, place], histograms[b, place]
            total += one if one < two else two
    both = sizes[a] + sizes[b]
    if size:
        total += np.float32(1 - both / pixels)
    if fill:
        width = max(boxes[a, 2], boxes[b, 2]) - min(boxes[a, 0], boxes[b, 0])
        height = max(boxes[a, 3], boxes[b, 3]) - min(boxes[a, 1], boxes[b, 1])
        total += np.float32(1 - (np.int64(width) * height - both) / pixels)
    return total


@compiled
def _push(heap: np.ndarray, count: int, sims: np.ndarray, edge: Real) -> None:
    """Put an edge into a heap of ``count``, whose first is the most similar, of equals the oldest."""
    place = count
    while place > 0:
        above = (place - 1) >> 1
        other = heap[above]
        if sims[other] >= sims[edge]:  # an older one stays above
            break
        heap[place] = other
        place = above
    heap[place] = edge


@compiled
def _pop(heap: np.ndarray, count: int, sims: np.ndarray) -> Real:
    """Take the first of a heap of ``count``."""
    top, edge = heap[0], heap[count - 1]
    place, last = 0, count - 1
    while True:
        below = 2 * place + 1
        if below >= last:
            break
        if below + 1 < last:
            left, right = heap[below], heap[below + 1]
            if sims[right] > sims[left] or (sims[right] == sims[left] and right < left):
                below += 1
        other = heap[below]
        if sims[edge] > sims[other] or (sims[edge] == sims[other] and edge < other):
            break
        heap[place] = other
        place = below
    heap[place] = edge
    return top


@compiled
def _longer(values: np.ndarray, room: int) -> np.ndarray:
    """As many more places behind. Element by element: numba compiles numpy's append and slices for seconds."""
    longer = np.empty(len(values) + room, values.dtype)
    for place in range(len(values)):
        longer[place] = values[place]
    return longer


@compiled
def _group(
    histograms: np.ndarray, colors: int, sizes: np.ndarray, boxes: np.ndarray, pairs: np.ndarray, pixels: int,
    color: bool, texture: bool, size: bool, fill: bool, result: np.ndarray,
) -> int:  # fmt: skip
    """Write the boxes of merged regions behind those of the first in ``result``, and give how many there are in all.

    Edges are numbered as they come; edge e joins ends[2 e] and ends[2 e + 1], and half h is in the list of ends[h].
    A merged region takes the place of its first part in histograms, sizes and boxes; its edges are all new.
    """
    count, edges = len(sizes), len(pairs)
    places = np.empty(2 * count - 1, np.int64)
    for place in range(count):
        places[place] = place
    heads = np.full(2 * count - 1, -1, np.int64)
    marks = np.full(2 * count - 1, -1, np.int64)
    room = max(16, 4 * edges)
    ends, nexts, alive = np.empty(2 * room, np.int64), np.empty(2 * room, np.int64), np.zeros(room, np.bool_)
    sims, heap = np.empty(room, np.float32), np.empty(room, np.int64)
    waiting: Real = np.int64(0)  # of a plain 0 numba makes a type of its own, and compiles what takes it twice
    around = np.empty(2 * count, np.int64)
    for edge in range(edges):
        a, b = np.int64(pairs[edge, 0]), np.int64(pairs[edge, 1])
        sims[edge] = alike(histograms, colors, sizes, boxes, pixels, a, b, color, texture, size, fill)
        ends[2 * edge], ends[2 * edge + 1], alive[edge] = a, b, True
        nexts[2 * edge], nexts[2 * edge + 1] = heads[a], heads[b]
        heads[a], heads[b] = 2 * edge, 2 * edge + 1
        _push(heap, waiting, sims, edge)
        waiting += 1
    merged = count
    while waiting > 0:
        edge = _pop(heap, waiting, sims)
        waiting -= 1
        if not alive[edge]:
            continue
        a, b = ends[2 * edge], ends[2 * edge + 1]
        to, of = places[a], places[b]
        share = np.float32(sizes[to] / (sizes[to] + sizes[of]))
        for place in range(histograms.shape[1]):
            histograms[to, place] = share * histograms[to, place] + (np.float32(1) - share) * histograms[of, place]
        sizes[to] += sizes[of]
        boxes[to, 0], boxes[to, 1] = min(boxes[to, 0], boxes[of, 0]), min(boxes[to, 1], boxes[of, 1])
        boxes[to, 2], boxes[to, 3] = max(boxes[to, 2], boxes[of, 2]), max(boxes[to, 3], boxes[of, 3])
        for side in range(4):
            result[merged, side] = boxes[to, side]
        places[merged] = to
        near = 0
        for region in (a, b):
            half = heads[region]
            while half >= 0:
                other = ends[half ^ 1]
                if alive[half >> 1]:
                    alive[half >> 1] = False
                    if other != a and other != b and marks[other] != merged:
                        marks[other] = merged
                        around[near] = other
                        near += 1
                half = nexts[half]
        if edges + near > room:
            room = 2 * (edges + near)
            ends, nexts, heap = _longer(ends, 2 * room), _longer(nexts, 2 * room), _longer(heap, room)
            alive, sims = _longer(alive, room), _longer(sims, room)
            room = len(sims)
        for one in range(near):
            other = around[one]
            sims[edges] = alike(histograms, colors, sizes, boxes, pixels, to, places[other], color, texture, size, fill)
            ends[2 * edges], ends[2 * edges + 1], alive[edges] = merged, other, True
            nexts[2 * edges], nexts[2 * edges + 1] = heads[merged], heads[other]
            heads[merged], heads[other] = 2 * edges, 2 * edges + 1
            _push(heap, waiting, sims, edges)
            waiting += 1
            edges += 1
        merged += 1
    return merged
