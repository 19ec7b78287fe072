"""How pairs or domains lie in their folders, as options of `limner check`. Imports no torch."""

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from limner.foundation.command_line import INPUT
from limner.foundation.errors import UserError


@dataclass(frozen=True)
class PairCheckOptions:
    """Which folders hold the two pictures of a pair, or whether a file holds both; or that there are no pairs.

    domains: the folders are domains without pairs. source_classes: the first is a source with a folder for each class,
    the second a target. table: the name of a table of attributes, which stands in each folder of pictures.
    """

    source: Annotated[str, Parameter(help="Name of the folder of what is given.", group=INPUT)] = "source"
    target: Annotated[str, Parameter(help="Name of the folder of what shall be made.", group=INPUT)] = "target"
    joined: Annotated[
        Literal["no", "source-left", "source-right"],
        Parameter(help="Whether a file holds both pictures side by side, and where the given one stands.", group=INPUT),
    ] = "no"
    domains: Annotated[
        bool, Parameter(negative=(), help="The folders are kinds of pictures without pairs.", group=INPUT)
    ] = False

    source_classes: Annotated[
        bool,
        Parameter(
            negative=(),
            help="The first folder holds one for each class, the second is a target without pairs.",
            group=INPUT,
        ),
    ] = False
    table: Annotated[
        str | None, Parameter(help="The folders hold pictures and a table of attributes of this name.", group=INPUT)
    ] = None

    def __post_init__(self) -> None:
        without = ["--domains"] * self.domains + ["--source-classes"] * self.source_classes
        without += ["--table"] * (self.table is not None)
        if len(without) > 1:
            raise UserError(f"{' and '.join(without)} are several kinds of data; give one")
        if without and (self.source, self.target, self.joined) != ("source", "target", "no"):
            raise UserError(f"{without[0]} says that there are no pairs; leave --source, --target and --joined out")
