"""What was done already, so that the same command goes on where it was killed, and finds its work done at the end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from limner.foundation.errors import UserError
from limner.foundation.files import make_folder, remove, remove_leftovers, write_json
from limner.foundation.version import __version__
from limner.generate.cutouts.cutting import CLASSES, Done
from limner.generate.cutouts.rows import Row

RECORD, MANIFEST, SUMMARY, SHEET, JOURNAL = (
    "cutouts.json", "manifest.csv", "summary.json", "sheet.png", ".cutouts.jsonl",
)  # fmt: skip


class Journal:
    """The folder of cut-outs, with one line in a hidden file for each group of pictures that is done.

    A group counts only once its line is whole, which is written after its files. So whatever a kill interrupts is done
    again, to the same bytes. Raises `UserError` for a folder that holds anything else, unless it may be replaced.
    """

    def __init__(self, folder: Path, request: dict[str, Any], *, overwrite: bool) -> None:
        self.folder, self.path = folder, folder / JOURNAL
        self.made = not folder.exists()
        self._known = _record_in(folder)
        held = folder.is_dir() and any(folder.iterdir())
        if held and self._known is None:
            raise UserError(f"--out {folder}: holds other files; choose another folder")
        if self._known is not None and self._known != request and not overwrite:
            raise UserError(f"--out {folder}: holds other cut-outs; choose another folder or add --overwrite")
        if self._known is not None and (overwrite or self._known != request):
            self.clear()
        make_folder(folder)
        remove_leftovers(folder)
        if not (folder / RECORD).exists():
            write_json(folder / RECORD, {"limner": __version__, "request": request})

    @property
    def finished(self) -> bool:
        """Whether manifest, summary and sheet are there, written last."""
        return not self.path.exists() and all((self.folder / name).exists() for name in (MANIFEST, SUMMARY))

    def clear(self) -> None:
        """Remove everything that cut-outs left here: the folders of the objects and the records."""
        for name in (CLASSES, *(self._known or {}).get("objects", ())):
            if is_folder_name(str(name)):  # the record may have been written by anybody
                remove(self.folder / str(name))
        for name in (MANIFEST, SUMMARY, SHEET, JOURNAL, RECORD):
            remove(self.folder / name)

    def abandon(self) -> None:
        """Leave nothing behind of a job that failed before anything was cut out."""
        if any(row.file for group in self.read().values() for done in group for row in done.rows):
            return
        for name in (JOURNAL, RECORD):
            remove(self.folder / name)
        if self.made and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def read(self) -> dict[int, list[Done]]:
        """Group -> what became of its pictures, where all files of it are still there."""
        groups: dict[int, list[Done]] = {}
        for line in self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else ():
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # cut short by the kill
            group = [Done(tuple(Row(**row) for row in rows), tuple(notes)) for rows, notes in entry["done"]]
            if all((self.folder / row.file).exists() for done in group for row in done.rows if row.file):
                groups[entry["group"]] = group
        return groups

    def add(self, group: int, done: Sequence[Done]) -> None:
        """Note a group as done."""
        entry = {"group": group, "done": [[[asdict(row) for row in one.rows], one.notes] for one in done]}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"\n{json.dumps(entry)}\n")  # begun on a line of its own: the one before may be cut short

    def close(self) -> None:
        """The job is finished."""
        remove(self.path)


def is_folder_name(name: str) -> bool:
    """Whether a name is that of a folder directly in another, on every system."""
    return name not in ("", ".", "..") and not any(letter in name for letter in '/\\:*?"<>|\0')


def _record_in(folder: Path) -> dict[str, Any] | None:
    try:
        request = json.loads((folder / RECORD).read_text(encoding="utf-8"))["request"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return request if isinstance(request, dict) else None
