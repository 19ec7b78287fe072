"""Patches of pictures, and how they are prepared before kernels are learned from them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from limner.foundation.errors import UserError
from limner.nn.layers.contrast import normalize_global

CONTRAST_REGULARIZER = 10 / 255**2
"""Coates, Ng and Lee 2011 add 10 to the variance of patches of 0..255; of values in 0..1 it is this."""


def draw_patches(pictures: Sequence[Tensor] | Tensor, count: int, size: int, seed: int = 0) -> Tensor:
    """``count`` patches (count, C, size, size) from pictures (C, H, W) in 0..1, each as likely, places drawn evenly.

    Raises `UserError` for pictures smaller than a patch.
    """
    large = [picture for picture in pictures if min(picture.shape[1:]) >= size]
    if not large:
        raise UserError(f"no picture is as large as a patch of {size} x {size} pixels; give larger pictures")
    draws = torch.rand(3, count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    patches = []
    for which, down, right in draws.T.tolist():
        picture = large[int(which * len(large))]
        row = int(down * (picture.shape[1] - size + 1))
        column = int(right * (picture.shape[2] - size + 1))
        patches.append(picture[:, row : row + size, column : column + size])
    return torch.stack(patches)


def normalize_patches(patches: Tensor) -> Tensor:
    """Each patch (n, C, k, k) in 0..1 minus its mean, over sqrt(var + 10) in terms of 0..255 (Coates et al. 2011)."""
    return normalize_global(patches, regularizer=CONTRAST_REGULARIZER, floor=0.0)
