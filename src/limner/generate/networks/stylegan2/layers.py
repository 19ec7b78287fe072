"""Layers of StyleGAN2 with an equalized learning rate, and its smoothing filter.

Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", ICLR 2018, sec. 4.1:
weights begin as N(0, 1) and are multiplied, whenever they are used, by 1 / sqrt(inputs); so Adam moves all of them at
one speed. A recipe's ``initialization`` and ``spectral_norm`` leave them alone.
"""

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE, GAIN = 0.2, sqrt(2)
TAPS = (1.0, 3.0, 3.0, 1.0)
"""Of the filter in both directions (Zhang, "Making Convolutional Networks Shift-Invariant Again", ICML 2019)."""


def activate(x: Tensor) -> Tensor:
    """Leaky ReLU 0.2 times sqrt(2), which keeps the variance."""
    return functional.leaky_relu(x * GAIN, SLOPE)


def blurred(x: Tensor, padding: int, *, gain: float = 1.0) -> Tensor:
    """Every map smoothed by `TAPS` (sum 1) along rows and columns, times ``gain``; zeros lie outside.

    x: (B, C, h, w). Gives (B, C, h + 2 padding - 3, w + 2 padding - 3).
    """
    return functional.conv2d(x, _filter(TAPS, x, gain), padding=padding, groups=x.shape[1])


def halved(x: Tensor) -> Tensor:
    """Half the side behind the same filter: (B, C, h, w) to (B, C, h/2, w/2).

    1 2 1 and then the mean of two neighbors are 1 3 3 1; a filter of each map that leaves out every other place is slow
    to differentiate on a processor.
    """
    return functional.avg_pool2d(functional.conv2d(x, _filter((1.0, 2.0, 1.0), x), padding=1, groups=x.shape[1]), 2)


def doubled(x: Tensor) -> Tensor:
    """Twice the side by the same filter: (B, C, h, w) to (B, C, 2h, 2w)."""
    return functional.conv_transpose2d(x, _filter(TAPS, x, 4.0), stride=2, padding=1, groups=x.shape[1])


def _filter(taps: tuple[float, ...], x: Tensor, gain: float = 1.0) -> Tensor:
    row = torch.tensor(taps, device=x.device, dtype=x.dtype)
    return (torch.outer(row, row) * (gain / sum(taps) ** 2)).expand(x.shape[1], 1, -1, -1)


def normalized(x: Tensor) -> Tensor:
    """(B, d): each row with a mean square of 1."""
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


class EqualizedLinear(nn.Module):
    """A linear layer. rate: how much slower than others it learns. bias: with what its biases begin."""

    def __init__(self, inputs: int, outputs: int, *, rate: float = 1.0, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias / rate))
        self.rate, self.gain = rate, rate / sqrt(inputs)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, inputs). Gives (B, outputs)."""
        return functional.linear(x, self.weight * self.gain, self.bias * self.rate)


class EqualizedConv(nn.Module):
    """A convolution that keeps the side, or halves it behind the filter; times ``gain``, which its weights take in."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, halve: bool = False, bias: bool = True, gain: float = 1.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.halve, self.padding, self.gain = halve, kernel // 2, gain
        self.scale = gain / sqrt(inputs * kernel**2)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, inputs, h, w). Gives (B, outputs, h, w), or half of both sides."""
        weight, bias = self.weight * self.scale, None if self.bias is None else self.bias * self.gain
        if not self.halve:
            return functional.conv2d(x, weight, bias, padding=self.padding)
        if self.padding == 0:
            return functional.conv2d(halved(x), weight, bias)
        return functional.conv2d(blurred(x, 1 + self.padding), weight, bias, stride=2)


def modulated(x: Tensor, weight: Tensor, style: Tensor, *, double: bool = False) -> Tensor:
    """A convolution whose weights w_oik are scaled, for each picture, by its style: s_i w_oik (Karras et al. 2020,
    eq. 1). Scaling what goes in gives the same numbers, by one convolution for all pictures.

    x: (B, i, h, w). weight: (o, i, k, k). style: (B, i). double: twice the side, by a transposed convolution and the
    filter. Gives (B, o, h, w), or (B, o, 2h, 2w).
    """
    x = x * style.to(x.dtype)[:, :, None, None]
    if double:
        return blurred(functional.conv_transpose2d(x, weight.transpose(0, 1), stride=2), 1, gain=4.0)
    return functional.conv2d(x, weight, padding=weight.shape[-1] // 2)


def demodulation(weight: Tensor, style: Tensor) -> Tensor:
    """(B, o) float32: 1 / sqrt(sum over i, k of (s_i w_oik)^2 + 1e-8), by which outputs are scaled (eq. 3)."""
    squares = weight.float().square().sum((2, 3))  # (o, i)
    # Not as a product of matrices, which autocast would round to bfloat16.
    return ((style.float().square()[:, None] * squares).sum(2) + 1e-8).rsqrt()
