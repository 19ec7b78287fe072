"""A function of colors over many of them, a block at a time: working memory does not grow with the picture."""

from collections.abc import Callable

import torch
from torch import Tensor

from limner.foundation.machine.threads import in_parts

# torch works on no more than 32768 numbers by one thread. Blocks of three bands stay below: the threads are ours, each
# on blocks of its own, and none waits for another.
CPU_BLOCK = 1 << 13
GPU_BLOCK = 1 << 21


def by_blocks(function: Callable[[Tensor], Tensor], colors: Tensor) -> Tensor:
    """``function(colors)``, where ``function`` treats each color by itself and keeps the number of bands.

    Args:
        function: gets (bands, up to a block) float32, or float64 if ``colors`` are, and gives as much. On the processor
            several threads call it at once.
        colors: (bands, ...) floating, any further axes.

    Returns:
        The shape, type and device of ``colors``, contiguous.
    """
    flat = colors.flatten(1)
    result = torch.empty(flat.shape, dtype=colors.dtype, device=colors.device)

    def work(first: int, last: int) -> None:
        for start, stop in blocks[first:last]:
            result[:, start:stop] = function(as_working(flat[:, start:stop]))

    blocks = block_ranges(flat)
    over_blocks(work, len(blocks), flat.device)
    return result.view(colors.shape)


def over_blocks(work: Callable[[int, int], None], blocks: int, device: torch.device) -> None:
    """``work(first, last)`` over so many blocks: on the processor in parts, by several threads at once."""
    if device.type == "cpu":
        in_parts(work, blocks)
    else:
        work(0, blocks)


def block_ranges(flat: Tensor) -> list[tuple[int, int]]:
    """Begin and end of each block of the second axis of ``flat``."""
    size = CPU_BLOCK if flat.device.type == "cpu" else GPU_BLOCK
    count = flat.shape[1]
    return [(start, min(start + size, count)) for start in range(0, count, size)]


def as_working(colors: Tensor) -> Tensor:
    """Colors in the type that is computed in: float64 stays, all others become float32."""
    return colors if colors.dtype == torch.float64 else colors.float()
