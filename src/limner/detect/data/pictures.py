"""Pictures of any size as a detector reads them: the short side brought to one length, in memory where they fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import psutil
import torch
from PIL import Image
from torch import Tensor

from limner.detect.data.found import ObjectPicture, ObjectSet

SHARE_OF_MEMORY = 0.4
"""Of the free memory that pictures may take; larger sets are read again for each batch."""


class Sizing(NamedTuple):
    """How a picture is brought to the size that a detector reads. short_px: of its shorter side; longest_px: what the
    longer one may have, to which a long picture is made smaller. square: both sides are ``short_px``, with bars where a
    picture is none (YOLO)."""

    short_px: int
    longest_px: int
    square: bool = False

    def scale(self, width: int, height: int) -> float:
        """The factor for a picture of that size."""
        if self.square:
            return self.short_px / max(width, height)
        return min(self.short_px / min(width, height), self.longest_px / max(width, height))

    def size(self, width: int, height: int, factor: float = 1.0) -> tuple[int, int]:
        """(width, height) at that scale, each side by itself rounded; factor: a further one, as augmentation has it."""
        scale = self.scale(width, height) * factor
        return max(1, round(width * scale)), max(1, round(height * scale))


def resized(image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) uint8 of a picture at (width, height), by a triangle filter that widens where it shrinks."""
    return np.asarray(image if image.size == size else image.resize(size, Image.Resampling.BILINEAR))


def as_tensor(pixels: np.ndarray) -> Tensor:
    """(3, H, W) uint8 of (H, W, 3)."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def scaled_boxes(boxes: np.ndarray, size: tuple[int, int], to: tuple[int, int]) -> np.ndarray:
    """(n, 4) float32: boxes of a picture of (width, height) in one of the size ``to``."""
    factor = np.array([to[0] / size[0], to[1] / size[1]] * 2, np.float32)
    return (boxes * factor).astype(np.float32)


def mask_in(mask: np.ndarray, box: np.ndarray, to: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W) uint8 of a mask, (h, w) bool in its box, drawn into the box ``to`` of a picture of (width, height).

    A pixel belongs to it where its middle lies in one of the mask's pixels; at least one does.
    """
    width, height = size
    drawn = np.zeros((height, width), np.uint8)
    x0, y0, x1, y1 = (float(value) for value in to)
    columns = np.arange(max(0, round(x0)), min(width, max(round(x0) + 1, round(x1))))
    rows = np.arange(max(0, round(y0)), min(height, max(round(y0) + 1, round(y1))))
    u = ((columns + 0.5 - x0) / max(x1 - x0, 1e-6) * mask.shape[1]).astype(int).clip(0, mask.shape[1] - 1)
    v = ((rows + 0.5 - y0) / max(y1 - y0, 1e-6) * mask.shape[0]).astype(int).clip(0, mask.shape[0] - 1)
    drawn[rows[:, None], columns[None]] = mask[v[:, None], u[None]]
    return drawn


@dataclass(frozen=True)
class SizedPictures:
    """The pictures of a data set at the size that a detector reads. kept: (3, H, W) uint8 each, or None where they are
    read again each time."""

    found: ObjectSet
    sizing: Sizing
    kept: tuple[Tensor, ...] | None

    def __len__(self) -> int:
        return len(self.found)

    def read(self, number: int) -> Tensor:
        """(3, H, W) uint8. Raises `UserError` for one that cannot be read any more."""
        return self.kept[number] if self.kept is not None else _read(self.found.pictures[number], self.sizing)


def load_pictures(found: ObjectSet, sizing: Sizing) -> SizedPictures:
    """The pictures in memory where they take at most `SHARE_OF_MEMORY` of what is free."""
    needed = sum(3 * width * height for width, height in (sizing.size(*each.size) for each in found.pictures))
    if needed > SHARE_OF_MEMORY * psutil.virtual_memory().available:
        return SizedPictures(found, sizing, None)
    return SizedPictures(found, sizing, tuple(_read(each, sizing) for each in found.pictures))


def _read(picture: ObjectPicture, sizing: Sizing) -> Tensor:
    size = sizing.size(*picture.size)
    # Twice the size, so that the filter and not the JPEG decoder decides how a picture looks.
    return as_tensor(resized(picture.opener(2 * max(size)), size))
