"""The switches of latent optimization, as a recipe's section ``latent_optimization:``. Imports no torch."""

from dataclasses import dataclass
from typing import Literal

from limner.foundation.errors import UserError
from limner.learning.recipes.recipe import setting

Step = Literal["none", "gradient", "natural"]
Projection = Literal["none", "clip", "sphere"]


@dataclass(frozen=True)
class LatentOptimization:
    """How latents move up the discriminator's logit before their pictures are learned from."""

    step: Step = setting("none", "up the gradient, up it by a damped natural-gradient step (LOGAN), or not at all")
    rate: float = setting(0.9, "alpha: how far a step goes", minimum=0)
    damping: float = setting(5.0, "beta of the natural step: no step is longer than alpha / (2 sqrt(beta))", minimum=0)
    steps: int = setting(1, "steps of a latent, one from where the last ended", minimum=1)
    share: float = setting(1.0, "of the batch, the others stay as they are drawn", minimum=0, maximum=1)
    penalty: float = setting(0.0, "how much the mean squared length of the steps counts beside the losses", minimum=0)
    penalized: Literal["both", "generator"] = setting("both", "whose loss has that term")
    second_order: bool = setting(True, "gradients of both networks also through the step; false: the step is fixed")
    projection: Projection = setting(
        "clip", "where latents are kept after each step: within -1..1, on the unit sphere, or anywhere"
    )
    learned_rate: bool = setting(False, "alpha is learned by the generator's optimizer (CS-GAN); rate is its beginning")
    sampling_steps: int = setting(0, "steps before pictures are made of the trained run, too", minimum=0)

    def __post_init__(self) -> None:
        if self.step == "natural" and self.damping <= 0:
            raise UserError(
                "latent_optimization.damping is 0; needed: above 0, such as 5, or steps grow without bound where the "
                "gradient vanishes"
            )
        if self.learned_rate and self.rate <= 0:
            raise UserError("latent_optimization.rate is 0, and the logarithm of it is learned; needed: above 0")
        if self.sampling_steps and self.step == "none":
            raise UserError(
                f"latent_optimization.sampling_steps is {self.sampling_steps}, but step is none; choose step natural "
                "or gradient"
            )

    def check_prior(self, prior: str) -> None:
        """Raise `UserError` where latents would be kept elsewhere than the prior draws them: what is learned from and
        what is made of would then differ.

        prior: its name in `limner.adversarial.priors.PRIORS`.
        """
        if self.step == "none":
            return
        home = {"uniform": ("clip", "none"), "sphere": ("sphere",)}.get(prior, ("none",))
        if self.projection not in home:
            raise UserError(
                f"latent_optimization.projection is {self.projection}, but the prior is {prior}, which draws latents "
                f"elsewhere; choose projection {' or '.join(home)}, or prior "
                f"{'sphere' if self.projection == 'sphere' else 'uniform'}"
            )
