"""What ``model.json`` says of a network that translates: read once, checked, and then of known kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from limner.foundation.files.documents import as_record
from limner.foundation.files.schema import bounds
from limner.learning.runs.weights import DAMAGED
from limner.translate.data.pairs import Frame
from limner.translate.data.reading import Colors

if TYPE_CHECKING:
    from limner.learning.runs.run import Run


@dataclass(frozen=True)
class TranslatorFacts:
    """What translating needs to know of a run; each field is what `PairTask.facts` writes under its name."""

    generator: Mapping[str, Any]
    inputs: int = field(metadata=bounds(minimum=1, maximum=1 << 10))
    outputs: int = field(metadata=bounds(minimum=1, maximum=1 << 10))
    scale: int = field(metadata=bounds(minimum=1, maximum=8))
    colors: Colors
    source_colors: Colors
    degrade: Mapping[str, Any]
    see_mask: bool
    picture_statistics: bool
    dropout: bool
    frames: int = field(default=0, metadata=bounds(minimum=0, maximum=1 << 10))
    """Of a run that learned a frame of clips: how many others it is shown. 0: of another run."""
    frame: Frame = "next"


def read_facts(run: Run) -> TranslatorFacts:
    """The facts of a run of the translate room. Raises `UserError` that names what is missing or wrong in them."""
    return as_record(run.facts, TranslatorFacts, str(run.folder / "model.json"), DAMAGED)
