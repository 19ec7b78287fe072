"""What `limner detect` takes beside the run and its pictures. Imports no torch."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from limner.foundation.errors import UserError


@dataclass(frozen=True)
class DetectOptions:
    """What is shown of what is found. min_score: the least score, 0 to 1; None: the one that the run chose. most: of
    each picture, the surest."""

    min_score: Annotated[
        float | None, Parameter(help="How sure it must be of what is shown, 0 to 1 (default: as the run chose).")
    ] = None
    most: Annotated[int, Parameter(help="Objects that are shown of each picture, the surest.")] = 100

    def __post_init__(self) -> None:
        if self.min_score is not None and not 0 <= self.min_score <= 1:
            raise UserError(f"--min-score is {self.min_score:g}; needed: 0 (whatever is found) to 1")
        if self.most < 1:
            raise UserError(f"--most is {self.most}; needed: 1 or more")


PLAIN = DetectOptions()
