"""Small pictures to learn from, drawn: a box with a window somewhere on a plain ground."""

from pathlib import Path

import numpy as np
from PIL import Image


def draw_box(number: int, size_px: int = 32) -> np.ndarray:
    """(size_px, size_px, 3) uint8: a box of any color, size and place on the green of cut-outs; other numbers,
    others.
    """
    chance = np.random.default_rng([7, number])
    picture = np.full((size_px, size_px, 3), (51, 255, 51), np.uint8)
    height, width = chance.integers(size_px // 3, size_px - 4, 2)
    top, left = chance.integers(1, size_px - height), chance.integers(1, size_px - width)
    picture[top : top + height, left : left + width] = chance.integers(0, 256, 3)
    picture[top + 2 : top + height // 2, left + 2 : left + width - 2] = chance.integers(0, 256, 3)
    return picture


def save_boxes(folder: Path, count: int, size_px: int = 32, first: int = 0) -> Path:
    """``count`` boxes as PNG files in ``folder``; gives it back."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        Image.fromarray(draw_box(number, size_px)).save(folder / f"{number:04d}.png")
    return folder


def draw_balls(folder: Path, count: int) -> Path:
    """A data set with instance masks, ``images`` and ``masks``, of pictures of 72 x 64 px with a square "ball" each;
    gives the folder back."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        picture = np.random.default_rng(number).integers(60, 110, (64, 72, 3), dtype=np.uint8)
        mask = np.zeros((64, 72), np.uint8)
        place = np.s_[10 + number : 34 + number, 20:50]
        picture[place], mask[place] = (230, 40, 20), 1
        Image.fromarray(picture).save(folder / f"images/{number}.png")
        Image.fromarray(mask).save(folder / f"masks/{number}.png")
    return folder


def draw_shape(kind: str, number: int, size_px: int = 40) -> np.ndarray:
    """(size_px, size_px, 3) uint8: a "box", a "disk" or "stripes" of any color, size and place on a ground of
    another."""
    chance = np.random.default_rng([11, number])
    ground, ink = chance.integers(0, 100, 3), chance.integers(150, 256, 3)
    picture = np.full((size_px, size_px, 3), ground, np.uint8)
    radius = int(chance.integers(size_px // 6, size_px // 4))
    row, column = chance.integers(radius + 1, size_px - radius - 1, 2)
    rows, columns = np.mgrid[:size_px, :size_px]
    inside = np.maximum(abs(rows - row), abs(columns - column)) <= radius
    if kind == "disk":
        inside = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
    if kind == "stripes":
        inside &= columns % 6 < 3
    picture[inside] = ink
    return picture
