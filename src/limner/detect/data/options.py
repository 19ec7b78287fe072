"""How pictures with objects are read: what `limner check`, `train` and `evaluate` take, by one set of names. Imports no
torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from limner.foundation.command_line import GIVEN_BY_COMMAS, INPUT
from limner.foundation.errors import UserError

ALIKE, ALONE, FOLDER = "alike", "none", "folder"
"""Ways to keep pictures together: near-duplicates, none, those of one folder. Else a regular expression."""


@Parameter(name="*", group=INPUT)
@dataclass(frozen=True)
class ObjectReading:
    """How pictures and their objects are read. None: as a recipe's ``data`` says, in settings of the same names.

    objects: the classes to find; none: all. regions: masks hold classes, not instances: each connected region of this
    value or class is an object. group: what stays on one side of a split: `ALIKE`, `ALONE`, `FOLDER`, or a regular
    expression on the pictures' names, whose first group (or all that it finds) names the scene or the view. labels: a
    vector file whose polygons over georeferenced scenes are the objects; label_field: where it tells their class;
    chip_px: side of the chips that the scenes are cut into. upright_labels: of pictures that their EXIF turns, labels
    count the upright picture's pixels.
    """

    objects: Annotated[
        tuple[str, ...] | None, Parameter(help="Classes to find (default: all that are annotated).", **GIVEN_BY_COMMAS)
    ] = None
    regions: Annotated[
        str | None,
        Parameter(help="Masks hold classes, not instances: each connected region of this value or class is an object."),
    ] = None
    group: Annotated[
        str | None,
        Parameter(
            help="What is held out together: alike (near-duplicates), none, folder, or a regular expression on the "
            "pictures' names that finds the scene or view."
        ),
    ] = None
    labels: Annotated[
        Path | None, Parameter(help="Vector file: polygons over georeferenced scenes are the objects.")
    ] = None
    label_field: Annotated[str | None, Parameter(help="Its field that tells the class (default: all are of one).")] = (
        None
    )
    chip_px: Annotated[
        int | None, Parameter(help="Side of the chips that such scenes are cut into (default: 512).")
    ] = None
    upright_labels: Annotated[
        bool | None,
        Parameter(
            negative=(),
            help="Of pictures that their EXIF turns, labels count the upright picture's pixels (default: the pixels as "
            "stored, where their size does not tell).",
        ),
    ] = None

    def __post_init__(self) -> None:
        if self.labels is None and (self.label_field is not None or self.chip_px is not None):
            raise UserError("--label-field and --chip-px are for polygons over scenes; give them with --labels FILE")
        if self.chip_px is not None and not 32 <= self.chip_px <= 8192:
            raise UserError(f"--chip-px is {self.chip_px}; needed: 32 to 8192 pixels of a scene")


PLAIN = ObjectReading()
