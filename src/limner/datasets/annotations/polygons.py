"""Masks from outlines, drawn as COCO's own tools draw them, and from COCO's run lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

LEAST_NUMBERS = 6
"""An outline has three corners of two numbers or more."""


def polygon_mask(outlines: Sequence[Sequence[float]], width: int, height: int) -> np.ndarray:
    """(height, width) bool: all pixels within any of the outlines.

    outlines: each x0, y0, x1, y1, ... in pixels, of three corners or more. Raises `ValueError` for corners farther
    outside than the picture is large, for drawing takes memory by the length of the outline.
    """
    reach = max(width, height)
    if not all(-reach <= number <= 2 * reach for outline in outlines for number in outline):  # NaN neither
        raise ValueError("an outline that leads far out of its picture")
    drawn = coco_mask.frPyObjects([list(outline) for outline in outlines], height, width)
    return coco_mask.decode(coco_mask.merge(drawn)).astype(bool)


def run_length_mask(encoded: dict[str, Any]) -> np.ndarray:
    """(H, W) bool of COCO's run lengths: ``{"size": [H, W], "counts": numbers or their compressed text}``.

    Down the columns, a run of pixels outside and one inside take turns. COCO's own decoder trusts the counts and would
    read or leave memory beyond them, so they are added up here first.

    Raises `ValueError` or `TypeError` where they are something else.
    """
    height, width = map(int, encoded["size"])
    counts = encoded["counts"]
    runs = np.array(counts if isinstance(counts, list) else _counts_of(counts), np.int64)
    if runs.ndim != 1 or (runs < 0).any() or runs.sum() != height * width:
        raise ValueError("runs that do not add up to the picture")
    return np.repeat(np.arange(runs.size) % 2 == 1, runs).reshape(width, height).T


def _counts_of(text: str) -> list[int]:
    """The counts in a compressed text.

    Each letter carries five bits, from the lowest, and one that says whether more follow; the highest bit of the last
    is the sign. From the fourth on, a count is the difference from the last but one.
    """
    counts: list[int] = []
    value, shift = 0, 0
    for letter in text:
        bits = ord(letter) - 48
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value, shift = 0, 0
    return counts
