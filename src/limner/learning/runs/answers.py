"""What a verb of a run takes and leaves that answers for pictures: the pictures given, and a folder of the answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from limner.datasets.pictures.listing import picture_files
from limner.foundation.errors import UserError
from limner.foundation.files.writing import as_paths, as_utf8


def pictures_given(pictures: str | Path | Sequence[str | Path]) -> list[Path]:
    """Files, and those of folders, each once. Raises `UserError` for what is not there, and where none is given."""
    files = list({file.resolve(): file for path in as_paths(pictures) for file in _files(path)}.values())
    if not files:
        raise UserError("no picture is given; name files or folders of pictures")
    return files


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return picture_files(path)
    if not path.exists():
        raise UserError(f"{path}: no such file or folder; needed: pictures, or folders of them")
    return [path]


def names_of_answers(files: Iterable[Path], suffix: str) -> list[str]:
    """A name for the drawn answer of each file, no two alike where large and small letters count as one.

    >>> names_of_answers([Path("a/1.jpg"), Path("b/1.png"), Path("c/2.jpg")], ".png")
    ['1.png', '1-2.png', '2.png']
    """
    given: dict[str, int] = {}
    names = []
    for file in files:
        stem = file.stem
        while stem.casefold() in given:
            given[stem.casefold()] += 1
            stem = f"{stem}-{given[stem.casefold()]}"
        given[stem.casefold()] = 1
        names.append(f"{stem}{suffix}")
    return names


def write_answers(folder: Path, table: str, csv: str, listing: str, listed: Any) -> None:
    """Put all answers into a folder: a table of that name, and a JSON file."""
    (folder / table).write_bytes(as_utf8(csv))
    (folder / listing).write_bytes(as_utf8(json.dumps(listed, indent=2, ensure_ascii=False) + "\n"))


def refuse_other_files(folder: Path, table: str, listing: str, drawn: Callable[[Any], Iterable[str]]) -> None:
    """Raise `UserError` where a folder holds what no earlier call has written.

    table, listing: as `write_answers` has them. drawn: of what the JSON file there holds, the names of drawn answers.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UserError(f"--out {folder}: is a file; needed: a folder")
    held = {path.name for path in folder.iterdir()}
    try:
        own = {table, listing, *drawn(json.loads((folder / listing).read_text(encoding="utf-8")))}
    except (OSError, ValueError, KeyError, TypeError):
        own = set()
    if not held <= own:
        raise UserError(f"--out {folder}: holds other files; choose another folder or add --overwrite")
