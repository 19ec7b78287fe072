"""Whether a network's probabilities mean what they say. This file imports no torch: reports draw from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from limner.reporting.tables import percent

STEPS = 256
"""Probabilities are counted in so many equal steps from 0 to 1."""
BINS = 16
"""Of the diagram and the error, as many steps each: Guo et al. take 15, which does not divide the steps."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """What happened where a network said how probable it was (Guo et al., "On Calibration of Modern Neural Networks",
    2017).

    Of two classes the probability of class 1 is looked at, and how often it is there; of more the probability of the
    likeliest class, and how often it is the right one.

    counts: (2, `STEPS`) int64, pixels where it did not happen and where it did, by the step of the probability.
    what: whose probability.
    """

    counts: np.ndarray
    what: str

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Calibration):
            return NotImplemented
        return self.what == other.what and np.array_equal(self.counts, other.counts)

    def __hash__(self) -> int:
        return hash((self.what, self.counts.tobytes()))

    def bins(self) -> list[tuple[float, float, int]]:
        """(mean probability, share where it happened, pixels) of each of `BINS` bins that holds pixels."""
        middle = (np.arange(STEPS) + 0.5) / STEPS
        total = self.counts.sum(axis=0)
        found = []
        for steps in np.arange(STEPS).reshape(BINS, -1):
            pixels = int(total[steps].sum())
            if pixels:
                said = float((middle[steps] * total[steps]).sum() / pixels)
                found.append((said, float(self.counts[1, steps].sum() / pixels), pixels))
        return found

    @property
    def error(self) -> float:
        """Expected calibration error, 0..1: how far from what happened a probability lies, in the mean over pixels.

        >>> always_half = np.zeros((2, STEPS), int)
        >>> always_half[:, 128] = 20, 80
        >>> round(Calibration(always_half, "building").error, 2)
        0.3
        """
        bins = self.bins()
        pixels = sum(count for _, _, count in bins)
        return sum(abs(said - share) * count for said, share, count in bins) / max(1, pixels)

    def line(self) -> str:
        """In words, percent."""
        bins = self.bins()
        pixels = max(1, sum(count for _, _, count in bins))
        said, share = (sum(bin[place] * bin[2] for bin in bins) / pixels for place in (0, 1))
        return (
            f"Calibration: the probability of {self.what} is off by {percent(self.error)} points in the mean (expected "
            f"calibration error); it says {percent(said)} % on the whole, {percent(share)} % is true."
        )

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads; error and bins are there to be read."""
        bins = [
            {"said": round(said, 4), "true": round(share, 4), "pixels": count} for said, share, count in self.bins()
        ]
        return {"of": self.what, "error": round(self.error, 6), "bins": bins, "counts": self.counts.tolist()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Calibration":
        """The calibration that `to_json` gave. Raises ValueError for counts of another shape."""
        counts = np.array(value["counts"], np.int64)
        if counts.shape != (2, STEPS) or (counts < 0).any():
            raise ValueError(f"calibration counts of shape {counts.shape}")
        return cls(counts, str(value["of"]))

    def draw(self) -> np.ndarray:
        """The reliability diagram, (H, W, 3) uint8: what was said against what was true, and how often it was said."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5, 5), layout="constrained", dpi=110)
        canvas = FigureCanvasAgg(figure)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        said, share, pixels = (np.array(column) for column in zip(*self.bins(), strict=True))
        upper.plot([0, 100], [0, 100], color="gray", linestyle=":", label="what is said is true")
        upper.plot(100 * said, 100 * share, marker="o", label="the network")
        upper.set_ylabel("true, % of the pixels")
        upper.legend(framealpha=0.8, edgecolor="none")
        lower.bar(100 * said, 100 * pixels / pixels.sum(), width=100 / BINS * 0.8)
        lower.set_ylabel("pixels, %")
        lower.set_xlabel(f"probability of {self.what}, %")
        for axes in (upper, lower):
            axes.grid(alpha=0.25)
            axes.spines[["top", "right"]].set_visible(False)
            axes.set_xlim(0, 100)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[..., :3].copy()


@dataclass(frozen=True, eq=False)
class ThresholdCurve:
    """What maps of two classes score at every threshold of the probability of class 1; each (STEPS,) float, 0..1.

    Pixels count as class 1 where their probability lies in the threshold's step or above. precision: NaN where none
    does.
    """

    threshold: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray

    @classmethod
    def of(cls, counts: np.ndarray) -> "ThresholdCurve":
        """From the `Calibration.counts` of two classes."""
        called = counts[:, ::-1].cumsum(axis=1)[:, ::-1]  # pixels at each step or above: not class 1, class 1
        found, present = called[1], counts[1].sum()
        total = called.sum(axis=0)
        precision = np.divide(found, total, out=np.full(STEPS, np.nan), where=total > 0)
        recall = found / max(1, present)
        f1 = 2 * found / np.maximum(1, total + present)
        return cls(np.arange(STEPS) / STEPS, precision, recall, f1)

    def draw(self, chosen: float | None, what: str) -> np.ndarray:
        """The three curves, (H, W, 3) uint8, with the threshold that was chosen."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5, 3.6), layout="constrained", dpi=110)
        canvas, axes = FigureCanvasAgg(figure), figure.subplots()
        for name, values in (("F1", self.f1), ("precision", self.precision), ("recall", self.recall)):
            axes.plot(100 * self.threshold, 100 * values, label=name, linewidth=2 if name == "F1" else 1)
        if chosen is not None:
            axes.axvline(100 * chosen, color="gray", linestyle=":", label="the run's threshold")
        axes.set(xlim=(0, 100), ylim=(0, 100), xlabel=f"threshold of the probability of {what}, %", ylabel="score, %")
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(framealpha=0.8, edgecolor="none")
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def confidence_counts(probabilities: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The `Calibration.counts` of pixels. probabilities: (classes, n) float, truth: (n,) class numbers."""
    if len(probabilities) == 2:
        said, happened = probabilities[1], truth == 1
    else:
        said, happened = probabilities.max(axis=0), truth == probabilities.argmax(axis=0)
    steps = np.minimum(said * STEPS, STEPS - 1).astype(np.int64)
    return np.bincount(happened * STEPS + steps, minlength=2 * STEPS).reshape(2, STEPS)
