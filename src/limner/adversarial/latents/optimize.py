"""Latent optimization (Wu et al., "LOGAN: Latent Optimisation for Generative Adversarial Networks", 2019).

    z' = z + dz,   dz = alpha / (beta + |g|^2) g,   g = d D(G(z)) / dz

Both networks then learn from G(z'), and their gradients also go through dz, which depends on both networks' weights:
a step of the discriminator takes into account how it will move latents, as the paper's comparison with symplectic
gradient adjustment says. That second-order term is what the method adds to a search for better latents.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from limner.adversarial.latents.settings import LatentOptimization
from limner.adversarial.latents.steps import gradient_step, natural_step, project

Score = Callable[[Tensor], Tensor]
"""How real what is made of latents (B, latent) looks: logits (B,), or (B, n), whose mean counts. It must be the
networks themselves, in float32, since it is differentiated twice."""


class OptimizedLatents(NamedTuple):
    """What latents became.

    latent: (B, latent) float32, with a graph back to the networks where the step is differentiated. penalty: 0-d, the
    mean over the moved latents of the sum of their steps' squared lengths, before projection.
    """

    latent: Tensor
    penalty: Tensor


def optimize_latents(
    score: Score, latent: Tensor, settings: LatentOptimization, *, rate: Tensor | None = None, steps: int | None = None
) -> OptimizedLatents:
    """``latent`` after the steps that ``settings`` say.

    Each latent moves by the gradient of its own score. Where batch normalization makes a score depend on the other
    latents of the batch, it is the gradient of the sum over the batch; the paper's networks have it in the generator.
    The first ``share`` of the batch moves: latents are drawn independently, so that any would do.

    latent: (B, latent) float32. rate: alpha where it is learned, 0-d; None: the settings'. steps: in place of the
    settings' number of them.
    """
    latent = project(latent, settings.projection)
    moved = round(settings.share * len(latent))
    if not moved or settings.step == "none":
        return OptimizedLatents(latent, latent.new_zeros(()))
    alpha = settings.rate if rate is None else rate
    here, penalty = latent[:moved], latent.new_zeros(())
    with torch.enable_grad(), torch.autocast(latent.device.type, enabled=False):
        for _ in range(settings.steps if steps is None else steps):
            here = here if here.requires_grad else here.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(_total(score(here)), here, create_graph=settings.second_order)
            step = (
                natural_step(gradient, alpha, settings.damping)
                if settings.step == "natural"
                else gradient_step(gradient, alpha)
            )
            penalty = penalty + step.square().sum(dim=1).mean()
            here = project((here if settings.second_order else here.detach()) + step, settings.projection)
    return OptimizedLatents(torch.cat([here, latent[moved:]]), penalty)


def _total(logits: Tensor) -> Tensor:
    """The sum over samples of the mean of each one's logits: its gradient holds each sample's own."""
    return logits.flatten(1).mean(dim=1).sum() if logits.ndim > 1 else logits.sum()
