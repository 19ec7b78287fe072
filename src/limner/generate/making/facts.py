"""What ``model.json`` says of a network that makes pictures: read once, checked, and then of known kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from limner.datasets.pictures.decoding import CHANNELS, Colors
from limner.datasets.pictures.fitting import Fit
from limner.foundation.files.documents import as_record
from limner.foundation.files.schema import bounds
from limner.generate.networks.arguments import SIZES_PX
from limner.learning.runs.weights import DAMAGED

if TYPE_CHECKING:
    from limner.learning.runs.run import Run


@dataclass(frozen=True)
class GeneratorFacts:
    """What making pictures needs to know of a run; each field is what `GenerateTask.facts` writes under its name."""

    generator: Mapping[str, Any]
    size_px: int = field(metadata=bounds(minimum=min(SIZES_PX), maximum=max(SIZES_PX)))
    colors: Colors
    channels: int = field(metadata=bounds(minimum=1, maximum=4))
    class_names: tuple[str, ...] = field(metadata=bounds(maximum=1 << 16))
    latent: int = field(metadata=bounds(minimum=1, maximum=1 << 16))
    prior: Mapping[str, Any]
    class_counts: tuple[int, ...] | None = None
    discriminator: Mapping[str, Any] | None = None
    encoder: Mapping[str, Any] | None = None
    latent_optimization: Mapping[str, Any] | None = None
    fit: Fit = "crop"
    truncation: float | None = field(default=None, metadata=bounds(minimum=1e-6, maximum=1e6))

    def __post_init__(self) -> None:
        if CHANNELS[self.colors] != self.channels:
            raise ValueError(f"channels is {self.channels}; pictures in {self.colors} have {CHANNELS[self.colors]}")
        counts = self.class_counts
        if counts and len(counts) != len(self.class_names):
            raise ValueError(f"class_counts has {len(counts)} entries, class_names {len(self.class_names)}")
        if counts and (min(counts) < 0 or max(counts) == 0):
            raise ValueError(f"class_counts are {counts}; needed: how many pictures of each class there were")

    @property
    def has_encoder(self) -> bool:
        """Whether an encoder learned beside the generator; its discriminator then is one of pairs."""
        return self.encoder is not None and self.encoder.get("name") != "none"

    @property
    def shares(self) -> tuple[int, ...]:
        """How many pictures of each class it learned from; where nobody says, alike."""
        return self.class_counts or (1,) * len(self.class_names)


def read_facts(run: Run) -> GeneratorFacts:
    """The facts of a run of the generate room. Raises `UserError` that names what is missing or wrong in them."""
    return as_record(run.facts, GeneratorFacts, str(run.folder / "model.json"), DAMAGED)
