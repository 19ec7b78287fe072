"""What a run that classifies says of itself in ``model.json``, held against what it must say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from limner.classify.data.preprocessing import Contrast
from limner.datasets.pictures.decoding import CHANNELS, Colors
from limner.datasets.pictures.fitting import Fit
from limner.foundation.files.documents import as_record
from limner.foundation.files.schema import bounds
from limner.learning.runs.run import Run
from limner.learning.runs.weights import DAMAGED

MOST_CLASSES = 100_000
LARGEST_PX = 8192


@dataclass(frozen=True)
class ClassFacts:
    """What classifying needs to know of a trained network; each field is what `ClassifyTask.facts` writes under its
    name."""

    network: Mapping[str, Any]
    channels: int = field(metadata=bounds(minimum=1, maximum=4))
    class_names: tuple[str, ...] = field(metadata=bounds(minimum=1, maximum=MOST_CLASSES))
    size_px: int = field(metadata=bounds(minimum=1, maximum=LARGEST_PX))
    crop_px: int = field(metadata=bounds(minimum=1, maximum=LARGEST_PX))
    colors: Colors
    fit: Fit
    mean: tuple[float, ...]
    std: tuple[float, ...]
    contrast: Contrast = "none"
    whitened: bool = False

    def __post_init__(self) -> None:
        if self.channels != CHANNELS[self.colors]:
            raise ValueError(f"channels is {self.channels}, but colors is {self.colors}")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != self.channels:
                raise ValueError(f"{name} has {len(values)} entries, but channels is {self.channels}")
        if min(self.std) <= 0:
            raise ValueError(f"std holds {min(self.std):g}; needed: numbers above 0")
        if self.crop_px > self.size_px:
            raise ValueError(f"crop_px is {self.crop_px}, more than size_px, which is {self.size_px}")
        if len(set(self.class_names)) < len(self.class_names):
            raise ValueError("class_names names a class twice")


def read_facts(run: Run) -> ClassFacts:
    """The facts of a run of the room classify. Raises `UserError` that names what is missing or wrong in them."""
    return as_record(run.facts, ClassFacts, str(run.folder / "model.json"), DAMAGED)
