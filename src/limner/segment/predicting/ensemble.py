"""Several runs that map a scene together: the mean of their probabilities."""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from limner.foundation.errors import UserError
from limner.scenes.statistics import Statistics
from limner.segment.predicting.predictor import SegmentPredictor


@dataclass(frozen=True)
class Ensemble:
    """Networks of the same classes and bands whose probabilities are averaged, each picture standardized for each.

    Networks that learned the same differ where they are unsure; their mean is better than the middling one of them.
    It answers where one `SegmentPredictor` would. Raises `UserError` for runs that do not map the same classes from the
    same bands.

    >>> Ensemble((one, other)).probabilities(pixels, valid)  # doctest: +SKIP
    """

    members: tuple[SegmentPredictor, ...]

    def __post_init__(self) -> None:
        for name, said in SAME.items():
            known = [(member, value) for member in self.members if (value := said(member)) is not None]
            for member, value in known:
                if value != known[0][1]:
                    places = [each.folder or "a run" for each in (known[0][0], member)]
                    raise UserError(
                        f"{places[1]} has {name} {value}, {places[0]} {known[0][1]}; runs that map a scene together "
                        "need the same classes, in the same order, from the same bands"
                    )

    @property
    def device(self) -> torch.device:
        """Of the first member."""
        return self.members[0].device

    @property
    def channels(self) -> int:
        """Bands of a picture."""
        return self.members[0].channels

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of all members."""
        return self.members[0].class_names

    @property
    def bands(self) -> tuple[str, ...] | None:
        """Names of the bands, from the first member that knows them."""
        return next((member.bands for member in self.members if member.bands is not None), None)

    @property
    def stride(self) -> int:
        """The least edge that all members take."""
        return math.lcm(*(member.stride for member in self.members))

    @property
    def scale(self) -> float:
        """Of the first member, by which tiles are laid; each member resamples as it needs."""
        return self.members[0].scale

    @property
    def threshold(self) -> float:
        """The mean of the members' thresholds."""
        return float(np.mean([member.threshold for member in self.members]))

    @property
    def statistics(self) -> Statistics:
        """Of the first member's training areas. Each member standardizes by its own where no others are given."""
        return self.members[0].statistics

    @property
    def dtype(self) -> str | None:
        """Type of the training pictures' pixels, where all members agree."""
        types = {member.dtype for member in self.members}
        return types.pop() if len(types) == 1 else None

    @property
    def ground_range_m(self) -> tuple[float, float] | None:
        """Least and most meters a pixel covered in the training of any member; None where one does not say."""
        return _widest([member.ground_range_m for member in self.members])

    @property
    def pictures_ground_m(self) -> tuple[float, float] | None:
        """The same of the training pictures of any member as they were read."""
        return _widest([member.pictures_ground_m for member in self.members])

    @property
    def digest(self) -> str:
        """Tells ensembles apart."""
        return hashlib.sha256(" ".join(member.digest for member in self.members).encode()).hexdigest()[:16]

    def at_ground(self, ground_m: float | None) -> "Ensemble":
        """These members for pictures whose pixels cover ``ground_m`` meters, as `SegmentPredictor.at_ground` does."""
        return Ensemble(tuple(member.at_ground(ground_m) for member in self.members))

    def with_threshold(self, threshold: float) -> "Ensemble":
        """The same, decided at another threshold."""
        return Ensemble(tuple(replace(member, threshold=threshold) for member in self.members))

    def normalization(self, wanted: str, *, harmonized: bool = False) -> str:
        """As `SegmentPredictor.normalization`; `UserError` for "auto" where members were trained differently."""
        found = {member.normalization(wanted, harmonized=harmonized) for member in self.members}
        if len(found) > 1:
            raise UserError(
                "the runs were trained to see colors differently: some by the training areas', some by each scene's "
                "own; add --normalize run or --normalize scene"
            )
        return found.pop()

    def probabilities(self, pixels: np.ndarray, valid: np.ndarray, statistics: Statistics | None = None) -> np.ndarray:
        """The mean of the members' probabilities, (B, classes, H, W) float32; as `SegmentPredictor.probabilities`."""
        return self.answers(pixels, valid, statistics)[:, : len(self.class_names)]

    @property
    def learned_borders(self) -> bool:
        """Whether all members did."""
        return all(member.learned_borders for member in self.members)

    def answers(self, pixels: np.ndarray, valid: np.ndarray, statistics: Statistics | None = None) -> np.ndarray:
        """The mean of the members' answers, as `SegmentPredictor.answers`; of the classes alone where a member
        learned no borders."""
        given = None if statistics == self.statistics else statistics  # the first one's own means: each by its own
        planes = len(self.class_names) + self.learned_borders
        total = self.members[0].answers(pixels, valid, given)[:, :planes]
        for member in self.members[1:]:
            total = total + member.answers(pixels, valid, given)[:, :planes]
        return total / np.float32(len(self.members))

    def classes_of(self, probabilities: np.ndarray) -> np.ndarray:
        """The class of each pixel, (B, H, W) uint8, from `probabilities`."""
        if len(self.class_names) == 2:
            return (probabilities[:, 1] >= self.threshold).astype(np.uint8)
        return probabilities.argmax(1).astype(np.uint8)


SAME: dict[str, Callable[[SegmentPredictor], object]] = {
    "the classes": lambda member: ", ".join(member.class_names),
    "this many bands:": lambda member: member.channels,
    "the bands": lambda member: None if member.bands is None else ", ".join(member.bands),
}
"""What members must agree in, where they know it."""


Predictor = SegmentPredictor | Ensemble
"""What answers for a picture: a network, or several together."""


def together(predictors: Sequence[SegmentPredictor]) -> Predictor:
    """One predictor as it is, several as an `Ensemble`."""
    return predictors[0] if len(predictors) == 1 else Ensemble(tuple(predictors))


def _widest(ranges: list[tuple[float, float] | None]) -> tuple[float, float] | None:
    known = [each for each in ranges if each is not None]
    if len(known) < len(ranges):
        return None
    return min(low for low, _ in known), max(high for _, high in known)
