"""The recipe of sentences for clips."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from limner.foundation.errors import UserError
from limner.generate.media.recipe import MediaRecipe
from limner.learning.recipes.recipe import Choice, choice, setting

CAPTIONS = "generate-captions"
GIVEN = ("words", "length", "size_px")


@dataclass(frozen=True)
class CaptionedClipSettings:
    """Which clips with sentences to learn from."""

    paths: tuple[Path, ...] = setting((), "folders with clips.npz and captions.csv (--data)")
    size_px: int = setting(32, "edge of what is looked at: 32, 64 or 128", unit="px")
    frames: int = setting(8, "frames of a clip that are looked at, evenly in time", minimum=2, maximum=64)
    held_out: float = setting(0.1, "clips kept for the scores: a share below 1, or how many", minimum=0)

    def __post_init__(self) -> None:
        if self.size_px not in (16, 32, 64, 128):
            raise UserError(f"data.size_px is {self.size_px}; it must be one of 16, 32, 64, 128")
        if self.held_out >= 1 and self.held_out != int(self.held_out):
            raise UserError(f"data.held_out is {self.held_out}; needed: a share below 1, or a whole number of clips")


@dataclass(frozen=True)
class CaptionRecipe(MediaRecipe):
    """How to learn to tell clips in sentences."""

    task: Literal["generate-captions"] = setting("generate-captions", "sentences for clips")
    data: CaptionedClipSettings = setting(CaptionedClipSettings, "clips with sentences")
    likelihood: int = setting(
        800, "steps in which the generator first learns by maximum likelihood, before there is a discriminator",
        unit="steps", minimum=1,
    )  # fmt: skip
    likelihood_rate: float = setting(1e-3, "Adam's learning rate in these", minimum=0)
    anchor: float = setting(
        1.0, "weight that maximum likelihood keeps in the generator's loss afterwards; 0: none", minimum=0
    )
    generator: Choice = choice(
        "lstm", "says sentences of clips", "limner.generate.media.captions.networks:CAPTION_GENERATORS", GIVEN
    )
    discriminator: Choice = choice(
        "lstm", "tells true sentences that belong to their clips from others",
        "limner.generate.media.captions.networks:CAPTION_DISCRIMINATORS", GIVEN,
    )  # fmt: skip
