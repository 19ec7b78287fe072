"""The LeCam penalty: logits may not run away from where those of the other side have been.

Tseng et al., "Regularizing Generative Adversarial Networks under Limited Data", CVPR 2021.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import relu

DECAY = 0.99
"""Of the running averages, as in the paper."""


def lecam_averages(device: torch.device) -> dict[str, Tensor]:
    """The running averages before the first update, for `Task.state`: 0-d float32 tensors.

    ``lecam_real`` and ``lecam_fake`` begin at 0 and so are too small by the factor ``lecam_share``, which grows to 1.
    """
    return {name: torch.zeros((), device=device) for name in ("lecam_real", "lecam_fake", "lecam_share")}


def follow_logits(averages: Mapping[str, Tensor], real_logits: Tensor, fake_logits: Tensor) -> dict[str, Tensor]:
    """The averages after logits (B,) of one more update were seen; of the same names and shapes."""
    means = (
        real_logits.detach().float().mean(),
        fake_logits.detach().float().mean(),
        averages["lecam_share"].new_ones(()),
    )
    names = ("lecam_real", "lecam_fake", "lecam_share")
    return {name: torch.lerp(mean, averages[name], DECAY) for name, mean in zip(names, means, strict=True)}


def lecam_penalty(averages: Mapping[str, Tensor], real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """mean max(0, r - a_fake)^2 + mean max(0, a_real - f)^2, with the running averages a.

    As in the authors' code; the paper has no max. averages: after `follow_logits` at least once.
    Returns 0-d float32.
    """
    real, fake = (averages[name] / averages["lecam_share"] for name in ("lecam_real", "lecam_fake"))
    return relu(real_logits.float() - fake).square().mean() + relu(real - fake_logits.float()).square().mean()
