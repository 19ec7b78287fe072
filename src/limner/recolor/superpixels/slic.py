"""The loops of SLIC: colors to CIELAB, pixels to their nearest center, centers to the mean of their pixels.

Each works on a share of the pixels, rows or centers, so that threads never write to the same place and the result does
not depend on how many there are. Indices are unsigned: numba then leaves out its test for negative ones, without which
the inner loops use the whole width of the processor.
"""

from __future__ import annotations

from math import ceil, floor

import numpy as np

from limner.colors.spaces import LAB_FOOT, LAB_FOOT_OFFSET, LAB_FOOT_SLOPE, WHITE_D65, XYZ_FROM_RGB
from limner.foundation.machine.compiled import compiled

BRIGHTEST = np.float32(100)  # in units of white; keeps every number of an unclipped picture finite
SRGB_KNEE = np.float32(0.04045)  # below it the encoding is a line (IEC 61966-2-1)
XYZ = tuple(
    tuple(np.float32(weight / white) for weight in row) for row, white in zip(XYZ_FROM_RGB, WHITE_D65, strict=True)
)
"""Of linear light to shares of white; with `limner.colors.spaces`'s own numbers, this is the same CIELAB."""
LAB_KNEE, LAB_SLOPE, LAB_OFFSET = np.float32(LAB_FOOT), np.float32(LAB_FOOT_SLOPE), np.float32(LAB_FOOT_OFFSET)
FIFTH_ROOT_BITS = np.int32(0x32CCCCCD)  # four fifths and two thirds of the bits of 1: what a root's guess starts from
CUBE_ROOT_BITS = np.int32(0x2A555555)


@compiled
def to_lab(rgb: np.ndarray, lab: np.ndarray, start: int, stop: int) -> None:
    """Write the CIELAB colors (D65) of the pixels ``start`` to ``stop``.

    rgb: (3, pixels) float32, gamma-encoded sRGB, taken as if between 0 and 100, NaN as 0.
    lab: (3, pixels) float32, written.
    """
    for pixel in range(np.uint64(start), np.uint64(stop)):
        red, green, blue = _linear(rgb[0, pixel]), _linear(rgb[1, pixel]), _linear(rgb[2, pixel])
        x = _curved(XYZ[0][0] * red + XYZ[0][1] * green + XYZ[0][2] * blue)
        y = _curved(XYZ[1][0] * red + XYZ[1][1] * green + XYZ[1][2] * blue)
        z = _curved(XYZ[2][0] * red + XYZ[2][1] * green + XYZ[2][2] * blue)
        lab[0, pixel] = np.float32(116) * y - np.float32(16)
        lab[1, pixel] = np.float32(500) * (x - y)
        lab[2, pixel] = np.float32(200) * (y - z)


@compiled
def _linear(encoded: np.float32) -> np.float32:
    """Linear light; the power 2.4 as a square and two fifth roots, by Newton's method from a guess on the bits."""
    encoded = min(encoded if encoded > 0 else np.float32(0), BRIGHTEST)  # so NaN counts as 0
    base = (max(encoded, SRGB_KNEE) + np.float32(0.055)) * np.float32(1 / 1.055)
    root = np.int32(np.float32(base).view(np.int32) // np.int32(5) + FIFTH_ROOT_BITS).view(np.float32)
    for _ in range(3):
        square = root * root
        root = np.float32(4 / 5) * root + np.float32(1 / 5) * base / (square * square)
    power = base * base * root * root
    return power if encoded > SRGB_KNEE else encoded * np.float32(1 / 12.92)


@compiled
def _curved(light: np.float32) -> np.float32:
    """CIELAB's curve: the cube root, by Newton's method, or a line in the dark."""
    base = max(light, LAB_KNEE)
    root = np.int32(np.float32(base).view(np.int32) // np.int32(3) + CUBE_ROOT_BITS).view(np.float32)
    for _ in range(3):
        root = np.float32(2 / 3) * root + np.float32(1 / 3) * base / (root * root)
    line = LAB_SLOPE * light + LAB_OFFSET
    return root if light > LAB_KNEE else line


@compiled
def assign(
    lab: np.ndarray, centers: np.ndarray, reach: float, weight: float, labels: np.ndarray, start: int, stop: int
) -> None:
    """Give each pixel of the rows ``start`` to ``stop`` the number of its nearest center.

    lab: (3, H, W) float32. centers: (N, 5) float32: row, column, L, a, b. reach: how many rows and columns from its
    center a superpixel may own. weight: of a squared pixel of distance beside the squared distance of colors.
    labels: (H, W) int32, written; a pixel out of every reach keeps its label; of equally near centers the first wins.
    """
    width = lab.shape[2]
    columns = np.arange(width).astype(np.float32)
    nearness = np.float32(weight)
    rows = max(1, int(reach))  # at a time: their colors, labels and distances stay in the cache
    best = np.empty((rows, width), np.float32)
    for first in range(start, stop, rows):
        best[:] = np.inf
        last = min(first + rows, stop)
        for center in range(len(centers)):
            label = np.int32(center)
            row, column, light = centers[center, 0], centers[center, 1], centers[center, 2]
            green_red, blue_yellow = centers[center, 3], centers[center, 4]
            top, bottom = max(first, ceil(row - reach)), min(last, floor(row + reach) + 1)
            left, right = max(0, ceil(column - reach)), min(width, floor(column + reach) + 1)
            for y in range(np.uint64(top), np.uint64(max(top, bottom))):
                here = y - np.uint64(first)
                down = nearness * (np.float32(y) - row) ** 2
                for x in range(np.uint64(left), np.uint64(right)):
                    distance = (
                        down
                        + nearness * (columns[x] - column) ** 2
                        + (lab[0, y, x] - light) ** 2
                        + (lab[1, y, x] - green_red) ** 2
                        + (lab[2, y, x] - blue_yellow) ** 2
                    )
                    nearer = distance < best[here, x]
                    best[here, x] = distance if nearer else best[here, x]
                    labels[y, x] = label if nearer else labels[y, x]


@compiled
def move(lab: np.ndarray, labels: np.ndarray, reach: float, centers: np.ndarray, start: int, stop: int) -> None:
    """Move the centers ``start`` to ``stop`` to the mean position and color of the pixels within reach that they own.

    Arrays as in ``assign``; ``centers`` is written. A center that owns no pixel stays where it is.
    """
    height, width = labels.shape
    columns = np.arange(width).astype(np.float32)
    for center in range(start, stop):
        label = np.int32(center)
        row, column = centers[center, 0], centers[center, 1]
        top, bottom = max(0, ceil(row - reach)), min(height, floor(row + reach) + 1)
        left, right = max(0, ceil(column - reach)), min(width, floor(column + reach) + 1)
        count = down = across = light = green_red = blue_yellow = np.float64(0)
        for y in range(np.uint64(top), np.uint64(bottom)):
            owned = run = row_light = row_green_red = row_blue_yellow = np.float32(0)
            for x in range(np.uint64(left), np.uint64(right)):
                own = np.float32(1) if labels[y, x] == label else np.float32(0)
                owned += own
                run += own * (columns[x] - column)
                row_light += own * lab[0, y, x]
                row_green_red += own * lab[1, y, x]
                row_blue_yellow += own * lab[2, y, x]
            count += owned
            down += owned * (np.float32(y) - row)
            across += run
            light += row_light
            green_red += row_green_red
            blue_yellow += row_blue_yellow
        if count > 0:
            centers[center, 0] = row + down / count
            centers[center, 1] = column + across / count
            centers[center, 2] = light / count
            centers[center, 3] = green_red / count
            centers[center, 4] = blue_yellow / count
