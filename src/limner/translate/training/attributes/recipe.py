"""The recipe of pictures that are drawn again with other attributes (IcGAN). Imports no torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from limner.foundation.errors import UserError
from limner.learning.loop.settings import Recipe
from limner.learning.recipes.recipe import Choice, choice, setting
from limner.translate.training.domains.recipe import refuse_what_cannot_be
from limner.translate.training.shared_settings import beginning_setting, optimizer_setting, schedule_setting

GIVEN = ("size_px", "channels")


@dataclass(frozen=True)
class AttributeSettings:
    """Which pictures to learn from, and which of their attributes."""

    paths: tuple[Path, ...] = setting((), "folders of pictures, each with a table of attributes (--data)")
    table: str = setting(
        "attributes.csv", "the table's name: its first column names the picture, each other one is an attribute"
    )
    attributes: tuple[str, ...] = setting((), "the attributes, in this order; none: all that the table has")
    colors: Literal["rgb", "gray"] = setting("rgb", "channels")
    size_px: int = setting(64, "bring pictures to squares of this side, a power of 2", unit="px", minimum=16)
    flip: bool = setting(False, "mirror half of the pictures; not where an attribute tells left from right")
    held_out: float = setting(0.1, "pictures kept for the scores: a share below 1, or how many", minimum=0)

    def __post_init__(self) -> None:
        if self.held_out >= 1 and self.held_out != int(self.held_out):
            raise UserError(f"data.held_out is {self.held_out}; needed: a share below 1, or a whole number of pictures")
        if len(set(self.attributes)) < len(self.attributes):
            raise UserError(f"data.attributes names one twice: {', '.join(self.attributes)}; needed: each once")


@dataclass(frozen=True)
class AttributeScoreSettings:
    """What is measured while it learns."""

    pictures: int = setting(32, "held-out pictures that are looked at while it learns; at its end all are", minimum=2)
    keep_by: Literal["psnr", "none"] = setting(
        "none", "the score that tells the best encoders, which then were chosen on the held-out; none: the last"
    )


@dataclass(frozen=True)
class AttributeRecipe(Recipe):
    """How to learn to draw pictures again with other attributes: a generator that is told them, then encoders of
    pictures."""

    task: Literal["translate-attributes"] = setting(
        "translate-attributes", "pictures drawn again with other attributes"
    )
    data: AttributeSettings = setting(AttributeSettings, "pictures with attributes")
    generator: Choice = choice(
        "icgan", "draws pictures of latents and attributes", "limner.translate.networks:ATTRIBUTE_GENERATORS",
        (*GIVEN, "attributes"),
    )  # fmt: skip
    discriminator: Choice = choice(
        "icgan", "tells whether a picture is real and has the attributes",
        "limner.translate.networks:ATTRIBUTE_DISCRIMINATORS", (*GIVEN, "attributes"),
    )  # fmt: skip
    latent_encoder: Choice = choice(
        "icgan", "reads the latent of a picture", "limner.translate.networks:PICTURE_READERS", (*GIVEN, "outputs")
    )
    attribute_encoder: Choice = choice(
        "icgan", "reads the attributes of a picture", "limner.translate.networks:PICTURE_READERS", (*GIVEN, "outputs")
    )
    prior: Choice = choice(
        "normal", "what latents are drawn from", "limner.adversarial.priors:PRIORS", ("count", "size", "generator")
    )
    loss: Choice = choice("non-saturating", "what generator and discriminator minimize",
                          "limner.adversarial.losses:LOSSES")  # fmt: skip
    wrong_attributes: bool = setting(
        True, "show the discriminator real pictures with wrong attributes, too, which it must refuse"
    )
    initialization: Choice = beginning_setting("normal")
    generator_optimizer: Choice = optimizer_setting("how the generator moves")
    discriminator_optimizer: Choice = optimizer_setting("how the discriminator moves")
    encoder_optimizer: Choice = optimizer_setting("how the encoders move")
    schedule: Choice = schedule_setting("how all learning rates change, in each stage")
    batch: int = setting(64, "pictures in an update", unit="pictures", minimum=2)
    epochs: int = setting(25, "stretches in which the adversaries learn, each with an evaluation", minimum=1)
    encoder_epochs: int = setting(15, "stretches in which the encoders learn after them", minimum=1)
    steps_per_epoch: int | None = setting(None, "steps in each; none: as many as show every picture once", minimum=1)
    scores: AttributeScoreSettings = setting(AttributeScoreSettings, "what is measured while it learns")

    def __post_init__(self) -> None:
        refuse_what_cannot_be(self)
