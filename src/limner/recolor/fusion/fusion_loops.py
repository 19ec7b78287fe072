"""The compiled loops of color fusion: which superpixels a group of pixels must look at, and each pixel's weighted mean.

A group's superpixels are put in order of a lower bound on their distance from any of its pixels. A pixel goes down that
list until what is left, by its bounds, cannot matter; how far that is depends on the nearest superpixel found so far.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from limner.foundation.machine.compiled import compiled

Real = Any
"""A number within compiled code, where numba's types hold, not mypy's."""
STRIDE = 64
"""Superpixels looked at between two looks at where the list may end."""
BINS = 2048
"""Numbers from 0 are counted in bins of an eighth of an octave: the first eleven bits after the sign."""
SHIFT = 20
LAST = (0x7F800000 >> SHIFT) - 1  # infinity has the next
FAR = 32.0
"""Superpixels this many deviations beyond the nearest weigh exp(-32), too little to be counted one by one."""
UNFITTED = 9.0
"""q_min of three deviations: the pixel's color is a mean of what fits least badly."""
NEAREST_FLOOR = 1e-5
"""sigma_g(p) = q_min(p) + this (Giraud et al.'s program)."""
WAY_PX = 16
"""Numbers in a line of the processor's cache."""


@compiled
def group_pixels(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixel numbers in order of their labels (a counting sort), and where each label begins: (n,) int32
    and (groups + 1,) int64.
    """
    last = 0  # counted, summed and copied here: numba takes seconds to compile what NumPy has for it
    for label in labels:
        last = max(last, label)
    starts, places = np.zeros(last + 2, np.int64), np.zeros(last + 2, np.int64)
    for label in labels:
        starts[label + 1] += 1
    for place in range(1, last + 2):
        starts[place] += starts[place - 1]
        places[place] = starts[place]
    order = np.empty(labels.size, np.int32)
    for pixel in range(labels.size):
        order[places[labels[pixel]]] = pixel
        places[labels[pixel]] += 1
    return order, starts


@compiled
def fuse_groups(
    image: np.ndarray,
    result: np.ndarray,
    size: tuple[int, int],
    order: np.ndarray,
    starts: np.ndarray,
    superpixels: np.ndarray,
    sigma: Real,
    allowance: Real,
    own_shape: bool,
    first_group: int,
    last_group: int,
) -> tuple[int, int]:
    """Fill ``result`` (3, n) for the pixels of some groups; gives how many no superpixel fits, and the candidates
    looked at.

    image: (3, n) float32. superpixels: (N, 17) float32: the nine entries of U (the precision is U' U, U triangular and
    of two blocks), the center, the new color. sigma: 0 for that of each pixel's nearest superpixel. allowance: what
    those left out may weigh together, in units of the nearest one's weight. own_shape: groups are superpixels and give
    U.
    """
    height, width = size
    count = len(superpixels)
    columns = np.empty((14, count), np.float32)
    for number in range(count):
        for entry in range(14):
            columns[entry, number] = superpixels[number, entry]
    bounds = np.empty(count, np.float32)
    ends = np.empty(BINS, np.int64)
    listed = np.empty(count, np.int64)
    stops = np.empty(BINS, np.int64)
    # An odd number of cache lines a row: rows of the same place never crowd one part of the cache.
    table = np.empty((17, WAY_PX * (count // WAY_PX + 1 | 1)), np.float32)
    distances = np.empty(count, np.float32)
    unfitted: Real = 0
    looked_at = 0
    for group in range(first_group, last_group):
        pixels = order[starts[group] : starts[group + 1]]
        if len(pixels) == 0:
            continue
        low, high = _box(image, pixels, height, width)
        if own_shape:
            for entry in range(9):
                columns[entry] = superpixels[group, entry]
        _bound(columns, low, high, bounds)
        _sort_coarsely(bounds, ends, listed)
        stops[:] = -1
        ready: Real = np.int64(0)  # of a plain 0 numba makes a type of its own, and compiles what takes it twice
        for pixel in pixels:
            y, x = np.float32(pixel // width / height), np.float32(pixel % width / width)
            red, green, blue = image[0, pixel], image[1, pixel], image[2, pixel]
            least = np.float32(np.inf)
            stop: Real = count
            used: Real = np.int64(0)
            while used < stop:
                until = min(used + STRIDE, count)
                if ready < until:  # most pixels of a group stop at the same place: what they need is laid out once
                    _lay_out(superpixels, listed, ready, until, group if own_shape else -1, table)
                    ready = until
                least = min(least, _measure(table, used, until, y, x, red, green, blue, distances))
                used = until
                number = _bin_of(least)
                if stops[number] < 0:
                    stops[number] = _last_needed(number, ends, sigma, allowance)
                stop = stops[number]
            scale = np.float32(sigma) if sigma > 0 else least + np.float32(NEAREST_FLOOR)
            _average(table, used, distances, least, np.float32(1) / scale, result, pixel)
            unfitted += least > UNFITTED
            looked_at += used
    return unfitted, looked_at


@compiled
def _box(image: np.ndarray, pixels: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest (y / H, x / W, red, green, blue) of some pixels: (5,) float32 each."""
    low, high = np.full(5, np.inf, np.float32), np.full(5, -np.inf, np.float32)
    for pixel in pixels:
        y, x = np.float32(pixel // width / height), np.float32(pixel % width / width)
        low[0], high[0] = min(low[0], y), max(high[0], y)
        low[1], high[1] = min(low[1], x), max(high[1], x)
        for channel in range(3):
            value = image[channel, pixel]
            low[2 + channel], high[2 + channel] = min(low[2 + channel], value), max(high[2 + channel], value)
    return low, high


@compiled
def _bound(columns: np.ndarray, low: np.ndarray, high: np.ndarray, bounds: np.ndarray) -> None:
    """Fill ``bounds`` (N,): the least that q can be within the box, row by row of U:
    |U d|^2 with each |.| as small as can be.
    """
    y, x, red, green, blue = (low + high) / 2
    half_y, half_x, half_red, half_green, half_blue = (high - low) / 2
    for number in range(np.uint64(len(bounds))):
        yy, yx, xx = columns[0, number], columns[1, number], columns[2, number]
        rr, rg, rb = columns[3, number], columns[4, number], columns[5, number]
        gg, gb, bb = columns[6, number], columns[7, number], columns[8, number]
        dy, dx = y - columns[9, number], x - columns[10, number]
        dr, dg, db = red - columns[11, number], green - columns[12, number], blue - columns[13, number]
        bound = _beyond(dy * yy + dx * yx, half_y * abs(yy) + half_x * abs(yx)) + _beyond(dx * xx, half_x * abs(xx))
        bound += _beyond(dr * rr + dg * rg + db * rb, half_red * abs(rr) + half_green * abs(rg) + half_blue * abs(rb))
        bound += _beyond(dg * gg + db * gb, half_green * abs(gg) + half_blue * abs(gb))
        bounds[number] = bound + _beyond(db * bb, half_blue * abs(bb))


@compiled
def _beyond(value: Real, reach: Real) -> Real:
    """The square of how far a number is from 0 beyond ``reach``."""
    gap = max(abs(value) - reach, np.float32(0))
    return gap * gap


@compiled
def _bin_of(value: Real) -> Real:
    """The bin of a number from 0, read off its bits; infinity and NaN have bins of their own."""
    return np.int64(np.float32(value).view(np.int32) >> SHIFT) & (BINS - 1)


@compiled
def _edge(number: int) -> Real:
    """The least number of a bin."""
    return np.int32(number << SHIFT).view(np.float32)


@compiled
def _sort_coarsely(values: np.ndarray, ends: np.ndarray, order: np.ndarray) -> None:
    """Fill ``order`` with the places of ``values`` in order of their bins (a counting sort),
    ``ends`` with where each bin ends.
    """
    ends[:] = 0
    for value in values:
        ends[_bin_of(value)] += 1
    place = 0
    for number in range(BINS):
        place, ends[number] = place + ends[number], place
    for place in range(len(values)):
        number = _bin_of(values[place])
        order[ends[number]] = place
        ends[number] += 1


@compiled
def _last_needed(number: int, ends: np.ndarray, sigma: Real, allowance: Real) -> Real:
    """How much of the list a pixel needs whose nearest superpixel is as far as bin ``number`` tells.

    What is left out weighs, bin by bin, no more than its bound allows, and the bin's nearest pixel no less than its
    farther edge: with both, the sum exp((q_min - q) / sigma) of all that is left out stays below ``allowance``.
    """
    if number >= LAST:  # infinity or NaN: nothing is known
        return ends[BINS - 1]
    least = _edge(number + 1)
    scale = np.float32(sigma) if sigma > 0 else least + np.float32(NEAREST_FLOOR)
    last = min(_bin_of(least + np.float32(FAR) * scale), BINS - 1)
    tail = ends[BINS - 1] * np.exp(np.float32(-FAR))
    for beyond in range(last, number, -1):
        tail += (ends[beyond] - ends[beyond - 1]) * np.exp((least - _edge(beyond)) / scale)
        if tail > allowance:
            return ends[beyond]
    return ends[number]


@compiled
def _lay_out(superpixels: np.ndarray, listed: np.ndarray, start: int, stop: int, shape: int, table: np.ndarray) -> None:
    """Fill places ``start`` to ``stop`` of the table (17, ...) in the order of the list; ``shape``:
    whose precision, -1 for its own.
    """
    for place in range(start, stop):
        number = listed[place]
        shaped = number if shape < 0 else shape
        for entry in range(9):
            table[entry, place] = superpixels[shaped, entry]
        for entry in range(9, 17):
            table[entry, place] = superpixels[number, entry]


@compiled
def _measure(
    table: np.ndarray,
    start: int,
    stop: int,
    y: Real,
    x: Real,
    red: Real,
    green: Real,
    blue: Real,
    distances: np.ndarray,
) -> Real:
    """Fill ``distances`` from ``start`` to ``stop`` with q (eq. 4); gives the least of them."""
    least = np.float32(np.inf).view(
        np.int32
    )  # numbers from 0 are in the order of their bits, whose least is found faster
    for place in range(np.uint64(start), np.uint64(stop)):
        dy, dx = y - table[9, place], x - table[10, place]
        dr, dg, db = red - table[11, place], green - table[12, place], blue - table[13, place]
        distance = (dy * table[0, place] + dx * table[1, place]) ** 2 + (dx * table[2, place]) ** 2
        distance += (dr * table[3, place] + dg * table[4, place] + db * table[5, place]) ** 2
        distance += (dg * table[6, place] + db * table[7, place]) ** 2 + (db * table[8, place]) ** 2
        distances[place] = distance
        least = min(least, np.float32(distance).view(np.int32))
    return np.int32(least).view(np.float32)


@compiled
def _average(
    table: np.ndarray, used: int, distances: np.ndarray, least: Real, sharpness: Real, result: np.ndarray, pixel: int
) -> None:
    """The mean of the first ``used`` colors, weighed by exp((least - distance) * sharpness)."""
    total = np.float32(0)
    red, green, blue = np.float32(0), np.float32(0), np.float32(0)
    for place in range(np.uint64(used)):
        weight = _exponential(max((least - distances[place]) * sharpness, np.float32(-80)))
        total += weight
        red += weight * table[14, place]
        green += weight * table[15, place]
        blue += weight * table[16, place]
    result[0, pixel], result[1, pixel], result[2, pixel] = red / total, green / total, blue / total


@compiled
def _exponential(x: Real) -> Real:
    """exp(x) for -80 <= x <= 0 within a relative 1e-5: a power of two by the bits, the rest by a polynomial."""
    whole = np.int32(x * np.float32(1.442695) - np.float32(0.5))
    rest = x - np.float32(whole) * np.float32(0.6931472)
    power = np.float32(1 / 6) + rest * (np.float32(1 / 24) + rest * np.float32(1 / 120))
    power = np.float32(1) + rest * (np.float32(1) + rest * (np.float32(1 / 2) + rest * power))
    return np.int32(np.float32(power).view(np.int32) + (whole << 23)).view(np.float32)
