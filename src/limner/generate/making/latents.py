"""Latents and what the discriminator says of their pictures: moved up its logit."""

import dataclasses
from collections.abc import Callable

import torch
from torch import Tensor, nn

from limner.adversarial.latents.optimize import optimize_latents
from limner.adversarial.latents.settings import LatentOptimization
from limner.generate.networks.pairs import PairDiscriminator


def score_of_latents(
    generator: nn.Module, discriminator: nn.Module, label: Tensor | None
) -> Callable[[Tensor], Tensor]:
    """z -> D(G(z)), of a discriminator of pairs D(G(z), z): logits (n,) of latents (n, latent), the first n of whose
    classes stand in ``label``."""
    pairs = isinstance(discriminator, PairDiscriminator)

    def score(latent: Tensor) -> Tensor:
        classes = None if label is None else label[: len(latent)]
        logits: Tensor = discriminator(generator(latent, classes), classes, *((latent,) if pairs else ()))
        return logits

    return score


def moved_latents(
    generator: nn.Module,
    discriminator: nn.Module,
    latent: Tensor,
    label: Tensor | None,
    settings: LatentOptimization,
    steps: int,
) -> Tensor:
    """(n, latent): all of ``latent`` after so many steps of a trained run's latent optimization.

    The networks in evaluation mode, so that no latent's way depends on the others beside it.
    """
    every = dataclasses.replace(settings, share=1.0, second_order=False)
    with torch.inference_mode(False):
        score = score_of_latents(generator, discriminator, label)
        return optimize_latents(score, latent.clone(), every, steps=steps).latent.detach()
