"""Whether what was learned is better than what it began with: decided on ground that was held out, block by block.

Between both stand mixes of their weights (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models": weights
``(1 - mix) * initial + mix * learned`` often do better elsewhere than either end). How far the blocks differ tells how
much of a gain is luck.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from limner.reporting.tables import percent
from limner.segment.measures.calibration import STEPS
from limner.segment.measures.counts import Counts

HALF = 0.5
"""The share of what was learned, in the weights, that is tried: on 60 refinings no choice among more shares, by what
the blocks said, came near it (docs/results/refining.md)."""
FEWEST_BLOCKS = 4
"""On fewer, nobody can tell a gain from luck."""
DRAWS = 1000
DOUBT = 0.05
"""A gain must be above 0 in all but this share of the draws of blocks."""
PLACE_DOUBT, PLACE_PX = 0.2, 256**2
"""How far, as a standard deviation, the gain in F1 on a single place of so many pixels is taken to lie from that of the
rest of the scene. On fifteen single places it was off by 0.20, root mean square (docs/results/refining.md)."""
ENOUGH_PX = 2 * PLACE_PX
"""Of less ground, or of a single place, only a sure gain is kept."""
AS_GOOD = 0.003
"""Thresholds whose F1 is so near to the best count as equal: the one nearest 0.5 is taken."""


@dataclass(frozen=True)
class Decision:
    """What is kept, and why.

    mix: share of what was learned in the weights, None where the initial run stays as it is. threshold: of two classes,
    None where the initial run stays or classes are more. before, after: counts on the held-out ground of the initial
    run and of half of what was learned, its threshold set on the other ground. low, high: between them
    lies the gain in F1 with a probability of 90 %, as far as places and their blocks can tell. blocks: that were held
    out. reason: why the initial run stays, in a sentence, else empty. places: pieces of connected ground that the
    blocks lie in, 0 where an older run does not say.
    """

    mix: float | None
    threshold: float | None
    before: Counts
    after: Counts
    low: float
    high: float
    blocks: int
    reason: str = ""
    places: int = 0

    @property
    def cautions(self) -> tuple[str, ...]:
        """A line where nothing is known of how places differ."""
        if self.places != 1 or self.blocks < FEWEST_BLOCKS:
            return ()
        return (
            "the gain was measured on one place alone, whose parts are alike: the rest of the scene may gain far less; "
            "annotate a second place apart to know",
        )

    @property
    def kept(self) -> str:
        """What is kept, in words."""
        if self.mix is None:
            return "the initial run"
        return f"{self.mix:.0%} refined, {1 - self.mix:.0%} initial weights"

    @property
    def line(self) -> str:
        """F1 before and after on held-out ground, how sure that is, and what is kept."""
        before, after = (counts.scores().f1 for counts in (self.before, self.after))
        where = f"{self.blocks} blocks" + (f" in {self.places} places" if self.places > 1 else "")
        where += " of one place" if self.places == 1 else ""
        told = (
            f"held-out annotated ground ({where}): F1 {percent(before)} % before, {percent(after)} % after; the gain "
        )
        told += f"is likely between {100 * self.low:.1f} and {100 * self.high:.1f} points"
        if self.blocks < FEWEST_BLOCKS or self.before.pixels == 0:
            told = "no held-out ground to compare on"
        return f"{told}; kept: {self.kept}" + (f" ({self.reason})" if self.reason else "")

    def to_json(self) -> dict[str, Any]:
        """Plain values, which `from_json` reads."""
        return {
            "kept": "initial" if self.mix is None else "refined",
            "mix": self.mix,
            "threshold": self.threshold,
            "f1_before": self.before.scores().f1,
            "f1_after": self.after.scores().f1,
            "gain_low": self.low,
            "gain_high": self.high,
            "blocks": self.blocks,
            "places": self.places,
            "reason": self.reason,
            "counts_before": self.before.matrix.tolist(),
            "counts_after": self.after.matrix.tolist(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Decision":
        """The decision that `to_json` gave."""
        before, after = (Counts(np.array(value[f"counts_{when}"])) for when in ("before", "after"))
        numbers = (value["gain_low"], value["gain_high"], value["blocks"], value["reason"])
        return cls(value["mix"], value["threshold"], before, after, *numbers, places=value.get("places", 0))


def f1_of(matrices: np.ndarray) -> np.ndarray:
    """F1 of class 1 of two, of more classes the mean over those that occur; NaN where it is undefined.

    matrices: (..., classes, classes), [truth, prediction]; gives (...).
    """
    right = np.diagonal(matrices, axis1=-2, axis2=-1)
    both = matrices.sum(-1) + matrices.sum(-2)
    f1 = np.where(both > 0, 2 * right / np.maximum(both, 1), np.nan)
    if f1.shape[-1] == 2:
        return np.asarray(f1[..., 1])
    known = np.isfinite(f1)
    return np.asarray(np.where(known.any(-1), np.where(known, f1, 0).sum(-1) / np.maximum(known.sum(-1), 1), np.nan))


def matrices_at(histograms: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Counts at thresholds: (blocks, 2, 2) int64, [truth, prediction].

    histograms: (blocks, 2, 256), see `Tally.histogram`. steps: (blocks,) int, thresholds times 256.
    """
    called = histograms[..., ::-1].cumsum(-1)[..., ::-1]
    positive = np.take_along_axis(called, steps[:, None, None], -1)[..., 0]
    return np.stack([histograms.sum(-1) - positive, positive], -1)


def best_step(histograms: np.ndarray) -> int:
    """The threshold with the highest F1 of class 1, times 256; of those nearly as good the one nearest 0.5."""
    total = histograms.sum(0)
    called = total[:, ::-1].cumsum(1)[:, ::-1]
    f1 = 2 * called[1] / np.maximum(1, called.sum(0) + total[1].sum())
    good = np.flatnonzero(f1[1:] >= f1[1:].max() - AS_GOOD) + 1  # at 0 all is class 1, which nobody wants of a network
    return int(good[np.abs(good - STEPS // 2).argmin()])


def crossed_matrices(histograms: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Counts of each block, (blocks, 2, 2), at the threshold that is best on the blocks of the other parts.

    parts: (blocks,) int, which part of the ground a block belongs to.
    """
    steps = np.full(len(parts), STEPS // 2)
    for part in np.unique(parts):
        others = histograms[parts != part]
        if others[:, 1].any():
            steps[parts == part] = best_step(others)
    return matrices_at(histograms, steps)


def drawn_blocks(places: np.ndarray, draws: int = DRAWS) -> np.ndarray:
    """How often each block is in each of so many draws, (draws, blocks): places are drawn with replacement, and of each
    as many blocks as it has, for blocks of one place are alike and places are not (a two-stage bootstrap).

    places: (blocks,) the number of each block's place.
    """
    generator = np.random.default_rng(0)
    names = np.unique(places)
    often = generator.multinomial(len(names), [1 / len(names)] * len(names), size=draws)
    weights = np.zeros((draws, len(places)), np.int64)
    for name, times in zip(names, often.T, strict=True):
        ours = np.flatnonzero(places == name)
        weights[:, ours] = generator.multinomial(times * len(ours), [1 / len(ours)] * len(ours))
    return weights


def drawn_doubt(pixels: float, places: int = 1, draws: int = DRAWS) -> np.ndarray:
    """How much more or less the rest of a scene may gain than so many places of so many pixels together, (draws,): a
    large place counts as so many neighborhoods of `PLACE_PX`."""
    neighborhoods = max(places, pixels / PLACE_PX)
    return np.random.default_rng(1).normal(0, PLACE_DOUBT / np.sqrt(neighborhoods), draws)


def decide(
    initial: np.ndarray,
    mixed: Mapping[float, np.ndarray],
    parts: Sequence[int],
    places: Sequence[int] | None = None,
) -> Decision:
    """Whether half of what was learned is kept, or the initial run stays.

    Half is kept where its F1 on the blocks is above the initial run's; of a single place, or of less ground than
    `ENOUGH_PX`, where it is so in 95 % of the draws of `drawn_blocks` and `drawn_doubt`. With nothing to tell by, the
    initial run stays.

    initial: (blocks, classes, classes) int64, counts of the initial run as it is. mixed: by the share of what was
    learned, (blocks, 2, 256) histograms of two classes (`Tally.histogram`), or of more classes the counts; that of
    `HALF` decides. parts: which part of the ground each block belongs to; thresholds are tested on other parts than
    they were set on. places: which piece of connected ground; None: all of one.
    """
    of = np.asarray(parts)
    if len(np.unique(of)) == 1:
        of = np.arange(len(of)) % 2
    blocks, classes = len(initial), initial.shape[-1]
    place_of = np.zeros(blocks, int) if places is None else np.asarray(places)
    count = len(np.unique(place_of))
    before = Counts(initial.sum(0))
    if blocks < FEWEST_BLOCKS:
        nothing = f"{blocks} blocks of annotated ground are too few to tell by; annotate more"
        return Decision(None, None, before, before, 0.0, 0.0, blocks, nothing, count)
    truth = initial.sum((0, 2))
    if classes == 2 and (missing := [name for name, pixels in zip("01", truth, strict=True) if not pixels]):
        what = "objects" if missing == ["0"] else "background"
        only = f"all of the annotated ground is {what}"
        return Decision(None, None, before, before, 0.0, 0.0, blocks, only, count)
    matrices = crossed_matrices(mixed[HALF], of) if classes == 2 else mixed[HALF]
    after = Counts(matrices.sum(0))
    weights = drawn_blocks(place_of)
    drawn = (f1_of(np.einsum("db,bij->dij", weights, each)) for each in (matrices, initial))
    little = count == 1 or before.pixels < ENOUGH_PX
    gains = np.nan_to_num(np.subtract(*drawn)) + (drawn_doubt(before.pixels, count) if little else 0.0)
    low, high = (float(np.quantile(gains, share)) for share in (DOUBT, 1 - DOUBT))
    if not (low > 0 if little else f1_of(after.matrix) > f1_of(before.matrix)):
        reason = "no gain is sure" if little else "nothing is gained"
        return Decision(None, None, before, after, low, high, blocks, reason, count)
    threshold = best_step(mixed[HALF]) / STEPS if classes == 2 else None
    return Decision(HALF, threshold, before, after, low, high, blocks, places=count)
