"""What `limner degrade` takes beside the pictures. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from limner.foundation.errors import UserError


@dataclass(frozen=True)
class DegradeOptions:
    """How pictures are made worse: exactly one of the ways, and what belongs to it."""

    upscale: Annotated[int | None, Parameter(help="Make pictures so many times smaller: 2, 4 or 8.")] = None
    kernel: Annotated[
        Literal["bicubic", "lanczos", "bilinear", "nearest", "area"], Parameter(help="Filter of --upscale.")
    ] = "bicubic"
    blur: Annotated[
        Literal["motion", "defocus"] | None, Parameter(help="Blur by a straight motion of any direction, or by a disk.")
    ] = None
    least_px: Annotated[float | None, Parameter(help="Shortest motion, or smallest radius (default: 7, or 1.5).")] = (
        None
    )
    most_px: Annotated[float | None, Parameter(help="Longest motion, or largest radius (default: 13, or 4).")] = None
    hole: Annotated[
        Literal["center", "box", "blobs"] | None, Parameter(help="Cut a hole: in the middle, a box anywhere, or blobs.")
    ] = None
    share: Annotated[float, Parameter(help="The hole's part of the area.")] = 0.25
    noise: Annotated[
        float | None, Parameter(help="White noise of this standard deviation, in levels of 255; with --blur, too.")
    ] = None
    jpeg: Annotated[int | None, Parameter(help="Compress as JPEG of this quality, 1 to 95.")] = None
    gray: Annotated[bool, Parameter(negative=(), help="Take the color away.")] = False
    edges: Annotated[bool, Parameter(negative=(), help="Keep the edges alone.")] = False
    night: Annotated[bool, Parameter(negative=(), help="Make day night, by a fixed curve.")] = False
    seed: Annotated[int, Parameter(help="Of all that is drawn.")] = 0

    def __post_init__(self) -> None:
        ways = [f"--{name}" for name in ("upscale", "blur", "hole", "jpeg") if getattr(self, name) is not None]
        ways += [f"--{name}" for name in ("gray", "edges", "night") if getattr(self, name)]
        if self.noise is not None and self.blur is None:
            ways.append("--noise")
        if len(ways) > 1:
            raise UserError(
                f"{' and '.join(ways)} are several ways; give one, and run limner degrade again for another"
            )
        if self.blur is None and (self.least_px is not None or self.most_px is not None):
            raise UserError("--least-px and --most-px are of --blur; add it, or leave them out")
        if self.seed < 0:
            raise UserError(f"--seed is {self.seed}; needed: 0 or more")

    @property
    def chosen(self) -> tuple[str, dict[str, Any]]:
        """The degradation's name in recipes, and its options. Raises `UserError` where none is chosen."""
        if self.upscale is not None:
            return "smaller", {"factor": self.upscale, "kernel": self.kernel}
        if self.blur is not None:
            given = {"least_px": self.least_px, "most_px": self.most_px, "noise": self.noise}
            name = "motion-blur" if self.blur == "motion" else "defocus"
            return name, {key: value for key, value in given.items() if value is not None}
        if self.hole is not None:
            return "hole", {"form": self.hole, "least": self.share, "most": self.share}
        if self.noise is not None:
            return "noise", {"least": self.noise, "most": self.noise}
        if self.jpeg is not None:
            return "jpeg", {"least": self.jpeg, "most": self.jpeg}
        for name in ("gray", "edges", "night"):
            if getattr(self, name):
                return name, {}
        raise UserError(
            "nothing says how pictures shall be made worse; needed: one of --upscale 4, --blur motion, --hole center, "
            "--noise 20, --jpeg 20, --gray, --edges or --night"
        )


PLAIN = DegradeOptions()
