"""Scores of runs side by side, as Markdown, CSV, LaTeX and JSON: the best in bold, what may mislead first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from limner.foundation.errors import UserError
from limner.foundation.nearest import did_you_mean
from limner.learning.seed_table import Measure
from limner.reporting.tables import csv_table, markdown_table, percent, tex, tex_table, write_table


class Column(NamedTuple):
    """A score of the table. name: in files. title: its head, such as "AP50, %". digits: after the point of a score that
    is no share; a share, which ``digits`` None says, is kept from 0 to 1 and printed in percent."""

    name: str
    title: str
    lower_is_better: bool = False
    digits: int | None = None

    def printed(self, value: float | None) -> str:
        """A score as tables print it."""
        return percent(value) if value is None or self.digits is None else f"{value:.{self.digits}f}"


class Row(NamedTuple):
    """A run of the table. values: scores by the columns' names, None where they mean nothing. scored: how many
    were. on: of what, in words. identity: the same for scores of the same pictures. interval: the 95 % interval of
    the accuracy, in rooms that tell one."""

    name: str
    values: Mapping[str, float | None]
    scored: int
    on: str
    identity: object
    interval: tuple[float, float] | None = None


class Trivial(NamedTuple):
    """The score of an answer that needs no learning, which stands below. column: the name of the one that it has."""

    name: str
    column: str
    value: float


@dataclass(frozen=True)
class ScoreTable:
    """Runs side by side. counted: what the rows' counts are of, such as "pictures"."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    counted: str
    trivial: Trivial | None = None

    @property
    def has_intervals(self) -> bool:
        """Whether the rows tell an interval."""
        return self.rows[0].interval is not None

    def header(self) -> list[str]:
        """ "run", the columns, the interval of the accuracy, and what is counted."""
        told = ["accuracy's 95 % interval"] if self.has_intervals else []
        return ["run", *(column.title for column in self.columns), *told, self.counted]

    def body(self, bold: str = "{}") -> list[list[str]]:
        """The rows as printed, and the trivial answer below; bold: how the best of a column is set. Runs that print
        alike share it."""
        best = {}
        for column in self.columns:
            values = [value for row in self.rows if (value := row.values[column.name]) is not None]
            if values:
                best[column] = column.printed((min if column.lower_is_better else max)(values))
        lines = []
        for row in self.rows:
            cells = []
            for column in self.columns:
                value = row.values[column.name]
                cell = column.printed(value)
                cells.append(bold.format(cell) if value is not None and cell == best[column] else cell)
            told = [] if row.interval is None else [" to ".join(map(percent, row.interval))]
            lines.append([row.name, *cells, *told, f"{row.scored:,}"])
        if self.trivial is not None:
            shown = [percent(self.trivial.value) if each.name == self.trivial.column else "" for each in self.columns]
            lines.append([self.trivial.name, *shown, *([""] if self.has_intervals else []), ""])
        return lines

    def notes(self) -> list[str]:
        """What may mislead."""
        found = [f"Scored on: {'; '.join(dict.fromkeys(row.on for row in self.rows))}."]
        if len({row.identity for row in self.rows}) > 1:
            found.insert(
                0, "Careful: not all were scored on the same pictures; give each the same with limner evaluate."
            )
        return found

    def to_markdown(self) -> str:
        """A Markdown table with the best in bold, and the notes."""
        first, *rest = self.notes()
        table = markdown_table(self.header(), self.body("**{}**"), rest or [first])
        return f"{first}\n\n{table}" if rest else table

    def to_csv(self) -> str:
        """Comma-separated, unrounded, shares from 0 to 1."""
        ends = ["accuracy_low", "accuracy_high"] if self.has_intervals else []
        rows = [
            [row.name, *(row.values[each.name] for each in self.columns), *(row.interval or ()), row.scored]
            for row in self.rows
        ]
        return csv_table(["run", *(column.name for column in self.columns), *ends, self.counted], rows)

    def to_tex(self) -> str:
        """A LaTeX tabular for the package booktabs, the best in bold; the notes are comments."""
        rows = [[tex(row[0]), *row[1:]] for row in self.body(r"\textbf{{{}}}")]
        return tex_table([" & ".join(map(tex, self.header()))], [rows], self.notes())

    def to_json(self) -> dict[str, Any]:
        """The rows, each with its scores by column and how many were scored; and the notes."""
        rows = {
            row.name: {**{each.name: row.values[each.name] for each in self.columns}, self.counted: row.scored}
            for row in self.rows
        }
        return {"runs": rows, "notes": self.notes()}

    def measured(self) -> dict[str, dict[Measure, float | None]]:
        """The scores of each run, shares in percent: what `limner study` gathers over seeds."""
        found: dict[str, dict[Measure, float | None]] = {}
        for row in self.rows:
            found[row.name] = {}
            for column in self.columns:
                title, _, unit = column.title.partition(", ")
                digits = 2 if column.digits is None else column.digits
                measure = Measure(title, "lower" if column.lower_is_better else "higher", digits, unit)
                value = row.values[column.name]
                found[row.name][measure] = value if value is None or column.digits is not None else 100 * value
        return found

    def write(self, path: Path) -> None:
        """Write the table as ``.md``, ``.csv`` or ``.tex``, by the suffix."""
        write_table(path, {".md": self.to_markdown, ".csv": self.to_csv, ".tex": self.to_tex})


def chosen_columns(names: Sequence[str], known: Sequence[Column]) -> tuple[Column, ...]:
    """The columns that are asked for, each once. Raises `UserError` for one that is none."""
    by_name = {column.name: column for column in known}
    for name in names:
        if name not in by_name:
            raise UserError(f"no column '{name}'; {did_you_mean(name, by_name)}")
    return tuple(by_name[name] for name in dict.fromkeys(names))
