"""Layers as matrices with a row for each output: what initialization, spectral norm and orthogonality are said of."""

from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn.utils import parametrize

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
MIXING = (nn.Linear, *CONVOLUTIONS, *TRANSPOSED)
"""Layers whose every output is a weighted sum of inputs.

Tables of class vectors and gains of a norm are not among them.
"""


def mixing_layers(network: nn.Module) -> Iterator[nn.Module]:
    """The linear and convolutional layers of ``network``, each once, in the order they were made."""
    return (layer for layer in network.modules() if isinstance(layer, MIXING))


def learned_weight(layer: nn.Module) -> nn.Parameter:
    """The weight that an optimizer moves: under spectral normalization, the one before it."""
    if parametrize.is_parametrized(layer, "weight"):
        return layer.parametrizations.weight.original  # type: ignore[union-attr, return-value]
    return layer.weight  # type: ignore[return-value]


def output_axis(layer: nn.Module) -> int:
    """Which axis of the weight counts outputs: transposed convolutions keep inputs first."""
    return 1 if isinstance(layer, TRANSPOSED) else 0


def as_matrix(weight: Tensor, axis: int) -> Tensor:
    """``weight`` as (outputs, all else), where ``axis`` counts outputs."""
    return weight.movedim(axis, 0).flatten(1)
