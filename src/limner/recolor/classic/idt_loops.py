"""The loop over colors of one step of IDT, compiled: projections, curves and the way back while they are in the cache."""

import numpy as np

from limner.recolor.compiled import compiled

BLOCK = 512


@compiled
def move_colors(colors, axes, low, per_unit, shifts, result, start, stop):  # type: ignore[no-untyped-def]
    """Fill ``result`` from ``start`` to ``stop``: each color moves by half of what its projections ask for.

    All arrays in one floating type. colors, result: (bands, n), not the same. axes: (axes, bands). low, per_unit: (axes,)
    and shifts: (axes, nodes) as `limner.recolor.classic.curves.Curves` has them.
    """
    bands, nodes = colors.shape[0], shifts.shape[1]
    number = colors.dtype.type
    half, zero, last = number(0.5), number(0), number(nodes - 1)
    rises = np.zeros_like(shifts)
    rises[:, :-1] = shifts[:, 1:] - shifts[:, :-1]
    shift = np.empty(BLOCK, colors.dtype)
    for begin in range(start, stop, BLOCK):
        end = min(begin + BLOCK, stop)
        length = end - begin
        result[:, begin:end] = colors[:, begin:end]
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
