"""A folder for each class, with or without folders of a split above them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from limner.classify.data.found import Found, fingerprint_of_files, open_files
from limner.datasets.pictures.listing import picture_files
from limner.foundation.errors import UserError

ClassFolder = Literal["first", "innermost"]
LEARNED = ("train", "training")
HELD_OUT = ("val", "valid", "validation", "test", "testing")
"""Folders that are a split and no classes. Where there are several to hold out, the first of these is it, and the
others are left alone."""


class _Item(NamedTuple):
    path: Path
    name: str
    label: str
    held_out: bool


def find_folders(paths: Sequence[Path], class_folder: ClassFolder = "first") -> Found:
    """Pictures whose folder is their class: ``cats/1.jpg``, ``dogs/a/2.jpg``, or ``train/cats/1.jpg``,
    ``val/cats/2.jpg``.

    class_folder: ``first``, the folder directly below what is given names the class; ``innermost``, the whole way to
    the picture does (``Greek/character07``).

    Raises `UserError` for a path that is no folder, pictures that lie in no class's folder, and fewer than two classes.
    """
    items = [item for path in paths for item in _items(path, class_folder)]
    names = tuple(sorted({item.label for item in items}, key=natural))
    if len(names) < 2:
        raise UserError(
            f"{', '.join(map(str, paths))}: all pictures lie in the one folder {names[0]}; needed: a folder for each "
            "class, two or more; give the folder above them"
        )
    files = tuple(item.path for item in items)
    labels = np.array([names.index(item.label) for item in items], np.int64)
    held = np.array([item.held_out for item in items])
    return Found(
        form="a folder for each class" + (" of a split" if held.any() else ""),
        names=tuple(item.name for item in items),
        labels=labels,
        class_names=names,
        opener=open_files(files),
        fingerprint=fingerprint_of_files(files, labels, held.tolist()),
        held_out=held if held.any() and not held.all() else None,
        files=files,
    )


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts numbers inside names by their value."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)] + [(-2, name)]


def _items(folder: Path, class_folder: ClassFolder) -> list[_Item]:
    files = sorted(picture_files(folder), key=lambda path: natural(path.relative_to(folder).as_posix()))
    parts = [path.relative_to(folder).parts for path in files]
    tops = {part[0].lower() for part in parts if len(part) > 1}
    split = bool(tops) and tops <= {*LEARNED, *HELD_OUT} and bool(tops & set(LEARNED))
    kept = next((name for name in HELD_OUT if name in tops), "") if split else ""
    items = []
    for path, part in zip(files, parts, strict=True):
        side = part[0].lower() if split and len(part) > 1 else ""
        inner = part[1:] if side else part
        if side and side not in (*LEARNED, kept):
            continue
        if len(inner) < 2:
            loose = sum(len(each) < 2 + bool(side) for each in parts)
            raise UserError(
                f"{path}: lies in no class's folder ({loose} of {len(parts)} do); needed: a folder for each class, or "
                "a CSV of path,label; move them"
            )
        label = inner[0] if class_folder == "first" else "/".join(inner[:-1])
        items.append(_Item(path, "/".join(part), label, side in HELD_OUT))
    return items
