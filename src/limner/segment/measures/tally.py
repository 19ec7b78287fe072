"""Counting what a network gets right on windows of chips, with the true ground around each window as context."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from limner.foundation.errors import UserError
from limner.reporting.pictures import IGNORE
from limner.scenes.statistics import Statistics
from limner.scenes.windows import Pixels, Window
from limner.segment.data.chips import Chip
from limner.segment.measures.calibration import STEPS, Calibration, confidence_counts
from limner.segment.measures.counts import Counts
from limner.segment.predicting.crf.cells import CellCrf
from limner.segment.predicting.ensemble import Predictor

CELL_PX = 512
CONTEXT_PX = 64

Read = Callable[[int, Window], tuple[Pixels, np.ndarray]]
"""(chip number, window) -> its pixels and its mask (h, w) uint8, 255 = ignore; windows may reach beyond the chip."""


class ScoredCell(NamedTuple):
    """A cell of a window as it was scored. mask, classes: (h, w) uint8 truth and prediction, truth 255 = ignore.
    inside: (h, w) float32 in 0..1, how far inside its object each pixel lies, where the network learned borders.
    probabilities: (classes, h, w) float32."""

    area: str
    chip: int
    window: Window
    cell: Window
    pixels: Pixels
    mask: np.ndarray
    classes: np.ndarray
    inside: np.ndarray | None = None
    probabilities: np.ndarray | None = None


class PredictedCell(NamedTuple):
    """A cell of a window with its answer. probabilities: (classes, h, w) float32. mask: (h, w) uint8, 255 = ignore.
    inside: as of `ScoredCell`."""

    cell: Window
    probabilities: np.ndarray
    pixels: Pixels
    mask: np.ndarray
    inside: np.ndarray | None


Observer = Callable[[ScoredCell], None]
"""Looks on while windows are scored, so that nothing need be predicted twice."""


@dataclass
class Tally:
    """What was counted: pixels by truth and prediction, the summed cross-entropy, and a histogram for thresholds.

    histogram: (2, 256) int64; labelled pixels by truth (class 0, class 1 and above) and by the probability of class 1
    in 256 steps, from which the counts at any threshold follow. confidence: (2, 256) int64, see `Calibration.counts`.
    """

    counts: Counts
    cross_entropy: float
    histogram: np.ndarray
    confidence: np.ndarray = field(default_factory=lambda: np.zeros((2, STEPS), np.int64))

    @classmethod
    def zero(cls, classes: int) -> "Tally":
        """Nothing counted yet."""
        return cls(Counts.zero(classes), 0.0, np.zeros((2, STEPS), np.int64))

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.counts + other.counts,
            self.cross_entropy + other.cross_entropy,
            self.histogram + other.histogram,
            self.confidence + other.confidence,
        )

    def calibration(self, class_names: Sequence[str]) -> Calibration:
        """Whether the probabilities mean what they say."""
        return Calibration(self.confidence, class_names[1] if len(class_names) == 2 else "the likeliest class")

    @property
    def loss(self) -> float:
        """Mean cross-entropy over the labelled pixels."""
        return self.cross_entropy / max(1, self.counts.pixels)

    def best_threshold(self) -> float:
        """The decision threshold with the highest F1 of class 1, for two classes; 0.5 when class 1 never occurs.

        Where several thresholds are nearly as good (F1 within 0.001), the one nearest 0.5.
        """
        called = self.histogram[:, ::-1].cumsum(1)[:, ::-1]  # pixels with probability >= step / 256
        true_positive, false_positive = called[1], called[0]
        f1 = 2 * true_positive / np.maximum(1, true_positive + false_positive + self.histogram[1].sum())
        steps = np.flatnonzero(f1 >= f1.max() - 0.001)
        if not self.histogram[1].any():
            return 0.5
        return float(steps[np.abs(steps - 128).argmin()]) / 256


def tally_areas(
    predictor: Predictor,
    chips: Sequence[Chip],
    read: Read,
    windows: Iterable[tuple[int, Window]],
    statistics: Mapping[str, Statistics] | None = None,
    observer: Observer | None = None,
    smoothing: Mapping[str, CellCrf] | None = None,
    thresholds: Mapping[str, float] | None = None,
) -> dict[str, Tally]:
    """Predict windows and count their labelled pixels, area by area; each chip at the resolution that the network
    knows.

    windows: (chip number, window). statistics: of each area, where areas are standardized by their own. observer: is
    shown every cell that holds a labelled pixel, window by window. smoothing: the CRF of each area, if any.
    thresholds: of areas that have one of their own.

    Raises `UserError`, before anything is predicted, for a chip too coarse or too fine for the network.
    """
    fitted = [fit_ground(predictor, chip) for chip in chips]
    tallies: dict[str, Tally] = {}
    for number, window in windows:
        area = chips[number].area
        total = tallies.get(area, Tally.zero(len(predictor.class_names)))
        seen, smooth = (statistics or {}).get(area), (smoothing or {}).get(area)
        deciding = predictor if area not in (thresholds or {}) else predictor.with_threshold((thresholds or {})[area])
        for found in predict_cells(fitted[number], read, number, window, seen, smooth):
            total = total + tally(deciding, found.probabilities, found.mask)
            if observer is not None:
                classes = deciding.classes_of(found.probabilities[None])[0]
                cell, _, pixels, mask, inside = found
                observer(ScoredCell(area, number, window, cell, pixels, mask, classes, inside, found.probabilities))
        tallies[area] = total
    return tallies


def fit_ground(predictor: Predictor, chip: Chip) -> Predictor:
    """The predictor that resamples a chip's pixels to the network's own resolution; a `UserError` names the chip."""
    try:
        return predictor.at_ground(chip.ground_m)
    except UserError as error:
        raise UserError(f"{chip.image}: {error}") from None


def predict_cells(
    predictor: Predictor,
    read: Read,
    chip: int,
    window: Window,
    statistics: Statistics | None = None,
    smooth: CellCrf | None = None,
) -> Iterator[PredictedCell]:
    """Cells of at most 512 px of a window, context cut off. smooth: the CRF that probabilities go through.

    Where the predictor resamples, neither is more than 512 px to the network, and the context is 64 px to it.
    """
    context = max(round(CONTEXT_PX / predictor.scale), 0 if smooth is None else smooth.halo_px)
    for cell in window.cells(min(CELL_PX, round(CELL_PX / predictor.scale))):
        around = Window(cell.row - context, cell.column - context, cell.height + 2 * context, cell.width + 2 * context)
        pixels, mask = read(chip, around)
        inner = Window(context, context, cell.height, cell.width).slices
        if not (mask[inner] != IGNORE).any():
            continue
        learned = getattr(predictor, "learned_borders", False)
        ask = predictor.answers if learned else predictor.probabilities
        classes = len(predictor.class_names)
        planes = ask(pixels.values[None], pixels.valid[None], statistics)[0]
        if smooth is not None:
            planes = np.concatenate([smooth(around, pixels, planes[:classes]), planes[classes:]])
        planes = planes[(slice(None), *inner)]
        kept = Pixels(pixels.values[(slice(None), *inner)], pixels.valid[inner])
        yield PredictedCell(cell, planes[:classes], kept, mask[inner], planes[classes] if learned else None)


def tally(predictor: Predictor, probabilities: np.ndarray, mask: np.ndarray) -> Tally:
    """Count one prediction. probabilities: (classes, h, w); mask: (h, w) uint8, 255 = ignore."""
    labelled = mask != IGNORE
    classes = predictor.classes_of(probabilities[None])[0]
    truth = mask[labelled]
    chosen = np.take_along_axis(probabilities[:, labelled], truth[None].astype(np.int64), 0)
    steps = np.minimum(probabilities[1][labelled] * 256, 255).astype(np.int64)
    histogram = np.bincount((truth > 0) * 256 + steps, minlength=512).reshape(2, 256)
    return Tally(
        Counts.of(mask, classes, len(predictor.class_names)),
        float(-np.log(np.maximum(chosen, 1e-7)).sum()),
        histogram,
        confidence_counts(probabilities[:, labelled], truth),
    )
