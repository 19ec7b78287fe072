"""What `limner evaluate` and `limner compare` take for runs that map, beside what they take for all. Imports no
torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from limner.foundation.command_line import GIVEN_BY_COMMAS, METHOD, OUTPUT
from limner.segment.labels.reading import AS_FOUND, Reading
from limner.segment.predicting.options import ONE_LOOK, PredictionOptions

USUAL_COLUMNS = ("f1", "acc", "iou")
OBJECT_COLUMNS = ("object-f1",)
"""Shown beside them where objects were counted in all that is compared."""

Normalize = Annotated[
    Literal["auto", "run", "scene"],
    Parameter(
        help="Standardize by the training areas' colors, by the scene's own, or as the run was trained.", group=METHOD
    ),
]
Harmonize = Annotated[
    Literal["mkl", "idt", "histogram", "reinhard"] | None,
    Parameter(help="Bring the colors to those of the training areas first.", group=METHOD),
]
HarmonizeTo = Annotated[
    str | None,
    Parameter(help="The training area whose colors to take, 'all' (default) or 'nearest'.", group=METHOD),
]

Threshold = Annotated[
    float | Literal["auto"] | None,
    Parameter(
        help="Two classes: the probability that decides (default: the run's); auto: chosen for each scene or area.",
        group=METHOD,
    ),
]


@dataclass(frozen=True)
class EvaluateOptions:
    """On which pixels a run is scored, and how it looks at them.

    left_out: score every labelled pixel of the areas that the recipe left out, read as in training. reading: how data
    is read that was given. normalize: standardize by the training areas' mean and deviation ("run"), each area by its
    own ("scene"), or as the run was trained ("auto"). harmonize, harmonize_to: bring each area of the data to the
    colors of the training areas first, as `limner.segment.mapping.map_scenes` does with scenes. ensemble: other runs,
    whose probabilities are averaged with this one's. threshold: in place of the run's own; "auto": chosen for each area
    of the data without its labels (`limner.segment.measures.thresholds`). predicting: turned pictures, a CRF. errors: a
    folder for pictures of what is wrong (`limner.segment.measures.gallery.drawing_errors`).
    """

    reading: Reading = AS_FOUND
    left_out: Annotated[
        bool, Parameter(negative=(), help="Score the areas that the recipe left out, read as in training.")
    ] = False
    normalize: Normalize = "auto"
    harmonize: Harmonize = None
    harmonize_to: HarmonizeTo = None
    ensemble: Annotated[
        tuple[str, ...] | None,
        Parameter(help="Other runs to average the probabilities with.", group=METHOD, **GIVEN_BY_COMMAS),
    ] = None
    threshold: Threshold = None
    predicting: Annotated[PredictionOptions, Parameter(name="*")] = ONE_LOOK
    errors: Annotated[
        Path | None, Parameter(help="Folder for pictures of each area's errors and of the worst tiles.", group=OUTPUT)
    ] = None


@dataclass(frozen=True)
class CompareOptions:
    """What a table of maps shows.

    gains: say below each run but the first what it gained on the first. columns: which scores, keys of
    `limner.segment.scoring.comparison.COLUMNS`; None: F1, accuracy, IoU, and F1 of objects where it is known of all.
    class_name: the class whose scores are compared; by default class 1 of
    two, of more classes their mean.
    """

    gains: Annotated[
        bool, Parameter(negative=(), help="Say below each run but the first what it gained on the first.")
    ] = False
    columns: Annotated[
        tuple[str, ...] | None,
        Parameter(
            help="Scores to show, of f1, acc, iou, precision, recall, object-f1, object-precision, object-recall, "
            "count-error, area-error and boundary-f1.",
            **GIVEN_BY_COMMAS,
        ),
    ] = None
    class_name: Annotated[
        str | None, Parameter(name="--class", help="Compare this class (default: class 1 of two, else their mean).")
    ] = None
