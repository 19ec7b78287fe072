"""The protocol of a score: everything that changes the number while the pictures stay the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from limner.foundation.errors import UserError

_WORDS = {
    "features": "features",
    "weights": "weights of the features",
    "resizer": "resizing",
    "quantized": "quantization",
    "alpha": "what shows through transparent pixels",
    "real": "the real pictures (digest of their pixels)",
    "real_count": "real pictures",
    "fake_count": "generated pictures",
    "subsets": "subsets of the KID",
    "subset_size": "pictures in a subset of the KID",
    "splits": "splits of the IS",
    "neighbors": "neighbors of precision and recall",
    "coverage_neighbors": "neighbors of density and coverage",
}
"""What must be equal for two scores to be compared, in words. The seed and limner's version need not be."""

RESAMPLES = 200
"""Of the pictures, for the intervals of scores."""


@dataclass(frozen=True)
class Protocol:
    """How scores were made.

    features: name of the extractor. weights: digest of its weights. resizer: how pictures came to the network's size.
    quantized: what values were brought to before. alpha: what shows through transparent pixels. real: digest of the
    real pictures' pixels. subsets, subset_size: of the KID. splits: of the IS. resamples: of the intervals. seed: of
    all draws. version: of limner.
    """

    features: str
    weights: str
    resizer: str
    quantized: str
    alpha: str
    real: str
    real_count: int
    fake_count: int
    subsets: int
    subset_size: int
    splits: int
    neighbors: int
    coverage_neighbors: int
    resamples: int
    seed: int
    version: str

    def differs(self, other: Protocol) -> str:
        """What keeps scores of the two from being ranked, as "resizing: A and B; ..."; empty when nothing does."""
        apart = [(words, getattr(self, name), getattr(other, name)) for name, words in _WORDS.items()]
        return "; ".join(f"{words}: {ours} and {theirs}" for words, ours, theirs in apart if ours != theirs)

    def to_json(self) -> dict[str, Any]:
        """All of it by name."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any, source: str = "protocol") -> Protocol:
        """The inverse of `to_json`; what a newer limner added is left out.

        Raises `UserError`, naming ``source``, where something is missing or of another type.
        """
        wanted = {field.name: field.type for field in fields(cls)}
        if not isinstance(value, Mapping):
            raise UserError(f"{source}: holds no protocol of picture scores; score the pictures again")
        for name, kind in wanted.items():
            if type(value.get(name)).__name__ != kind:
                raise UserError(f"{source}: its protocol lacks '{name}' ({kind}); score the pictures again")
        return cls(**{name: value[name] for name in wanted})

    def sentence(self) -> str:
        """The protocol in two lines for people."""
        return (
            f"Features: {self.features} (weights {self.weights}), {self.resizer}, from {self.quantized}; transparent "
            f"pixels show {self.alpha}. {self.fake_count:,} generated against {self.real_count:,} real pictures "
            f"({self.real}).\nKID also over {self.subsets} subsets of {self.subset_size:,}; IS over {self.splits} "
            f"splits; precision and recall k = {self.neighbors}, density and coverage k = {self.coverage_neighbors}; "
            f"intervals of 95 % from {self.resamples} resamples of the pictures; seed {self.seed}; limner "
            f"{self.version}."
        )
