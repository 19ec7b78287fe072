"""What ``limner compare`` does for translations: runs side by side on the same pairs, with the bars below."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from limner.foundation.errors import UserError
from limner.learning.evaluations import Compared
from limner.learning.seed_table import Measure
from limner.reporting.tables import csv_cell, markdown, markdown_row, tex, tex_comments, write_table
from limner.translate.measures.result import LOWER_IS_BETTER, MADE, PairScores, Row, printed


@dataclass(frozen=True)
class PairComparison:
    """Translations side by side. rows: names and scores, all by one protocol; bars: of the first that has them."""

    rows: tuple[tuple[str, PairScores], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The scores that all have."""
        first, *others = (scores.columns for _, scores in self.rows)
        return tuple(name for name in first if all(name in other for other in others))

    def header(self) -> list[str]:
        """ "run", the columns' titles, and the interval of PSNR."""
        return ["run", *(self.rows[0][1].title(name) for name in self.columns), "PSNR's 95 % interval"]

    def body(self, bold: str = "{}") -> list[list[str]]:
        """The runs, then the bars, as printed. bold: how the best run of a column is set; edges have none."""
        best = {}
        for column in self.columns:
            if column != "sharpness":
                choose = min if column in LOWER_IS_BETTER else max
                best[column] = printed(column, choose(scores.rows[MADE].scores[column] for _, scores in self.rows))
        lines = [_cells(name, scores.rows[MADE], self.columns, best, bold) for name, scores in self.rows]
        bars = {name: row for name, row in self.rows[0][1].rows.items() if name != MADE}
        return [*lines, *(_cells(name, row, self.columns, {}, "{}") for name, row in bars.items())]

    def notes(self) -> list[str]:
        """What may mislead, first; then the protocol."""
        found = dict.fromkeys(note for _, scores in self.rows for note in scores.all_notes())
        if len({(scores.pictures, scores.on) for _, scores in self.rows}) > 1:
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
        writer.writerow(["run", *self.columns, "psnr_low", "psnr_high"])
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
        """The scores of each run: what `limner study` gathers over seeds. Sharpness has no better side."""
        found: dict[str, dict[Measure, float | None]] = {}
        for name, scores in self.rows:
            found[name] = {}
            for column in self.columns:
                better: Literal["lower", "higher", "none"] = "lower" if column in LOWER_IS_BETTER else "higher"
                measure = Measure(scores.title(column), "none" if column == "sharpness" else better, 4)
                found[name][measure] = scores.rows[MADE].scores[column]
        return found

    def write(self, path: Path) -> None:
        """Write the table; the suffix says as what: .md, .csv or .tex."""
        write_table(path, {".md": self.to_markdown, ".csv": self.to_csv, ".tex": self.to_tex})


def _cells(name: str, row: Row, columns: Sequence[str], best: dict[str, str], bold: str) -> list[str]:
    cells = [printed(column, row.scores.get(column)) for column in columns]
    marked = [
        bold.format(cell) if cell and cell == best.get(column) else cell
        for column, cell in zip(columns, cells, strict=True)
    ]
    return [name, *marked, " to ".join(f"{end:.2f}" for end in row.interval or ())]


def compare_runs(items: Sequence[Compared], options: None, *, device: str = "auto") -> PairComparison:
    """Put evaluated runs side by side.

    Raises `UserError` for a run without an evaluation, and for scores of another channel, border or region, which
    differ by about 2 dB for that alone.
    """
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
    return PairComparison(tuple(rows))
