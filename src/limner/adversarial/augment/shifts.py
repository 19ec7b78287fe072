"""Pictures shifted by whole pixels, each by its own, without a loop over them."""

import torch
from torch import Tensor


def shift_reflected(image: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """``image`` moved; what this uncovers shows it reflected at its edge.

    image: (B, C, H, W) float. down, right: (B,) int64 pixels, smaller than the side in size. Returns (B, C, H, W).
    """
    height, width = image.shape[2:]
    return _take(image, _reflected(sources(height, down), height), _reflected(sources(width, right), width))


def shift_zero(image: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """``image`` moved; what this uncovers is 0, the middle gray of pictures in [-1, 1].

    image: (B, C, H, W) float. down, right: (B,) int64 pixels. Returns (B, C, H, W).
    """
    height, width = image.shape[2:]
    rows, columns = sources(height, down), sources(width, right)
    uncovered = box((rows < 0) | (rows >= height), (columns < 0) | (columns >= width), either=True)
    return _take(image, rows.clamp(0, height - 1), columns.clamp(0, width - 1)).masked_fill(uncovered, 0)


def sources(side: int, by: Tensor) -> Tensor:
    """(B, side) int64: which row or column each comes from when moved ``by`` (B,) pixels; may lie outside."""
    return torch.arange(side, device=by.device) - by[:, None]


def box(rows: Tensor, columns: Tensor, *, either: bool) -> Tensor:
    """(B, 1, H, W) bool from (B, H) and (B, W): where row and column are true, or ``either`` of them."""
    rows, columns = rows[:, None, :, None], columns[:, None, None, :]
    return rows | columns if either else rows & columns


def _reflected(places: Tensor, side: int) -> Tensor:
    places = places.abs()
    return torch.where(places >= side, 2 * (side - 1) - places, places)


def _take(image: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The pixels at (B, H) rows and (B, W) columns: two gathers along an axis cost less than one of pixels."""
    image = image.gather(2, rows[:, None, :, None].expand(image.shape))
    return image.gather(3, columns[:, None, None, :].expand(image.shape))
