"""The recipe of music."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from limner.foundation.errors import UserError
from limner.generate.media.recipe import MediaRecipe
from limner.learning.recipes.recipe import Choice, choice, setting

MUSIC = "generate-music"
GIVEN = ("shape",)
METERS = {"4/4": 16, "2/2": 16, "3/4": 12, "6/8": 12, "2/4": 8}
"""Steps of a bar."""


@dataclass(frozen=True)
class MusicDataSettings:
    """Which music to learn from."""

    paths: tuple[Path, ...] = setting((), "files or folders of .abc, .mid, .json or .npz (--data)")
    meter: Literal["4/4", "3/4", "6/8", "2/4", "2/2"] = setting(
        "4/4", "of the music; ABC tunes in another are left out, all else is taken to be in it"
    )
    voices: int = setting(1, "voices: 1, a melody, or as many as pieces have", minimum=1, maximum=16)
    common_key: bool = setting(
        True, "bring ABC tunes, whose key is known, to the signature without sharps and flats (C major, A minor)"
    )
    held_out: float = setting(0.2, "pieces kept for the scores: a share below 1, or how many", minimum=0)

    def __post_init__(self) -> None:
        if self.held_out >= 1 and self.held_out != int(self.held_out):
            raise UserError(f"data.held_out is {self.held_out}; needed: a share below 1, or a whole number of pieces")

    @property
    def bar(self) -> int:
        """Steps of a bar."""
        return METERS[self.meter]


@dataclass(frozen=True)
class MusicRecipe(MediaRecipe):
    """How to learn to make music."""

    task: Literal["generate-music"] = setting("generate-music", "music as grids of notes")
    data: MusicDataSettings = setting(MusicDataSettings, "music")
    bars: int = setting(8, "bars of a phrase, as it is made and scored", unit="bars", minimum=1, maximum=64)
    generator: Choice = choice(
        "grid", "makes phrases, or bars, from latents",
        "limner.generate.media.music.networks.listing:MUSIC_GENERATORS", GIVEN,
    )  # fmt: skip
    discriminator: Choice = choice(
        "grid", "tells real from made", "limner.generate.media.music.networks.listing:MUSIC_DISCRIMINATORS", GIVEN
    )
    discriminator_steps: int = setting(1, "updates of the discriminator in a step", minimum=1, maximum=20)
    generator_steps: int = setting(1, "updates of the generator in a step", minimum=1, maximum=20)
    clip: float | None = setting(None, "largest norm of a gradient", minimum=0)
    gradient_penalty: float = setting(0.0, "weight of WGAN-GP's penalty; 10 in the paper", minimum=0)
    smoothing: float = setting(
        1.0, "what the discriminator shall say of real ones in place of 1", minimum=0.5, maximum=1
    )
    feature_means: float = setting(
        0.0, "weight of half the squared difference between the means of real and made in the discriminator's first "
        "maps (MidiNet)", minimum=0,
    )  # fmt: skip
    sample_means: float = setting(
        0.0, "weight of half the squared difference between the mean real and the mean made sample (MidiNet)", minimum=0
    )
    match_features: bool = setting(
        False, "the generator learns to give the features of the batch's real ones in place of fooling (C-RNN-GAN)"
    )
    rest_below: float = setting(
        0.0, "the discriminator rests while its loss is below so many times the generator's, and one of them below 2 "
        "(C-RNN-GAN: 0.7); 0: never", minimum=0, maximum=1,
    )  # fmt: skip
    pretraining: int = setting(
        0, "steps in which a recurrent generator first learns the next event by squared error", unit="steps", minimum=0
    )
