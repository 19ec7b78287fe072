"""Orthogonal regularization: the outputs of a layer should look for different things, in both published forms."""

import torch
from torch import Tensor, nn

from limner.adversarial.regularizers.settings import Form
from limner.adversarial.weights.layers import as_matrix, learned_weight, mixing_layers, output_axis


def orthogonal_penalty(network: nn.Module, form: Form) -> Tensor:
    """The distance of all linear and convolutional weights of ``network`` from orthonormal rows, 0-d float32.

    With W = (outputs, inputs x kernel), summed over the layers:

    - ``full``: the sum of |W W^T - I| over its numbers (Brock et al., "Neural Photo Editing", ICLR 2017).
    - ``relaxed``: the sum of squares of W W^T outside its diagonal, which leaves the lengths of the rows alone (Brock
      et al., BigGAN, ICLR 2019, sec. 3.1). Its gradient is 4 (W W^T * (1 - I)) W; the authors' later PyTorch code takes
      half.

    Weight in both: 1e-4. Vectors (biases, gains) and tables of class vectors are left alone; under spectral
    normalization the weights before it are meant.
    """
    with torch.autocast(next(network.parameters()).device.type, enabled=False):
        layers = list(mixing_layers(network))
        return torch.stack([_penalty(as_matrix(learned_weight(one), output_axis(one)), form) for one in layers]).sum()


def _penalty(matrix: Tensor, form: Form) -> Tensor:
    products = matrix @ matrix.T
    if form == "full":
        return (products - torch.eye(len(products), device=products.device)).abs().sum()
    return (products - products.diagonal().diag()).square().sum()
