"""The table that compares runs: for each area F1, accuracy and IoU, and their mean, beside both constants.

The form of Table II in Ghassemi et al. 2018, and with gains that of its Table III, where a row below each run but the
first says what it gained on the first. The constants ("all background", "all object") are further rows: an accuracy
says little before one knows what doing nothing scores on the same pixels.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from limner.foundation.errors import UserError
from limner.learning.runs.evaluations import Compared
from limner.learning.seed_table import Measure
from limner.reporting.tables import csv_table, markdown_table, percent, tex, tex_table, write_table
from limner.segment.measures.counts import Scores
from limner.segment.measures.scores import Evaluation
from limner.segment.scoring.options import OBJECT_COLUMNS, USUAL_COLUMNS, CompareOptions


class Column(NamedTuple):
    """A score as a column. head: above it. field: of `Scores`, or of `ObjectScores`."""

    head: str
    field: str
    of_objects: bool = False


COLUMNS = {
    "f1": Column("F1", "f1"),
    "acc": Column("Acc", "accuracy"),
    "iou": Column("IoU", "iou"),
    "precision": Column("Precision", "precision"),
    "recall": Column("Recall", "recall"),
    "object-f1": Column("Object F1", "f1", of_objects=True),
    "object-precision": Column("Object precision", "precision", of_objects=True),
    "object-recall": Column("Object recall", "recall", of_objects=True),
    "count-error": Column("Count error", "count_error", of_objects=True),
    "area-error": Column("Area error", "area_error", of_objects=True),
    "boundary-f1": Column("Boundary F1", "boundary_f1", of_objects=True),
}


class Row(NamedTuple):
    """A run, or a constant. scores: of each area in order, and last their plain mean. objects: the same for objects,
    by the fields of `ObjectScores`; empty where none were counted."""

    name: str
    scores: tuple[Scores, ...]
    objects: tuple[Mapping[str, float | None], ...] = ()

    def value(self, place: int, column: str) -> float | None:
        """A score as a fraction. place: of the areas in order, the mean last. column: a key of `COLUMNS`."""
        _, field, of_objects = COLUMNS[column]
        if of_objects:
            return self.objects[place].get(field) if self.objects else None
        value: float | None = getattr(self.scores[place], field)
        return value


@dataclass(frozen=True)
class Comparison:
    """Runs side by side on the same pixels.

    places: the areas, and last "mean". notes: what tells the runs apart. columns: keys of `COLUMNS`, for each place.
    gains: below each run but the first stands what it gained on the first.
    """

    places: tuple[str, ...]
    runs: tuple[Row, ...]
    constants: tuple[Row, ...]
    notes: tuple[str, ...]
    columns: tuple[str, ...] = USUAL_COLUMNS
    gains: bool = False

    def values(self, row: Row) -> list[float | None]:
        """Fractions 0..1 for the table's columns, place by place."""
        return [row.value(place, column) for place in range(len(row.scores)) for column in self.columns]

    def gain(self, row: Row) -> list[float | None]:
        """What a run gained on the first, as fractions -1..1; None where either has no score.

        Differences of the scores that follow from the counts, not of the printed ones; in the column "mean", of the
        means.
        """
        pairs = zip(self.values(row), self.values(self.runs[0]), strict=True)
        return [None if ours is None or first is None else ours - first for ours, first in pairs]

    def best(self) -> list[str | None]:
        """The best score of each column among the runs, as printed: runs that print alike share it.

        It is the highest, of errors the one nearest to 0.
        """
        columns = zip(*map(self.values, self.runs), strict=True)
        errors = [COLUMNS[column].field.endswith("error") for _ in self.places for column in self.columns]
        best = (
            max((value for value in column if value is not None), key=_nearness if error else None, default=None)
            for column, error in zip(columns, errors, strict=True)
        )
        return [None if value is None else percent(value) for value in best]

    def groups(self, bold: str = "{}", italic: str = "{}") -> list[list[list[str]]]:
        """The rows of the table's body, each a name and its scores in percent, in groups that a line may part.

        The groups are the runs and the constants; with gains the first run, each other run with its gain, the
        constants. bold: how the best of the runs is set; italic: how a gain is, in percent points with its sign.
        """
        best = self.best()
        runs: list[list[list[str]]] = []
        for row in self.runs:
            printed = [percent(value) for value in self.values(row)]
            marked = [bold.format(text) if text == top else text for text, top in zip(printed, best, strict=True)]
            runs.append([[row.name, *marked]])
            if self.gains and len(runs) > 1:
                runs[-1].append([italic.format(text) for text in ("gain", *map(_points, self.gain(row)))])
        if not self.gains:
            runs = [[line for group in runs for line in group]]
        return [*runs, [[row.name, *map(percent, self.values(row))] for row in self.constants]]

    def header(self) -> list[str]:
        """The names of the columns: "run", then "<place> <score>"."""
        return ["run", *(f"{place} {COLUMNS[column].head}" for place in self.places for column in self.columns)]

    def to_markdown(self) -> str:
        """A Markdown table with the best in bold, and the notes."""
        return markdown_table(self.header(), itertools.chain(*self.groups("**{}**")), self.notes)

    def to_csv(self) -> str:
        """Comma-separated, in percent: ``run,<area>_f1,<area>_acc,<area>_iou,...,mean_f1,mean_acc,mean_iou``."""
        header = ["run", *(f"{place}_{column}" for place in self.places for column in self.columns)]
        rows = itertools.chain(*self.groups())
        return csv_table(header, ([name, *("" if cell == "-" else cell for cell in cells)] for name, *cells in rows))

    def to_tex(self) -> str:
        """A LaTeX tabular for the package booktabs, the best in bold and gains in italic; the notes are comments."""
        wide = len(self.columns)
        heads = " & ".join(rf"\multicolumn{{{wide}}}{{c}}{{{tex(place)}}}" for place in self.places)
        columns = " & ".join(["", *[COLUMNS[column].head for column in self.columns] * len(self.places)])
        named = replace(self, runs=_with_tex_names(self.runs), constants=_with_tex_names(self.constants))
        groups = named.groups(r"\textbf{{{}}}", r"\textit{{{}}}")
        return tex_table([f" & {heads}", columns], groups, self.notes)

    def to_json(self) -> dict[str, Any]:
        """The runs and the constants, each with its scores (fractions 0..1) by place and column; and the notes."""
        rows = {
            kind: {
                row.name: {
                    name: {column: row.value(place, column) for column in self.columns}
                    for place, name in enumerate(self.places)
                }
                for row in found
            }
            for kind, found in (("runs", self.runs), ("constants", self.constants))
        }
        return {**rows, "notes": list(self.notes)}

    def measured(self) -> dict[str, dict[Measure, float | None]]:
        """The scores of each run in percent, the means first: what `limner study` gathers over seeds."""
        order = sorted(range(len(self.places)), key=lambda place: self.places[place] != "mean")
        found: dict[str, dict[Measure, float | None]] = {}
        for row in self.runs:
            found[row.name] = {}
            for place, column in itertools.product(order, self.columns):
                value, is_error = row.value(place, column), COLUMNS[column].field.endswith("error")
                measure = Measure(f"{self.places[place]} {COLUMNS[column].head}", "zero" if is_error else "higher")
                found[row.name][measure] = None if value is None else 100 * value
        return found

    def write(self, path: Path) -> None:
        """Write the table as ``.md``, ``.csv`` or ``.tex``, by the suffix."""
        write_table(path, {".md": self.to_markdown, ".csv": self.to_csv, ".tex": self.to_tex})


def compare(
    items: Sequence[tuple[str, Mapping[str, Any]]],
    *,
    gains: bool = False,
    columns: Sequence[str] | None = None,
    class_name: str | None = None,
) -> Comparison:
    """Compare evaluations of the same pixels.

    The decision threshold and the normalization may differ: they belong to what is compared, and are noted.

    Args:
        items: (name, what ``evaluation.json`` holds).
        gains: say below each run but the first what it gained on the first.
        columns: which scores, keys of `COLUMNS`; None: the usual ones, with F1 of objects where it is known of all.
        class_name: the class whose scores are compared; by default class 1 of two, of more classes their mean.

    Raises:
        UserError: naming what differs, where the evaluations have other areas, classes, pixels of truth or another
            protocol; for an unknown column or class; for gains of a single run.
    """
    if not items:
        raise UserError("nothing to compare; name at least one evaluated run")
    if gains and len(items) < 2:
        raise UserError(f"gains need something to gain on, but there is only {items[0][0]}; name its baseline first")
    evaluations = [(name, Evaluation.from_json(value, source=name)) for name, value in items]
    if columns is None:
        columns = (*USUAL_COLUMNS, *(() if any(not each.objects.areas for _, each in evaluations) else OBJECT_COLUMNS))
    chosen = _known_columns(columns)
    first_name, first = evaluations[0]
    for name, other in evaluations[1:]:
        if difference := _difference(first, other):
            raise UserError(
                f"{first_name} and {name} are not scored alike: {difference}; evaluate both on one data set"
            )
    number = None if class_name is None else _class_number(class_name, first.class_names)
    notes = _notes(evaluations, number)
    if gains:
        notes.insert(1, f"gain = what the run above it has more than {first_name}, in percent points.")
    return Comparison(
        places=(*first.areas, "mean"),
        runs=tuple(_row(name, each, tuple(first.areas), number) for name, each in evaluations),
        constants=tuple(_row(name, each, tuple(first.areas), number) for name, each in first.constants().items()),
        notes=tuple(notes),
        columns=chosen,
        gains=gains,
    )


def compare_runs(items: Sequence[Compared], options: CompareOptions, *, device: str = "auto") -> Comparison:
    """Compare runs by what their ``evaluation.json`` says, see `compare`; nothing is computed, on no device."""
    evaluations = [(item.name, item.needed()) for item in items]
    return compare(evaluations, gains=options.gains, columns=options.columns, class_name=options.class_name)


def _known_columns(columns: Sequence[str]) -> tuple[str, ...]:
    for column in columns:
        if column not in COLUMNS:
            raise UserError(f"no column '{column}'; choose of {', '.join(COLUMNS)}")
    if not columns:
        raise UserError(f"no columns; choose of {', '.join(COLUMNS)}")
    return tuple(dict.fromkeys(columns))


def _class_number(name: str, names: Sequence[str]) -> int:
    if name not in names:
        raise UserError(f"no class '{name}'; the evaluations have {', '.join(names)}")
    return names.index(name)


def _row(name: str, evaluation: Evaluation, areas: Sequence[str], number: int | None) -> Row:
    scores = (*(evaluation.areas[area].scores(number) for area in areas), evaluation.mean(number))
    counted = evaluation.objects
    if not counted.areas or number == 0:
        return Row(name, scores)
    of_areas = [counted.areas[area].to_json() if area in counted.areas else {} for area in areas]
    return Row(name, scores, (*of_areas, counted.mean()))


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
    ours, theirs = first.objects.protocol, other.objects.protocol
    if ours and theirs and ours != theirs:
        return f"objects are {ours!r} and {theirs!r}"
    for area, counts in first.areas.items():
        if counts.truth_pixels != other.areas[area].truth_pixels:
            ours, theirs = (
                " + ".join(map(str, each)) for each in (counts.truth_pixels, other.areas[area].truth_pixels)
            )
            return f"area {area} has {ours} and {theirs} pixels of {', '.join(first.class_names)}"
    return ""


def _notes(evaluations: Sequence[tuple[str, Evaluation]], number: int | None) -> list[str]:
    first = evaluations[0][1]
    names = first.class_names
    number = 1 if number is None and len(names) == 2 else number
    which = f"mean over {len(names)} classes" if number is None else f"of {names[number]}"
    notes = [f"In percent, {which}; {first.protocol.pixels}; mean = plain mean over the areas; best run in bold."]
    for field, absent in (("threshold", "likeliest class"), ("normalization", "not stated"), ("harmonization", "none")):
        values = {name: getattr(evaluation.protocol, field) for name, evaluation in evaluations}
        if len(set(values.values())) > 1:
            said = ", ".join(f"{name} {absent if value is None else value}" for name, value in values.items())
            notes.append(f"{field.capitalize()}: {said}.")
    if counted := next((each.objects.protocol for _, each in evaluations if each.objects.areas), ""):
        notes.append(f"Objects: {counted}.")
    for name, evaluation in evaluations:
        if missing := sum(evaluation.unmapped.values()):
            notes.append(f"{name}: {missing} labelled pixels are in no score, its maps say nothing there.")
    return notes


def _nearness(value: float) -> float:
    return -abs(value)


def _points(value: float | None) -> str:
    """A difference of fractions in percent points with its sign: "+2.74", or "-" where undefined."""
    return "-" if value is None else f"{round(100 * value, 2) + 0.0:+.2f}"  # + 0.0: no "-0.00"


def _with_tex_names(rows: Sequence[Row]) -> tuple[Row, ...]:
    return tuple(row._replace(name=tex(row.name)) for row in rows)
