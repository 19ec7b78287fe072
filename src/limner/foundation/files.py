"""Writing files so that a killed command never leaves half of one under a good name."""

import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from limner.foundation.disk import telling_full_disk
from limner.foundation.errors import UserError

LINKS_DEEP = 4
"""Links to folders within linked folders that are followed: folders that link to each other would never end."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when the block ends without an error.

    The temporary name keeps the suffix (GDAL chooses its driver by it). Works for a file or a folder; whatever
    the block left behind is removed when it fails, and so are the folders that were made for it. Raises
    `DiskFullError` where it fails for want of room, and `UserError` where ``path`` is a link to nothing.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with replacing(target) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> target.read_text()
    'whole'
    """
    refuse_dangling_link(path)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}")
    with _folder_for_output(path.parent):
        try:
            with telling_full_disk(path, temporary):
                yield temporary
                if path.is_dir() and temporary.is_dir():
                    shutil.rmtree(path)
                os.replace(temporary, path)
        finally:
            remove(temporary)


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
    """Remove what a killed command left under temporary names below ``folder``."""
    for path in folder.glob("**/.*.????????*"):
        if is_leftover(path):
            remove(path)


def is_leftover(path: Path) -> bool:
    """Whether the name is a temporary one of `replacing`."""
    return re.fullmatch(r"\..+\.[0-9a-f]{8}(\.\w+)?", path.name, re.DOTALL) is not None
