"""Counts of areas with their protocol: what an evaluation is made of."""

from collections.abc import Iterator
from contextlib import contextmanager

from limner.colors.harmonize import Harmonizer
from limner.foundation.errors import UserError
from limner.reporting.pictures import IGNORE
from limner.segment.data.chips import DataSet
from limner.segment.labels.cautions import rings_only
from limner.segment.labels.vector_files import is_vector
from limner.segment.measures.object_counter import ObjectCounter, objects_of
from limner.segment.measures.objects import NO_OBJECTS, Objects
from limner.segment.measures.scores import Evaluation, Protocol
from limner.segment.measures.tally import Observer, ScoredCell, Tally
from limner.segment.predicting.ensemble import Predictor

VALIDATION = "validation blocks of the training areas"


EVERYTHING = "all labelled pixels"


def as_evaluation(
    tallies: dict[str, Tally],
    pixels: str,
    predictor: Predictor,
    normalize: str,
    harmonize: Harmonizer | None = None,
    objects: Objects = NO_OBJECTS,
    answers: str | None = None,
) -> Evaluation:
    """The counts with their protocol. answers: how probabilities were made, in words, where otherwise than plainly.

    Raises `UserError` when no pixel was scored."""
    counted = {area: tally.counts for area, tally in tallies.items() if tally.counts.pixels}
    if not counted:
        raise UserError(f"nothing to score: no labelled pixel among the {pixels}; give labelled data with --data")
    threshold = predictor.threshold if len(predictor.class_names) == 2 else None
    harmonization = None if harmonize is None else f"{harmonize.method} to {harmonize.to}"
    protocol = Protocol(pixels, IGNORE, threshold, normalize, harmonization, answers)
    calibration = sum(tallies.values(), Tally.zero(len(predictor.class_names))).calibration(predictor.class_names)
    return Evaluation(counted, protocol, predictor.class_names, calibration=calibration, objects=objects)


def known_by_rings(data: DataSet, ring_px: int) -> tuple[str, ...]:
    """A line where polygons alone say what is background, so that scores are on the ground near them."""
    alone = [chip.labels for chip in data.chips if chip.labels and chip.within is None and is_vector(chip.labels)]
    return (f"only a part of the ground is scored: {rings_only(ring_px)}",) if alone else ()


class CountingObjects:
    """An observer of scored cells, and what it saw of objects. observer: to be shown the cells, None: nobody is."""

    def __init__(self, data: DataSet, counter: ObjectCounter | None, observer: Observer | None) -> None:
        self.data, self.counter, self.other = data, counter, observer
        self.observer = observer if counter is None else self._look

    def objects(self) -> Objects:
        """Of each area, once all of its cells were shown; none where the map is not of objects against the rest."""
        if self.counter is None:
            return NO_OBJECTS
        return objects_of(self.counter, self.data.chips)

    def _look(self, seen: ScoredCell) -> None:
        assert self.counter is not None
        self.counter.add(seen.chip, seen.window, seen.cell, seen.mask, seen.classes, seen.inside)
        if self.other is not None:
            self.other(seen)


@contextmanager
def counting_objects(
    data: DataSet, predictor: Predictor, observer: Observer | None, ring_px: int
) -> Iterator[CountingObjects]:
    """Count objects beside what ``observer`` does, where the classes are two: an object's and the rest's."""
    if len(predictor.class_names) != 2:
        yield CountingObjects(data, None, observer)
        return
    with ObjectCounter(data.chips, data.reader(ring_px=ring_px)) as counter:
        yield CountingObjects(data, counter, observer)
