"""What `limner translate` takes beside the run and its pictures. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from limner.foundation.command_line import INPUT
from limner.foundation.errors import UserError


@dataclass(frozen=True)
class TranslateOptions:
    """How pictures are translated.

    to: the domain, for a run that knows several. mask: a picture that is white where something is missing, or a folder
    of such by the pictures' names. tile_px: side of the tiles, without what they see around them. check_seams: measure
    how much the answer owes to its tiles.
    """

    to: Annotated[
        str | None, Parameter(help="For a run that learned from domains: the one to make pictures into.", group=INPUT)
    ] = None
    mask: Annotated[
        Path | None,
        Parameter(
            help="For a run that fills holes: a picture that is white where something is missing, or a folder of them.",
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


PLAIN = TranslateOptions()
