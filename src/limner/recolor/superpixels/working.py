"""Large pictures at the size at which their superpixels are found: more pixels cost more time and tell nothing new."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

WORKING_PX = 1 << 22
"""Superpixels, their features and what they look at are found on at most so many pixels. See
docs/results/recolor-speed.md."""


def working_copy(picture: Tensor) -> Tensor:
    """(..., h, w): a picture or mask (..., H, W) of more than `WORKING_PX` pixels by means over areas; others as they
    are."""
    height, width = picture.shape[-2:]
    if height * width <= WORKING_PX:
        return picture
    scale = math.sqrt(WORKING_PX / (height * width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    stacked = picture.reshape(1, -1, height, width)
    return functional.interpolate(stacked, size, mode="area")[0].reshape(*picture.shape[:-2], *size)


def at_full_size(labels: Tensor, height: int, width: int) -> Tensor:
    """(height, width): labels (h, w) of a working copy for the picture's own pixels, each that of its nearest."""
    if labels.shape == (height, width):
        return labels
    rows, columns = (
        (torch.arange(full, device=labels.device) * 2 + 1) * part // (2 * full)
        for full, part in zip((height, width), labels.shape, strict=True)
    )
    return labels[rows][:, columns]
