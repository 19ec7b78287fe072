"""Scores of translations between domains as they are kept, written and printed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from limner.foundation.errors import UserError
from limner.reporting.tables import markdown, markdown_row
from limner.translate.measures.result import MADE, Row, interval_of

UNTOUCHED = "untouched"
COLORS = "colors alone (mkl)"
Main = Literal["kid", "classes"]
TITLES = {
    "kept": "edges kept", "restored": "back again, dB (RGB)", "accuracy": "taken for the domain, %",
    "classes": "classes right, %",
}  # fmt: skip
DIGITS = {"kept": 2, "restored": 2, "accuracy": 1, "classes": 1}


@dataclass(frozen=True)
class DomainScores:
    """Scores of translated pictures, of untouched ones and of recolored ones.

    rows: by name, what the network made first. Scores of a row: ``kid``, the mean over all directions, ``kid to
    DOMAIN`` of each, ``kept``, ``restored`` (of what the network made alone), ``accuracy`` or ``classes``. counts: how
    many pictures in each direction. features: the network behind KID. on: which pictures. main: the score that the
    intervals are of, and that the line tells.
    """

    rows: Mapping[str, Row]
    counts: str
    features: str
    on: str = "held out"
    notes: tuple[str, ...] = ()
    main: Main = "kid"

    @property
    def interval_title(self) -> str:
        """The head of the intervals' column."""
        return f"{'mean KID' if self.main == 'kid' else 'classes right'}'s 95 % interval"

    @property
    def interval_digits(self) -> int:
        """Behind the point."""
        return 4 if self.main == "kid" else DIGITS[self.main]

    @property
    def counted(self) -> str:
        """On how many pictures: scores of other numbers are not side by side."""
        return self.counts

    def title(self, score: str) -> str:
        """The head of a column."""
        if score == "kid":
            return f"mean KID[{self.features}]"
        if score.startswith("kid to "):
            return f"KID to {score.removeprefix('kid to ')}"
        return TITLES[score]

    def better(self, score: str) -> Literal["lower", "higher", "none"]:
        """Which side of a score is better; of edges neither, for a domain may ask for other ones."""
        return "lower" if score.startswith("kid") else "none" if score == "kept" else "higher"

    def printed(self, score: str, value: float | None) -> str:
        """A score as tables print it."""
        if value is None:
            return ""
        return f"{value:.{4 if score.startswith('kid') else DIGITS[score]}f}"

    @property
    def columns(self) -> tuple[str, ...]:
        """The scores that were measured, those of what was made."""
        return tuple(self.rows[MADE].scores)

    @property
    def best_bar(self) -> tuple[str, float] | None:
        """The bar that is best by the main score, and that."""
        bars = {name: row.scores[self.main] for name, row in self.rows.items() if name != MADE}
        choose = min if self.better(self.main) == "lower" else max
        name = choose(bars, key=lambda each: bars[each], default=None)
        return None if name is None else (name, bars[name])

    @property
    def beats_bars(self) -> bool:
        """Whether what was made is better than every bar."""
        made, (_, bar) = self.rows[MADE].scores[self.main], self.best_bar or ("", 0.0)
        return made < bar if self.better(self.main) == "lower" else made > bar

    def line(self) -> str:
        """The main score of what was made, beside the best bar's."""
        made = f"{self.title(self.main)} {self.printed(self.main, self.rows[MADE].scores[self.main])}"
        bar = self.best_bar
        return made if bar is None else f"{made}; without learning: {self.printed(self.main, bar[1])} ({bar[0]})"

    def table(self) -> tuple[list[str], list[list[str]]]:
        """(Head, rows) as printed."""
        head = ["", *(self.title(name) for name in self.columns), self.interval_title]
        rows = [
            [
                name,
                *(self.printed(each, row.scores.get(each)) for each in self.columns),
                interval_of(row, self.interval_digits),
            ]
            for name, row in self.rows.items()
        ]
        return head, rows

    def all_notes(self) -> list[str]:
        """What to know."""
        return [
            f"Pictures made, and in brackets those of the domain that KID holds them against: {self.counts} "
            f"({self.on}). "
            "No true picture is known, so KID tells how like the domain's the pictures look as a set; of few pictures "
            "it is unsure. Edges kept: correlation of the gradients' sizes with the given picture's.",
            *self.notes,
        ]

    def to_markdown(self) -> str:
        """A table and what to know."""
        head, rows = self.table()
        lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
        return "\n".join([*map(markdown_row, lines), "", *map(markdown, self.all_notes())]) + "\n"

    def to_json(self) -> dict[str, Any]:
        """Everything, as JSON holds it."""
        return {
            "rows": {name: {"scores": dict(row.scores), "interval": row.interval} for name, row in self.rows.items()},
            "counts": self.counts,
            "features": self.features,
            "on": self.on,
            "notes": list(self.notes),
            "main": self.main,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "DomainScores":
        """What `to_json` gave. Raises `UserError` for something else."""
        try:
            rows = {
                str(name): Row(
                    {str(key): float(number) for key, number in row["scores"].items()},
                    None if row["interval"] is None else (row["interval"][0], row["interval"][1]),
                )
                for name, row in value["rows"].items()
            }
            found = cls(
                rows, str(value["counts"]), str(value["features"]), str(value["on"]), tuple(map(str, value["notes"])),
                "classes" if value.get("main") == "classes" else "kid",
            )  # fmt: skip
            _ = found.table(), found.line()
            return found
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError):
            raise UserError("not an evaluation of translated domains; run limner evaluate again") from None
