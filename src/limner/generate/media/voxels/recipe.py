"""The recipe of solids of voxels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from limner.foundation.errors import UserError
from limner.generate.media.recipe import MediaRecipe
from limner.learning.recipes.recipe import Choice, choice, setting

VOXELS = "generate-voxels"
GIVEN = ("side",)


@dataclass(frozen=True)
class VoxelSettings:
    """Which solids to learn from."""

    paths: tuple[Path, ...] = setting((), ".npz files with voxels, or folders of them (--data)")
    side: int = setting(32, "voxels in each direction: 16, 32, 64 or 128")
    held_out: float = setting(0.2, "solids kept for the scores: a share below 1, or how many", minimum=0)

    def __post_init__(self) -> None:
        if self.held_out >= 1 and self.held_out != int(self.held_out):
            raise UserError(f"data.held_out is {self.held_out}; needed: a share below 1, or a whole number of solids")


@dataclass(frozen=True)
class VoxelRecipe(MediaRecipe):
    """How to learn to make solids of voxels."""

    task: Literal["generate-voxels"] = setting("generate-voxels", "solids of voxels")
    data: VoxelSettings = setting(VoxelSettings, "solids")
    generator: Choice = choice(
        "3d-gan", "makes solids from latents", "limner.generate.media.voxels.networks:VOXEL_GENERATORS", GIVEN
    )
    discriminator: Choice = choice(
        "3d-gan", "tells real from made", "limner.generate.media.voxels.networks:VOXEL_DISCRIMINATORS", GIVEN
    )
    rest_above: float = setting(
        0.8, "the discriminator learns only while it told no more of its last batch apart than this; 1: always",
        minimum=0.5, maximum=1,
    )  # fmt: skip
    filled_above: float = setting(
        0.5, "from which likelihood on a voxel is filled, in scores and files", minimum=0.01, maximum=0.99
    )
