"""The recipe of clips."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from limner.foundation.errors import UserError
from limner.generate.media.clips.sizes import SIZES_PX
from limner.generate.media.recipe import MediaRecipe
from limner.learning.recipes.recipe import Choice, choice, setting

CLIPS = "generate-clips"
GIVEN = ("size_px",)


@dataclass(frozen=True)
class ClipSettings:
    """Which clips to learn from. A clip of S x S px has S / 2 frames: the networks halve all three alike."""

    paths: tuple[Path, ...] = setting((), ".npz files with videos, or folders of them (--data)")
    size_px: int = setting(64, "edge of the clips: 16, 32, 64 or 128; larger ones are reduced", unit="px")
    held_out: float = setting(0.2, "clips kept for the scores: a share below 1, or how many", minimum=0)

    def __post_init__(self) -> None:
        if self.size_px not in SIZES_PX:
            raise UserError(f"data.size_px is {self.size_px}; it must be one of {', '.join(map(str, SIZES_PX))}")
        if self.held_out >= 1 and self.held_out != int(self.held_out):
            raise UserError(f"data.held_out is {self.held_out}; needed: a share below 1, or a whole number of clips")

    @property
    def frames(self) -> int:
        """Frames of a clip."""
        return self.size_px // 2


@dataclass(frozen=True)
class ClipRecipe(MediaRecipe):
    """How to learn to make clips."""

    task: Literal["generate-clips"] = setting("generate-clips", "clips")
    data: ClipSettings = setting(ClipSettings, "clips")
    generator: Choice = choice(
        "vgan", "makes clips from latents, or of stills", "limner.generate.media.clips.networks:CLIP_GENERATORS", GIVEN
    )
    discriminator: Choice = choice(
        "vgan", "tells real from made", "limner.generate.media.clips.networks:CLIP_DISCRIMINATORS", GIVEN
    )
    mask_penalty: float = setting(0.1, "mean of the mask: what stands still is left to the background", minimum=0)
    first_frame: float = setting(
        10.0, "mean difference of the first frame from the still, of a generator that is given one", minimum=0
    )
