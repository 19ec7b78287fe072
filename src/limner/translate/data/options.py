"""How pairs lie in their folder, as options of `limner check`. Imports no torch."""

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from limner.foundation.command_line import INPUT


@dataclass(frozen=True)
class PairCheckOptions:
    """Which folders hold the two pictures of a pair, or whether a file holds both."""

    source: Annotated[str, Parameter(help="Name of the folder of what is given.", group=INPUT)] = "source"
    target: Annotated[str, Parameter(help="Name of the folder of what shall be made.", group=INPUT)] = "target"
    joined: Annotated[
        Literal["no", "source-left", "source-right"],
        Parameter(help="Whether a file holds both pictures side by side, and where the given one stands.", group=INPUT),
    ] = "no"
