"""Small photos drawn for tests: a sky over a ground, each of about one color."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

DAY = (90, 150, 220), (70, 130, 60)
EVENING = (230, 140, 70), (90, 50, 80)
GOLD_AND_BLUE = (220, 190, 60), (30, 40, 120)


def draw_colors(
    colors: tuple[tuple[int, int, int], tuple[int, int, int]] = DAY, height: int = 33, width: int = 47, seed: int = 0
) -> np.ndarray:
    """(height, width, 3) uint8: the first color above, the second below, brighter to the right, with noise."""
    above = (np.arange(height) < height // 2)[:, None, None]
    light = np.linspace(0.8, 1.1, width)[None, :, None]
    noise = np.random.default_rng(seed).normal(0, 6, (height, width, 3))
    return (np.where(above, *np.array(colors)[:, None, None]) * light + noise).clip(0, 255).astype(np.uint8)


def draw_photo(path: Path, colors: Any = DAY, height: int = 33, width: int = 47, seed: int = 0, **options: Any) -> Path:
    """Such a photo as a file; options: of Pillow's ``save``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(draw_colors(colors, height, width, seed)).save(path, **options)
    return path


def draw_mask(path: Path, rows: slice = slice(None), height: int = 33, width: int = 47) -> Path:
    """A mask that is white in some rows."""
    mask = np.zeros((height, width), np.uint8)
    mask[rows] = 255
    Image.fromarray(mask).save(path)
    return path


def pixels_of(path: Path) -> np.ndarray:
    """(H, W) or (H, W, channels) of a file of 8 bits."""
    with Image.open(path) as image:
        return np.asarray(image)
