"""A function of colors over many of them, a block at a time: working memory does not grow with the picture."""

from collections.abc import Callable

import torch
from torch import Tensor

CPU_BLOCK = 1 << 15  # a block of three bands and what is made of it stay in the processor's cache
GPU_BLOCK = 1 << 21


def by_blocks(function: Callable[[Tensor], Tensor], colors: Tensor) -> Tensor:
    """``function(colors)``, where ``function`` treats each color by itself and keeps the number of bands.

    Args:
        function: gets (bands, up to a block) float32, or float64 if ``colors`` are, and gives as much.
        colors: (bands, ...) floating, any further axes.

    Returns:
        The shape, type and device of ``colors``, contiguous.
    """
    flat = colors.flatten(1)
    result = torch.empty(flat.shape, dtype=colors.dtype, device=colors.device)
    for start, stop in block_ranges(flat):
        result[:, start:stop] = function(as_working(flat[:, start:stop]))
    return result.view(colors.shape)


def block_ranges(flat: Tensor) -> list[tuple[int, int]]:
    """Begin and end of each block of the second axis of ``flat``."""
    size = CPU_BLOCK if flat.device.type == "cpu" else GPU_BLOCK
    count = flat.shape[1]
    return [(start, min(start + size, count)) for start in range(0, count, size)]


def as_working(colors: Tensor) -> Tensor:
    """Colors in the type that is computed in: float64 stays, all others become float32."""
    return colors if colors.dtype == torch.float64 else colors.float()
