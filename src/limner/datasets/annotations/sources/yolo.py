"""YOLO: ``images`` and ``labels`` of the same names, a line ``class x0 y0 x1 y1 ...`` for each outline, in shares of
the size.

The form of Ultralytics' segmentation data. A line of five numbers is a box: class, middle (x, y), width, height; so are
the first five of data whose YAML file tells of keypoints.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from limner.datasets.annotations.instances import (
    NO_PICTURE,
    Box,
    Instance,
    LabeledPicture,
    Labels,
    Lost,
    Source,
    boxed,
    instance_of,
    labels_of,
)
from limner.datasets.annotations.polygons import LEAST_NUMBERS, polygon_mask
from limner.datasets.annotations.sources.wanted import PICTURE_FOLDER, Wanted, counted, is_hidden, pictures_below
from limner.datasets.annotations.sources.yolo_names import Named, class_names
from limner.foundation.errors import UserError
from limner.foundation.files.names import paired_by
from limner.foundation.files.suffixes import YAMLS, ends_with
from limner.foundation.files.writing import files_below

FORM = "YOLO"
LABEL_FOLDER = "labels"
BOX_NUMBERS = 4
BEYOND = 0.01
"""How far beyond the picture, as a share of its size, rounding may carry a corner."""


class _Line(NamedTuple):
    """number: in the file, from 1. shares: its coordinates."""

    number: int
    name: str
    shares: tuple[float, ...]


def read_yolo(source: Path, wanted: Wanted) -> Source | None:
    """The data set of a folder with ``images`` and text files in ``labels``, of folders that each have them, such as
    ``train`` and ``valid``, or of their YAML file; None for another.

    Folders directly below ``images`` are splits, or else those that have ``images``. All labels are read at once, so
    that a mistake in them is told before the first cut; only pictures with a wanted object are taken. Raises
    `UserError` for such a mistake, and as `limner.datasets.annotations.sources.yolo_names.class_names` does.
    """
    yaml_file = source if ends_with(source, YAMLS) and source.is_file() else None
    folder = source if yaml_file is None else source.parent
    areas = _areas(folder)
    if not areas:
        return None
    named = class_names(folder, areas, LABEL_FOLDER, yaml_file)
    found: list[LabeledPicture] = []
    lost: list[Lost] = []
    labeled, without = 0, 0
    for area in areas:
        prefix, pictures, labels = area.relative_to(folder), area / PICTURE_FOLDER, area / LABEL_FOLDER
        shown, texts = pictures_below(pictures), _texts(labels)
        for name, path in shown.items():
            text = texts.get(name)
            if text is None:
                without += 1
                continue
            below = prefix / path.relative_to(pictures)
            lines = _lines(text, named)
            labeled += 1
            if wanted.takes(line.name for line in lines):
                split = below.parts[0] if len(below.parts) > 1 else ""
                found.append(LabeledPicture(path, below.as_posix(), split, (text,), _Outlines(lines)))
        for name, text in texts.items():
            if name not in shown and text != named.told_by:
                reason = f"{NO_PICTURE}: {text} is of none"
                lines = _lines(text, named)
                lost += (Lost(str(line.number), line.name, reason, (prefix / name).as_posix()) for line in lines)
    if not labeled:
        raise UserError(
            f"{areas[0] / LABEL_FOLDER}: no text file has the name of a picture in {areas[0] / PICTURE_FOLDER}; "
            "needed: a.txt for a.jpg"
        )
    notes = [f"{counted(without)} without labels left out"] if without else []
    if lost:
        notes.append(f"labels of no picture left out: {len(lost):,}")
    return Source(FORM, found, named.names, shared=(named.told_by,), notes=tuple(notes), lost=tuple(lost))


def _areas(folder: Path) -> list[Path]:
    """The folder, or else the folders in it, that have pictures and labels."""
    if not folder.is_dir():
        return []
    inner = (path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith("."))
    return [folder] if _is_area(folder) else [path for path in inner if _is_area(path)]


def _is_area(folder: Path) -> bool:
    return (
        (folder / PICTURE_FOLDER).is_dir() and (folder / LABEL_FOLDER).is_dir() and bool(_texts(folder / LABEL_FOLDER))
    )


def _texts(labels: Path) -> dict[str, Path]:
    """Name without suffix, with / between folders -> the text file."""
    found = (path.relative_to(labels) for path in files_below(labels))
    return {
        paired_by(below): labels / below for below in found if below.suffix.lower() == ".txt" and not is_hidden(below)
    }


def _lines(path: Path, named: Named) -> tuple[_Line, ...]:
    lines = []
    for number, text in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").splitlines(), start=1):
        if not text.strip():
            continue
        try:
            first, *rest = map(float, text.split())
            numbers = tuple(rest)
        except ValueError:
            raise UserError(f"{path}:{number}: not numbers; needed: class x0 y0 x1 y1 x2 y2 ...") from None
        if first not in range(len(named.names)):  # neither are fractions, NaN and infinity
            raise UserError(
                f"{path}:{number}: class {first:g}; {named.told_by.name} names {len(named.names)}, from 0; name it "
                "there"
            )
        if named.keypoint_numbers and len(numbers) == BOX_NUMBERS + named.keypoint_numbers:
            numbers = numbers[:BOX_NUMBERS]
        if len(numbers) != BOX_NUMBERS and (len(numbers) < LEAST_NUMBERS or len(numbers) % 2):
            raise UserError(f"{path}:{number}: {len(numbers)} numbers after the class; needed: three or more pairs x y")
        if not all(-BEYOND <= value <= 1 + BEYOND for value in numbers):  # NaN neither
            raise UserError(
                f"{path}:{number}: a coordinate outside 0 to 1; needed: shares of width and height, not pixels"
            )
        lines.append(_Line(number, named.names[int(first)], numbers))
    return tuple(lines)


class _Outlines:
    """Draws the masks of a picture's lines."""

    def __init__(self, lines: tuple[_Line, ...]) -> None:
        self.lines = lines

    def __call__(self, width: int, height: int) -> Labels:
        return labels_of(self._drawn(width, height))

    def _drawn(self, width: int, height: int) -> Iterator[Instance | Lost]:
        for number, name, shares in self.lines:
            if len(shares) == BOX_NUMBERS:
                x, y, wide, high = shares
                corners = (
                    (x - wide / 2) * width,
                    (y - high / 2) * height,
                    (x + wide / 2) * width,
                    (y + high / 2) * height,
                )
                yield boxed(str(number), name, Box(*map(round, corners)), (width, height))
            else:
                outline = [share * (height if place % 2 else width) for place, share in enumerate(shares)]
                yield instance_of(str(number), name, polygon_mask([outline], width, height))
