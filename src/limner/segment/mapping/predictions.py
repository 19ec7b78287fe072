"""What mapping asks of a trained network, and the batches of tiles it answers."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch

from limner.foundation.background import Progress
from limner.foundation.errors import UserError
from limner.scenes.statistics import Statistics
from limner.scenes.windows import Pixels
from limner.segment.predicting.tiles import Columns

NOTICES = ("CUDA", "OpenVINO")
"""Begin the messages of a mapping's progress that its user must read."""


class Predictor(Protocol):
    """What mapping needs of a trained network; `limner.segment.predicting.predictor.SegmentPredictor` is one."""

    @property
    def channels(self) -> int:
        """Bands it was trained on."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class 0 is the background when there are two."""

    @property
    def bands(self) -> tuple[str, ...] | None:
        """Their names, if anybody said."""

    @property
    def scale(self) -> float:
        """How many pixels of the network along an edge one pixel of the scene becomes."""

    @property
    def stride(self) -> int:
        """Heights and widths the network takes are multiples of this."""

    @property
    def threshold(self) -> float:
        """Two classes: class 1 is where its probability reaches this. More classes: not used."""

    @property
    def statistics(self) -> Statistics:
        """Of the training areas."""

    @property
    def digest(self) -> str:
        """Tells models apart."""

    def probabilities(self, pixels: np.ndarray, valid: np.ndarray, statistics: Statistics) -> np.ndarray:
        """Probability of each class at each pixel, (B, classes, H, W) float32.

        pixels: (B, channels, H, W) in the file's own units and type. valid: (B, H, W) bool; other pixels are set to
        the mean before the network sees them.
        """

    @property
    def learned_borders(self) -> bool:
        """Whether `answers` has a plane more."""

    def answers(self, pixels: np.ndarray, valid: np.ndarray, statistics: Statistics) -> np.ndarray:
        """The same, and as a last plane how far inside its object each pixel lies, 0..1, where that was learned."""


class Network:
    """Gives batches of tiles to the predictor; takes smaller ones when CUDA memory runs out.

    insides: a plane more is asked of it, how far inside its object each pixel lies; the predictor learned it.
    """

    def __init__(
        self, predictor: Predictor, statistics: Statistics, batch: int, progress: Progress, *, insides: bool = False
    ) -> None:
        self.predictor, self.statistics, self.batch, self.progress = predictor, statistics, batch, progress
        self.insides = insides
        self.ask = predictor.answers if insides else predictor.probabilities

    def answers(self, band: Pixels, columns: Columns) -> Iterator[tuple[list[int], np.ndarray]]:
        """The tiles of a band that hold data: their numbers, and their probabilities (B, classes, H, W)."""
        places = [slice(origin, origin + columns.size_px) for origin in columns.origins]
        waiting = [number for number, place in enumerate(places) if band.valid[:, place].any()]
        while waiting:
            chosen = waiting[: self.batch]
            answers = self._try(
                np.stack([band.values[:, :, places[number]] for number in chosen]),
                np.stack([band.valid[:, places[number]] for number in chosen]),
            )
            if answers is None:
                self._halve(len(chosen), columns)
            else:
                yield chosen, answers
                waiting = waiting[len(chosen) :]

    def _try(self, pixels: np.ndarray, valid: np.ndarray) -> np.ndarray | None:
        try:
            return self.ask(pixels, valid, self.statistics)
        except torch.cuda.OutOfMemoryError:
            return None  # only after this block is the failed batch's memory free

    def _halve(self, tiles: int, columns: Columns) -> None:
        if tiles == 1:
            raise UserError(
                f"CUDA memory ran out on a single tile {columns.size_px} pixels wide; "
                "give a smaller --tile-px, or --device cpu"
            )
        self.batch = tiles // 2
        torch.cuda.empty_cache()
        self.progress(f"CUDA memory ran out on {tiles} tiles at once: going on with {self.batch}", 0, 1)
