"""What ``limner compare`` does for classifiers: their scores side by side, on the same pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limner.classify.measures.scores import Evaluation, wilson
from limner.classify.scoring.options import COLUMNS, USUAL_COLUMNS, CompareOptions
from limner.foundation.errors import UserError
from limner.foundation.nearest import did_you_mean
from limner.learning.runs.evaluations import Compared
from limner.learning.seed_table import Measure
from limner.reporting.tables import csv_table, markdown_table, percent, tex, tex_table, write_table

LOWER_IS_BETTER = ("calibration_error", "loss")


@dataclass(frozen=True)
class ClassComparison:
    """Classifiers side by side. rows: names and scores. columns: keys of `COLUMNS`."""

    rows: tuple[tuple[str, Evaluation], ...]
    columns: tuple[str, ...] = USUAL_COLUMNS

    def printed(self, column: str, scored: Evaluation) -> str:
        """A score as tables print it."""
        value: float | None = getattr(scored, column)
        return f"{value:.4f}" if column == "loss" and value is not None else percent(value)

    def header(self) -> list[str]:
        """ "run", the columns, the interval of the accuracy, and how many pictures."""
        return ["run", *(COLUMNS[column] for column in self.columns), "accuracy's 95 % interval", "pictures"]

    def body(self, bold: str = "{}") -> list[list[str]]:
        """The rows as printed, and the trivial answer below; bold: how the best of a column is set."""
        best = {}
        for column in self.columns:
            values = [value for _, scored in self.rows if (value := getattr(scored, column)) is not None]
            if values:
                best[column] = (min if column in LOWER_IS_BETTER else max)(values)
        lines = []
        for name, scored in self.rows:
            cells = []
            for column in self.columns:
                cell = self.printed(column, scored)
                first = getattr(scored, column) is not None and getattr(scored, column) == best.get(column)
                cells.append(bold.format(cell) if first else cell)
            ends = wilson(round(scored.accuracy * scored.pictures), scored.pictures)
            lines.append([name, *cells, " to ".join(map(percent, ends)), f"{scored.pictures:,}"])
        answer, accuracy = self.rows[0][1].trivial
        trivial = [percent(accuracy) if column == "accuracy" else "" for column in self.columns]
        return [*lines, [f"always '{answer}'", *trivial, "", ""]]

    def notes(self) -> list[str]:
        """What may mislead."""
        said = dict.fromkeys(scored.on for _, scored in self.rows)
        found = [f"Scored on: {'; '.join(said)}."]
        if len({scored.confusion.sum(axis=1).tobytes() for _, scored in self.rows}) > 1:
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
        rows = []
        for name, scored in self.rows:
            ends = wilson(round(scored.accuracy * scored.pictures), scored.pictures)
            rows.append([name, *(getattr(scored, column) for column in self.columns), *ends, scored.pictures])
        return csv_table(["run", *self.columns, "accuracy_low", "accuracy_high", "pictures"], rows)

    def to_tex(self) -> str:
        """A LaTeX tabular for the package booktabs, the best in bold; the notes are comments."""
        rows = [[tex(row[0]), *row[1:]] for row in self.body(r"\textbf{{{}}}")]
        return tex_table([" & ".join(map(tex, self.header()))], [rows], self.notes())

    def to_json(self) -> dict[str, Any]:
        """The rows, each with its scores by column and how many pictures; and the notes."""
        rows = {
            name: {**{column: getattr(scored, column) for column in self.columns}, "pictures": scored.pictures}
            for name, scored in self.rows
        }
        return {"runs": rows, "notes": self.notes()}

    def measured(self) -> dict[str, dict[Measure, float | None]]:
        """The scores of each run, shares in percent: what `limner study` gathers over seeds."""
        found: dict[str, dict[Measure, float | None]] = {}
        for name, scored in self.rows:
            found[name] = {}
            for column in self.columns:
                title, _, unit = COLUMNS[column].partition(", ")
                value: float | None = getattr(scored, column)
                measure = Measure(
                    title, "lower" if column in LOWER_IS_BETTER else "higher", 4 if column == "loss" else 2, unit
                )
                found[name][measure] = value if value is None or not unit else 100 * value
        return found

    def write(self, path: Path) -> None:
        """Write the table as ``.md``, ``.csv`` or ``.tex``, by the suffix."""
        write_table(path, {".md": self.to_markdown, ".csv": self.to_csv, ".tex": self.to_tex})


def compare_runs(compared: Sequence[Compared], options: CompareOptions, *, device: str = "auto") -> ClassComparison:
    """Classifiers by their ``evaluation.json``. Raises `UserError` for a column that is none, other classes, and a run
    without an evaluation."""
    for column in options.columns:
        if column not in COLUMNS:
            raise UserError(f"no column '{column}'; {did_you_mean(column, COLUMNS)}")
    rows = [(each.name, Evaluation.from_json(each.needed(), str(each.path))) for each in compared]
    first_name, first = rows[0]
    for name, other in rows[1:]:
        if other.class_names != first.class_names:
            raise UserError(f"{first_name} and {name} tell other classes apart; compare runs of the same classes")
    return ClassComparison(tuple(rows), tuple(dict.fromkeys(options.columns)))
