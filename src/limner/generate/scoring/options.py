"""What `limner evaluate` and `limner compare` take for made pictures, beside what they take for all. Imports no
torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from limner.fidelity.protocol import RESAMPLES
from limner.foundation.command_line import GIVEN_BY_COMMAS, INPUT

USUAL_COLUMNS = ("kid", "fid", "precision", "recall", "density", "coverage")
FeaturesName = Literal["inception", "efficientnet-lite0", "efficientnet-lite2"]
ONCE = "The FID of papers is inception's, whose weights (96 MB) are needed once: add --download."


@dataclass(frozen=True)
class EvaluateOptions:
    """How what a run makes is scored.

    features: the network that scores look through. samples: how many pictures are made. seed: of latents, subsets and
    resamples. resamples: for the intervals; 0 for none.
    """

    features: Annotated[
        FeaturesName | None, Parameter(help=f"The network to look through (default: as in training). {ONCE}")
    ] = None
    samples: Annotated[int | None, Parameter(help="How many pictures it makes (default: as in training).")] = None
    seed: Annotated[int, Parameter(help="Of latents, subsets and resamples.")] = 0
    resamples: Annotated[int, Parameter(help="How often pictures are drawn anew for the intervals; 0: none.")] = (
        RESAMPLES
    )


@dataclass(frozen=True)
class CompareOptions:
    """What made pictures are compared with, and how.

    data: a folder of real pictures; None: what the runs held out. features: an extractor's name; None: that of the
    first evaluation, else ``inception``. samples: made pictures of each; None: as many as the smallest folder holds, or
    as the first evaluation had, else as many as there are real ones. seed: of what is drawn. columns: keys of
    `limner.fidelity.result.HEADS`.
    """

    data: Annotated[
        Path | None,
        Parameter(help="Folder of real pictures to score all against (default: what runs held out).", group=INPUT),
    ] = None
    features: Annotated[
        FeaturesName | None, Parameter(help=f"The network to look through (default: as the first was scored). {ONCE}")
    ] = None
    samples: Annotated[
        int | None, Parameter(help="How many pictures of each (default: as many as the smallest folder holds).")
    ] = None
    seed: Annotated[int, Parameter(help="Of all that is drawn.")] = 0
    columns: Annotated[
        tuple[str, ...],
        Parameter(help="Scores to show, of kid, fid, is, precision, recall, density and coverage.", **GIVEN_BY_COMMAS),
    ] = USUAL_COLUMNS
