"""YOLO: ``images`` and ``labels`` of the same names, a line ``class x0 y0 x1 y1 ...`` for each outline, in shares of
the size.

The form of Ultralytics' segmentation data. A line of five numbers is a box: class, middle (x, y), width, height.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import yaml

from limner.datasets.annotations.instances import Box, Instance, LabeledPicture, Labels, Source, boxed, instance_of
from limner.datasets.annotations.polygons import LEAST_NUMBERS, polygon_mask
from limner.datasets.annotations.sources.wanted import PICTURE_FOLDER, Wanted, counted, pictures_below
from limner.foundation.errors import UserError

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
    """The data set of a folder with ``images`` and text files in ``labels``; None for another folder.

    Names are those of ``classes.txt`` or of ``names`` in a YAML file. Folders directly below ``images`` are splits. All
    labels are read at once, so that a mistake in them is told before the first cut; only pictures with a wanted object
    are taken. Raises `UserError` for such a mistake.
    """
    pictures, labels = source / PICTURE_FOLDER, source / LABEL_FOLDER
    if not (pictures.is_dir() and labels.is_dir() and next(labels.rglob("*.txt"), None)):
        return None
    names, told_by = class_names(source)
    found, labeled, without = [], 0, 0
    for name, path in pictures_below(pictures).items():
        text = labels / f"{name}.txt"
        if not text.is_file():
            without += 1
            continue
        below = path.relative_to(pictures)
        lines = _lines(text, names, told_by)
        split = below.parts[0] if len(below.parts) > 1 else ""
        labeled += 1
        if any(line.name in wanted.objects for line in lines):
            found.append(LabeledPicture(path, below.as_posix(), split, (text,), _Outlines(lines)))
    if not labeled:
        raise UserError(f"{labels}: no text file has the name of a picture in {pictures}; needed: a.txt for a.jpg")
    notes = (f"{counted(without)} without labels left out",) if without else ()
    return Source(FORM, found, names, shared=(told_by,), notes=notes)


def class_names(source: Path) -> tuple[tuple[str, ...], Path]:
    """(The classes by number, the file that names them). Raises `UserError` where none does."""
    plain = source / "classes.txt"
    if plain.is_file():
        return tuple(line.strip() for line in plain.read_text(encoding="utf-8").splitlines() if line.strip()), plain
    for path in sorted([*source.glob("*.yaml"), *source.glob("*.yml")]):
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, ValueError):
            raise UserError(f"{path}: not YAML; needed: names: [person, car, ...]") from None
        names = content.get("names") if isinstance(content, dict) else None
        if isinstance(names, dict):
            if sorted(names) != list(range(len(names))):
                raise UserError(f"{path}: names are not numbered 0 to {len(names) - 1}; number each class once")
            names = [names[number] for number in range(len(names))]
        if isinstance(names, list):
            return tuple(map(str, names)), path
    raise UserError(
        f"{source}: nothing names its classes; needed: classes.txt, a name on each line, or names in data.yaml"
    )


def _lines(path: Path, names: tuple[str, ...], told_by: Path) -> tuple[_Line, ...]:
    lines = []
    for number, text in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if not text.strip():
            continue
        try:
            first, *rest = map(float, text.split())
            numbers = tuple(rest)
        except ValueError:
            raise UserError(f"{path}:{number}: not numbers; needed: class x0 y0 x1 y1 x2 y2 ...") from None
        if first != int(first) or not 0 <= first < len(names):
            raise UserError(
                f"{path}:{number}: class {first:g}; {told_by.name} names {len(names)}, from 0; name it there"
            )
        if len(numbers) != BOX_NUMBERS and (len(numbers) < LEAST_NUMBERS or len(numbers) % 2):
            raise UserError(f"{path}:{number}: {len(numbers)} numbers after the class; needed: three or more pairs x y")
        if not all(-BEYOND <= value <= 1 + BEYOND for value in numbers):  # NaN neither
            raise UserError(
                f"{path}:{number}: a coordinate outside 0 to 1; needed: shares of width and height, not pixels"
            )
        lines.append(_Line(number, names[int(first)], numbers))
    return tuple(lines)


class _Outlines:
    """Draws the masks of a picture's lines."""

    def __init__(self, lines: tuple[_Line, ...]) -> None:
        self.lines = lines

    def __call__(self, width: int, height: int) -> Labels:
        instances: list[Instance] = []
        for number, name, shares in self.lines:
            if len(shares) == BOX_NUMBERS:
                x, y, wide, high = shares
                corners = (
                    (x - wide / 2) * width,
                    (y - high / 2) * height,
                    (x + wide / 2) * width,
                    (y + high / 2) * height,
                )
                instances += boxed(str(number), name, Box(*map(round, corners)).within(width, height))
            else:
                outline = [share * (height if place % 2 else width) for place, share in enumerate(shares)]
                instances += instance_of(str(number), name, polygon_mask([outline], width, height))
        return Labels(instances)
