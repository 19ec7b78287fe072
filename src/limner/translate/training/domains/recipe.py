"""The recipes of translations that are learned without pairs, from domains. Imports no torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from limner.foundation.errors import UserError
from limner.learning.loop.settings import Recipe
from limner.learning.recipes.recipe import Choice, choice, setting
from limner.translate.training.pairs.recipe import DISCRIMINATOR_GIVEN, GENERATOR_GIVEN
from limner.translate.training.shared_settings import beginning_setting, optimizer_setting, schedule_setting

CODE_GENERATOR_GIVEN = ("code", "outputs", "size_px")


@dataclass(frozen=True)
class DomainSettings:
    """Which domains to learn from, and how their pictures are cropped."""

    paths: tuple[Path, ...] = setting((), "a folder for each domain, or folders that hold one for each (--data)")
    domains: tuple[str, ...] = setting((), "the names of the domains' folders, in this order; none: all there are")
    colors: Literal["rgb", "gray", "bands"] = setting("rgb", "channels; bands: all that a raster has")
    size_px: int | None = setting(None, "bring pictures to squares of this side", unit="px", minimum=8)
    jitter_px: int | None = setting(None, "enlarge to this side before cropping, in training", unit="px", minimum=8)
    crop_px: int | None = setting(None, "side of the crops; none: whole pictures", unit="px", minimum=8)
    flip: bool = setting(True, "mirror half of the pictures, left to right")
    held_out: float = setting(
        0.1, "pictures of each domain kept for the scores: a share below 1, or how many; alike ones stay together",
        minimum=0,
    )  # fmt: skip

    def __post_init__(self) -> None:
        if self.held_out >= 1 and self.held_out != int(self.held_out):
            raise UserError(f"data.held_out is {self.held_out}; needed: a share below 1, or a whole number of pictures")
        if self.jitter_px is not None and self.crop_px is None:
            raise UserError("data.jitter_px enlarges pictures before they are cropped; give --data.crop-px, too")
        if len(set(self.domains)) < len(self.domains):
            raise UserError(f"data.domains names one twice: {', '.join(self.domains)}; needed: each once")


@dataclass(frozen=True)
class DomainScoreSettings:
    """What is measured while it learns."""

    pictures: int = setting(
        48, "held-out pictures of each domain that are looked at while it learns; at its end all are", minimum=2
    )
    keep_by: Literal["kid", "none"] = setting(
        "none", "the score that tells the best weights, which then was chosen on the held-out; none: the last"
    )


@dataclass(frozen=True)
class UnpairedRecipe(Recipe):
    """How to learn to make pictures of one domain into another and back, without pairs: two generators and two
    discriminators."""

    task: Literal["translate-unpaired"] = setting("translate-unpaired", "two domains into each other, without pairs")
    data: DomainSettings = setting(DomainSettings, "domains")
    generator: Choice = choice("resnet", "makes the picture", "limner.translate.networks:GENERATORS", GENERATOR_GIVEN)
    discriminator: Choice = choice(
        "patch", "tells true from made", "limner.translate.networks:DISCRIMINATORS", DISCRIMINATOR_GIVEN
    )
    loss: Choice = choice("least-squares", "what the two minimize", "limner.adversarial.losses:LOSSES")
    adversarial: float = setting(2.0, "weight of the generators' adversarial loss", minimum=0)
    cycle: float = setting(10.0, "weight of the difference (L1) of a picture and what comes back of it", minimum=0)
    identity: float = setting(
        5.0, "weight of the difference (L1) of a picture and what its own domain's generator makes of it", minimum=0
    )
    pool: int = setting(50, "earlier pictures that the discriminators are shown again; 0: none", minimum=0)
    initialization: Choice = beginning_setting("normal")
    generator_optimizer: Choice = optimizer_setting("how the generators move")
    discriminator_optimizer: Choice = optimizer_setting("how the discriminators move")
    schedule: Choice = schedule_setting()
    batch: int = setting(1, "pictures of each domain in a step", unit="pictures", minimum=1)
    epochs: int = setting(20, "stretches of training, each with an evaluation", minimum=1)
    steps_per_epoch: int | None = setting(
        None, "steps in each; none: as many as show every picture of the larger domain once", minimum=1
    )
    scores: DomainScoreSettings = setting(DomainScoreSettings, "what is measured while it learns")

    def __post_init__(self) -> None:
        refuse_what_cannot_be(self)
        if not self.adversarial:
            raise UserError("adversarial is 0, so nothing tells the generators of the other domain; give it a weight")


@dataclass(frozen=True)
class StarRecipe(Recipe):
    """How to learn to make pictures of several domains into each other by one generator, which is told the domain,
    against one discriminator, which tells domains too."""

    task: Literal["translate-domains"] = setting("translate-domains", "several domains into each other by one network")
    data: DomainSettings = setting(DomainSettings, "domains")
    generator: Choice = choice(
        "stargan", "makes the picture", "limner.translate.networks:TOLD_GENERATORS", GENERATOR_GIVEN
    )
    discriminator: Choice = choice(
        "stargan", "tells true from made, and the domains", "limner.translate.networks:CLASS_DISCRIMINATORS",
        (*DISCRIMINATOR_GIVEN, "classes"),
    )  # fmt: skip
    loss: Choice = choice("wasserstein", "what the two minimize", "limner.adversarial.losses:LOSSES")
    class_loss: float = setting(1.0, "weight of telling the domains", minimum=0)
    cycle: float = setting(10.0, "weight of the difference (L1) of a picture and what comes back of it", minimum=0)
    gradient_penalty: float = setting(10.0, "gradients of norm 1 between true and made (WGAN-GP)", minimum=0)
    discriminator_steps: int = setting(
        5, "updates of the discriminator, each on its own batch, to one of the generator", minimum=1
    )
    initialization: Choice = beginning_setting("default")
    generator_optimizer: Choice = optimizer_setting("how the generator moves")
    discriminator_optimizer: Choice = optimizer_setting("how the discriminator moves")
    schedule: Choice = schedule_setting()
    batch: int = setting(16, "pictures in an update, of all domains together", unit="pictures", minimum=1)
    epochs: int = setting(20, "stretches of training, each with an evaluation", minimum=1)
    steps_per_epoch: int | None = setting(
        None, "updates of the generator in each; none: as many as show every picture of the largest domain once",
        minimum=1,
    )  # fmt: skip
    scores: DomainScoreSettings = setting(DomainScoreSettings, "what is measured while it learns")

    def __post_init__(self) -> None:
        refuse_what_cannot_be(self)
        if not self.class_loss:
            raise UserError("class_loss is 0, so nothing tells the generator one domain from another; give it a weight")


@dataclass(frozen=True)
class TransferRecipe(Recipe):
    """How to learn to make pictures of a source that has classes into those of a target: what tells a picture in few
    numbers, a generator that makes one of these, and a discriminator (DTN)."""

    task: Literal["translate-transfer"] = setting("translate-transfer", "a source with classes into a target")
    data: DomainSettings = setting(DomainSettings, "domains: the source, a folder for each class, and the target")
    extractor: Choice = choice(
        "dtn", "tells a picture in few numbers", "limner.translate.networks:EXTRACTORS", DISCRIMINATOR_GIVEN
    )
    generator: Choice = choice(
        "dtn", "makes a picture of these", "limner.translate.networks:CODE_GENERATORS", CODE_GENERATOR_GIVEN
    )
    discriminator: Choice = choice(
        "dtn", "tells made of a source, made of a target, and true",
        "limner.translate.networks:TRANSFER_DISCRIMINATORS", DISCRIMINATOR_GIVEN,
    )  # fmt: skip
    constancy: float = setting(15.0, "weight of the squared difference of f(s) and f(G(s)), for sources s", minimum=0)
    identity: float = setting(15.0, "weight of the squared difference of t and G(t), for targets t", minimum=0)
    total_variation: float = setting(
        0.0, "weight of the length of the gradient of what is made, summed over pixels", minimum=0
    )
    initialization: Choice = beginning_setting("xavier")
    extractor_optimizer: Choice = optimizer_setting("how f and its classifier move")
    generator_optimizer: Choice = optimizer_setting("how the generator moves")
    discriminator_optimizer: Choice = optimizer_setting("how the discriminator moves")
    schedule: Choice = schedule_setting("how all learning rates change, in each of both stages")
    batch: int = setting(64, "pictures of each domain in a step", unit="pictures", minimum=1)
    extractor_epochs: int = setting(10, "stretches in which f learns the source's classes, before all else", minimum=1)
    epochs: int = setting(20, "stretches of training with f frozen, each with an evaluation", minimum=1)
    steps_per_epoch: int | None = setting(
        None, "steps in each; none: as many as show every picture of the larger domain once", minimum=1
    )
    scores: DomainScoreSettings = setting(DomainScoreSettings, "what is measured while it learns")

    def __post_init__(self) -> None:
        refuse_what_cannot_be(self)


def refuse_what_cannot_be(recipe: Any) -> None:
    """Raise `UserError` for what optimizers and schedules cannot take, before anything is written."""
    from limner.learning.loop.optimizers import SCHEDULES, try_optimizer

    for name, value in vars(recipe).items():
        if name.endswith("_optimizer"):
            try_optimizer(value)
    recipe.schedule.build(SCHEDULES)
    if recipe.loop.accumulate != 1:
        raise UserError(
            f"loop.accumulate is {recipe.loop.accumulate}; the translate room takes its whole batch at once so far"
        )
