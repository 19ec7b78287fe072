"""The table that compares runs: for each area F1, accuracy and IoU, and their mean, beside both constants.

The form of Table II in Ghassemi et al. 2018, with the constants ("all background", "all object") as further rows: an
accuracy says little before one knows what doing nothing scores on the same pixels.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from limner.errors import UserError
from limner.files import write_text
from limner.run import open_run
from limner.segment.counts import Scores
from limner.segment.scores import Evaluation, markdown_row, percent

COLUMNS = {"F1": "f1", "Acc": "accuracy", "IoU": "iou"}
TEX_SPECIAL = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


class Row(NamedTuple):
    """A run, or a constant. scores: of each area in order, and last their plain mean."""

    name: str
    scores: tuple[Scores, ...]

    def values(self) -> list[float | None]:
        """Fractions 0..1 for the table's columns: F1, accuracy and IoU of each place."""
        return [getattr(scores, field) for scores in self.scores for field in COLUMNS.values()]


@dataclass(frozen=True)
class Comparison:
    """Runs side by side on the same pixels. places: the areas, and last "mean". notes: what tells the runs apart."""

    places: tuple[str, ...]
    runs: tuple[Row, ...]
    constants: tuple[Row, ...]
    notes: tuple[str, ...]

    def best(self) -> list[str | None]:
        """The highest score of each column among the runs, as printed: runs that print alike share it."""
        columns = zip(*(row.values() for row in self.runs), strict=True)
        best = (max((value for value in column if value is not None), default=None) for column in columns)
        return [None if value is None else percent(value) for value in best]

    def cells(self, bold: str = "{}") -> list[list[str]]:
        """The table's body in percent: name, then the scores; the best of the runs set in ``bold``."""
        best = self.best()
        rows = []
        for row in self.runs:
            printed = [percent(value) for value in row.values()]
            marked = [bold.format(text) if text == top else text for text, top in zip(printed, best, strict=True)]
            rows.append([row.name, *marked])
        return rows + [[row.name, *map(percent, row.values())] for row in self.constants]

    def header(self) -> list[str]:
        """The names of the columns of `cells`."""
        return ["run", *(f"{place} {score}" for place in self.places for score in COLUMNS)]

    def to_markdown(self) -> str:
        """A Markdown table with the best in bold, and the notes."""
        rows = [self.header(), ["---"] + ["---:"] * (len(self.header()) - 1), *self.cells("**{}**")]
        return "\n".join([*map(markdown_row, rows), "", *self.notes]) + "\n"

    def to_csv(self) -> str:
        """Comma-separated: ``run,<area>_f1,<area>_acc,<area>_iou,...,mean_f1,mean_acc,mean_iou``, in percent."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["run", *(f"{place}_{score.lower()}" for place in self.places for score in COLUMNS)])
        writer.writerows(["" if cell == "-" else cell for cell in row] for row in self.cells())
        return text.getvalue()

    def to_tex(self) -> str:
        """A LaTeX tabular for the package booktabs, with the best in bold; the notes are comments."""
        cells = [[_tex(row[0]), *row[1:]] for row in self.cells(r"\textbf{{{}}}")]
        groups = " & ".join(rf"\multicolumn{{{len(COLUMNS)}}}{{c}}{{{_tex(place)}}}" for place in self.places)
        lines = [
            *(f"% {note}" for note in self.notes),
            rf"\begin{{tabular}}{{l{'r' * len(COLUMNS) * len(self.places)}}}",
            r"\toprule",
            rf" & {groups} \\",
            " & ".join(["", *list(COLUMNS) * len(self.places)]) + r" \\",
            r"\midrule",
            *(" & ".join(row) + r" \\" for row in cells[: len(self.runs)]),
            r"\midrule",
            *(" & ".join(row) + r" \\" for row in cells[len(self.runs) :]),
            r"\bottomrule",
            r"\end{tabular}",
        ]
        return "\n".join(lines) + "\n"

    def write(self, path: Path) -> None:
        """Write the table as ``.md``, ``.csv`` or ``.tex``, by the suffix."""
        forms = {".md": self.to_markdown, ".csv": self.to_csv, ".tex": self.to_tex}
        form = forms.get(path.suffix.lower())
        if form is None:
            raise UserError(f"{path}: tables are written as {', '.join(forms)}; give a name that ends so")
        write_text(path, form())


def compare(items: Sequence[tuple[str, Mapping[str, Any]]]) -> Comparison:
    """Compare evaluations of the same pixels. items: (name, what ``evaluation.json`` holds).

    Raises `UserError`, naming what differs, where the evaluations have other areas, classes, pixels of truth or another
    protocol. The decision threshold and the normalization may differ: they belong to what is compared, and are noted.
    """
    if not items:
        raise UserError("nothing to compare; name at least one evaluated run")
    evaluations = [(name, Evaluation.from_json(value, source=name)) for name, value in items]
    first_name, first = evaluations[0]
    for name, other in evaluations[1:]:
        if difference := _difference(first, other):
            raise UserError(
                f"{first_name} and {name} are not scored alike: {difference}; evaluate both on one data set"
            )
    return Comparison(
        places=(*first.areas, "mean"),
        runs=tuple(_row(name, evaluation, tuple(first.areas)) for name, evaluation in evaluations),
        constants=tuple(_row(name, constant, tuple(first.areas)) for name, constant in first.constants().items()),
        notes=tuple(_notes(evaluations)),
    )


def compare_runs(runs: Sequence[str]) -> Comparison:
    """Compare runs by what their ``evaluation.json`` says, see `compare`.

    runs: each a run (its folder, ``last``, a bundled model), the path of an evaluation file, or NAME=either; without a
    name the folder's, or the file's without its suffix.
    """
    return compare([_named_evaluation(run) for run in runs])


def _named_evaluation(run: str) -> tuple[str, Mapping[str, Any]]:
    name, _, place = run.partition("=") if "=" in run and not Path(run).exists() else ("", "", run)
    path = Path(place)
    if path.suffix == ".json":
        name = name or path.stem
    else:
        opened = open_run(place)
        name, path = name or opened.name, opened.folder / "evaluation.json"
    try:
        return name, json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise UserError(f"{path}: no evaluation there; run limner evaluate {place} first") from None
    except ValueError:
        raise UserError(f"{path}: not JSON; run limner evaluate again") from None


def _row(name: str, evaluation: Evaluation, areas: Sequence[str]) -> Row:
    return Row(name, (*(evaluation.areas[area].scores() for area in areas), evaluation.mean()))


def _difference(first: Evaluation, other: Evaluation) -> str:
    """What keeps two evaluations from being compared, in words; empty when nothing does."""
    if set(first.areas) != set(other.areas):
        apart = sorted(set(first.areas) ^ set(other.areas))
        return f"areas {', '.join(apart[:5])} are in one only"
    if first.class_names != other.class_names:
        return f"classes {', '.join(first.class_names)} and {', '.join(other.class_names)}"
    for name in ("pixels", "ignore"):
        ours, theirs = getattr(first.protocol, name), getattr(other.protocol, name)
        if ours != theirs:
            return f"protocols say {name}: {ours!r} and {theirs!r}"
    for area, counts in first.areas.items():
        if counts.truth_pixels != other.areas[area].truth_pixels:
            ours, theirs = (
                " + ".join(map(str, each)) for each in (counts.truth_pixels, other.areas[area].truth_pixels)
            )
            return f"area {area} has {ours} and {theirs} pixels of {', '.join(first.class_names)}"
    return ""


def _notes(evaluations: Sequence[tuple[str, Evaluation]]) -> list[str]:
    first = evaluations[0][1]
    names = first.class_names
    which = f"of {names[1]}" if len(names) == 2 else f"mean over {len(names)} classes"
    notes = [f"In percent, {which}; {first.protocol.pixels}; mean = plain mean over the areas; best run in bold."]
    for field, absent in (("threshold", "likeliest class"), ("normalization", "not stated")):
        values = {name: getattr(evaluation.protocol, field) for name, evaluation in evaluations}
        if len(set(values.values())) > 1:
            said = ", ".join(f"{name} {absent if value is None else value}" for name, value in values.items())
            notes.append(f"{field.capitalize()}: {said}.")
    for name, evaluation in evaluations:
        if missing := sum(evaluation.unmapped.values()):
            notes.append(f"{name}: {missing} labelled pixels are in no score, its maps say nothing there.")
    return notes


def _tex(text: str) -> str:
    return "".join(TEX_SPECIAL.get(character, character) for character in text)
