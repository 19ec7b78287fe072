"""A threshold for a scene without labels: where F1 is highest as far as the probabilities themselves promise.

At each threshold the expected number of objects' pixels found follows from the probabilities (Lipton et al. 2014,
"Optimal thresholding of classifiers to maximize F1 measure"), once they mean what they say: they are calibrated by
isotonic regression on the ground that the run held out. docs/results/doubt.md says what it gains.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from limner.learning.runs.evaluations import evaluation_of
from limner.learning.runs.run import Run
from limner.scenes.rasters import Raster
from limner.scenes.statistics import Statistics
from limner.scenes.windows import spread_tiles
from limner.segment.mapping.predictions import Predictor
from limner.segment.measures.calibration import STEPS
from limner.segment.measures.evaluation import VALIDATION
from limner.segment.measures.scores import Evaluation

MOST_TILES, TILE_PX = 16, 512


class ChosenThreshold(NamedTuple):
    """threshold: of class 1. looked_at, tiles: how many of the scene's tiles it was chosen on, and all of them.
    calibrated: whether the run's held-out ground told what its probabilities mean."""

    threshold: float
    looked_at: int
    tiles: int
    calibrated: bool

    def line(self) -> str:
        """How it was chosen, in words."""
        how = "calibrated on the run's held-out ground" if self.calibrated else "as they are, for the run held none out"
        some = f"{self.looked_at} of {self.tiles} tiles" if self.looked_at < self.tiles else "the whole scene"
        return f"threshold {self.threshold:.2f}, where its probabilities, {how}, promise the highest F1 on {some}"


def choose_threshold(
    predictor: Predictor, raster: Raster, statistics: Statistics, meaning: np.ndarray | None
) -> ChosenThreshold:
    """The threshold for an open scene, from at most 16 tiles of 512 px (to the network), evenly spread.

    statistics: by which the scene is standardized. meaning: (256,) what probabilities mean, see
    `meaning_of`; None: what they say.
    """
    edge = max(1, round(TILE_PX / predictor.scale))
    looked_at, tiles = spread_tiles(raster.height, raster.width, edge, MOST_TILES)
    said = np.zeros(STEPS)
    for window in looked_at:
        values, valid = raster.read(window)
        if valid.any():
            probability = predictor.probabilities(values[None], valid[None], statistics)[0, 1][valid]
            said += np.bincount(np.minimum(probability * STEPS, STEPS - 1).astype(int), minlength=STEPS)
    step = best_expected(said, middles() if meaning is None else meaning)
    return ChosenThreshold(step / STEPS, len(looked_at), tiles, meaning is not None)


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


def meaning_of(runs: Sequence[Run]) -> np.ndarray | None:
    """How often what a run says of held-out ground of its training areas is so, by the step of the probability, (256,)
    rising; of several runs together. None where none of them held out ground and kept what it said there."""
    total = np.zeros((2, STEPS))
    for run in runs:
        kept = evaluation_of(run)
        found = None if kept is None else Evaluation.from_json(kept, str(run.folder))
        if found is not None and found.protocol.pixels == VALIDATION and found.calibration is not None:
            total += found.calibration.counts
    pixels = total.sum(0)
    if not total[1].any():
        return None
    from sklearn.isotonic import IsotonicRegression

    known = pixels > 0
    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    fitted.fit(middles()[known], total[1, known] / pixels[known], sample_weight=pixels[known])
    return np.asarray(fitted.predict(middles()))


def middles() -> np.ndarray:
    """The probability in the middle of each step, (256,)."""
    return (np.arange(STEPS) + 0.5) / STEPS
