"""What was done already, so that the same command goes on where it was killed, and finds its work done at the end."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypedDict

from limner.foundation.errors import UserError
from limner.foundation.files.locks import is_lock
from limner.foundation.files.records import NotARecordError, Record, read_record, write_record
from limner.foundation.files.schema import conform
from limner.foundation.files.writing import is_leftover, remove, remove_leftovers
from limner.foundation.machine.disk import append
from limner.generate.cutouts.cutting import CLASSES, Done
from limner.generate.cutouts.rows import Row

RECORD, MANIFEST, SUMMARY, SHEET, JOURNAL = (
    "cutouts.json", "manifest.csv", "summary.json", "sheet.png", ".cutouts.jsonl",
)  # fmt: skip


class _Told(TypedDict):
    """Of a folder of cut-outs the record tells no more than the request."""


class _Entry(TypedDict):
    group: int
    done: list[list[list[Any]]]


class Journal:
    """The folder of cut-outs, with one line in a hidden file for each group of pictures that is done.

    A group counts only once its line is whole, which is written after its files. So whatever a kill interrupts is done
    again, to the same bytes. The folder is there, and its lock is held. Raises `UserError` where it holds anything
    else, unless that may be replaced.
    """

    def __init__(self, folder: Path, request: dict[str, Any], *, overwrite: bool) -> None:
        self.folder, self.path = folder, folder / JOURNAL
        record = self.check(folder, request, overwrite=overwrite)
        if overwrite:
            self.clear([request["objects"], None if record is None else record.request.get("objects")])
        remove_leftovers(folder)
        if not (folder / RECORD).exists():
            write_record(folder / RECORD, request)

    @classmethod
    def check(cls, folder: Path, request: dict[str, Any], *, overwrite: bool) -> Record[_Told] | None:
        """The record of a folder, which may be taken for this request. Raises `UserError` where it may not."""
        try:
            record = read_record(folder / RECORD, _Told)
        except NotARecordError:
            if not overwrite:
                raise
            return None
        if record is None and any(not is_leftover(path) and not is_lock(path) for path in _held(folder)):
            raise UserError(f"--out {folder}: holds other files; choose another folder")
        if record is not None and not record.is_of(request) and not overwrite:
            raise UserError(f"--out {folder}: holds other cut-outs; choose another folder or add --overwrite")
        return record

    @property
    def finished(self) -> bool:
        """Whether manifest, summary and sheet are there, written last."""
        return not self.path.exists() and all((self.folder / name).exists() for name in (MANIFEST, SUMMARY))

    def clear(self, objects: Sequence[Any]) -> None:
        """Remove everything that cut-outs left here: the folders of the objects and the records.

        objects: lists of their names, whoever wrote them.
        """
        for name in (CLASSES, *(name for names in objects if isinstance(names, list) for name in names)):
            if is_folder_name(str(name)):
                remove(self.folder / str(name))
        for name in (MANIFEST, SUMMARY, SHEET, JOURNAL, RECORD):
            remove(self.folder / name)

    def abandon(self) -> None:
        """Leave nothing behind of a job that failed before anything was cut out."""
        if any(row.file for group in self.read().values() for done in group for row in done.rows):
            return
        for name in (JOURNAL, RECORD):
            remove(self.folder / name)

    def read(self) -> dict[int, list[Done]]:
        """Group -> what became of its pictures, where all files of it are still there."""
        groups: dict[int, list[Done]] = {}
        for line in self._lines():
            text = line.partition(" ")[2]
            if line != _with_sum(text):
                continue  # cut short by the kill, damaged, or not ours: what it tells of is done again
            try:
                entry = conform(json.loads(text), _Entry)
                group = [
                    Done(tuple(_row(row) for row in rows), tuple(conform(notes, list[str])))
                    for rows, notes in entry["done"]
                ]
            except (ValueError, RecursionError):
                continue  # of another limner
            if all((self.folder / row.file).exists() for done in group for row in done.rows if row.file):
                groups[entry["group"]] = group
        return groups

    def _lines(self) -> list[str]:
        try:
            return self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []

    def add(self, group: int, done: Sequence[Done]) -> None:
        """Note a group as done."""
        entry = {"group": group, "done": [[[asdict(row) for row in one.rows], one.notes] for one in done]}
        # begun on a line of its own: the one before may be cut short
        append(self.path, f"\n{_with_sum(json.dumps(entry))}\n".encode())

    def close(self) -> None:
        """The job is finished."""
        remove(self.path)


def _with_sum(text: str) -> str:
    """A line of the journal: its text behind the sum that tells whether it is whole."""
    return f"{zlib.crc32(text.encode()):08x} {text}"


def _held(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _row(told: Any) -> Row:
    return conform(told, Row, exact=True)


def is_folder_name(name: str) -> bool:
    """Whether a name is that of a folder directly in another, on every system."""
    return name not in ("", ".", "..") and not any(letter in name for letter in '/\\:*?"<>|\0')
