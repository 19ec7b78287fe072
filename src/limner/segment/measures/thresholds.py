"""A threshold for a scene without labels: where F1 is highest as far as the probabilities themselves promise.

At each threshold the expected number of objects' pixels found follows from the probabilities (Lipton et al. 2014,
"Optimal thresholding of classifiers to maximize F1 measure"), once they mean what they say. What they meant on the
ground that the run held out is told by isotonic regression, and averaged with what they say. docs/results/doubt.md
and docs/results/unseen-places.md say what it gains.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from limner.foundation.errors import UserError
from limner.learning.runs.evaluations import evaluation_of
from limner.learning.runs.run import Run
from limner.scenes.rasters import Raster
from limner.scenes.statistics import Statistics
from limner.scenes.windows import spread_tiles
from limner.segment.measures.calibration import STEPS
from limner.segment.measures.evaluation import VALIDATION
from limner.segment.measures.scores import Evaluation
from limner.segment.predicting.ensemble import Predictor
from limner.segment.predicting.facts import read_facts

MOST_TILES, TILE_PX = 16, 512


@dataclass(frozen=True, eq=False)
class Meaning:
    """What probabilities are taken to mean where there are no labels.

    shares: (256,) rising, how many pixels of each step of probability are taken to be objects, 0..1. calibrated:
    whether held-out ground had a say in it.
    """

    shares: np.ndarray
    calibrated: bool

    def line(self, threshold: float, where: str) -> str:
        """How a threshold was chosen on ``where``, in words."""
        how = "halfway calibrated on the run's held-out ground" if self.calibrated else "as they are"
        why = "" if self.calibrated else " (the run held no ground out)"
        return f"threshold {threshold:.2f}, where its probabilities, {how}{why}, promise the highest F1 on {where}"


class Ground(Protocol):
    """A picture of some ground that can be opened: a chip of a data set, a scene to map."""

    @property
    def ground_m(self) -> float | None:
        """Meters that a pixel covers, None where nobody knows."""

    def open(self) -> AbstractContextManager[Raster]:
        """The picture, as it is to be read."""


class Look(NamedTuple):
    """What was seen of ground without labels. said: (256,) pixels by the step of their probability. tiles: how many
    were looked at, of ``of`` in so many pictures."""

    said: np.ndarray
    tiles: int
    of: int
    pictures: int = 1

    @property
    def where(self) -> str:
        """On what a threshold was chosen, in words."""
        return f"{self.tiles} of {self.of} tiles" if self.tiles < self.of else "the whole scene"

    def threshold(self, meaning: Meaning) -> float:
        """Of the highest F1 that is promised."""
        return best_expected(self.said, meaning.shares) / STEPS


def look(predictor: Predictor, raster: Raster, statistics: Statistics | None, most: int = MOST_TILES) -> Look:
    """What a network says of an open scene, of at most ``most`` tiles of 512 px (to the network), evenly spread.

    statistics: by which the scene is standardized; None: the training areas'.
    """
    edge = max(1, round(TILE_PX / predictor.scale))
    tiles, count = spread_tiles(raster.height, raster.width, edge, most)
    said = np.zeros(STEPS)
    for window in tiles:
        values, valid = raster.read(window)
        if valid.any():
            probability = predictor.probabilities(values[None], valid[None], statistics)[0, 1][valid]
            said += np.bincount(np.minimum(probability * STEPS, STEPS - 1).astype(int), minlength=STEPS)
    return Look(said, len(tiles), count)


def deciding(
    predictor: Predictor, runs: Sequence[Run], wanted: float | str | None, *, harmonized: bool = False
) -> tuple[Predictor, Meaning | None]:
    """The predictor with the wanted threshold, and what its probabilities mean where ground gets one of its own.

    wanted: a probability, "auto" for one of its own, None: as the runs were trained. Raises `UserError` for what cannot
    be, as "auto" for ground whose colors were ``harmonized``.
    """
    if wanted is None:
        by_scene = not harmonized and any(read_facts(run).threshold_by_scene for run in runs)
        return predictor, meaning_of(runs) if by_scene else None
    if len(predictor.class_names) != 2 or (wanted != "auto" and not 0 < float(wanted) < 1):
        raise UserError(f"--threshold {wanted}: needs a run of two classes and a number between 0 and 1, or auto")
    if wanted != "auto":
        return predictor.with_threshold(float(wanted)), None
    if harmonized:
        raise UserError("--threshold auto looks at a scene in its own colors; leave it or --harmonize out")
    return predictor, meaning_of(runs)


def place_look(predictor: Predictor, grounds: Sequence[Ground], statistics: Statistics | None) -> Look:
    """`look` at the pictures of a place together; of many, at some that are evenly spread.

    statistics: by which all of them are standardized; None: the training areas'. Raises `UserError` for a ground
    resolution too far from the run's.
    """
    count = min(len(grounds), MOST_TILES)
    seen = []
    for index in np.linspace(0, len(grounds) - 1, count).round().astype(int):
        ground = grounds[index]
        with ground.open() as picture:
            try:
                fitted = predictor.at_ground(ground.ground_m)
            except UserError as error:
                raise UserError(f"{picture.path}: {error}") from None
            seen.append(look(fitted, picture, statistics, MOST_TILES // count))
    said, tiles, of, pictures = zip(*seen, strict=True)
    return Look(np.sum(said, axis=0), sum(tiles), sum(of), sum(pictures))


def best_expected(said: np.ndarray, meaning: np.ndarray) -> int:
    """The threshold of the highest expected F1, in steps; half of them where there is nothing to find.

    said: (256,) pixels by the step of their probability. meaning: (256,) how many of them are objects, as a share.

    >>> said = np.zeros(256); said[[20, 100, 240]] = 900, 50, 50
    >>> best_expected(said, middles())
    100
    """
    objects = said * meaning
    if not objects.sum():
        return STEPS // 2
    found, called = objects[::-1].cumsum()[::-1], said[::-1].cumsum()[::-1]
    f1 = 2 * found / np.maximum(1e-9, called + objects.sum())
    best = np.flatnonzero(f1[1:] >= f1[1:].max() - 1e-9) + 1
    return int(best[-1])  # steps without a pixel between are as good: the highest is nearest to what was seen


def meaning_of(runs: Sequence[Run]) -> Meaning:
    """What a run's probabilities mean: the mean of what they say and of how often that was so on held-out ground of its
    training areas; of several runs together. Only what they say where none of them held ground out and kept what it
    said there."""
    total = np.zeros((2, STEPS))
    for run in runs:
        kept = evaluation_of(run)
        found = None if kept is None else Evaluation.from_json(kept, str(run.folder))
        if found is not None and found.protocol.pixels == VALIDATION and found.calibration is not None:
            total += found.calibration.counts
    if not total[1].any():
        return Meaning(middles(), calibrated=False)
    return Meaning((calibrated(total) + middles()) / 2, calibrated=True)


def calibrated(counts: np.ndarray) -> np.ndarray:
    """How often probabilities were right by their step, (256,) rising, by isotonic regression.

    counts: (2, 256), pixels by the step of their probability: not of an object, and of one.
    """
    from sklearn.isotonic import IsotonicRegression

    pixels = counts.sum(0)
    known = pixels > 0
    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    fitted.fit(middles()[known], counts[1, known] / pixels[known], sample_weight=pixels[known])
    return np.asarray(fitted.predict(middles()))


def middles() -> np.ndarray:
    """The probability in the middle of each step, (256,)."""
    return (np.arange(STEPS) + 0.5) / STEPS
