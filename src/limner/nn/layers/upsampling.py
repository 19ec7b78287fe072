"""Upsampling by a transposed convolution with a fixed bilinear kernel, as the first dense predictors did it."""

import torch
from torch import Tensor, nn
from torch.nn import functional


def bilinear_kernel(factor: int) -> Tensor:
    """(2 factor, 2 factor) float32: the weights of bilinear interpolation by a transposed convolution of that stride
    (Long, Shelhamer and Darrell 2015, as released). Its values add up to factor^2.

    >>> bilinear_kernel(2)[0]
    tensor([0.0625, 0.1875, 0.1875, 0.0625])
    """
    line = 1 - (torch.arange(2 * factor) - (factor - 0.5)).abs() / factor
    return torch.outer(line, line)


class BilinearUpsampling(nn.Module):
    """Each map ``factor`` times larger, by a kernel that is never learned (learning it made no difference, says FCN's
    release, whose kernel is a dense one of classes x classes; here each map has its own, which is the same).

    Away from the border it is what `functional.interpolate` gives without aligned corners; there, zeros lie outside.

    factor: even, or 1, which changes nothing.
    """

    kernel: Tensor

    def __init__(self, factor: int) -> None:
        super().__init__()
        if factor > 1 and factor % 2:
            raise ValueError(f"factor is {factor}; needed: an even number, or 1")
        self.factor = factor
        kernel = bilinear_kernel(factor) if factor > 1 else torch.ones(1, 1)
        self.register_buffer("kernel", kernel[None, None], persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        """maps: (B, C, H, W) floating. Gives (B, C, factor H, factor W)."""
        if self.factor == 1:
            return maps
        channels = maps.shape[1]
        kernel = self.kernel.to(maps.dtype).expand(channels, -1, -1, -1)
        return functional.conv_transpose2d(maps, kernel, stride=self.factor, padding=self.factor // 2, groups=channels)
