"""Scores as they are kept, printed and compared: rows of what was made, and of the bars beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from limner.foundation.errors import UserError
from limner.foundation.files.documents import as_record
from limner.learning.runs.evaluations import Compared
from limner.learning.seed_table import Measure
from limner.reporting.tables import csv_table, markdown_table, tex, tex_table, write_table

MADE = "made"
"""The row of what the networks made."""
RESAMPLES = 1000


@dataclass(frozen=True)
class Column:
    """A score: how it is headed and printed, and which side is better. share: whether it is printed in percent."""

    head: str
    better: Literal["higher", "lower", "none"] = "higher"
    share: bool = False
    digits: int = 3

    def printed(self, value: float | None) -> str:
        """As tables have it."""
        if value is None:
            return ""
        return f"{100 * value:.1f}" if self.share else f"{value:.{self.digits}f}"


@dataclass(frozen=True)
class ScoreRows:
    """Rows of scores on the same samples, what was made first, the bars after it.

    columns: by the name of a score, the leading first. rows: by name, each score's value or None. intervals: of scores
    of the first row, 95 %. bar: the row that needs no learning and is told beside what was made. protocol: a sentence.
    """

    columns: Mapping[str, Column]
    rows: Mapping[str, Mapping[str, float | None]]
    bar: str
    protocol: str
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def words(self, row: str) -> str:
        """The scores of a row in words."""
        told = self.rows[row]
        parts = [
            f"{column.head.removesuffix(', %')} {column.printed(told[name])}{' %' if column.share else ''}"
            for name, column in self.columns.items()
            if told.get(name) is not None
        ]
        return ", ".join(parts)

    def line(self) -> str:
        """What was made, beside the bar."""
        return f"{self.words(MADE)}; without learning: {self.words(self.bar)} ({self.bar})"

    def table(self) -> tuple[list[str], list[list[str]]]:
        """(Head, rows) as printed."""
        head = ["", *(column.head for column in self.columns.values())]
        rows = [
            [name, *(self._cell(name, each, column) for each, column in self.columns.items())] for name in self.rows
        ]
        return head, rows

    def _cell(self, row: str, name: str, column: Column) -> str:
        value = column.printed(self.rows[row].get(name))
        if row == MADE and name in self.intervals:
            low, high = (column.printed(end) for end in self.intervals[name])
            return f"{value} ({low} to {high})"
        return value

    def to_markdown(self) -> str:
        """A table and the protocol."""
        return markdown_table(*self.table(), [self.protocol, *self.notes])

    def to_json(self) -> dict[str, Any]:
        """Everything, as JSON holds it."""
        return {
            "columns": {name: vars(column) for name, column in self.columns.items()},
            "rows": {name: dict(row) for name, row in self.rows.items()},
            "bar": self.bar, "protocol": self.protocol, "notes": list(self.notes),
            "intervals": {name: list(ends) for name, ends in self.intervals.items()},
        }  # fmt: skip

    @staticmethod
    def from_json(value: Mapping[str, Any], source: str = "evaluation.json") -> "ScoreRows":
        """What `to_json` gave. Raises `UserError` for anything else."""
        known = {name: value[name] for name in ScoreRows.__dataclass_fields__ if name in value}
        return as_record(known, ScoreRows, source, "run limner evaluate again")


@dataclass(frozen=True)
class RowsComparison:
    """Several runs of one task, each with its own bars' best beside it."""

    items: Sequence[tuple[str, ScoreRows]]

    def table(self) -> tuple[list[str], list[list[str]]]:
        """(Head, rows): what each made, and the bars of the first."""
        columns = self.items[0][1].columns
        head, bars = self.items[0][1].table()
        rows = [
            [name, *(scores._cell(MADE, each, column) for each, column in columns.items())]
            for name, scores in self.items
        ]
        return ["run", *head[1:]], [*rows, *(row for row in bars if row[0] != MADE)]

    @property
    def notes(self) -> list[str]:
        """What to know; what is so of one run alone begins with its name."""
        first = self.items[0][1]
        told = {
            note if all(note in other.notes for _, other in self.items) else f"{name}: {note}": None
            for name, scores in self.items
            for note in scores.notes
        }
        return [first.protocol, *told, f"The rows below the runs are bars of {self.items[0][0]}."]

    def to_markdown(self) -> str:
        """A Markdown table."""
        return markdown_table(*self.table(), self.notes)

    def to_json(self) -> dict[str, Any]:
        """The scores of each run."""
        return {name: scores.to_json() for name, scores in self.items}

    def measured(self) -> dict[str, dict[Measure, float | None]]:
        """The scores of each run, shares in percent: what `limner study` gathers over seeds."""
        return {
            name: {
                Measure(column.head, column.better, 1 if column.share else column.digits): None
                if (value := scores.rows[MADE].get(each)) is None
                else value * (100 if column.share else 1)
                for each, column in scores.columns.items()
            }
            for name, scores in self.items
        }

    def write(self, path: Path) -> None:
        """Write the table as ``.md``, ``.csv`` or ``.tex``, by the suffix."""
        head, rows = self.table()
        write_table(
            path,
            {
                ".md": self.to_markdown,
                ".csv": lambda: csv_table(head, rows),
                ".tex": lambda: tex_table(
                    [" & ".join(map(tex, head))], [[[tex(cell) for cell in row] for row in rows]], self.notes
                ),
            },
        )


def compare_rows(compared: Sequence[Compared]) -> RowsComparison:
    """Compare runs of one task by their evaluations.

    Raises `UserError` for runs of several tasks, and for one without an evaluation.
    """
    tasks = {each.task for each in compared}
    if len(tasks) > 1:
        raise UserError(
            f"the runs are of {' and '.join(sorted(map(str, tasks)))}, which have no scores in common; compare runs of "
            "one kind"
        )
    items = [(each.name, ScoreRows.from_json(each.needed(), str(each.path))) for each in compared]
    heads = {tuple(scores.columns) for _, scores in items}
    if len(heads) > 1:
        raise UserError("the runs were scored by other measures, on other data; compare runs of one data set")
    return RowsComparison(items)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of a mean, or of a share of answers, by `RESAMPLES` bootstrap resamples of the samples."""
    drawn = np.random.default_rng(0).choice(np.asarray(values, float), (RESAMPLES, len(values)))
    low, high = np.quantile(drawn.mean(1), [0.025, 0.975])
    return float(low), float(high)


def told_by(columns: Mapping[str, Column], scores: Mapping[str, float]) -> str:
    """Scores under the tables' heads, in words. scores: by names that end in those of columns; others are left out."""
    parts = []
    for name, value in scores.items():
        column = columns.get(name.rpartition("/")[2])
        if column is not None:
            head = column.head.removesuffix(", %")
            parts.append(f"{head} {column.printed(value)}{' %' if column.share else ''}")
    return ", ".join(parts)
