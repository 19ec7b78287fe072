"""Convolution as lectures write it, in one, two or three dimensions.

What libraries call a convolution is the cross-correlation

    Z[o, i, j] = sum over c, m, n of V[c, i + m, j + n] K[o, c, m, n]

(Goodfellow, Bengio and Courville 2016, eq. 9.6). The convolution proper reads the kernel flipped, V[c, i - m, j - n],
and therefore commutes, which correlation does not. Networks that learn their kernels do not care.
"""

from collections.abc import Sequence
from math import prod, sqrt
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Border = Literal["valid", "same", "full"]
"""Which places have an output. valid: those where the kernel lies inside the signal, n - k + 1. same: as many as the
signal has, n. full: all that the kernel touches, n + k - 1. Outside the signal stand zeros."""

_CONVOLUTIONS = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}


def convolve(
    signal: Tensor,
    kernel: Tensor,
    bias: Tensor | None = None,
    *,
    border: Border = "valid",
    stride: int = 1,
    dilation: int = 1,
    flip: bool = False,
) -> Tensor:
    """Convolve a signal with kernels: (B, O, *places), floating as the signal.

    signal: (B, I, *size) floating; kernel: (O, I, *kernel size), of one to three dimensions; bias: (O,), added to each
    place. stride: keeps each ``stride``-th output of a convolution of stride 1, from the first. dilation: distance of
    the signal's values that neighboring weights read, so that a kernel of k reaches (k - 1) dilation + 1. flip: the
    convolution proper instead of the correlation.

    For an even kernel, ``same`` has its odd zero behind the signal.

    >>> convolve(torch.ones(1, 1, 5), torch.ones(1, 1, 3), border="full").flatten().tolist()
    [1.0, 2.0, 3.0, 3.0, 3.0, 2.0, 1.0]

    Raises `ValueError` for shapes that do not fit each other.
    """
    dimensions = signal.dim() - 2
    if dimensions not in _CONVOLUTIONS or kernel.dim() != signal.dim():
        raise ValueError(
            f"a signal of shape {tuple(signal.shape)} with kernels of shape {tuple(kernel.shape)}; needed: (B, I, "
            "...) and (O, I, ...) with one to three dimensions behind"
        )
    if signal.shape[1] != kernel.shape[1]:
        raise ValueError(
            f"the signal has {signal.shape[1]} channels, the kernels read {kernel.shape[1]}; both must agree"
        )
    size = [kernel.shape[2 + axis] for axis in range(dimensions)]
    padded = _pad(signal, size, border, dilation)
    reach = [(each - 1) * dilation + 1 for each in size]
    if any(have < need for have, need in zip(padded.shape[2:], reach, strict=True)):
        raise ValueError(
            f"kernels that reach over {' x '.join(map(str, reach))} do not fit into a signal of "
            f"{' x '.join(map(str, signal.shape[2:]))} with the border '{border}'; take 'same', or a smaller kernel"
        )
    if flip:
        kernel = kernel.flip(tuple(range(2, kernel.dim())))
    return _CONVOLUTIONS[dimensions](padded, kernel, bias, stride=stride, dilation=dilation)


def _pad(signal: Tensor, size: Sequence[int], border: Border, dilation: int) -> Tensor:
    if border == "valid":
        return signal
    pads: list[int] = []
    for each in reversed(size):  # torch names the last axis first
        reach = (each - 1) * dilation
        pads += [reach, reach] if border == "full" else [reach // 2, reach - reach // 2]
    return functional.pad(signal, pads)


def output_size(size: int, kernel: int, border: Border = "valid", stride: int = 1, dilation: int = 1) -> int:
    """How many outputs `convolve` has along an axis of ``size`` values.

    >>> [output_size(32, 5, border) for border in ("valid", "same", "full")]
    [28, 32, 36]
    """
    reach = (kernel - 1) * dilation
    places = {"valid": size - reach, "same": size, "full": size + reach}[border]
    return -(-places // stride)


class Convolution(nn.Module):
    """A layer of learned kernels over signals of one, two or three dimensions; see `convolve`.

    channels, maps: of its input and output. kernel: size along each axis. dimensions: 1 for sound, 2 for pictures, 3
    for clips and volumes. bias: one number a map. Parameters: maps (channels kernel^dimensions + 1).

    Weights begin uniform in +- 1 / sqrt(channels kernel^dimensions), as torch's own layers do.
    """

    def __init__(
        self,
        channels: int,
        maps: int,
        kernel: int,
        dimensions: int = 2,
        border: Border = "valid",
        stride: int = 1,
        dilation: int = 1,
        flip: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.border, self.stride, self.dilation, self.flip = border, stride, dilation, flip
        self.weight = nn.Parameter(torch.empty(maps, channels, *[kernel] * dimensions))
        self.bias = nn.Parameter(torch.empty(maps)) if bias else None
        begin_uniform(self, channels * kernel**dimensions)

    def forward(self, signal: Tensor) -> Tensor:
        """signal: (B, channels, *size) floating. Gives (B, maps, *places)."""
        return convolve(
            signal,
            self.weight,
            self.bias,
            border=self.border,
            stride=self.stride,
            dilation=self.dilation,
            flip=self.flip,
        )


def begin_uniform(layer: nn.Module, inputs: int) -> None:
    """Draw all parameters of a layer uniformly in +- 1 / sqrt(inputs), its number of inputs to one output."""
    for parameter in layer.parameters(recurse=False):
        nn.init.uniform_(parameter, -1 / sqrt(inputs), 1 / sqrt(inputs))


def connections(channels: int, maps: int, size: Sequence[int], kernel: int, tiling: int) -> dict[str, int]:
    """Weights and biases of four layers from ``size`` to the same valid places, by how far they share them.

    dense: each output reads each input. local: each reads a window by weights of its own. tiled: ``tiling`` kernels
    along each axis take turns. convolution: one kernel everywhere.

    >>> connections(1, 1, (28, 28), 5, tiling=2)
    {'dense': 452160, 'local': 14976, 'tiled': 104, 'convolution': 26}
    """
    places = prod(each - kernel + 1 for each in size)
    inputs = channels * kernel ** len(size)
    kernels = prod(min(tiling, each - kernel + 1) for each in size)
    return {
        "dense": places * maps * (channels * prod(size) + 1),
        "local": places * maps * (inputs + 1),
        "tiled": kernels * maps * (inputs + 1),
        "convolution": maps * (inputs + 1),
    }
