"""What a run that detects says of itself in ``model.json``, held against what it must say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from limner.foundation.files.documents import as_record
from limner.foundation.files.schema import bounds
from limner.learning.runs.run import Run
from limner.learning.runs.weights import DAMAGED


@dataclass(frozen=True)
class DetectFacts:
    """What detecting needs to know of a trained network. threshold: the score from which what it finds is shown. scale:
    how much larger than they are pictures of the training were read, in the median. ground_m: what a pixel of them
    covered, where they had a place on the ground."""

    network: Mapping[str, Any]
    class_names: tuple[str, ...] = field(metadata=bounds(minimum=1, maximum=10_000))
    short_px: int = field(metadata=bounds(minimum=1, maximum=4096))
    longest_px: int = field(metadata=bounds(minimum=1, maximum=8192))
    threshold: float = field(metadata=bounds(minimum=0, maximum=1))
    scale: float = field(default=1.0, metadata=bounds(minimum=1e-3, maximum=1e3))
    ground_m: float | None = None

    def __post_init__(self) -> None:
        if len(set(self.class_names)) < len(self.class_names):
            raise ValueError("class_names names a class twice")
        if self.ground_m is not None and not self.ground_m > 0:
            raise ValueError(f"ground_m is {self.ground_m:g}; needed: more than 0")


def read_facts(run: Run) -> DetectFacts:
    """The facts of a run of this room. Raises `UserError` that names what is missing or wrong in them."""
    return as_record(run.facts, DetectFacts, str(run.folder / "model.json"), DAMAGED)
