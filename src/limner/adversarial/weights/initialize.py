"""How the weights of generators and discriminators begin. Every number is drawn from the given generator.

All leave alone what is neither a convolution, a linear layer nor batch normalization: tables of class vectors and the
gate of self-attention begin as their own layers say.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from limner.adversarial.weights.layers import MIXING, as_matrix, output_axis


def normal(network: nn.Module, generator: torch.Generator, std: float = 0.02) -> None:
    """Weights from N(0, std^2), gains of batch normalization from N(1, std^2), biases 0.

    Radford et al., "Unsupervised Representation Learning with Deep Convolutional GANs", ICLR 2016, sec. 4, draw weights
    so; the gains are the reference code's.
    """
    for layer in _layers_without_biases(network):
        nn.init.normal_(layer.weight, 0.0, std, generator=generator)
    for norm in network.modules():
        if isinstance(norm, nn.modules.batchnorm._BatchNorm) and norm.affine:
            nn.init.normal_(norm.weight, 1.0, std, generator=generator)
            nn.init.zeros_(norm.bias)


def xavier(network: nn.Module, generator: torch.Generator) -> None:
    """Weights uniform in +-sqrt(6 / (inputs + outputs)), each times the kernel's area (Glorot and Bengio 2010, eq. 16);
    biases 0."""
    for layer in _layers_without_biases(network):
        nn.init.xavier_uniform_(layer.weight, generator=generator)


def orthogonal(network: nn.Module, generator: torch.Generator) -> None:
    """Each weight, as a matrix (outputs, inputs x kernel), gets orthonormal rows, or columns where it is tall (Saxe et
    al., ICLR 2014); biases 0."""
    for layer in _layers_without_biases(network):
        outputs_first = layer.weight.movedim(output_axis(layer), 0)
        matrix = nn.init.orthogonal_(torch.empty_like(as_matrix(outputs_first, 0)), generator=generator)
        with torch.no_grad():
            outputs_first.copy_(matrix.view(outputs_first.shape))


INITIALIZATIONS: dict[str, Callable[..., None]] = {"normal": normal, "xavier": xavier, "orthogonal": orthogonal}
"""Each is called as ``(network, generator)``, both on one device, and changes ``network`` in place."""


class _Mixing(nn.Module):
    weight: Tensor
    bias: Tensor | None


def _layers_without_biases(network: nn.Module) -> Iterator["_Mixing"]:
    for layer in network.modules():
        if isinstance(layer, MIXING):
            if parametrize.is_parametrized(layer, "weight"):
                raise ValueError("the network is spectrally normalized already; initialize before that")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
            yield layer  # type: ignore[misc]
