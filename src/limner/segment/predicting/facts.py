"""What ``model.json`` says of a network that maps: read once, checked, and then of known kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from limner.foundation.files.documents import as_record
from limner.foundation.files.schema import bounds
from limner.learning.runs.weights import DAMAGED
from limner.reporting.pictures import IGNORE
from limner.scenes.opening import DATA_TYPES
from limner.scenes.statistics import Statistics

if TYPE_CHECKING:
    from limner.learning.runs.run import Run

MOST_BANDS = 1024
LEAST_CORNERS = 4
"""Of an outline whose end is its beginning."""
NORMALIZATIONS = ("run", "area", "initial", None)
"""How a network was trained to see colors; runs of before that was kept say nothing."""


@dataclass(frozen=True)
class MeasuredBands:
    """Mean and deviation of each band, as `Statistics` writes them."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


@dataclass(frozen=True)
class MapFacts:
    """What mapping needs to know of a trained network; each field is what `SegmentTask.facts` writes under its name."""

    network: Mapping[str, Any]
    channels: int = field(metadata=bounds(minimum=1, maximum=MOST_BANDS))
    class_names: tuple[str, ...] = field(metadata=bounds(minimum=2, maximum=IGNORE))
    statistics: MeasuredBands
    threshold: float = field(metadata=bounds(minimum=0, maximum=1))
    threshold_by_scene: bool = False
    """Whether maps choose one of their own instead (`limner.segment.measures.thresholds`)."""
    bands: tuple[str, ...] | None = None
    dtype: str | None = None
    ground_m: float | None = field(default=None, metadata=bounds(minimum=1e-6, maximum=1e6))
    ground_range_m: tuple[float, float] | None = None
    pictures_ground_m: tuple[float, float] | None = None
    normalize: str | None = None
    borders: Mapping[str, Any] | None = None
    ground: Mapping[str, tuple[tuple[tuple[float, float], ...], ...]] = field(default_factory=dict)
    """As `limner.segment.data.learned_ground.Ground`; runs of before that was kept say nothing."""

    def __post_init__(self) -> None:
        of_bands = {"statistics.mean": self.statistics.mean, "statistics.deviation": self.statistics.deviation}
        for name, values in {**of_bands, "bands": self.bands or None}.items():
            if values is not None and len(values) != self.channels:
                raise ValueError(f"{name} has {len(values)} entries, but channels is {self.channels}")
        if min(self.statistics.deviation) <= 0:
            raise ValueError(f"statistics.deviation holds {min(self.statistics.deviation):g}; needed: numbers above 0")
        if len(set(self.class_names)) < len(self.class_names):
            raise ValueError(f"class_names names a class twice ({', '.join(self.class_names)})")
        if self.dtype is not None and self.dtype not in DATA_TYPES:
            raise ValueError(f"dtype is {self.dtype}; needed: one of {', '.join(DATA_TYPES)}")
        if self.normalize not in NORMALIZATIONS:
            raise ValueError(
                f"normalize is '{self.normalize}'; needed: one of {', '.join(filter(None, NORMALIZATIONS))}"
            )
        if any(len(ring) < LEAST_CORNERS for rings in self.ground.values() for ring in rings):
            raise ValueError(f"ground has an outline of fewer than {LEAST_CORNERS} corners")
        for name in ("ground_range_m", "pictures_ground_m"):
            if (found := getattr(self, name)) is not None and not 0 < found[0] <= found[1]:
                raise ValueError(f"{name} is {found}; needed: the least and the most, above 0")

    @property
    def band_statistics(self) -> Statistics:
        """Of the training areas, in the pictures' own units."""
        return Statistics(self.statistics.mean, self.statistics.deviation)

    @property
    def ground_m_range(self) -> tuple[float, float] | None:
        """Least and most meters a pixel covered in training, crops shrunk or enlarged at random among them; runs of
        before that was kept know the median alone."""
        if self.ground_range_m is not None or self.ground_m is None:
            return self.ground_range_m
        return self.ground_m, self.ground_m


def read_facts(run: Run) -> MapFacts:
    """The facts of a run of the segment room. Raises `UserError` that names what is missing or wrong in them."""
    return as_record(run.facts, MapFacts, str(run.folder / "model.json"), DAMAGED)
