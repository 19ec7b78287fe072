"""How much of a picture one output pixel sees: exact intervals, followed backwards through a chain of layers."""

from collections.abc import Iterable
from functools import cache
from math import prod
from typing import NamedTuple

from torch import nn

POINTWISE = (nn.BatchNorm2d, nn.Identity, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.Dropout)
Windowed = nn.Conv2d | nn.ConvTranspose2d | nn.MaxPool2d | nn.AvgPool2d | nn.Upsample


class Interval(NamedTuple):
    """Pixels ``first`` to ``last`` along one axis, both included; zero padding lies outside the picture."""

    first: int
    last: int

    @property
    def size(self) -> int:
        """How many pixels."""
        return self.last - self.first + 1


def receptive_field(chain: Iterable[nn.Module]) -> int:
    """The theoretical receptive field, in pixels along the rows, of layers applied one after the other.

    This is the extent of the input that can change one output pixel, the largest over the output's phases: behind a
    transposed convolution or an upsampling, neighboring outputs see unequally many inputs.

    chain: modules in the order of their use, containers included (their parts count in order of registration). Of a
        network with branches, give the deepest path: the others see less.

    >>> receptive_field([nn.Conv2d(1, 1, 3), nn.MaxPool2d(2), nn.Conv2d(1, 1, 3)])
    8

    Raises `TypeError` for a layer whose window is not known here (attention, global pooling), and `ValueError` for a
    transposed convolution that leaves holes or an upsampling that aligns corners.
    """
    layers = windowed_layers(chain)
    period = prod(_upsampling(layer) for layer in layers)  # the pattern of windows repeats after so many outputs
    return max(_seen_by(layers, position).size for position in range(period))


def input_interval(chain: Iterable[nn.Module], position: int) -> Interval:
    """The input rows that the output row ``position`` of ``chain`` depends on; see `receptive_field`.

    >>> input_interval([nn.Conv2d(1, 1, 3, stride=2, padding=1)], 5)
    Interval(first=9, last=11)
    """
    return _seen_by(windowed_layers(chain), position)


def windowed_layers(chain: Iterable[nn.Module]) -> list[Windowed]:
    """The layers of ``chain`` that look beyond one pixel, in order; a `TypeError` for one not known here."""
    layers: list[Windowed] = []
    for module in (inner for outer in chain for inner in outer.modules()):
        if isinstance(module, Windowed):
            layers.append(module)
        elif not isinstance(module, POINTWISE) and next(module.children(), None) is None:
            raise TypeError(f"the receptive field of {type(module).__name__} is not known")
    return layers


def _seen_by(layers: list[Windowed], position: int) -> Interval:
    interval = Interval(position, position)
    for layer in reversed(layers):
        interval = _before(layer, interval)
    return interval


def _before(layer: Windowed, after: Interval) -> Interval:
    """The input interval of one layer that its output interval ``after`` depends on."""
    if isinstance(layer, nn.Upsample):
        return _before_upsampling(layer, after)
    if isinstance(layer, nn.ConvTranspose2d):
        return _before_transposed(layer, after)
    kernel, stride = _rows(layer.kernel_size), _rows(layer.stride)
    reach = (kernel - 1) * (1 if isinstance(layer, nn.AvgPool2d) else _rows(layer.dilation))
    first = -_padding_above(layer, reach, stride)
    return Interval(after.first * stride + first, after.last * stride + first + reach)


def _padding_above(layer: nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d, reach: int, stride: int) -> int:
    """How many rows are padded above the picture, whose height is a multiple of the stride."""
    if isinstance(layer, _padded_as_needed()):  # TensorFlow's rule: as little as needed, the odd pixel below
        return max(0, reach + 1 - stride) // 2
    padding = layer.padding
    if isinstance(padding, str):
        return reach // 2 if padding == "same" else 0
    return _rows(padding)


@cache
def _padded_as_needed() -> type:
    from timm.layers import Conv2dSame  # timm takes seconds, and most users of this file need nothing of it

    return Conv2dSame


def _before_transposed(layer: nn.ConvTranspose2d, after: Interval) -> Interval:
    """Input x reaches the outputs x * stride - padding + 0 ... kernel - 1."""
    kernel, stride, padding = _rows(layer.kernel_size), _rows(layer.stride), int(layer.padding[0])
    if kernel < stride or _rows(layer.dilation) != 1:
        raise ValueError(f"a transposed convolution that leaves holes has no simple receptive field: {layer}")
    first = -((kernel - 1 - padding - after.first) // stride)  # rounded up
    return Interval(first, (after.last + padding) // stride)


def _before_upsampling(layer: nn.Upsample, after: Interval) -> Interval:
    """Nearest reads one input; bilinear reads the two around (y + 1/2) / scale - 1/2."""
    scale = _upsampling(layer)
    if layer.mode == "nearest":
        return Interval(after.first // scale, after.last // scale)
    if layer.mode != "bilinear" or layer.align_corners:
        raise ValueError(f"only nearest and bilinear upsampling without aligned corners are known: {layer}")
    first = (2 * after.first + 1 - scale) // (2 * scale)
    last = -((scale - 1 - 2 * after.last) // (2 * scale))  # rounded up
    return Interval(first, last)


def _upsampling(layer: Windowed) -> int:
    """By how much a layer multiplies the height: 1 for all that do not upsample."""
    if isinstance(layer, nn.ConvTranspose2d):
        return _rows(layer.stride)
    if not isinstance(layer, nn.Upsample):
        return 1
    if layer.scale_factor is None:
        raise ValueError(f"an upsampling to a fixed size has no receptive field of its own: {layer}")
    return _rows(layer.scale_factor)


def _rows(value: int | float | tuple[int, ...] | tuple[float, ...]) -> int:
    """The value for the rows of what torch takes as one number or one per axis."""
    return int(value[0] if isinstance(value, tuple) else value)
