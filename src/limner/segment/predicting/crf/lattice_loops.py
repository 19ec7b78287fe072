"""The loops of the permutohedral lattice over pixels and vertices, compiled, for the CPU.

`limner.segment.predicting.crf.lattice` says the same in tensors, for other devices; a test holds them together.
"""

import numpy as np

from limner.foundation.machine.compiled import compiled

EMPTY = np.int64(-(2**63))  # marks a free slot of the table
SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: neighboring keys fall into slots far apart


@compiled
def embed(features, scales, multipliers, keys, weights, start, stop):  # type: ignore[no-untyped-def]
    """The simplex around each point: keys of its vertices and the point's weights, rows ``start`` to ``stop``.

    features: (N, d) float32. scales: (d,) float64. multipliers: (d + 1,) int64. Written: keys (N, d + 1) int64 and
    weights (N, d + 1) float32.
    """
    d = features.shape[1]
    size = d + 1
    lifted, base, rest = np.empty(size), np.empty(size, np.int64), np.empty(size)
    rank, bary = np.empty(size, np.int64), np.empty(size + 1)
    for point in range(start, stop):
        total = 0.0
        for axis in range(d, 0, -1):
            step = features[point, axis - 1] * scales[axis - 1]
            lifted[axis] = total - axis * step
            total += step
        lifted[0] = total
        surplus = np.int64(0)
        for axis in range(size):
            nearest = np.int64(np.floor(lifted[axis] / size + 0.5))
            surplus += nearest
            base[axis] = nearest * size
            rest[axis] = lifted[axis] - base[axis]
        for axis in range(size):
            place = np.int64(0)
            for other in range(size):
                if rest[other] > rest[axis] or (rest[other] == rest[axis] and other < axis):
                    place += 1
            place += surplus
            if place < 0:
                place += size
                base[axis] += size
            elif place > d:
                place -= size
                base[axis] -= size
            rank[axis] = place
        bary[:] = 0.0
        for axis in range(size):
            share = (lifted[axis] - base[axis]) / size
            bary[d - rank[axis]] += share
            bary[size - rank[axis]] -= share
        bary[0] += 1.0 + bary[size]
        for vertex in range(size):
            key = np.int64(0)
            for axis in range(size):
                offset = vertex if rank[axis] <= d - vertex else vertex - size
                key += (base[axis] + offset) * multipliers[axis]
            keys[point, vertex] = key
            weights[point, vertex] = bary[vertex]


@compiled
def number_keys(keys, numbers):  # type: ignore[no-untyped-def]
    """Give each different key a number, from 1, in the order in which they are met.

    keys: (n,) int64. Written: numbers (n,) int32. Gives the table that `find_neighbors` looks up in (slots' keys int64,
    slots' numbers int32) and the keys by number (M + 1,) int64, the first of them meaningless.
    """
    bits = 12
    table = np.full(1 << bits, EMPTY, np.int64)
    owner = np.zeros(1 << bits, np.int32)
    known = np.empty(1 << bits, np.int64)
    count = 1
    for place in range(keys.shape[0]):
        if 2 * count >= table.shape[0]:
            bits += 1
            table = np.full(1 << bits, EMPTY, np.int64)
            owner = np.zeros(1 << bits, np.int32)
            mask = (1 << bits) - 1
            for number in range(1, count):
                slot = np.int64((np.uint64(known[number]) * SPREAD) >> np.uint64(64 - bits))
                while table[slot] != EMPTY:
                    slot = (slot + 1) & mask
                table[slot] = known[number]
                owner[slot] = number
            longer = np.empty(1 << bits, np.int64)
            for number in range(1, count):  # a slice's assignment takes numba seconds to compile
                longer[number] = known[number]
            known = longer
        key = keys[place]
        mask = (1 << bits) - 1
        slot = np.int64((np.uint64(key) * SPREAD) >> np.uint64(64 - bits))
        while table[slot] != EMPTY and table[slot] != key:
            slot = (slot + 1) & mask
        if table[slot] == EMPTY:
            table[slot] = key
            owner[slot] = count
            known[count] = key
            count += 1
        numbers[place] = owner[slot]
    return table, owner, known[:count].copy()


@compiled
def find_neighbors(table, owner, known, shifts, neighbors):  # type: ignore[no-untyped-def]
    """Number of the vertex one step ahead of each along each axis, 0 where there is none.

    shifts: (axes,) int64, what a step adds to a key. Written: neighbors (axes, 2, M + 1) int32, ahead and behind.
    """
    mask = table.shape[0] - 1
    bits = 0
    while (1 << bits) < table.shape[0]:
        bits += 1
    for axis in range(shifts.shape[0]):
        for number in range(1, known.shape[0]):
            key = known[number] + shifts[axis]
            slot = np.int64((np.uint64(key) * SPREAD) >> np.uint64(64 - bits))
            while table[slot] != EMPTY and table[slot] != key:
                slot = (slot + 1) & mask
            if table[slot] == key:
                neighbors[axis, 0, number] = owner[slot]
                neighbors[axis, 1, owner[slot]] = number


@compiled
def splat(values, vertices, weights, result):  # type: ignore[no-untyped-def]
    """Add the points' values (N, C) to the vertices around them: result (M + 1, C)."""
    for point in range(values.shape[0]):
        for corner in range(vertices.shape[1]):
            vertex, weight = vertices[point, corner], weights[point, corner]
            for plane in range(values.shape[1]):
                result[vertex, plane] += weight * values[point, plane]


@compiled
def blur(values, ahead, behind, result):  # type: ignore[no-untyped-def]
    """Each vertex's value becomes half its own and a quarter of either neighbor's along one axis; number 0 stays 0."""
    half, quarter = values.dtype.type(0.5), values.dtype.type(0.25)
    for vertex in range(1, values.shape[0]):
        one, other = ahead[vertex], behind[vertex]
        for plane in range(values.shape[1]):
            result[vertex, plane] = half * values[vertex, plane] + quarter * (values[one, plane] + values[other, plane])


@compiled
def gather(values, vertices, weights, result, start, stop):  # type: ignore[no-untyped-def]
    """The points' values from the vertices around them: result (N, C), rows ``start`` to ``stop``."""
    zero = values.dtype.type(0)
    for point in range(start, stop):
        for plane in range(values.shape[1]):
            result[point, plane] = zero
        for corner in range(vertices.shape[1]):
            vertex, weight = vertices[point, corner], weights[point, corner]
            for plane in range(values.shape[1]):
                result[point, plane] += weight * values[vertex, plane]
