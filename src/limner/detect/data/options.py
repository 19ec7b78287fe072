"""How pictures with objects are read: what `limner check`, `train` and `evaluate` take, by one set of names. Imports no
torch."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from limner.foundation.command_line import GIVEN_BY_COMMAS, INPUT

ALIKE, ALONE, FOLDER = "alike", "none", "folder"
"""Ways to keep pictures together: near-duplicates, none, those of one folder. Else a regular expression."""


@Parameter(name="*", group=INPUT)
@dataclass(frozen=True)
class ObjectReading:
    """How pictures and their objects are read. None: as a recipe's ``data`` says, in settings of the same names.

    objects: the classes to find; none: all. regions: masks hold classes, not instances: each connected region of this
    value or class is an object. group: what stays on one side of a split: `ALIKE`, `ALONE`, `FOLDER`, or a regular
    expression on the pictures' names, whose first group (or all that it finds) names the scene or the view.
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


PLAIN = ObjectReading()
