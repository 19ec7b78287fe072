"""What the numbers of YOLO's classes mean: ``classes.txt``, or ``names`` in a YAML file, as Ultralytics and Roboflow
write it beside or above the folders."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from limner.foundation.errors import UserError
from limner.foundation.files.suffixes import YAMLS, ends_with
from limner.foundation.files.yaml_nodes import plain_value, read_yaml

PLAIN = "classes.txt"
USUAL = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
"""YAML files that are taken though others name classes, too."""


class Named(NamedTuple):
    """names: of the classes by number. told_by: the file that names them. keypoint_numbers: after the box in each line
    of data with keypoints, else 0."""

    names: tuple[str, ...]
    told_by: Path
    keypoint_numbers: int = 0


def class_names(folder: Path, areas: Sequence[Path], labels: str, yaml_file: Path | None = None) -> Named:
    """The classes of a folder of YOLO's data: by ``yaml_file``, or the first file found in it, in its areas, beside
    their labels, or one folder up, where Roboflow keeps it.

    Raises `UserError` where none names them, where two do, differently, and for files that are not YAML.
    """
    if yaml_file is not None:
        named = _named_in(yaml_file)
        if named is None:
            raise UserError(f"{yaml_file}: names no classes; needed: names: [person, car, ...]")
        return named
    for place in dict.fromkeys((folder, *areas, *(area / labels for area in areas), folder.resolve().parent)):
        named = _named_by(place)
        if named is not None:
            return named
    raise UserError(
        f"{folder}: nothing names its classes; needed: {PLAIN}, a name on each line, or names in data.yaml, there or "
        "one folder up"
    )


def _named_by(place: Path) -> Named | None:
    files = [path for path in place.iterdir() if ends_with(path, YAMLS) and path.is_file()]
    usual = [path for name in USUAL for path in files if path.name == name]
    plain = [_named_by_lines(place / PLAIN)] if (place / PLAIN).is_file() else []
    asked = usual or ([] if plain else sorted(files))
    found = [named for path in asked if (named := _named_in(path)) is not None] + plain
    if not found:
        return None
    other = next((named for named in found if named.names != found[0].names), None)
    if other is not None:
        raise UserError(
            f"{found[0].told_by} and {other.told_by.name} name other classes; give the YAML file itself instead of the "
            "folder, or remove what is wrong"
        )
    return found[0]


def _named_by_lines(path: Path) -> Named:
    """Lines are numbered from 0, so an empty one between others would leave a number without a name."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8-sig", errors="replace").rstrip().splitlines()]
    if "" in lines:
        raise UserError(f"{path}: line {lines.index('') + 1} is empty; needed: the name of class {lines.index('')}")
    return Named(tuple(lines), path)


def _named_in(path: Path) -> Named | None:
    """None where a YAML file is about something else."""
    content = plain_value(read_yaml(path), str(path))
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, dict):
        if set(names) != set(range(len(names))):
            raise UserError(f"{path}: names are not numbered 0 to {len(names) - 1}; number each class once")
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list):
        return None
    return Named(tuple(map(str, names)), path, _keypoint_numbers(content.get("kpt_shape"), path))


def _keypoint_numbers(shape: Any, path: Path) -> int:
    """Of ``kpt_shape``: how many keypoints, of how many numbers each."""
    if shape is None:
        return 0
    if isinstance(shape, list) and len(shape) == 2 and all(isinstance(one, int) and one >= 0 for one in shape):
        return math.prod(shape)
    raise UserError(f"{path}: kpt_shape is {shape!r}; needed: [keypoints, 2 or 3]")
