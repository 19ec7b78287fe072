"""How scores differ from tile to tile, and a few tiles to look at, gathered while a run is scored."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from limner.reporting.pictures import resized
from limner.segment.data.chips import Chip
from limner.segment.labels.drawing import draw_triple
from limner.segment.measures.counts import Counts
from limner.segment.measures.tally import ScoredCell

MOST_EXAMPLES, EXAMPLE_PX = 6, 384
BINS = 20


class Example(NamedTuple):
    """A tile to look at. pictures: the picture, its truth, errors and probabilities, each (h, w, 3) uint8."""

    name: str
    f1: float | None
    pictures: tuple[np.ndarray, ...]


@dataclass
class TileScores:
    """An observer of scored cells: F1 of each tile with an object in truth or map (of many classes their mean), and
    the first tile of each area that holds more than one class."""

    chips: Sequence[Chip]
    class_names: Sequence[str]
    f1: list[float] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    _shown: set[str] = field(default_factory=set)

    def __call__(self, seen: ScoredCell) -> None:
        """Look at a cell."""
        counts = Counts.of(seen.mask, seen.classes, len(self.class_names))
        f1 = counts.scores().f1
        if f1 is not None:
            self.f1.append(f1)
        several = np.count_nonzero(counts.truth_pixels) > 1
        if several and seen.area not in self._shown and len(self.examples) < MOST_EXAMPLES:
            self._shown.add(seen.area)
            self.examples.append(Example(f"{seen.area}: {self.chips[seen.chip].name}", f1, self._drawn(seen)))

    def _drawn(self, seen: ScoredCell) -> tuple[np.ndarray, ...]:
        triple = draw_triple(seen.pixels, seen.mask, seen.classes, self.class_names)
        said = seen.probabilities
        sure = np.zeros(seen.mask.shape) if said is None else said[1] if len(said) == 2 else said.max(0)
        gray = np.repeat((255 * np.where(seen.pixels.valid, sure, 0)).astype(np.uint8)[..., None], 3, 2)
        return tuple(resized(picture, EXAMPLE_PX) for picture in (*triple, gray))

    def quantile(self, share: float) -> float:
        """The F1 below which this share of the tiles lies."""
        return float(np.quantile(self.f1, share))

    def draw(self) -> np.ndarray:
        """How many tiles have which F1, (H, W, 3) uint8."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator

        figure = Figure(figsize=(5, 2.6), layout="constrained", dpi=110)
        canvas, axes = FigureCanvasAgg(figure), figure.subplots()
        axes.hist(100 * np.array(self.f1), bins=BINS, range=(0, 100), color=(0, 0.45, 0.7))
        axes.axvline(100 * self.quantile(0.5), color="gray", linestyle=":", label="median")
        axes.set(xlim=(0, 100), xlabel="F1 of a tile, %", ylabel="tiles")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(framealpha=0.8, edgecolor="none")
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[..., :3].copy()
