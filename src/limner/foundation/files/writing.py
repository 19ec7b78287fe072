"""Writing files so that a killed command never leaves half of one under a good name."""

import json
import os
import re
import shutil
import uuid
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from limner.foundation.errors import UserError
from limner.foundation.files.locks import is_lock, locked, locked_folder, remove_if_free
from limner.foundation.files.names import plain
from limner.foundation.machine.disk import telling_full_disk

SIDES = ("-journal", "-wal", "-shm", ".aux.xml", ".ovr", ".msk", ".tmp")
"""What SQLite (GeoPackage) and GDAL write beside a file while they write it."""
LEFTOVER = re.compile(rf"\..+\.[0-9a-f]{{8}}(\.\w+)?({'|'.join(map(re.escape, SIDES))})?", re.DOTALL)
_older: dict[Path, list[str]] = {}
LINKS_DEEP = 4
"""Links to folders within linked folders that are followed: folders that link to each other would never end."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when the block ends without an error.

    The temporary name keeps the suffix (GDAL chooses its driver by it) and is in UTF-8. Works for a file or a folder;
    whatever the block left behind is removed when it fails, and so are the folders that were made for it, and what a
    killed command left. Another command that writes ``path`` is waited for. Raises `DiskFullError` where the block
    fails for want of room, and `UserError` where ``path`` is a link to nothing.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with replacing(target) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> target.read_text()
    'whole'
    """
    refuse_dangling_link(path)
    with alone_with(path) as alone:
        temporary = temporary_name(path) if alone else temporary_name(path, uuid.uuid4().hex)
        if alone:
            remove_leftovers_of(path)
        try:
            with telling_full_disk(path, temporary):
                yield temporary
                if path.is_dir() and temporary.is_dir():
                    shutil.rmtree(path)
                os.replace(temporary, path)
        finally:
            _remove_with_sides(temporary)


def temporary_name(path: Path, salt: str = "") -> Path:
    """The name under which ``path`` is written until it is whole: the same each time, so that whoever has the lock of
    ``path`` finds, and removes, what a killed command left. salt: for a name of one's own, where there are no locks."""
    number = zlib.crc32(os.fsencode(path.name + salt))
    return path.with_name(f".{plain(path.stem)}.{number:08x}{plain(path.suffix)}")


def remove_leftovers_of(path: Path) -> None:
    """Remove what a killed command left of ``path`` under temporary names. Its lock must be held."""
    temporary = temporary_name(path)
    for leftover in (temporary, temporary_name(temporary), *_older_leftovers(path)):
        _remove_with_sides(leftover)


def _remove_with_sides(path: Path) -> None:
    """Remove a file or folder, and what GDAL or SQLite put beside it under its name."""
    remove(path)
    for side in SIDES:
        path.with_name(path.name + side).unlink(missing_ok=True)


def _older_leftovers(path: Path) -> list[Path]:
    """Those of earlier versions, whose names were drawn by chance; a folder is looked through once."""
    folder = Path(os.path.abspath(path.parent))
    if folder not in _older:
        try:
            _older[folder] = [name for name in os.listdir(folder) if is_leftover(Path(name))]
        except OSError:  # it may be written into and not listed
            _older[folder] = []
    if not _older[folder]:
        return []
    name = re.compile(rf"\.+{re.escape(path.stem)}(\.[0-9a-f]{{8}})+{re.escape(path.suffix)}", re.DOTALL)
    return [path.with_name(found) for found in _older[folder] if name.fullmatch(found)]


@contextmanager
def alone_with(result: Path, *, wait: bool = True) -> Iterator[bool]:
    """The only command that makes ``result``, a file or folder, while the block lasts; see `locked`.

    Its folder is made, and removed where the block fails and leaves nothing in it.
    """
    with _folder_for_output(result.parent), locked(result, wait=wait) as alone:
        yield alone


@contextmanager
def alone_in(folder: Path, *, wait: bool = True) -> Iterator[bool]:
    """`alone_with` for a folder in which a command makes and removes what it likes; the folder itself is made."""
    with _folder_for_output(folder), locked_folder(folder, wait=wait) as alone:
        yield alone


@contextmanager
def _folder_for_output(folder: Path) -> Iterator[None]:
    """`make_folder`, undone when the block fails and left nothing in what was made."""
    made = [part for part in (folder, *folder.parents) if not part.exists()]
    make_folder(folder)
    try:
        yield
    except BaseException:
        for part in made:
            with suppress(OSError):  # it holds something by now, so do those above it
                part.rmdir()
        raise


def remove(path: Path) -> None:
    """Remove a file or a whole folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def refuse_dangling_link(path: Path) -> None:
    """Raise `UserError` where ``path`` is a link to what is not there: a result would take the link's place, or
    fail."""
    if path.is_symlink() and not path.exists():
        raise UserError(
            f"{path}: is a link to {os.readlink(path)}, which is not there; remove it or choose another --out"
        )


def make_folder(path: Path) -> Path:
    """The folder ``path``, made with its parents; a `UserError` when a file stands in the way."""
    for part in (path, *path.parents):
        refuse_dangling_link(part)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        blocking = next(part for part in (path, *path.parents) if part.exists() and not part.is_dir())
        raise UserError(f"cannot write below {blocking}: it is a file, not a folder; choose another --out") from None
    except PermissionError:
        raise UserError(f"cannot write to {path}: permission denied; choose another --out") from None
    return path


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write ``text`` by `as_utf8`, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(as_utf8(text))


def as_utf8(text: str) -> bytes:
    """``text`` as UTF-8. Bytes of a file's name that are not (lone surrogates in Python) become ``\\udcff`` and the
    like, which JSON reads back.

    >>> as_utf8(os.fsdecode(b"a\\xff.tif"))
    b'a\\\\udcff.tif'
    """
    return text.encode("utf-8", "backslashreplace")


def as_paths(given: str | Path | Sequence[str | Path]) -> list[Path]:
    """One path, or several, as a list.

    >>> as_paths("places") == as_paths(["places"]) == [Path("places")]
    True
    """
    return [Path(given)] if isinstance(given, str | Path) else [Path(item) for item in given]


def must_exist(paths: Sequence[Path]) -> Sequence[Path]:
    """The same paths. Raises `UserError` for one that is not there."""
    for path in paths:
        if not path.exists():
            raise UserError(f"{path}: no such file or folder")
    return paths


def files_below(folder: Path) -> list[Path]:
    """All files in a folder and the folders in it, sorted by path, behind links, too, also those that lead nowhere.

    A link to a folder above itself is not followed, and links within linked folders no deeper than `LINKS_DEEP`.
    """
    real = Path(os.path.realpath(folder))
    return sorted(_files_below(folder, (*map(str, real.parents), str(real)), 0))


def _files_below(folder: Path, above: tuple[str, ...], links: int) -> Iterator[Path]:
    """above: real paths of the folders on the way here, this one last. links: how many of them were links."""
    with os.scandir(folder) as entries:
        found = list(entries)
    for entry in found:
        path = folder / entry.name
        if not entry.is_dir():
            yield path
        elif not entry.is_symlink():
            yield from _files_below(path, (*above, os.path.join(above[-1], entry.name)), links)
        elif (real := os.path.realpath(path)) not in above and links < LINKS_DEEP:
            yield from _files_below(path, (*above, real), links + 1)


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files and locks that a killed command left below ``folder``, whose lock must be held."""
    for path in folder.glob("**/.*.*"):
        if is_leftover(path):
            remove(path)
        elif is_lock(path):
            remove_if_free(path)


def is_leftover(path: Path) -> bool:
    """Whether the name is a temporary one of `replacing`."""
    return LEFTOVER.fullmatch(path.name) is not None
