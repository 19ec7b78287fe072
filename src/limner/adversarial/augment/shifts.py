"""Pictures shifted by whole pixels, each by its own, without a loop over them."""

import torch
from torch import Tensor


def shift_reflected(image: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """``image`` moved; what this uncovers shows it reflected at its edge.

    image: (B, C, H, W) float. down, right: (B,) int64 pixels, smaller than the side in size. Returns (B, C, H, W).
    """
    rows, columns = (_sources(side, by) for side, by in zip(image.shape[2:], (down, right), strict=True))
    rows, columns = (_reflected(places, side) for places, side in zip((rows, columns), image.shape[2:], strict=True))
    return _take(image, rows, columns)


def shift_zero(image: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """``image`` moved; what this uncovers is 0, the middle gray of pictures in [-1, 1].

    image: (B, C, H, W) float. down, right: (B,) int64 pixels. Returns (B, C, H, W).
    """
    height, width = image.shape[2:]
    rows, columns = _sources(height, down), _sources(width, right)
    inside = _inside(rows, height)[:, None, :, None] & _inside(columns, width)[:, None, None, :]
    return _take(image, rows.clamp(0, height - 1), columns.clamp(0, width - 1)) * inside


def _sources(side: int, by: Tensor) -> Tensor:
    """(B, side) int64: where each row or column comes from; may lie outside."""
    return torch.arange(side, device=by.device) - by[:, None]


def _inside(places: Tensor, side: int) -> Tensor:
    return (places >= 0) & (places < side)


def _reflected(places: Tensor, side: int) -> Tensor:
    places = places.abs()
    return torch.where(places >= side, 2 * (side - 1) - places, places)


def _take(image: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The pixels at (B, H) rows and (B, W) columns."""
    count = torch.arange(len(image), device=image.device)
    # Channels last while taking: a pixel's numbers then lie side by side, and one index serves them all.
    taken = image.permute(0, 2, 3, 1)[count[:, None, None], rows[:, :, None], columns[:, None, :]]
    return taken.permute(0, 3, 1, 2)
