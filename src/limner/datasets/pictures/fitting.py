"""Pictures of any shape brought to one square size."""

from __future__ import annotations

from typing import Literal

import numpy as np
from PIL import Image

Fit = Literal["crop", "pad", "squash"]
SAME_COLOR = 12
"""Levels of 255 by which a plain ground may vary: JPEG leaves as much around an object."""
PLAIN_SHARE = 1 / 3
"""Of the border: a cut-out touches all four edges of its box, but never along all of them."""


def fitted(image: Image.Image, size_px: int, fit: Fit) -> Image.Image:
    """The picture at ``size_px`` x ``size_px``, resampled by Lanczos' filter, which widens where a picture shrinks; one
    that has the size already stays as it is, to the bit.

    fit: ``crop`` keeps the largest square in the middle; ``pad`` keeps all of it, between bars of the color that its
    corners have; ``squash`` keeps all of it and not its shape.
    """
    width, height = image.size
    if fit == "squash" or width == height:
        return _resized(image, (size_px, size_px))
    if fit == "crop":
        edge = min(width, height)
        left, top = (width - edge) / 2, (height - edge) / 2
        return _resized(image, (size_px, size_px), (left, top, left + edge, top + edge))
    scale = size_px / max(width, height)
    inner = _resized(image, (max(1, round(width * scale)), max(1, round(height * scale))))
    square = Image.new(image.mode, (size_px, size_px), corner_color(image))
    square.paste(inner, ((size_px - inner.width) // 2, (size_px - inner.height) // 2))
    return square


def corner_color(image: Image.Image) -> tuple[int, ...]:
    """The median of the four corners, each channel by itself, 0..255."""
    pixels = _pixels(image)
    corners = pixels[[0, 0, -1, -1], [0, -1, 0, -1]]
    return tuple(int(value) for value in np.median(corners, axis=0))


def on_plain_ground(image: Image.Image) -> bool:
    """Whether three corners at least, and a third of the border, have one color,
    as around cut-outs and objects on white.
    """
    pixels = _pixels(image)
    ground = np.array(corner_color(image))

    def alike(part: np.ndarray) -> np.ndarray:
        found: np.ndarray = (np.abs(part - ground) <= SAME_COLOR).all(axis=-1)
        return found

    corners = alike(pixels[[0, 0, -1, -1], [0, -1, 0, -1]])
    border = np.concatenate([alike(edge) for edge in (pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1])])
    return bool(corners.sum() >= 3 and border.mean() >= PLAIN_SHARE)


def _pixels(image: Image.Image) -> np.ndarray:
    """(H, W, C) int16."""
    pixels = np.asarray(image).astype(np.int16)
    return pixels if pixels.ndim == 3 else pixels[..., None]


def _resized(
    image: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float] | None = None
) -> Image.Image:
    return image.resize(size, Image.Resampling.LANCZOS, box)
