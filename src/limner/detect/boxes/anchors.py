"""Anchors: the boxes of a few sizes and shapes around each place of a feature map that Faster R-CNN chooses from."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

RATIOS = (0.5, 1.0, 2.0)
"""Height over width."""
SCALES = (8, 16, 32)
"""Times the stride: edges of 128, 256 and 512 px on a map of stride 16."""


def base_anchors(stride: int = 16, ratios: Sequence[float] = RATIOS, scales: Sequence[float] = SCALES) -> Tensor:
    """The anchors of the first place of a map (Ren et al. 2015), as their program makes them.

    A square of one stride gets its shape first, with sides rounded to whole pixels, and is then enlarged; so the three
    of each scale have areas that are only nearly equal. Their release prints whole pixels that count from 1, the last
    of which still belongs to the anchor: its -83 -39 100 56 is (-84, -40, 100, 56) here.

    Gives (ratios x scales, 4) float32, ratio by ratio.

    >>> base_anchors()[0]
    tensor([-84., -40., 100.,  56.])
    """
    widths = np.round(np.sqrt(stride**2 / np.asarray(ratios, np.float64)))
    heights = np.round(widths * np.asarray(ratios, np.float64))
    half = np.stack((widths, heights), 1)[:, None] * np.asarray(scales, np.float64)[None, :, None] / 2
    return torch.from_numpy(stride / 2 + np.concatenate((-half, half), 2).reshape(-1, 4)).float()


def anchor_grid(base: Tensor, size: tuple[int, int], stride: int) -> Tensor:
    """``base`` moved to every place of a map: (rows x columns x A, 4), place by place, of ``base``'s dtype.

    base: (A, 4), of the first place. size: (rows, columns) of the map.
    """
    rows = torch.arange(size[0], device=base.device) * stride
    columns = torch.arange(size[1], device=base.device) * stride
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    moves = torch.stack((x, y, x, y), 2).reshape(-1, 1, 4).to(base.dtype)
    return (moves + base).reshape(-1, 4)
