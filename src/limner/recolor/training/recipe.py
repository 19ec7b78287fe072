"""The recipe of histogram analogy. Imports no torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from limner.foundation.errors import UserError
from limner.learning.loop.settings import Recipe
from limner.learning.recipes.recipe import Choice, choice, setting

STRIDE = 16


@dataclass(frozen=True)
class PhotoSettings:
    """Which photos to learn from, and how parts of them are cut out."""

    paths: tuple[Path, ...] = setting((), "folders of photos (--data)")
    longest_px: int = setting(192, "bring photos down to this longest edge", unit="px", minimum=32)
    crop_px: int = setting(80, "side of the crops that are learned from, a multiple of 16", unit="px", minimum=16)
    unlike: float = setting(
        0.5, "share of a batch whose references are other photos: nothing is known of them but their colors",
        minimum=0, maximum=0.9,
    )  # fmt: skip
    held_out: float = setting(0.1, "photos kept for the scores: a share below 1, or how many", minimum=0)

    def __post_init__(self) -> None:
        if self.held_out >= 1 and self.held_out != int(self.held_out):
            raise UserError(f"data.held_out is {self.held_out}; needed: a share below 1, or a whole number of photos")
        if self.crop_px % STRIDE:
            raise UserError(f"data.crop_px is {self.crop_px}; needed: a multiple of {STRIDE}, such as 80")


@dataclass(frozen=True)
class AnalogyRecipe(Recipe):
    """How to learn to give a photo the colors of another by their histograms."""

    task: Literal["recolor-analogy"] = setting("recolor-analogy", "histogram analogy")
    data: PhotoSettings = setting(PhotoSettings, "photos")
    network: Choice = choice(
        "histogram-analogy",
        "an encoder of histograms and a U-Net that is told",
        "limner.recolor.methods.analogy:NETWORKS",
    )
    color_weight: float = setting(1.5, "of the distance to the colors of the reference", minimum=0)
    structure_weight: float = setting(0.1, "of lost structure, where the reference is another photo", minimum=0)
    roughness_weight: float = setting(0.02, "of unlike changes side by side", minimum=0)
    range_weight: float = setting(0.5, "of lightness beyond black and white", minimum=0)
    optimizer: Choice = choice("adam", "how the network moves", "limner.learning.loop.optimizers:OPTIMIZERS",
                               ("parameters",))  # fmt: skip
    schedule: Choice = choice("cosine", "how the learning rate changes", "limner.learning.loop.optimizers:SCHEDULES")
    batch: int = setting(16, "crops in a step", unit="crops", minimum=2)
    epochs: int = setting(10, "stretches, each with an evaluation", minimum=1)
    steps_per_epoch: int = setting(100, "steps in each", unit="steps", minimum=1)

    def __post_init__(self) -> None:
        if not 0 < round(self.data.unlike * self.batch) < self.batch and self.data.unlike > 0:
            raise UserError(
                f"data.unlike is {self.data.unlike} of a batch of {self.batch}; needed: some of either kind, or 0"
            )
