"""Spectral normalization (Miyato et al., "Spectral Normalization for Generative Adversarial Networks", ICLR 2018)."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils import parametrize

from limner.adversarial.weights.layers import MIXING, as_matrix, output_axis

NORMALIZED = (*MIXING, nn.Embedding)
"""Layers that can be normalized."""
SETTLING = 15
"""Power iterations on a fresh weight, as torch's own does."""


class SpectralNorm(nn.Module):
    """A weight divided by its largest singular value, W / sigma with sigma = u^T W v (eq. 8).

    u and v follow the singular vectors by one step of the power method at each use in training, and stay where they are
    otherwise. They are constants to the gradient, sigma is not.

    The parametrization of torch.nn.utils draws u from the global generator, and its products run in half precision
    under CUDA's autocast. This one computes in the weight's own precision. Its state has torch's names, so that either
    loads what the other has saved.

    weight: the weight at the start. axis: which of its axes counts outputs. generator: draws the first v; with None, u
    and v are zeros until a state is loaded. epsilon: the smallest length by which u and v are divided.
    """

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, axis: int, generator: torch.Generator | None, epsilon: float = 1e-12) -> None:
        super().__init__()
        self.axis, self.epsilon = axis, epsilon
        matrix = as_matrix(weight.detach(), axis)
        self.register_buffer("_u", matrix.new_zeros(matrix.shape[0]))
        self.register_buffer("_v", matrix.new_zeros(matrix.shape[1]))
        if generator is None:
            return
        first = torch.randn(matrix.shape[1], generator=generator, device=generator.device).to(matrix)
        self._v.copy_(normalize(first, dim=0, eps=epsilon))
        for _ in range(SETTLING):
            self._iterate(matrix)

    @torch.no_grad()
    def _iterate(self, matrix: Tensor) -> None:
        self._u.copy_(normalize(matrix @ self._v, dim=0, eps=self.epsilon))
        self._v.copy_(normalize(matrix.T @ self._u, dim=0, eps=self.epsilon))

    def forward(self, weight: Tensor) -> Tensor:
        """The weight of the same shape whose largest singular value is about 1."""
        with torch.autocast(weight.device.type, enabled=False):
            matrix = as_matrix(weight, self.axis)
            if self.training:
                self._iterate(matrix)
            # Copies: the next use changes u and v in place, and may come before this one's backward.
            return weight / (self._u.clone() @ (matrix @ self._v.clone()))

    def right_inverse(self, weight: Tensor) -> Tensor:
        """What an assigned weight becomes before normalization: itself."""
        return weight


def apply_spectral_norm(
    network: nn.Module, generator: torch.Generator, within: tuple[type[nn.Module], ...] = (nn.Module,)
) -> None:
    """Normalize every convolution, linear layer and table of class vectors of ``network``, in place.

    network: with the weights that it begins with; initialize it before. within: only layers inside modules of these
    classes, such as `limner.nn.attention.SelfAttention`. generator: draws the first singular vectors, in the layers'
    order.
    """
    places = [module for module in network.modules() if isinstance(module, within)]
    layers = dict.fromkeys(layer for place in places for layer in place.modules())
    for layer in layers:
        if isinstance(layer, NORMALIZED) and not parametrize.is_parametrized(layer, "weight"):
            normalized = SpectralNorm(layer.weight, output_axis(layer), generator)
            parametrize.register_parametrization(layer, "weight", normalized)


def await_spectral_norm(network: nn.Module, names: Iterable[str]) -> None:
    """Give the layers of ``network`` that are called so spectral normalization whose weights, u and v are still to be
    loaded: torch's own first settles them, which takes seconds for a network without contents.

    Raises `AttributeError` for a layer that is not there, and `ValueError` for one of another kind than
    `apply_spectral_norm` takes.
    """
    for name in names:
        layer = network.get_submodule(name)
        if not isinstance(layer, NORMALIZED):
            raise ValueError(f"{name} cannot be under spectral normalization")
        normalized = SpectralNorm(layer.weight, output_axis(layer), None)
        # Unsafe: torch would try it at once, on the weights that are replaced.
        parametrize.register_parametrization(layer, "weight", normalized, unsafe=True)
