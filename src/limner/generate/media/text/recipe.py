"""The recipe of pictures of sentences."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from limner.foundation.errors import UserError
from limner.generate.media.recipe import MediaRecipe
from limner.generate.training.recipe import CHANNELS, SIZES_PX
from limner.learning.recipes.recipe import Choice, choice, setting

TEXT = "generate-text"
GIVEN = ("size_px", "channels", "code")


@dataclass(frozen=True)
class CaptionSettings:
    """Which pictures with sentences to learn from."""

    paths: tuple[Path, ...] = setting((), "folders of pictures with captions.csv (--data)")
    size_px: int = setting(64, "edge of what is learned and made: 32, 64, 128 or 256", unit="px")
    colors: Literal["rgb", "gray"] = setting("rgb", "channels of the pictures")
    fit: Literal["crop", "pad", "squash"] = setting("crop", "how pictures become squares")
    held_out: float = setting(0.1, "pictures kept for the scores: a share below 1, or how many", minimum=0)

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
class WordSettings:
    """How sentences become codes, by an encoder that learns before all else which sentence belongs to which picture."""

    code: int = setting(1024, "numbers in a sentence's code", minimum=8, maximum=4096)
    width: int = setting(64, "of a word's embedding", minimum=4, maximum=1024)
    averaged: int = setting(4, "sentences of a picture whose mean code it is learned with, at most", minimum=1)
    steps: int = setting(600, "optimization steps of the encoder", unit="steps", minimum=1)
    batch: int = setting(64, "pictures and sentences to tell apart in a step", unit="pictures", minimum=2)
    learning_rate: float = setting(1e-3, "Adam's, of the encoder", minimum=0)


@dataclass(frozen=True)
class SecondSettings:
    """A second pair that learns behind the first: its generator enlarges what the first one makes (StackGAN)."""

    generator: Choice = choice(
        "none", "enlarges the first one's pictures to data.size_px; none: the first makes them so itself",
        "limner.generate.media.text.networks:TEXT_ENLARGERS", GIVEN,
    )  # fmt: skip
    discriminator: Choice = choice(
        "light", "tells real from enlarged", "limner.generate.media.text.networks:TEXT_DISCRIMINATORS", GIVEN
    )
    kimg: float | None = setting(
        None, "thousands of real pictures shown in its stage (none: as many as in the first)", minimum=0.001
    )
    schedule: Choice = choice("constant", "how its learning rates change", "limner.learning.loop.optimizers:SCHEDULES")

    def __post_init__(self) -> None:
        from limner.learning.loop.optimizers import SCHEDULES

        self.schedule.build(SCHEDULES)


@dataclass(frozen=True)
class TextRecipe(MediaRecipe):
    """How to learn to make pictures of sentences."""

    task: Literal["generate-text"] = setting("generate-text", "pictures of sentences")
    data: CaptionSettings = setting(CaptionSettings, "pictures with sentences")
    words: WordSettings = setting(WordSettings, "sentences into codes")
    generator: Choice = choice(
        "light", "makes pictures from latents and codes", "limner.generate.media.text.networks:TEXT_GENERATORS", GIVEN
    )
    discriminator: Choice = choice(
        "light", "tells real from made, and fitting from other sentences",
        "limner.generate.media.text.networks:TEXT_DISCRIMINATORS", GIVEN,
    )  # fmt: skip
    second: SecondSettings = setting(SecondSettings, "a second stage, which enlarges")
    interpolate: bool = setting(
        True, "ask the generator, half as often again, for what lies half way between two sentences (GAN-INT)"
    )
    divergence: float = setting(
        2.0, "weight of how far augmented codes are from N(0, 1); of generators that augment them (stackgan)", minimum=0
    )
