"""Counts of areas with their protocol: what an evaluation is made of."""

from limner.colors.harmonize import Harmonizer
from limner.foundation.errors import UserError
from limner.reporting.pictures import IGNORE
from limner.segment.measures.scores import Evaluation, Protocol
from limner.segment.measures.tally import Tally
from limner.segment.predicting.predictor import SegmentPredictor

VALIDATION = "validation blocks of the training areas"


EVERYTHING = "all labelled pixels"


def as_evaluation(
    tallies: dict[str, Tally],
    pixels: str,
    predictor: SegmentPredictor,
    normalize: str,
    harmonize: Harmonizer | None = None,
) -> Evaluation:
    """The counts with their protocol. Raises `UserError` when no pixel was scored."""
    counted = {area: tally.counts for area, tally in tallies.items() if tally.counts.pixels}
    if not counted:
        raise UserError(f"nothing to score: no labelled pixel among the {pixels}; give labelled data with --data")
    threshold = predictor.threshold if len(predictor.class_names) == 2 else None
    harmonization = None if harmonize is None else f"{harmonize.method} to {harmonize.to}"
    protocol = Protocol(pixels, IGNORE, threshold, normalize, harmonization)
    calibration = sum(tallies.values(), Tally.zero(len(predictor.class_names))).calibration(predictor.class_names)
    return Evaluation(counted, protocol, predictor.class_names, calibration=calibration)
