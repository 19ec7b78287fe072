"""How fresh layers begin, and networks of which only the shapes are wanted, whose layers do not begin at all."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

DRAWING = (nn.init.uniform_, nn.init.normal_, nn.init.kaiming_uniform_, Tensor.uniform_, Tensor.normal_)
"""How layers draw the numbers that they begin with; torch's other ways come down to the last two."""


def he_initialize(module: nn.Module) -> None:
    """Draw the weights of every convolution within ``module`` as He et al. 2015 (eq. 10) do; biases become zero.

    The variance is 2 / (inputs of one output). The inputs are channels x kernel area, of which a transposed
    convolution uses one in stride x stride. Draws from torch's global generator, like every layer's own beginning.
    """
    for layer in module.modules():
        if not isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            continue
        inputs: float = layer.in_channels // layer.groups * layer.kernel_size[0] * layer.kernel_size[1]
        if isinstance(layer, nn.ConvTranspose2d):
            inputs /= layer.stride[0] * layer.stride[1]
        nn.init.normal_(layer.weight, std=sqrt(2 / inputs))
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


class WithoutDraws(TorchFunctionMode):
    """Within the block tensors are left as they are where something would be drawn into them: for networks whose
    weights are loaded anyway. What a layer computes of its own is there."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        if func in DRAWING:
            return args[0] if args else given["tensor"]
        return func(*args, **given)


@contextmanager
def shapes_only() -> Iterator[None]:
    """Within the block tensors are made without contents (on torch's meta device), and nothing is drawn into them.

    A network that is made here takes no memory for its weights, whatever its size, and little time: on the meta device
    alone torch still draws for each tensor, in Python, and keeps nothing.

    >>> with shapes_only():
    ...     layer = nn.Linear(1 << 20, 1 << 20)
    >>> tuple(layer.weight.shape)
    (1048576, 1048576)
    """
    with torch.device("meta"), WithoutDraws():
        yield
