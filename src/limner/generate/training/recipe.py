"""The generate room's recipe: every switch of adversarial learning is one line,
so that a study is a list of recipes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from limner.adversarial.latents.settings import LatentOptimization
from limner.adversarial.regularizers.settings import PenaltySettings
from limner.foundation.errors import UserError
from limner.learning.loop.settings import Recipe
from limner.learning.recipes.recipe import Choice, choice, setting

SIZES_PX = (32, 64, 128, 256)
NETWORK_GIVEN = ("size_px", "channels", "classes")
ENCODER_GIVEN = ("size_px", "channels", "latent", "bounded")
CHANNELS = {"rgb": 3, "rgba": 4, "gray": 1}


@dataclass(frozen=True)
class PictureSettings:
    """Which pictures to learn from and how they are brought to one size."""

    paths: tuple[Path, ...] = setting((), "folders of pictures (--data)")
    size_px: int = setting(64, "edge of what is learned and made: 32, 64, 128 or 256", unit="px")
    colors: Literal["rgb", "rgba", "gray"] = setting("rgb", "channels of the pictures")
    classes: Literal["none", "folders"] = setting("none", "whether the folders' names are classes to tell apart")
    fit: Literal["auto", "crop", "pad", "squash"] = setting(
        "auto", "how pictures become squares; auto: padded where most stand on a plain ground, else cropped"
    )
    flip: bool = setting(True, "mirror half of the pictures, left to right, as they are drawn")
    held_out: float = setting(
        0.1, "pictures kept for the scores: a share below 1, or how many; near-duplicates stay together", minimum=0
    )

    def __post_init__(self) -> None:
        if self.size_px not in SIZES_PX:
            raise UserError(f"data.size_px is {self.size_px}; it must be one of {', '.join(map(str, SIZES_PX))}")
        if self.held_out >= 1 and self.held_out != int(self.held_out):
            raise UserError(f"data.held_out is {self.held_out}; needed: a share below 1, or a whole number of pictures")

    @property
    def channels(self) -> int:
        """Numbers a pixel."""
        return CHANNELS[self.colors]


@dataclass(frozen=True)
class ScoreSettings:
    """What is measured while it learns."""

    features: Literal["efficientnet-lite0", "efficientnet-lite2", "inception"] = setting(
        "efficientnet-lite0", "the network that scores look through; inception is what papers print"
    )
    every_kimg: float = setting(50.0, "thousands of pictures shown between two evaluations", minimum=0.001)
    samples: int = setting(1000, "pictures made for an evaluation", unit="pictures", minimum=16)
    keep_by: Literal["kid", "fid", "none"] = setting("kid", "the score that tells the best weights; none: the last")


@dataclass(frozen=True)
class GenerateRecipe(Recipe):
    """How to learn to make pictures: data, a generator and a discriminator, and how each learns from the other."""

    task: Literal["generate"] = setting("generate", "the room")
    data: PictureSettings = setting(PictureSettings, "pictures")
    prior: Choice = choice(
        "normal", "what latents are drawn from", "limner.adversarial.priors:PRIORS", ("count", "size", "generator")
    )
    generator: Choice = choice(
        "dcgan", "makes pictures from latents", "limner.generate.networks:GENERATORS", NETWORK_GIVEN
    )
    discriminator: Choice = choice(
        "dcgan", "tells real from made", "limner.generate.networks:DISCRIMINATORS", NETWORK_GIVEN
    )
    encoder: Choice = choice(
        "none",
        "learns, beside the generator, which latent a picture is made of; the discriminator then tells pairs apart",
        "limner.generate.networks.encoders:ENCODERS",
        ENCODER_GIVEN,
    )
    latent_optimization: LatentOptimization = setting(
        LatentOptimization, "latents moved to where the discriminator takes their pictures for real"
    )
    spectral_norm: Literal["none", "discriminator", "both", "attention"] = setting(
        "none", "which layers' largest singular value is held at 1"
    )
    initialization: Choice = choice(
        "normal",
        "how weights begin",
        "limner.adversarial.weights.initialize:INITIALIZATIONS",
        ("network", "generator"),
        formerly={"deviation": "std"},
    )
    loss: Choice = choice("non-saturating", "what the two minimize", "limner.adversarial.losses:LOSSES")
    penalties: PenaltySettings = setting(PenaltySettings, "terms beside the loss; weight 0: off")
    generator_optimizer: Choice = choice(
        "adam", "how the generator moves", "limner.learning.loop.optimizers:OPTIMIZERS", ("parameters",)
    )
    discriminator_optimizer: Choice = choice(
        "adam", "how the discriminator moves", "limner.learning.loop.optimizers:OPTIMIZERS", ("parameters",)
    )
    schedule: Choice = choice("constant", "how both learning rates change", "limner.learning.loop.optimizers:SCHEDULES")
    clip_gradients: float | None = setting(None, "largest L2 norm of a network's gradient, before its step", minimum=0)
    discriminator_steps: int = setting(1, "updates of the discriminator to one of the generator", minimum=1)
    generator_batch: Literal["shared", "own"] = setting(
        "shared", "the generator learns from the pictures that the discriminator saw last, or from others of its own"
    )
    discriminate: Literal["apart", "together"] = setting(
        "apart", "real and made pictures in a pass each, or in one (BatchNorm then sees both)", formerly="judge"
    )
    average: Choice = choice(
        "none",
        "a running average of the generator, which then makes the pictures",
        "limner.learning.loop.average:AVERAGES",
    )
    augment: Choice = choice(
        "none", "what is done to all that the discriminator sees", "limner.adversarial.augment:AUGMENTATIONS"
    )
    batch: int = setting(
        64, "real and made pictures in an update, so many of each on each device", unit="pictures", minimum=2
    )
    epochs: int = setting(100, "passes over the pictures (without kimg)", minimum=1, unless="kimg")
    kimg: float | None = setting(None, "thousands of real pictures shown in all, in place of epochs", minimum=0.001)
    scores: ScoreSettings = setting(ScoreSettings, "what is measured while it learns")

    def __post_init__(self) -> None:
        # What these cannot take is refused here, before anything is written. They are imported only now, so that the
        # names of settings are known before torch is.
        from limner.adversarial.augment import AUGMENTATIONS
        from limner.learning.loop.average import AVERAGES
        from limner.learning.loop.optimizers import SCHEDULES, try_optimizer

        for optimizer in (self.generator_optimizer, self.discriminator_optimizer):
            try_optimizer(optimizer)
        self.schedule.build(SCHEDULES)
        self.average.build(AVERAGES)
        self.augment.build(AUGMENTATIONS)
        if self.augment.name == "ada" and self.loss.name == "wasserstein":
            raise UserError(
                "augment ada follows how often logits of real pictures are above 0, which means nothing to the "
                "Wasserstein loss; use augment diffaugment, or another loss"
            )
        if self.penalties.path_length and self.generator.name != "stylegan2":
            raise UserError(
                f"penalties.path_length is {self.penalties.path_length:g}, and generator {self.generator.name} has no "
                "styles; use --generator.name stylegan2, or --penalties.path-length 0"
            )
        self.latent_optimization.check_prior(self.prior.name)
        if self.encoder.name != "none" and self.penalties.gradient:
            raise UserError(
                f"encoder is {self.encoder.name}, and penalties.gradient knows no way between two pairs of picture and "
                "latent; use penalties.r1 or spectral_norm discriminator"
            )
        if self.loop.accumulate != 1 and self.penalties.lecam:
            raise UserError(
                f"loop.accumulate is {self.loop.accumulate}, and penalties.lecam follows the logits of whole batches; "
                "give --loop.accumulate 1 with a smaller --batch, or --penalties.lecam 0"
            )

    def images(self, pictures: int) -> int:
        """Real pictures shown in all, of so many to learn from."""
        return self.epochs * pictures if self.kimg is None else round(1000 * self.kimg)

    @property
    def images_per_update(self) -> int:
        """Real pictures in an update, on each process: ``batch`` times so many parts."""
        return self.batch * self.loop.accumulate

    @property
    def images_per_step(self) -> int:
        """Real pictures shown in a step, by all processes together."""
        return self.images_per_update * self.discriminator_steps * self.loop.devices
