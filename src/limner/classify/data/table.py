"""A CSV whose rows name a picture and its class: path,label and, if it likes, split and group."""

import csv
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from limner.classify.data.folders import HELD_OUT, LEARNED, natural
from limner.classify.data.found import Found, fingerprint_of_files, open_files
from limner.foundation.errors import UserError
from limner.foundation.files.names import found_below
from limner.foundation.files.tables import separator_of

PATH_NAMES = ("path", "file", "filename", "file_name", "image", "picture")
LABEL_NAMES = ("label", "class", "class_name", "category", "target")
LONGEST_HEAD = 1 << 16
HEAD = "needed: a head such as path,label with a row for each picture"


class _Row(NamedTuple):
    name: str
    path: Path
    label: str
    held_out: bool
    group: str


def find_table(path: Path) -> Found:
    """Pictures as a CSV lists them, by paths below the CSV's folder.

    Columns: ``path`` and ``label`` (or what `PATH_NAMES` and `LABEL_NAMES` have); ``split`` says train, val or test of
    each, and rows of other splits than train and the first of val and test are left out; pictures of one ``group`` stay
    on one side.

    Raises `UserError`, with the line, for a head without these, a row without a class, a path that leaves the folder or
    leads nowhere, and fewer than two classes.
    """
    rows = _kept(_rows(path))
    names = tuple(sorted({row.label for row in rows}, key=natural))
    if len(names) < 2:
        raise UserError(f"{path}: {len(names)} class{'' if len(names) == 1 else 'es'}; needed: two or more in its rows")
    files = tuple(row.path for row in rows)
    labels = np.array([names.index(row.label) for row in rows], np.int64)
    held = np.array([row.held_out for row in rows])
    groups = np.unique([row.group for row in rows], return_inverse=True)[1] if any(row.group for row in rows) else None
    return Found(
        form="a CSV of paths and labels",
        names=tuple(row.name for row in rows),
        labels=labels,
        class_names=names,
        opener=open_files(files),
        fingerprint=fingerprint_of_files(files, labels, (held.tolist(), None if groups is None else groups.tolist())),
        held_out=held if held.any() and not held.all() else None,
        groups=groups,
        files=files,
    )


def _rows(path: Path) -> list[tuple[_Row, str]]:
    """Each row with what it says of the split."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            separator = separator_of(file.readline(LONGEST_HEAD))
            file.seek(0)
            reader = csv.DictReader(file, delimiter=separator)
            head = {(name or "").strip().lower(): name for name in reader.fieldnames or ()}
            found = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not a CSV in UTF-8 ({' '.join(str(error).split())[:80]}); {HEAD}") from None
    columns = [next((head[name] for name in known if name in head), None) for known in (PATH_NAMES, LABEL_NAMES)]
    if None in columns:
        raise UserError(f"{path}: its head is {', '.join(head) or 'empty'}; {HEAD}")
    picture, label = columns
    base = path.parent.resolve()
    rows = []
    for number, row in enumerate(found, start=2):
        name, told = (row[picture] or "").strip(), (row[label] or "").strip()
        if not name or not told:
            raise UserError(f"{path}, line {number}: no {'path' if not name else 'label'}; give it or remove the line")
        if "\0" in name:
            raise UserError(f"{path}, line {number}: its path holds a NUL, as no file's name can; write the CSV anew")
        place = found_below(base, name)
        if not Path(os.path.normpath(place)).is_relative_to(base):
            raise UserError(f"{path}, line {number}: {name} leaves the CSV's folder; move the CSV above its pictures")
        if not place.is_file():
            raise UserError(f"{path}, line {number}: {name}: no such file below {base.name}/")
        split = (row.get(head.get("split", ""), "") or "").strip().lower()
        group = (row.get(head.get("group", ""), "") or "").strip()
        rows.append((_Row(name, place, told, False, group), split))
    if not rows:
        raise UserError(f"{path}: no rows; {HEAD}")
    return rows


def _kept(rows: list[tuple[_Row, str]]) -> list[_Row]:
    said = {split for _, split in rows}
    if not said & set(LEARNED):
        return [row for row, _ in rows]
    kept = next((name for name in HELD_OUT if name in said), "")
    return [row._replace(held_out=split == kept) for row, split in rows if split in (*LEARNED, kept)]
