"""What `limner check` takes for pictures with classes. Imports no torch."""

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from limner.foundation.command_line import INPUT


@dataclass(frozen=True)
class CheckOptions:
    """How the data is read. class_folder: of folders for each class, which names it. torchvision: the name of a data
    set of torchvision whose root is given."""

    class_folder: Annotated[
        Literal["first", "innermost"],
        Parameter(help="Of folders for each class, which names it: the first below, or the whole way.", group=INPUT),
    ] = "first"
    torchvision: Annotated[
        str | None, Parameter(help="The name of a data set of torchvision whose root this is.", group=INPUT)
    ] = None
