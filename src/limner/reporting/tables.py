"""Tables for people: Markdown, CSV, LaTeX. Names in them may be anybody's: no name is more than a name there."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from limner.foundation.errors import UserError
from limner.foundation.files.writing import write_text
from limner.foundation.unexpected import one_line

TEX_SPECIAL = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


FORMULA = re.compile(r"'*[=+\-@\t\r]")
PIPE = re.compile(r"(?<!\\)\|")  # not yet escaped


def write_table(path: Path, forms: Mapping[str, Callable[[], str]]) -> None:
    """Write a table in the form that the path's suffix names. Raises `UserError` for a suffix without one."""
    form = forms.get(path.suffix.lower())
    if form is None:
        raise UserError(f"{path}: tables are written as {', '.join(forms)}; give a name that ends so")
    write_text(path, form())


def tex(text: str) -> str:
    """Text as LaTeX prints it: on one line, its special characters as such.

    >>> tex("50 % of a_b"), tex("}")
    ('50 \\\\% of a\\\\_b', '\\\\}')
    """
    return "".join(TEX_SPECIAL.get(character, character) for character in one_line(text))


def tex_comments(notes: Iterable[str]) -> list[str]:
    """Notes as comments of LaTeX, each on a line that no note can leave."""
    return [f"% {one_line(line)}" for note in notes for line in note.splitlines()]


def markdown(text: str) -> str:
    """Text as a paragraph or cell of Markdown: on one line, without HTML or links of its own.

    >>> markdown("<b>roof</b> [see](http://a.b)")
    '\\\\<b>roof\\\\</b> [see]\\\\(http://a.b)'
    """
    return one_line(text).replace("<", "\\<").replace("](", "]\\(")


def csv_cell(text: str) -> str:
    """Text as a cell of CSV: spreadsheets compute what begins so; behind an apostrophe it is text to them.

    >>> csv_cell("=1+1"), csv_cell("roof"), from_csv_cell(csv_cell("'=1"))
    ("'=1+1", 'roof', "'=1")
    """
    return f"'{text}" if FORMULA.match(text) else text


def from_csv_cell(cell: str) -> str:
    """The text that `csv_cell` was given."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def percent(value: float | None) -> str:
    """A fraction as the tables print it: "67.72", or "-" where undefined."""
    return "-" if value is None else f"{100 * value:.2f}"


class Share(float):
    """A fraction that people read in percent."""


SHARES = ("f1", "iou", "accuracy", "precision", "recall", "coverage", "top5", "ap50", "ap")
"""Scores that are fractions of a whole: percent wherever people read them, 0 to 1 in files for programs."""
TITLES = {
    "f1": "F1", "iou": "IoU", "kid": "KID", "fid": "FID", "top5": "top-5 accuracy", "ap50": "AP50", "ap": "AP",
}  # fmt: skip


def told(name: str, value: float) -> str:
    """A number of a training in words; its name's last part says what it is.

    >>> told("validation/f1", 0.8531), told("train/loss", 0.41234), told("validation/iou", 0.75)
    ('F1 85.3 %', 'loss 0.4123', 'IoU 75.0 %')
    """
    quantity = name.rpartition("/")[2]
    title = TITLES.get(quantity, quantity.replace("_", " "))
    return f"{title} {100 * value:.1f} %" if quantity in SHARES else f"{title} {value:.4g}"


def told_all(values: Mapping[str, float]) -> str:
    """Numbers of a training in words, by where they were measured; alarms are left out.

    >>> told_all({"train/loss": 0.5, "validation/f1": 0.8, "validation/iou": 0.7, "alarm/copies": 1.0})
    'train loss 0.5; validation F1 80.0 %, IoU 70.0 %'
    """
    places: dict[str, list[str]] = {}
    for name, value in values.items():
        where = name.rpartition("/")[0]
        if where != "alarm":
            places.setdefault(where, []).append(told(name, value))
    return "; ".join(f"{where} {', '.join(parts)}".strip() for where, parts in places.items())


def markdown_row(cells: Sequence[str]) -> str:
    """A line of a Markdown table; see `markdown` for what cells may hold."""
    return "| " + " | ".join(PIPE.sub(r"\\|", markdown(cell)) for cell in cells) + " |"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], notes: Iterable[str] = ()) -> str:
    """A Markdown table, its first column names and the others numbers, and notes below, a line each."""
    ruled = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join([*map(markdown_row, ruled), "", *map(markdown, notes)]) + "\n"


def csv_table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Comma-separated rows, each a name and its values; None is empty. Further names come as `csv_cell`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([csv_cell(each) for each in header])
    writer.writerows([csv_cell(name), *values] for name, *values in rows)
    return text.getvalue()


def tex_table(heads: Sequence[str], groups: Iterable[Sequence[Sequence[str]]], notes: Iterable[str] = ()) -> str:
    """A LaTeX tabular for the package booktabs: names to the left, numbers to the right, notes as comments above.

    heads: its heading, a line or several, in LaTeX. groups: rows of cells in LaTeX, with a rule above each group.
    """
    found = [list(group) for group in groups]
    columns = len(found[0][0]) - 1
    lines = [
        *tex_comments(notes),
        rf"\begin{{tabular}}{{l{'r' * columns}}}",
        r"\toprule",
        *(f"{head} \\\\" for head in heads),
    ]
    for group in found:
        lines += [r"\midrule", *(" & ".join(row) + r" \\" for row in group)]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"
