"""Penalties on the gradient of the discriminator: how its logit changes with what it is shown.

All take ``discriminate``, which gives logits (B,) for samples (B, ...), such as pictures (B, C, H, W) in [-1, 1], with
labels bound by the caller. They are computed in float32 with autocast off, since they are differentiated twice;
``discriminate`` must not turn autocast on again, so it calls the network itself, not Fabric's wrapper around it.

Batch normalization in the discriminator makes a sample's logit depend on the other samples; the gradient is then that
of the sum of all logits, and no longer what the papers bound. Use discriminators without it.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Discriminate = Callable[[Tensor], Tensor]


def gradient_penalty(discriminate: Discriminate, real: Tensor, fake: Tensor, generator: torch.Generator) -> Tensor:
    """mean (||dD/dx||_2 - 1)^2 at points x = e real + (1 - e) fake, with one e from U(0, 1) a picture.

    WGAN-GP: Gulrajani et al., "Improved Training of Wasserstein GANs", NeurIPS 2017, eq. 3; two-sided. Weight there:
    10.

    real, fake: (B, ...) float, such as pictures in [-1, 1], equally many. Returns 0-d float32.
    """
    share = _share_of_each(real, generator)
    return (
        (_gradient_norms(discriminate, torch.lerp(fake.detach().float(), real.detach().float(), share)) - 1)
        .square()
        .mean()
    )


def dragan_penalty(discriminate: Discriminate, real: Tensor, generator: torch.Generator) -> Tensor:
    """mean (||dD/dx||_2 - 1)^2 around real pictures (Kodali et al., "On Convergence and Stability of GANs", 2017).

    x = real + a d with one a from U(0, 1) a picture, and each number of d from U(0, std / 2), where the standard
    deviation is that of all of ``real``: the authors' code. The paper writes normal noise instead. Weight there: 10.

    real: (B, ...) float, such as pictures in [-1, 1]. Returns 0-d float32.
    """
    real = real.detach().float()
    noise = torch.rand(real.shape, generator=generator, device=generator.device).to(real) * real.std() / 2
    return (_gradient_norms(discriminate, real + _share_of_each(real, generator) * noise) - 1).square().mean()


def r1_penalty(discriminate: Discriminate, real: Tensor) -> Tensor:
    """1/2 mean ||dD/dx||^2 at real pictures; times gamma it is R1.

    Mescheder et al., "Which Training Methods for GANs do actually Converge?", ICML 2018, eq. 9; gamma there: 10.

    real: (B, ...) float, such as pictures in [-1, 1]. Returns 0-d float32.
    """
    return _gradient_norms(discriminate, real.detach().float()).square().mean() / 2


def _share_of_each(sample: Tensor, generator: torch.Generator) -> Tensor:
    """(B, 1, ..., 1) float32 from U(0, 1)."""
    shape = (len(sample), *(1 for _ in sample.shape[1:]))
    return torch.rand(shape, generator=generator, device=generator.device).to(sample.device)


def _gradient_norms(discriminate: Discriminate, sample: Tensor) -> Tensor:
    """(B,) float32: the L2 norm of each logit's gradient, to be differentiated by the discriminator's weights."""
    sample = sample.requires_grad_()
    with torch.enable_grad(), torch.autocast(sample.device.type, enabled=False):
        (gradient,) = torch.autograd.grad(discriminate(sample).sum(), sample, create_graph=True)
    return torch.linalg.vector_norm(gradient.flatten(1), dim=1)
