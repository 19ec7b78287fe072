"""What a network's convolutions would need with other ways of sharing weights, and what they would cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal, get_args

from torch import nn

from limner.nn.inspection.layers import Layer

Sharing = Literal["dense", "local", "tiled"]
"""dense: each output reads each input. local: a window, by weights of its own at each place. tiled: 2 x 2 kernels take
turns."""
SHARINGS: tuple[Sharing, ...] = get_args(Sharing)
TILING = 2


@dataclass(frozen=True)
class Shared:
    """A convolution's weights and biases with each way of sharing them, from its input to its output's places.

    convolution: as it is. The windows, and with them the multiply-adds of local and tiled layers, are those of the
    convolution; a dense layer multiplies once for each of its weights.
    """

    name: str
    convolution: int
    dense: int
    local: int
    tiled: int
    multiply_adds: int
    dense_multiply_adds: int


def share_otherwise(network: nn.Module, layers: Sequence[Layer]) -> list[Shared]:
    """Each 2-D convolution among the layers (transposed ones left out) as it is, tiled, locally connected, dense."""
    modules = dict(network.named_modules())
    found = []
    for layer in layers:
        module = modules[layer.name]
        if not isinstance(module, nn.Conv2d) or len(layer.shape) != 3:
            continue
        places, inputs = prod(layer.shape[1:]), module.in_channels // module.groups * prod(module.kernel_size)
        maps, biases = module.out_channels, int(module.bias is not None)
        kernels = prod(min(TILING, size) for size in layer.shape[1:])
        weights = prod(layer.inputs) * prod(layer.shape)
        found.append(
            Shared(
                name=layer.name,
                convolution=maps * (inputs + biases),
                tiled=kernels * maps * (inputs + biases),
                local=places * maps * (inputs + biases),
                dense=weights + prod(layer.shape) * biases,
                multiply_adds=places * maps * inputs,
                dense_multiply_adds=weights,
            )
        )
    return found
