"""Scores of translated pictures as they are kept, written and printed, beside what does as well without learning."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from limner.foundation.errors import UserError
from limner.reporting.tables import markdown, markdown_row
from limner.translate.measures.similarity import Protocol

MADE = "translated"
"""The row of what the network made."""
CEILING = "richardson-lucy, true kernel"
"""The row of what can be had by who knows by which kernel each picture was blurred: no bar, a ceiling."""
SCORES = ("psnr", "ssim", "color_error", "features", "kid", "sharpness", "colorfulness", "seam")
LOWER_IS_BETTER = ("features", "kid", "color_error")
NEITHER_IS_BETTER = ("sharpness", "colorfulness", "seam")
RESAMPLES = 1000
DIGITS = {
    "psnr": 2, "ssim": 3, "color_error": 2, "features": 4, "kid": 4, "sharpness": 2, "colorfulness": 1, "seam": 2,
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """What one way of translating scored: the mean over all pictures by score, and the 95 % interval of the first."""

    scores: Mapping[str, float]
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class PairScores:
    """Scores of translated pictures and of the bars, on the same pairs.

    rows: by name, what the network made first. features: the network behind the scores features and kid. on: which
    pairs.
    """

    rows: Mapping[str, Row]
    protocol: Protocol
    pictures: int
    features: str
    on: str = "held out"
    notes: tuple[str, ...] = ()

    @property
    def counted(self) -> int:
        """On how many pictures: scores of other numbers are not side by side."""
        return self.pictures

    def title(self, score: str) -> str:
        """The head of a column: what decides a score stands in it."""
        return {
            "psnr": f"PSNR, dB ({self.protocol.label()})",
            "ssim": f"SSIM ({self.protocol.channel.upper()})",
            "features": f"distance[{self.features}]",
            "kid": f"KID[{self.features}]",
            "color_error": "color error, Lab",
            "sharpness": "edges, levels",
            "colorfulness": "colorfulness",
            "seam": "jump at the hole's border, levels",
        }[score]

    main = "psnr"
    interval_title = "PSNR's 95 % interval"
    interval_digits = DIGITS["psnr"]

    def better(self, score: str) -> Literal["lower", "higher", "none"]:
        """Which side of a score is better; the others have none: true pictures have edges and colors, too."""
        return "none" if score in NEITHER_IS_BETTER else "lower" if score in LOWER_IS_BETTER else "higher"

    def printed(self, score: str, value: float | None) -> str:
        """A score as tables print it."""
        return "" if value is None else f"{value:.{DIGITS[score]}f}"

    @property
    def columns(self) -> tuple[str, ...]:
        """The scores that were measured."""
        return tuple(name for name in SCORES if any(name in row.scores for row in self.rows.values()))

    @property
    def best_bar(self) -> tuple[str, float] | None:
        """The bar with the best PSNR, and that; `CEILING` is none."""
        bars = {name: row.scores["psnr"] for name, row in self.rows.items() if name not in (MADE, CEILING)}
        name = max(bars, key=lambda each: bars[each], default=None)
        return None if name is None else (name, bars[name])

    def line(self) -> str:
        """The PSNR of what was made, beside the best bar's."""
        made = f"PSNR {self.rows[MADE].scores['psnr']:.2f} dB ({self.protocol.label()})"
        bar = self.best_bar
        return made if bar is None else f"{made}; without learning: {bar[1]:.2f} ({bar[0]})"

    def table(self) -> tuple[list[str], list[list[str]]]:
        """(Head, rows) as printed."""
        head = ["", *(self.title(name) for name in self.columns), self.interval_title]
        rows = []
        for name, row in self.rows.items():
            cells = [self.printed(score, row.scores.get(score)) for score in self.columns]
            rows.append([name, *cells, interval_of(row, self.interval_digits)])
        return head, rows

    def all_notes(self) -> list[str]:
        """What to know, the protocol first."""
        return [f"{self.pictures:,} pictures ({self.on}). {self.protocol.sentence()}", *self.notes]

    def to_markdown(self) -> str:
        """A table and the protocol."""
        head, rows = self.table()
        lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
        return "\n".join([*map(markdown_row, lines), "", *map(markdown, self.all_notes())]) + "\n"

    def to_json(self) -> dict[str, Any]:
        """Everything, as JSON holds it."""
        return {
            "rows": {
                name: {"scores": dict(row.scores), "psnr_interval": row.interval} for name, row in self.rows.items()
            },
            "channel": self.protocol.channel,
            "border_px": self.protocol.border_px,
            "region": self.protocol.region,
            "pictures": self.pictures,
            "features": self.features,
            "on": self.on,
            "notes": list(self.notes),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "PairScores":
        """What `to_json` gave. Raises `UserError` for something else."""
        try:
            rows = {
                str(name): Row(
                    {str(key): float(number) for key, number in row["scores"].items()},
                    None if row["psnr_interval"] is None else (row["psnr_interval"][0], row["psnr_interval"][1]),
                )
                for name, row in value["rows"].items()
            }
            protocol = Protocol(value["channel"], int(value["border_px"]), value["region"])
            notes = tuple(map(str, value["notes"]))
            return cls(rows, protocol, int(value["pictures"]), str(value["features"]), str(value["on"]), notes)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError):
            raise UserError("not an evaluation of translated pictures; run limner evaluate again") from None


def interval_of(row: Row, digits: int) -> str:
    """A row's interval as tables print it; nothing where it has none."""
    return " to ".join(f"{end:.{digits}f}" for end in row.interval or ())


def row_of(values: Mapping[str, Sequence[float]], more: Mapping[str, float] | None = None) -> Row:
    """The means of scores over pictures, and the interval of PSNR by resampling the pictures. more: scores of all
    pictures together."""
    means = {name: float(np.mean(numbers)) for name, numbers in values.items() if len(numbers)}
    psnr = np.asarray(values["psnr"])
    interval = None
    if len(psnr) > 1:
        draws = np.random.default_rng(0).integers(len(psnr), size=(RESAMPLES, len(psnr)))
        low, high = np.quantile(psnr[draws].mean(axis=1), (0.025, 0.975))
        interval = (float(low), float(high))
    return Row({**means, **(more or {})}, interval)
