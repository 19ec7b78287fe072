"""Consistency: the discriminator should not mind a mirrored or shifted picture."""

import torch
from torch import Tensor

from limner.adversarial.augment.shifts import shift_reflected
from limner.adversarial.regularizers.gradient_penalties import Discriminate

SHARE = 8
"""Pictures are shifted by up to their side divided by this."""


def consistency_penalty(
    discriminate: Discriminate, real: Tensor, real_logits: Tensor, generator: torch.Generator
) -> Tensor:
    """mean (D(x) - D(T(x)))^2 over real pictures, where T mirrors half of them and shifts all.

    Zhang et al., "Consistency Regularization for Generative Adversarial Networks", ICLR 2020; weight there: 10.
    Ours: shifts are whole pixels, up to an eighth of the side each way, and what they uncover is the picture reflected.

    discriminate: pictures (B, C, H, W) to logits (B,). real: (B, C, H, W) float in [-1, 1]. real_logits: (B,), what
    ``discriminate`` said of ``real``, so that it is not asked twice. Returns 0-d float32.
    """
    return (real_logits.float() - discriminate(_moved(real, generator)).float()).square().mean()


def _moved(image: Tensor, generator: torch.Generator) -> Tensor:
    count, _, height, width = image.shape
    draws = torch.rand(3, count, generator=generator, device=generator.device).to(image.device)
    mirrored = torch.where((draws[0] < 0.5)[:, None, None, None], image.flip(3), image)
    down, right = (
        (draw * (2 * (side // SHARE) + 1)).long() - side // SHARE
        for draw, side in zip(draws[1:], (height, width), strict=True)
    )
    return shift_reflected(mirrored, down, right)
