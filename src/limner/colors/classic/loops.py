"""The loops of the classic methods over colors, compiled: counting for a curve, and one step of IDT."""

import numpy as np

from limner.foundation.machine.compiled import compiled

BLOCK = 512


@compiled
def count_values(values, bins):  # type: ignore[no-untyped-def]
    """Count values (n,) in ``bins`` over their range, ends in the middle of a bin: counts and sums (bins,) float64."""
    low, high = values[0], values[0]
    for value in values:
        low, high = min(low, value), max(high, value)
    scale = (bins - 1) / (np.float64(high) - low) if high > low else 0.0
    counts, sums = np.zeros(bins), np.zeros(bins)
    for value in values:
        place = np.uint32((np.float64(value) - low) * scale + 0.5)
        counts[place] += 1
        sums[place] += value
    return counts, sums


@compiled
def move_colors(colors, axes, low, per_unit, shifts, result, start, stop):  # type: ignore[no-untyped-def]
    """One step of IDT, from ``start`` to ``stop``: each color moves by half of what its projections ask for.

    All arrays in one floating type. colors, result: (bands, n), not the same. axes: (axes, bands). low, per_unit:
    (axes,) and shifts: (axes, nodes) as `limner.colors.classic.curves.Curves` has them.
    """
    bands, nodes = colors.shape[0], shifts.shape[1]
    number = colors.dtype.type
    half, zero, last = number(0.5), number(0), number(nodes - 1)
    rises = np.empty(shifts.shape, shifts.dtype)  # element by element: slices that are set take seconds to compile
    for axis in range(axes.shape[0]):
        for step in range(nodes - 1):
            rises[axis, step] = shifts[axis, step + 1] - shifts[axis, step]
        rises[axis, nodes - 1] = zero
    shift = np.empty(BLOCK, colors.dtype)
    for begin in range(start, stop, BLOCK):
        end = min(begin + BLOCK, stop)
        length = end - begin
        for band in range(bands):
            for i in range(begin, end):
                result[band, i] = colors[band, i]
        for axis in range(axes.shape[0]):
            shift[:] = zero
            for band in range(bands):
                share, color = axes[axis, band], colors[band, begin:end]
                for i in range(length):
                    shift[i] += share * color[i]
            first, scale, table, rise = low[axis], per_unit[axis], shifts[axis], rises[axis]
            for i in range(length):
                place = (shift[i] - first) * scale
                place = place if place > zero else zero  # NaN goes to the first node
                place = place if place < last else last
                node = np.uint32(place)
                shift[i] = half * (table[node] + (place - number(node)) * rise[node])
            for band in range(bands):
                share, color = axes[axis, band], result[band, begin:end]
                for i in range(length):
                    color[i] += share * shift[i]
