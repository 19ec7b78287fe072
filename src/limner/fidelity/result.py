"""Scores as they are kept, written and printed: numbers with their intervals, their protocol, and notes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from limner.fidelity.protocol import Protocol
from limner.foundation.errors import UserError
from limner.foundation.files.documents import as_record
from limner.reporting.tables import SHARES

HEADS = {
    "kid": "KID",
    "fid": "FID",
    "precision": "precision, %",
    "recall": "recall, %",
    "density": "density",
    "coverage": "coverage, %",
    "is": "IS",
}
"""Every score by its short name, and how it is headed."""
DECIMALS = {"kid": 4, "fid": 2, "precision": 1, "recall": 1, "density": 3, "coverage": 1, "is": 2}
LOWER_IS_BETTER = ("kid", "fid")
OF_FEATURES = ("kid", "fid", "is")
"""Scores whose names always carry their features: ``FID[inception]``."""


@dataclass(frozen=True)
class Score:
    """value, with the 95 % interval over resampled pictures from low to high; None where none was asked for. spread:
    mean and standard deviation over KID's subsets or IS's splits, as papers print them; None for the others."""

    value: float
    low: float | None
    high: float | None
    spread: tuple[float, float] | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """low and high, or None."""
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True)
class PictureScores:
    """Scores by their short names (`HEADS`), how they were made, and what to know when reading them.

    flat_kid: the KID of pictures of one color each, the real ones' mean colors: what knowing no more than that scores.
    """

    scores: dict[str, Score]
    protocol: Protocol
    flat_kid: float
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> float:
        return self.scores[name].value

    @property
    def leading(self) -> str:
        """The score to go by: "fid", or "kid" where there are fewer pictures than the FID has dimensions."""
        return next(iter(self.scores))

    def title(self, name: str) -> str:
        """How a score is called: ``KID[efficientnet-lite0]``, ``precision``."""
        return score_title(name, self.protocol.features)

    def to_json(self) -> dict[str, Any]:
        """``scores`` by name, each with ``value``, ``low``, ``high``, ``spread``; ``flat_kid``, ``protocol``,
        ``notes``.
        """
        scores = {name: asdict(score) for name, score in self.scores.items()}
        return {
            "scores": scores, "flat_kid": self.flat_kid, "protocol": self.protocol.to_json(), "notes": list(self.notes)
        }  # fmt: skip

    @classmethod
    def from_json(cls, value: Any, source: str = "scores") -> PictureScores:
        """The inverse of `to_json`. Raises `UserError`, naming ``source``, for anything else."""
        if not isinstance(value, Mapping) or not isinstance(value.get("scores"), Mapping):
            raise UserError(f"{source}: holds no scores of pictures; needed: what limner fid --json or evaluate wrote")
        protocol = Protocol.from_json(value.get("protocol"), source)
        scores = {name: _score(found, f"{source}: {name}") for name, found in value["scores"].items() if name in HEADS}
        flat_kid = value.get("flat_kid")
        if "kid" not in scores or not (isinstance(flat_kid, float) and isfinite(flat_kid)):
            raise UserError(f"{source}: holds no KID of generated and of flat pictures; score the pictures again")
        return cls(scores, protocol, flat_kid, tuple(map(str, value.get("notes", ()))))

    def line(self) -> str:
        """The KID beside that of pictures of one color each."""
        kid, flat = (printed("kid", value) for value in (self["kid"], self.flat_kid))
        return f"{self.title('kid')} {kid}; without learning: flat mean colors {flat}"

    def to_markdown(self) -> str:
        """A table of the scores, the notes, and the protocol."""
        lines = ["| score | value | 95 % interval | mean ± deviation of parts |", "| --- | ---: | ---: | ---: |"]
        for name, score in self.scores.items():
            interval, parts = score.interval or (), score.spread or ()
            cells = (
                sign.join(printed(name, each) for each in pair) for sign, pair in ((" to ", interval), (" ± ", parts))
            )
            lines.append(f"| {self.title(name)} | {printed(name, score.value)} | {' | '.join(cells)} |")
        flat = f"{self.title('kid')} of flat pictures, each of a real one's mean color"
        lines.append(f"| {flat} | {printed('kid', self.flat_kid)} | | |")
        return "\n".join([*lines, "", *self.notes, *([""] if self.notes else []), self.protocol.sentence()]) + "\n"


def score_title(name: str, features: str) -> str:
    """The head of a score, with its features where they belong to the name.

    >>> score_title("fid", "inception"), score_title("recall", "inception")
    ('FID[inception]', 'recall, %')
    """
    return f"{HEADS[name]}[{features}]" if name in OF_FEATURES else HEADS[name]


def printed(name: str, value: float) -> str:
    """A score as tables have it.

    >>> printed("kid", 0.423714), printed("fid", 12.3456), printed("recall", 0.9253)
    ('0.4237', '12.35', '92.5')
    """
    value = 100 * value if name in SHARES else value
    return f"{value:.{DECIMALS[name]}f}"


def _score(value: Any, source: str) -> Score:
    return as_record(value, Score, source, "score the pictures again")
