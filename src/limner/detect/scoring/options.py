"""What `limner evaluate` and `limner compare` take for detectors, beside what they take for all. Imports no torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from limner.detect.data.options import PLAIN, ObjectReading
from limner.foundation.command_line import GIVEN_BY_COMMAS, OUTPUT

COLUMNS = {
    "ap50": "AP50, %", "ap": "AP, %", "ap75": "AP75, %", "small": "AP small, %", "medium": "AP medium, %",
    "large": "AP large, %", "recall": "recall, %", "voc07": "VOC07 AP, %", "mask_ap50": "outlines' AP50, %",
    "mask_ap": "outlines' AP, %", "seconds": "seconds a picture",
}  # fmt: skip
"""What a table may show of a detector, and how it is headed."""
USUAL_COLUMNS = ("ap50", "ap", "small", "medium", "large", "recall")


@dataclass(frozen=True)
class EvaluateOptions:
    """How other data is read, and what else is written.

    reading: of data that is given in place of what the run held out. missed: a folder for the objects that were missed,
    as a picture, and for the curve of precision and recall.
    """

    reading: ObjectReading = PLAIN
    missed: Annotated[
        Path | None,
        Parameter(help="Folder for the missed objects and the curve of precision and recall.", group=OUTPUT),
    ] = None


@dataclass(frozen=True)
class CompareOptions:
    """How detectors are put side by side. columns: keys of `COLUMNS`."""

    columns: Annotated[
        tuple[str, ...], Parameter(help=f"Scores to show, of {', '.join(COLUMNS)}.", **GIVEN_BY_COMMAS)
    ] = USUAL_COLUMNS
