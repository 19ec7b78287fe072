"""What the recipes of all media share: two networks, and how they learn from each other."""

from dataclasses import dataclass
from typing import Literal

from limner.foundation.errors import UserError
from limner.learning.loop.settings import Recipe
from limner.learning.recipes.recipe import Choice, choice, setting


@dataclass(frozen=True)
class MediaScoreSettings:
    """What is measured while it learns."""

    every_kimg: float = setting(20.0, "thousands of samples shown between two evaluations", minimum=0.001)
    samples: int = setting(256, "samples made for an evaluation", minimum=16)


@dataclass(frozen=True)
class MediaRecipe(Recipe):
    """How two networks learn a medium from each other. A medium's recipe adds its data and its networks."""

    prior: Choice = choice(
        "normal", "what latents are drawn from", "limner.adversarial.priors:PRIORS", ("count", "size", "generator")
    )
    spectral_norm: Literal["none", "discriminator"] = setting(
        "none", "whether the discriminator's largest singular values are held at 1"
    )
    initialization: Choice = choice(
        "normal", "how weights begin", "limner.adversarial.weights.initialize:INITIALIZATIONS", ("network", "generator")
    )
    loss: Choice = choice("non-saturating", "what the two minimize", "limner.adversarial.losses:LOSSES")
    generator_optimizer: Choice = choice(
        "adam", "how the generator moves", "limner.learning.loop.optimizers:OPTIMIZERS", ("parameters",)
    )
    discriminator_optimizer: Choice = choice(
        "adam", "how the discriminator moves", "limner.learning.loop.optimizers:OPTIMIZERS", ("parameters",)
    )
    schedule: Choice = choice("constant", "how both learning rates change", "limner.learning.loop.optimizers:SCHEDULES")
    average: Choice = choice(
        "none", "a running average of the generator, which then makes the samples",
        "limner.learning.loop.average:AVERAGES",
    )  # fmt: skip
    batch: int = setting(64, "real and made samples in an update, so many of each", unit="samples", minimum=2)
    epochs: int = setting(100, "passes over the samples (without kimg)", minimum=1, unless="kimg")
    kimg: float | None = setting(None, "thousands of real samples shown in all, in place of epochs", minimum=0.001)
    scores: MediaScoreSettings = setting(MediaScoreSettings, "what is measured while it learns")

    def __post_init__(self) -> None:
        from limner.learning.loop.average import AVERAGES
        from limner.learning.loop.optimizers import SCHEDULES, try_optimizer

        for optimizer in (self.generator_optimizer, self.discriminator_optimizer):
            try_optimizer(optimizer)
        self.schedule.build(SCHEDULES)
        self.average.build(AVERAGES)
        for name in ("accumulate", "devices"):
            if getattr(self.loop, name) != 1:
                raise UserError(f"loop.{name} is {getattr(self.loop, name)}; recipes of media learn with 1")

    def shown(self, samples: int) -> int:
        """Real samples shown in all, of so many to learn from."""
        return self.epochs * samples if self.kimg is None else round(1000 * self.kimg)
