"""How pairs or domains lie in their folders, as options of `limner check`. Imports no torch."""

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from limner.foundation.command_line import INPUT
from limner.foundation.errors import UserError


@dataclass(frozen=True)
class PairCheckOptions:
    """Which folders hold the two pictures of a pair, or whether a file holds both; or that there are no pairs.

    domains: the folders are domains without pairs.
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

    def __post_init__(self) -> None:
        if self.domains and (self.source, self.target, self.joined) != ("source", "target", "no"):
            raise UserError("--domains says that there are no pairs; leave --source, --target and --joined out")
