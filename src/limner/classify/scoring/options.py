"""What `limner evaluate` and `limner compare` take for classifiers, beside what they take for all. Imports no torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from limner.foundation.command_line import GIVEN_BY_COMMAS, OUTPUT

COLUMNS = {
    "accuracy": "accuracy, %", "top5_accuracy": "top-5, %", "mean_recall": "mean recall, %",
    "calibration_error": "calibration error, %", "loss": "cross-entropy",
}  # fmt: skip
"""What a table may show of a classifier, and how it is headed."""
USUAL_COLUMNS = ("accuracy", "mean_recall", "calibration_error", "loss")


@dataclass(frozen=True)
class EvaluateOptions:
    """What else is measured of a classifier.

    mistakes: a folder for the worst mistakes as a picture and all of them as a table. robustness: the accuracy of
    pictures that are moved, turned and paler, too. suspects: a folder for the pictures whose label is probably wrong.
    """

    mistakes: Annotated[
        Path | None, Parameter(help="Folder for the worst mistakes as a picture, and a table of all.", group=OUTPUT)
    ] = None
    robustness: Annotated[
        bool, Parameter(negative=(), help="Measure accuracy on pictures moved, turned and paler, too.")
    ] = False
    suspects: Annotated[
        Path | None, Parameter(help="Folder for the pictures whose label is probably wrong.", group=OUTPUT)
    ] = None


@dataclass(frozen=True)
class CompareOptions:
    """How classifiers are put side by side. columns: keys of `COLUMNS`."""

    columns: Annotated[
        tuple[str, ...], Parameter(help=f"Scores to show, of {', '.join(COLUMNS)}.", **GIVEN_BY_COMMAS)
    ] = USUAL_COLUMNS
