"""Pictures and a list of boxes, as Stanford Cars has them: a CSV file whose lines are path, x0, y0, x1, y1 and perhaps
a class, parted by commas, semicolons or tabs.

J. Krause et al., "3D Object Representations for Fine-Grained Categorization", 3dRR 2013. A box is the mask: without
outlines, what stands around the object inside its box stays.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from limner.datasets.annotations.instances import Box, LabeledPicture, Labels, Source, boxed, labels_of
from limner.datasets.annotations.sources.wanted import PICTURE_FOLDER, Wanted, inside
from limner.foundation.errors import UserError
from limner.foundation.files.tables import number_of, separator_of

FORM = "pictures and boxes"
COLUMNS: dict[str, tuple[str, ...]] = {
    "path": ("path", "file", "filename", "file_name", "fname", "image", "picture", "relative_im_path"),
    "x0": ("x0", "xmin", "x_min", "left", "bbox_x1"),
    "y0": ("y0", "ymin", "y_min", "top", "bbox_y1"),
    "x1": ("x1", "xmax", "x_max", "right", "bbox_x2"),
    "y1": ("y1", "ymax", "y_max", "bottom", "bbox_y2"),
}
"""What the columns may be called; the last of each are those of Stanford Cars' own tables."""
LONGEST_HEAD = 1 << 16
CLASS = ("class", "class_name", "name", "label", "object")


class _Line(NamedTuple):
    """number: in the file, from 1. corners: x0, y0, x1, y1 in pixels."""

    number: int
    name: str
    corners: tuple[float, float, float, float]


def read_boxes(source: Path, wanted: Wanted) -> Source | None:
    """The pictures that a CSV file names, or the one such file in a folder; None where there is none.

    Without a column of classes, every box is the object. Raises `UserError` for a broken line or a missing picture.
    """
    tables = [path for path in _tables(source) if _places(path) is not None]
    if not tables:
        return None
    if len(tables) > 1:
        raise UserError(f"{source}: {tables[0].name} and {tables[1].name} both list boxes; give one of them instead")
    path = tables[0]
    lines, names = _lines(path, wanted)
    found = []
    for name in sorted(lines):
        picture = inside(path.parent, name, str(path))
        if not picture.is_file():
            picture = inside(path.parent / PICTURE_FOLDER, name, str(path))
        if not picture.is_file():
            raise UserError(f"{path}:{lines[name][0].number}: {name} is not there; needed: paths from {path.parent}")
        if wanted.takes(line.name for line in lines[name]):
            found.append(LabeledPicture(picture, name, "", (), _Boxes(tuple(lines[name]))))
    return Source(
        FORM, found, names, shared=(path,), notes=("a box is taken for the mask: its corners keep what is there",)
    )


def _tables(source: Path) -> list[Path]:
    if source.is_file():
        return [source] if source.suffix.lower() == ".csv" else []
    return sorted(source.glob("*.csv"))


def _places(path: Path) -> dict[str, int] | None:
    """The places of the columns, by their names in the first line; None where one is missing."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        table = csv.reader(file, delimiter=_separator(path))
        heads = [head.strip().lower() for head in next(_checked(table, path), [])]
    places = {}
    for column, names in {**COLUMNS, "class": CLASS}.items():
        place = next((heads.index(name) for name in names if name in heads), None)
        if place is not None:
            places[column] = place
    return places if all(column in places for column in COLUMNS) else None


def _separator(path: Path) -> str:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        return separator_of(file.readline(LONGEST_HEAD))


def _lines(path: Path, wanted: Wanted) -> tuple[dict[str, list[_Line]], tuple[str, ...]]:
    """(Lines by picture, the classes that they name)."""
    places = _places(path)
    assert places is not None
    single = None if "class" in places else wanted.single(path)
    lines: dict[str, list[_Line]] = defaultdict(list)
    names: set[str] = set()
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        separator = _separator(path)
        table = csv.reader(file, delimiter=separator)
        next(table)
        for row in _checked(table, path):
            number = table.line_num
            if not any(cell.strip() for cell in row):
                continue
            try:
                x0, y0, x1, y1 = (number_of(row[places[column]], separator) for column in ("x0", "y0", "x1", "y1"))
                name = single if single is not None else row[places["class"]].strip()
            except (ValueError, IndexError):
                raise UserError(
                    f"{path}:{number}: not a box; needed: {', '.join(COLUMNS)} with numbers in pixels"
                ) from None
            if not (x0 < x1 and y0 < y1 and x1 - x0 < float("inf") and y1 - y0 < float("inf")):
                raise UserError(f"{path}:{number}: a box without area; needed: x0 < x1 and y0 < y1")
            lines[row[places["path"]].strip()].append(_Line(number, name, (x0, y0, x1, y1)))
            names.add(name)
    if not lines:
        raise UserError(f"{path}: lists no boxes; needed: a line for each below the first")
    return lines, tuple(sorted(names)) if single is None else ()


def _checked(table: Any, path: Path) -> Iterator[list[str]]:
    """The lines of a CSV reader, whose complaints are one line."""
    try:
        yield from table
    except csv.Error as error:
        raise UserError(
            f"{path}:{table.line_num}: no line of a CSV file ({error}); needed: {', '.join(COLUMNS)}"
        ) from None


class _Boxes:
    def __init__(self, lines: tuple[_Line, ...]) -> None:
        self.lines = lines

    def __call__(self, width: int, height: int) -> Labels:
        return labels_of(
            boxed(str(number), name, Box(*map(round, corners)), (width, height)) for number, name, corners in self.lines
        )
