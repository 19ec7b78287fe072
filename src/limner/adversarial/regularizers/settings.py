"""The switches of all penalties, as a recipe's section ``penalties:``. Imports no torch."""

from dataclasses import dataclass
from typing import Literal

from limner.learning.recipes.recipe import setting

Form = Literal["full", "relaxed"]
"""Of orthogonal regularization, see `limner.adversarial.regularizers.orthogonal`."""


@dataclass(frozen=True)
class PenaltySettings:
    """How much each penalty counts beside the loss; 0: it is not computed."""

    gradient: float = setting(
        0.0, "gradients of norm 1 between real and made pictures (WGAN-GP); the paper: 10", minimum=0
    )
    dragan: float = setting(0.0, "gradients of norm 1 around real pictures (DRAGAN); the paper: 10", minimum=0)
    r1: float = setting(0.0, "gamma of R1, gradients of norm 0 at real pictures; the paper: 10", minimum=0)
    r1_every: int = setting(
        16, "lazy: from one R1 to the next, which then counts that many times as much", unit="updates", minimum=1
    )
    path_length: float = setting(
        0.0, "steps in a style change every picture as much (StyleGAN2), of a generator with styles; the paper: 2",
        minimum=0,
    )  # fmt: skip
    path_length_every: int = setting(
        4, "lazy: from one path length term to the next, on half a batch of its own", unit="updates", minimum=1
    )
    lecam: float = setting(0.0, "logits kept near the other side's running average (LeCam)", minimum=0)
    consistency: float = setting(0.0, "equal logits for mirrored and shifted real pictures; the paper: 10", minimum=0)
    orthogonal: float = setting(0.0, "orthogonal rows of the weights; the papers: 1e-4", minimum=0)
    orthogonal_form: Form = setting("relaxed", "rows orthonormal, or orthogonal of any length")
    orthogonal_on: Literal["generator", "discriminator", "both"] = setting("both", "whose weights")
