"""How a camera was held: EXIF's orientation, 1 (upright) to 8 (TIFF 6.0, tag 274)."""

from __future__ import annotations

import numpy as np

UPRIGHT = 1
FLIPS_ROWS, FLIPS_COLUMNS = (3, 4, 7, 8), (2, 3, 6, 7)
"""What is turned around after the axes have changed places, where they do."""


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """A view of ``pixels`` (H, W, ...) stored with ``orientation`` 1 to 8, upright."""
    if swaps_edges(orientation):
        pixels = pixels.swapaxes(0, 1)
    if orientation in FLIPS_ROWS:
        pixels = pixels[::-1]
    if orientation in FLIPS_COLUMNS:
        pixels = pixels[:, ::-1]
    return pixels


def swaps_edges(orientation: int) -> bool:
    """Whether width and height change places when the picture is turned upright."""
    return orientation >= 5
