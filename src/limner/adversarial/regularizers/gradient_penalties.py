"""Penalties on the slope of the discriminator: how its logit changes with the picture.

All take ``judge``, which gives logits (B,) for pictures (B, C, H, W) in [-1, 1], with labels bound by the caller. They
are computed in float32 with autocast off, since they are differentiated twice; ``judge`` must not turn autocast on
again, so it calls the network itself, not Fabric's wrapper around it.

Batch normalization in the discriminator makes a picture's logit depend on the other pictures; the slope is then that of
the sum of all logits, and no longer what the papers bound. Use discriminators without it.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Judge = Callable[[Tensor], Tensor]


def gradient_penalty(judge: Judge, real: Tensor, fake: Tensor, generator: torch.Generator) -> Tensor:
    """mean (||dD/dx||_2 - 1)^2 at points x = e real + (1 - e) fake, with one e from U(0, 1) a picture.

    WGAN-GP: Gulrajani et al., "Improved Training of Wasserstein GANs", NeurIPS 2017, eq. 3; two-sided. Weight there:
    10.

    real, fake: (B, C, H, W) float in [-1, 1], equally many. Returns 0-d float32.
    """
    share = _share_of_each(real, generator)
    return (_slopes(judge, torch.lerp(fake.detach().float(), real.detach().float(), share)) - 1).square().mean()


def dragan_penalty(judge: Judge, real: Tensor, generator: torch.Generator) -> Tensor:
    """mean (||dD/dx||_2 - 1)^2 around real pictures (Kodali et al., "On Convergence and Stability of GANs", 2017).

    x = real + a d with one a from U(0, 1) a picture, and each number of d from U(0, deviation / 2), where the deviation
    is that of all of ``real``: the authors' code. The paper writes normal noise instead. Weight there: 10.

    real: (B, C, H, W) float in [-1, 1]. Returns 0-d float32.
    """
    real = real.detach().float()
    noise = torch.rand(real.shape, generator=generator, device=generator.device).to(real) * real.std() / 2
    return (_slopes(judge, real + _share_of_each(real, generator) * noise) - 1).square().mean()


def r1_penalty(judge: Judge, real: Tensor) -> Tensor:
    """1/2 mean ||dD/dx||^2 at real pictures; times gamma it is R1.

    Mescheder et al., "Which Training Methods for GANs do actually Converge?", ICML 2018, eq. 9; gamma there: 10.

    real: (B, C, H, W) float in [-1, 1]. Returns 0-d float32.
    """
    return _slopes(judge, real.detach().float()).square().mean() / 2


def lazy_factor(number: int, every: int) -> int:
    """How much a penalty counts at the discriminator's update ``number``, from 0: ``every`` at each ``every``-th, else
    0.

    Lazy regularization (Karras et al. 2020, sec. 3.1): the same pull on average for a fraction of the time. The paper
    also shortens Adam's memory a little to match; limner leaves Adam as the recipe says.
    """
    return 0 if number % every else every


def _share_of_each(image: Tensor, generator: torch.Generator) -> Tensor:
    """(B, 1, 1, 1) float32 from U(0, 1)."""
    return torch.rand(len(image), 1, 1, 1, generator=generator, device=generator.device).to(image.device)


def _slopes(judge: Judge, image: Tensor) -> Tensor:
    """(B,) float32: the L2 norm of each logit's gradient, itself to be differentiated
    by the discriminator's weights.
    """
    image = image.requires_grad_()
    with torch.enable_grad(), torch.autocast(image.device.type, enabled=False):
        (slope,) = torch.autograd.grad(judge(image).sum(), image, create_graph=True)
    return torch.linalg.vector_norm(slope.flatten(1), dim=1)
