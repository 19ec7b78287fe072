"""What `limner classify` takes beside the run and its pictures. Imports no torch."""

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from limner.foundation.errors import UserError


@dataclass(frozen=True)
class ClassifyOptions:
    """How pictures are classified.

    evidence: how it is found where a class is seen: from the last maps' gradients, or by covering parts. top: classes
    that are told of each picture.
    """

    evidence: Annotated[
        Literal["activation", "occlusion"],
        Parameter(help="Where a class is seen: activation of the last maps, or occlusion, square by square."),
    ] = "activation"
    top: Annotated[int, Parameter(help="Classes that are told of each picture, the most probable first.")] = 5

    def __post_init__(self) -> None:
        if self.top < 1:
            raise UserError(f"--top is {self.top}; needed: 1 or more")


PLAIN = ClassifyOptions()
