"""Pictures in memory brought to what is scored: red, green and blue in 8 bits, as if they had been PNG files."""

from __future__ import annotations

import torch
from torch import Tensor

from limner.datasets.pictures.decoding import BEHIND_ALPHA


def quantized(image01: Tensor) -> Tensor:
    """uint8 of floats in [0, 1], rounded to the nearest of 256 levels; what lies outside is clipped."""
    return (image01.float() * 255).round().clamp(0, 255).to(torch.uint8)


def as_rgb(pictures: Tensor) -> Tensor:
    """(n, 3, H, W) uint8 of (n, 1, 3 or 4, H, W) uint8: gray is repeated, alpha shows `BEHIND_ALPHA`.

    Raises `ValueError` for another form.
    """
    if pictures.dtype != torch.uint8 or pictures.ndim != 4 or pictures.shape[1] not in (1, 3, 4):
        raise ValueError(
            f"{pictures.dtype} pictures of shape {tuple(pictures.shape)}; needed: uint8 (n, 1, 3 or 4, H, W)"
        )
    if pictures.shape[1] == 1:
        return pictures.expand(-1, 3, -1, -1)
    if pictures.shape[1] == 3:
        return pictures
    alpha = pictures[:, 3:].float() / 255
    behind = torch.tensor(BEHIND_ALPHA, device=pictures.device).view(1, 3, 1, 1)
    return (pictures[:, :3] * alpha + behind * (1 - alpha)).round().to(torch.uint8)
