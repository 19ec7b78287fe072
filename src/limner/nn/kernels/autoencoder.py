"""Kernels by a sparse autoencoder: few units at work at a time must rebuild whitened patches (Ng 2011)."""

import torch
from torch import Tensor
from torch.nn import functional

from limner.nn.kernels.patches import normalize_patches
from limner.nn.layers.whitening import Whitening


def learn_autoencoder(
    patches: Tensor,
    kernels: int,
    sparsity: float = 4.0,
    steps: int = 1500,
    batch: int = 256,
    rate: float = 3e-2,
    seed: int = 0,
) -> Tensor:
    """Kernels (K, C, k, k) of norm 1, the whitening folded in, from patches (n, C, k, k) in 0..1.

    Codes are the ReLU of the kernels' answers to a whitened patch, and the same kernels, each of norm 1, rebuild the
    patch from them: the loss is the squared error plus ``sparsity`` times the sum of the code.
    """
    flat = normalize_patches(patches).flatten(1)
    whitening = Whitening.fit(flat)
    white = whitening(flat)
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(kernels, white.shape[1], generator=generator).requires_grad_()
    bias = torch.zeros(kernels, requires_grad=True)
    optimizer = torch.optim.Adam([weight, bias], lr=rate)
    with torch.enable_grad():
        for _ in range(steps):
            chosen = white[torch.randint(len(white), (batch,), generator=generator)]
            unit = functional.normalize(weight, dim=1)
            code = (chosen @ unit.T + bias).relu()
            error = (code @ unit - chosen).square().sum(1).mean()
            optimizer.zero_grad()
            (error + sparsity * code.sum(1).mean()).backward()
            optimizer.step()
    with torch.no_grad():
        folded = functional.normalize(functional.normalize(weight, dim=1) @ whitening.matrix, dim=1)
    return folded.view(kernels, *patches.shape[1:])
