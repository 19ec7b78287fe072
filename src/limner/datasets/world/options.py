"""What `limner draw world` takes. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from limner.foundation.errors import UserError

MOST_BYTES = 8 << 30
"""Of clips, or of voxels, which are drawn in memory before they are written."""
RANGES = {"size_px": (16, 1024), "frames": (2, 256), "side": (8, 256), "sentences": (1, 16)}


@dataclass(frozen=True)
class WorldOptions:
    """How much of the drawn world is drawn, and how large."""

    pictures: Annotated[int, Parameter(help="How many pictures.", show_default=False)] = 0
    clips: Annotated[int, Parameter(help="How many clips.", show_default=False)] = 0
    voxels: Annotated[int, Parameter(help="How many solids as voxels.", show_default=False)] = 0
    views: Annotated[int, Parameter(help="How many solids from 8 sides each.", show_default=False)] = 0
    size_px: Annotated[int, Parameter(help="Side of pictures, clips and views, in pixels.")] = 64
    frames: Annotated[int, Parameter(help="Frames of a clip.")] = 16
    side: Annotated[int, Parameter(help="Voxels in each direction.")] = 32
    sentences: Annotated[int, Parameter(help="Sentences of each picture and each clip.")] = 4
    seed: Annotated[int, Parameter(help="Of all that is drawn: other seeds, other solids.")] = 0

    def __post_init__(self) -> None:
        for name in ("pictures", "clips", "voxels", "views"):
            if not 0 <= getattr(self, name) <= 10**6:
                raise UserError(f"--{name} is {getattr(self, name)}; needed: 0 to 1,000,000")
        for name, (low, high) in RANGES.items():
            if not low <= getattr(self, name) <= high:
                option = f"--{name.replace('_', '-')}"
                raise UserError(f"{option} is {getattr(self, name)}; needed: {low} to {high}")
        if self.seed < 0:
            raise UserError(f"--seed is {self.seed}; needed: 0 or more")
        for option, count, each in (
            ("--clips", self.clips, self.frames * self.size_px**2 * 3),
            ("--voxels", self.voxels, self.side**3),
        ):
            if count * each > MOST_BYTES:
                raise UserError(
                    f"{option} {count} would take {count * each / (1 << 30):.0f} GB of memory; "
                    f"needed: {MOST_BYTES // each} or less of this size"
                )

    def check_something(self) -> None:
        """Raise `UserError` where nothing is to be drawn."""
        if not (self.pictures or self.clips or self.voxels or self.views):
            raise UserError(
                "nothing says what to draw; needed: one or more of --pictures 1000, --clips 1000, --voxels 500 and "
                "--views 100"
            )
