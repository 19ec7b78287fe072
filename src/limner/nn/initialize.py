"""How fresh layers begin."""

from math import sqrt

from torch import nn


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
