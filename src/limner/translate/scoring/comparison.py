"""What ``limner compare`` does for translations: runs side by side on the same pairs, with the bars below."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limner.foundation.errors import UserError
from limner.learning.runs.evaluations import Compared
from limner.learning.runs.score_rows import RowsComparison, compare_rows
from limner.learning.seed_table import Measure
from limner.reporting.tables import csv_cell, markdown, markdown_row, tex, tex_comments, write_table
from limner.translate.measures.domain_result import DomainScores
from limner.translate.measures.result import MADE, PairScores, interval_of
from limner.translate.translating.attributes import ATTRIBUTES
from limner.translate.translating.domains import PAIRS


@dataclass(frozen=True)
class Comparison:
    """Translations side by side. rows: names and scores, all of one kind by one protocol; bars: of the first."""

    rows: tuple[tuple[str, PairScores | DomainScores], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The scores that all have."""
        first, *others = (scores.columns for _, scores in self.rows)
        return tuple(name for name in first if all(name in other for other in others))

    def header(self) -> list[str]:
        """ "run", the columns' titles, and the interval of the first."""
        first = self.rows[0][1]
        return ["run", *(first.title(name) for name in self.columns), first.interval_title]

    def body(self, bold: str = "{}") -> list[list[str]]:
        """The runs, then the bars, as printed. bold: how the best run of a column is set; edges have none."""
        first = self.rows[0][1]
        best = {}
        for column in self.columns:
            if (better := first.better(column)) != "none":
                choose = min if better == "lower" else max
                best[column] = first.printed(column, choose(each.rows[MADE].scores[column] for _, each in self.rows))
        lines = [self._cells(name, scores, MADE, best, bold) for name, scores in self.rows]
        return [*lines, *(self._cells(name, first, name, {}, "{}") for name in first.rows if name != MADE)]

    def _cells(
        self, name: str, scores: PairScores | DomainScores, way: str, best: dict[str, str], bold: str
    ) -> list[str]:
        row = scores.rows[way]
        cells = [scores.printed(column, row.scores.get(column)) for column in self.columns]
        marked = [
            bold.format(cell) if cell and cell == best.get(column) else cell
            for column, cell in zip(self.columns, cells, strict=True)
        ]
        return [name, *marked, interval_of(row, scores.interval_digits)]

    def notes(self) -> list[str]:
        """What may mislead, first; then the protocol."""
        found = dict.fromkeys(note for _, scores in self.rows for note in scores.all_notes())
        if len({(scores.counted, scores.on) for _, scores in self.rows}) > 1:
            return ["Careful: not all were scored on the same pictures; give each the same --data.", *found]
        return list(found)

    def to_markdown(self) -> str:
        """A Markdown table with the best in bold, and the notes."""
        head = self.header()
        rows = [head, ["---"] + ["---:"] * (len(head) - 1), *self.body("**{}**")]
        first, *rest = self.notes()
        careful = [first, ""] if first.startswith("Careful") else []
        notes = rest if careful else [first, *rest]
        return "\n".join([*careful, *map(markdown_row, rows), "", *map(markdown, notes)]) + "\n"

    def to_csv(self) -> str:
        """Comma-separated, unrounded: runs, then bars."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        first = self.rows[0][1].main
        writer.writerow(["run", *self.columns, f"{first}_low", f"{first}_high"])
        rows = [(name, scores.rows[MADE]) for name, scores in self.rows]
        rows += [(name, row) for name, row in self.rows[0][1].rows.items() if name != MADE]
        for name, row in rows:
            writer.writerow(
                [csv_cell(name), *(row.scores.get(each) for each in self.columns), *(row.interval or ("", ""))]
            )
        return text.getvalue()

    def to_tex(self) -> str:
        """A LaTeX tabular for the package booktabs, the best in bold; the notes are comments."""
        rows = [[tex(row[0]), *row[1:]] for row in self.body(r"\textbf{{{}}}")]
        lines = [
            *tex_comments(self.notes()), rf"\begin{{tabular}}{{l{'r' * (len(self.columns) + 1)}}}", r"\toprule",
            " & ".join(map(tex, self.header())) + r" \\", r"\midrule", *(" & ".join(row) + r" \\" for row in rows),
            r"\bottomrule", r"\end{tabular}",
        ]  # fmt: skip
        return "\n".join(lines) + "\n"

    def to_json(self) -> dict[str, Any]:
        """Everything, as JSON holds it."""
        return {"rows": [{"name": name, **scores.to_json()} for name, scores in self.rows], "notes": self.notes()}

    def measured(self) -> dict[str, dict[Measure, float | None]]:
        """The scores of each run: what `limner study` gathers over seeds."""
        found: dict[str, dict[Measure, float | None]] = {}
        for name, scores in self.rows:
            found[name] = {}
            for column in self.columns:
                measure = Measure(scores.title(column), scores.better(column), 4)
                found[name][measure] = scores.rows[MADE].scores[column]
        return found

    def write(self, path: Path) -> None:
        """Write the table; the suffix says as what: .md, .csv or .tex."""
        write_table(path, {".md": self.to_markdown, ".csv": self.to_csv, ".tex": self.to_tex})


def compare_runs(items: Sequence[Compared], options: None, *, device: str = "auto") -> Comparison | RowsComparison:
    """Put evaluated runs side by side.

    Raises `UserError` for a run without an evaluation, for runs that learned from pairs beside such that did not, for
    scores of another channel, border or region, which differ by about 2 dB for that alone, for other domains, and for
    runs that learned attributes beside such that did not.
    """
    if any(item.task == ATTRIBUTES for item in items):
        return compare_rows(items)
    if all(item.task != PAIRS for item in items):
        return _compare_domains(items)
    for item in items:
        if item.task != PAIRS:
            raise UserError(
                f"{item.place} learned without pairs, {next(each.place for each in items if each.task == PAIRS)} from "
                "pairs; their scores are other ones: compare runs of one kind"
            )
    rows = []
    for item in items:
        try:
            rows.append((item.name, PairScores.from_json(item.needed())))
        except UserError as error:
            raise UserError(str(error) if item.place in str(error) else f"{item.place}: {error}") from None
    first = rows[0]
    for name, scores in rows:
        if scores.protocol != first[1].protocol:
            raise UserError(
                f"{name} was scored on {scores.protocol.label()}, {first[0]} on {first[1].protocol.label()}; these are "
                "different numbers: run limner evaluate with the same --channel and --border-px for both"
            )
    return Comparison(tuple(rows))


def _compare_domains(items: Sequence[Compared]) -> Comparison:
    rows = []
    for item in items:
        try:
            rows.append((item.name, DomainScores.from_json(item.needed())))
        except UserError as error:
            raise UserError(str(error) if item.place in str(error) else f"{item.place}: {error}") from None
    first = rows[0]
    for name, scores in rows:
        if (ours := _directions(scores)) != (theirs := _directions(first[1])):
            raise UserError(
                f"{name} makes pictures into {', '.join(ours)}, {first[0]} into {', '.join(theirs)}; compare runs of "
                "the same domains"
            )
        if scores.main != first[1].main:
            raise UserError(
                f"{name} and {first[0]}: only one was scored on targets with classes; run limner evaluate for both "
                "with the same --data"
            )
    return Comparison(tuple(rows))


def _directions(scores: DomainScores) -> list[str]:
    return [name.removeprefix("kid to ") for name in scores.columns if name.startswith("kid to ")]
