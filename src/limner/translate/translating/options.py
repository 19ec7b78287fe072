"""What `limner translate` takes beside the run and its pictures. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from limner.foundation.command_line import INPUT
from limner.foundation.errors import UserError

MOST_AHEAD = 1000
TIMES = (2, 4, 8)


@dataclass(frozen=True)
class TranslateOptions:
    """How pictures are translated.

    to: the domain, for a run that knows several. attributes: what shall be so in the picture, for a run that learned
    attributes, such as ``smiling=1,hat=0``. mask: a picture that is white where something is missing, or a folder
    of such by the pictures' names. ahead: frames to make, for a run that learned the next one; none: one. times: how
    many times as long a clip shall be, for a run that learned frames between others; none: twice. tile_px: side of the
    tiles, without what they see around them. check_seams: measure how much the answer owes to its tiles.
    """

    to: Annotated[
        str | None, Parameter(help="For a run that learned from domains: the one to make pictures into.", group=INPUT)
    ] = None
    attributes: Annotated[
        str | None,
        Parameter(
            help="For a run that learned attributes: which shall be there (1) and which not (0), as smiling=1,hat=0.",
            group=INPUT,
        ),
    ] = None
    mask: Annotated[
        Path | None,
        Parameter(
            help="For a run that fills holes: a picture that is white where something is missing, or a folder of them.",
            group=INPUT,
        ),
    ] = None
    ahead: Annotated[
        int | None,
        Parameter(help="For a run that learned the next frame: how many to make after a clip's last.", group=INPUT),
    ] = None
    times: Annotated[
        int | None,
        Parameter(
            help="For a run that learned frames between others: how many times as long to make a clip: 2, 4 or 8.",
            group=INPUT,
        ),
    ] = None
    tile_px: Annotated[int, Parameter(help="Side of the tiles, in pixels of what is given.")] = 256
    check_seams: Annotated[
        bool, Parameter(negative=(), help="Measure how far tiles of another size give another answer.")
    ] = False

    def __post_init__(self) -> None:
        if not 16 <= self.tile_px <= 8192:
            raise UserError(f"--tile-px is {self.tile_px}; needed: 16 to 8192")
        _ = self.changes
        if self.ahead is not None and not 1 <= self.ahead <= MOST_AHEAD:
            raise UserError(f"--ahead is {self.ahead}; needed: 1 to {MOST_AHEAD} frames")
        if self.times is not None and self.times not in TIMES:
            raise UserError(f"--times is {self.times}; needed: 2, 4 or 8: each doubling makes a frame between two")

    @property
    def changes(self) -> dict[str, bool]:
        """Whether an attribute shall be there, by its name. Raises `UserError` for what says no such thing."""
        found = {}
        for part in (self.attributes or "").split(",") if self.attributes is not None else ():
            name, _, value = (each.strip() for each in part.partition("="))
            if not name or value not in ("0", "1"):
                raise UserError(f"--attributes {self.attributes}: needed: names with 0 or 1, such as smiling=1,hat=0")
            if name in found:
                raise UserError(f"--attributes {self.attributes}: {name} is said twice; say it once")
            found[name] = value == "1"
        return found


PLAIN = TranslateOptions()
