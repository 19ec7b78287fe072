"""One look at all scenes of a place before the first of them is mapped: their colors and their threshold together.

Pictures without a georeference cannot be one scene, but a user may know that they show one place. A threshold for a
place is worth more than one for each of its pictures: docs/results/unseen-places.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from limner.foundation.errors import UserError
from limner.scenes.statistics import NOTHING, Statistics, raster_moments
from limner.segment.measures.thresholds import Ground, Look, Meaning, place_look
from limner.segment.predicting.ensemble import Ensemble
from limner.segment.predicting.predictor import SegmentPredictor


@dataclass(frozen=True)
class Place:
    """What all scenes of a place share.

    statistics: of all their pixels together, in place of each scene's own; None where the training areas' are used.
    threshold: chosen for all of them without labels; None where none is chosen. line: what was found, in words.
    """

    statistics: Statistics | None
    threshold: float | None
    line: str


def look_at_place(
    predictor: SegmentPredictor | Ensemble, scenes: Sequence[Ground], normalize: str, meaning: Meaning | None
) -> Place:
    """Look at the scenes of a place together, at least one, all of the network's bands.

    normalize: "scene": their mean and deviation are measured together; "run": the training areas' are used. meaning: of
    probabilities, by which a threshold is chosen from up to 16 tiles, evenly spread over the scenes.

    Raises `UserError` where no pixel of any of them holds data.
    """
    statistics = _together(scenes) if normalize == "scene" else None
    line = f"{len(scenes)} scenes as one place"
    if statistics is not None:
        line += ": standardized by the mean and deviation of all of them"
    if meaning is None:
        return Place(statistics, None, line)
    seen = place_look(predictor, scenes, statistics)
    threshold = seen.threshold(meaning)
    return Place(statistics, threshold, f"{line}; {meaning.line(threshold, _where(seen, len(scenes)))}")


def _where(seen: Look, scenes: int) -> str:
    """On what the threshold was chosen, in words."""
    if seen.pictures < scenes:
        return f"{seen.tiles} tiles of {seen.pictures} of them"
    return seen.where if seen.tiles < seen.of else "all of them"


def _together(scenes: Sequence[Ground]) -> Statistics:
    total = NOTHING
    for scene in scenes:
        with scene.open() as raster:
            total = total.merged(raster_moments(raster))
    if not total.count:
        raise UserError("--one-place: no pixel of these scenes holds data (all are nodata); are they the right files?")
    return total.statistics()
