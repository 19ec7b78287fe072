"""Masks from outlines and from COCO's run lengths, drawn as COCO's own tools draw them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask  # type: ignore[import-untyped]

LEAST_NUMBERS = 6
"""An outline has three corners of two numbers or more."""


def polygon_mask(outlines: Sequence[Sequence[float]], width: int, height: int) -> np.ndarray:
    """(height, width) bool: all pixels within any of the outlines.

    outlines: each x0, y0, x1, y1, ... in pixels, of three corners or more.
    """
    drawn = coco_mask.frPyObjects([list(outline) for outline in outlines], height, width)
    return coco_mask.decode(coco_mask.merge(drawn)).astype(bool)


def run_length_mask(encoded: dict[str, Any]) -> np.ndarray:
    """(H, W) bool of COCO's run lengths: ``{"size": [H, W], "counts": numbers or their compressed text}``.

    Raises `ValueError` or `TypeError` where they are something else.
    """
    height, width = encoded["size"]
    counts = encoded["counts"]
    if isinstance(counts, list):
        if sum(counts) != height * width or min(counts, default=0) < 0:
            raise ValueError("runs that do not add up to the picture")  # decoding would read beyond them
        encoded = coco_mask.frPyObjects(encoded, height, width)
    return coco_mask.decode(encoded).astype(bool)
