"""Counting what a network gets right on windows of chips, with the true ground around each window as context."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from limner.pictures import IGNORE
from limner.segment.counts import Counts
from limner.segment.predictor import SegmentPredictor
from limner.segment.statistics import Statistics
from limner.segment.windows import Pixels, Window

CELL_PX = 512
CONTEXT_PX = 64

Read = Callable[[int, Window], tuple[Pixels, np.ndarray]]
"""(chip number, window) -> its pixels and its mask (h, w) uint8, 255 = ignore; windows may reach beyond the chip."""


@dataclass
class Tally:
    """What was counted: pixels by truth and prediction, the summed cross-entropy, and a histogram for thresholds.

    histogram: (2, 256) int64; labelled pixels by truth (class 0, class 1 and above) and by the probability of class 1
    in 256 steps, from which the counts at any threshold follow.
    """

    counts: Counts
    cross_entropy: float
    histogram: np.ndarray

    @classmethod
    def zero(cls, classes: int) -> "Tally":
        """Nothing counted yet."""
        return cls(Counts.zero(classes), 0.0, np.zeros((2, 256), np.int64))

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.counts + other.counts,
            self.cross_entropy + other.cross_entropy,
            self.histogram + other.histogram,
        )

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
    predictor: SegmentPredictor,
    read: Read,
    windows: Iterable[tuple[str, int, Window]],
    statistics: Mapping[str, Statistics] | None = None,
) -> dict[str, Tally]:
    """Predict windows and count their labelled pixels, area by area.

    windows: (area, chip number, window). statistics: of each area, where areas are standardized by their own.
    """
    tallies: dict[str, Tally] = {}
    for area, chip, window in windows:
        total = tallies.get(area, Tally.zero(len(predictor.class_names)))
        for _, probabilities, _, mask in predict_cells(predictor, read, chip, window, (statistics or {}).get(area)):
            total = total + tally(predictor, probabilities, mask)
        tallies[area] = total
    return tallies


def predict_cells(
    predictor: SegmentPredictor, read: Read, chip: int, window: Window, statistics: Statistics | None = None
) -> Iterator[tuple[Window, np.ndarray, Pixels, np.ndarray]]:
    """Cells of at most 512 px of a window: (cell, probabilities (classes, h, w), pixels, mask), context cut off."""
    for cell in window.cells(CELL_PX):
        around = Window(
            cell.row - CONTEXT_PX, cell.column - CONTEXT_PX, cell.height + 2 * CONTEXT_PX, cell.width + 2 * CONTEXT_PX
        )
        pixels, mask = read(chip, around)
        inner = Window(CONTEXT_PX, CONTEXT_PX, cell.height, cell.width).slices
        if not (mask[inner] != IGNORE).any():
            continue
        probabilities = predictor.probabilities(pixels.values[None], pixels.valid[None], statistics)[0]
        kept = Pixels(pixels.values[(slice(None), *inner)], pixels.valid[inner])
        yield cell, probabilities[(slice(None), *inner)], kept, mask[inner]


def tally(predictor: SegmentPredictor, probabilities: np.ndarray, mask: np.ndarray) -> Tally:
    """Count one prediction. probabilities: (classes, h, w); mask: (h, w) uint8, 255 = ignore."""
    labelled = mask != IGNORE
    classes = predictor.classes_of(probabilities[None])[0]
    truth = mask[labelled]
    chosen = np.take_along_axis(probabilities[:, labelled], truth[None].astype(np.int64), 0)
    steps = np.minimum(probabilities[1][labelled] * 256, 255).astype(np.int64)
    histogram = np.bincount((truth > 0) * 256 + steps, minlength=512).reshape(2, 256)
    return Tally(
        Counts.of(mask, classes, len(predictor.class_names)), float(-np.log(np.maximum(chosen, 1e-7)).sum()), histogram
    )
