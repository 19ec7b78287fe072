"""What became of each instance: the lines of ``manifest.csv``."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from limner.datasets.annotations.instances import BROKEN, DUPLICATE, EMPTY, NO_PICTURE
from limner.foundation.files.writing import replacing
from limner.reporting.tables import csv_cell, from_csv_cell

UNREADABLE, GROUP, SMALL, CUT_OFF, COVERED, UNSEEN, UNSURE = (
    "unreadable", "group", "small", "truncated", "overlapped", "not found", "low score",
)  # fmt: skip
REASONS = {
    UNREADABLE: "the picture or its labels cannot be read",
    NO_PICTURE: "the picture that its labels name is not there",
    BROKEN: "neither its outline nor its box can be drawn",
    EMPTY: "nothing of it is to be seen in its picture",
    DUPLICATE: "the labels tell of it twice, in the same words",
    GROUP: "several objects drawn as one",
    SMALL: "below --min-width, --min-height or --min-area",
    CUT_OFF: "above --max-truncation",
    COVERED: "above --max-overlap",
    UNSEEN: "Mask R-CNN finds no such object",
    UNSURE: "below --min-score",
}
"""Why an instance is no cut-out."""


@dataclass(frozen=True)
class Row:
    """One instance. Boxes are in pixels of its picture; x1 and y1 are the first outside.

    source: the picture's name. area_px: of the mask. truncation: the largest share of one side of its box that lies on
    the picture's border. overlap: the share of its box that other instances cover. score: of the best detection of the
    object, 0 to 1. found: that detection's box. file: the cut-out, below the folder. reason: why there is none.
    """

    source: str
    split: str
    instance: str
    object: str
    x0: int | None = None
    y0: int | None = None
    x1: int | None = None
    y1: int | None = None
    area_px: int | None = None
    truncation: float | None = None
    overlap: float | None = None
    score: float | None = None
    found_x0: int | None = None
    found_y0: int | None = None
    found_x1: int | None = None
    found_y1: int | None = None
    kept: str = "no"
    reason: str = ""
    file: str = ""


COLUMNS = tuple(field.name for field in fields(Row))


def manifest_order(row: Row) -> tuple[object, ...]:
    """By picture, then by instance, with numbers by their value."""
    digits = re.fullmatch(r"\d+", row.instance)
    return row.source, 0 if digits else 1, int(row.instance) if digits else 0, row.instance


def write_manifest(path: Path, rows: Iterable[Row]) -> None:
    """Write the rows in `manifest_order`, the same bytes for the same rows."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for row in sorted(rows, key=manifest_order):
            table.writerow([_cell(value) for value in astuple(row)])


def _cell(value: str | float | None) -> str | float:
    return csv_cell(value) if isinstance(value, str) else "" if value is None else value


def read_manifest(path: Path) -> list[Row]:
    """The rows that `write_manifest` wrote. Raises `OSError` or `ValueError` where it did not write that file."""
    with path.open(encoding="utf-8", newline="") as file:
        heads, *lines = csv.reader(file)
    if tuple(heads) != COLUMNS:
        raise ValueError(f"{path}: other columns than a manifest's")
    return [_row(line) for line in lines]


def _row(cells: Sequence[str]) -> Row:
    kinds = {field.name: str(field.type).split(" ")[0] for field in fields(Row)}
    read: dict[str, Callable[[str], Any]] = {"str": from_csv_cell, "int": int, "float": float}
    values = {
        name: None if cell == "" and kinds[name] != "str" else read[kinds[name]](cell)
        for name, cell in zip(COLUMNS, cells, strict=True)
    }
    return Row(**values)  # type: ignore[arg-type]  # by name and by the field's own type
