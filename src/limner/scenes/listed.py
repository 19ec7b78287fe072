"""Many scenes by one word: a list in a file or on stdin, a pattern, a folder. Imports nothing heavy."""

import sys
from collections.abc import Iterator, Sequence
from glob import glob, has_magic
from pathlib import Path

from limner.foundation.errors import UserError
from limner.foundation.files.suffixes import RASTERS, ends_with
from limner.foundation.files.writing import must_exist

STDIN = "-"
STDINS = (STDIN, "/dev/stdin")
LIST_SUFFIX = ".txt"


def stands_for_many(word: Path, each: bool) -> bool:
    """Whether a word stands for scenes that others listed: nobody looked at each of them.

    each: a folder stands for its pictures, not for a mosaic of them.
    """
    if str(word) in STDINS or (word.suffix.lower() == LIST_SUFFIX and not word.is_dir()):
        return True
    return (each and word.is_dir()) or (not word.exists() and has_magic(str(word)))


def listed_scenes(words: Sequence[Path], each: bool = False) -> list[Path]:
    """The scenes that words stand for, in their order; whether they are there is not looked at.

    ``-``: a path a line from stdin; ``LIST.txt``: a path a line, from here or from beside the list, where ``#`` begins
    a comment; a pattern such as ``'scenes/*.tif'`` (``**``: folders below, too); with ``each`` a folder: its pictures
    in the order of their names. Any other word is a scene.

    Raises `UserError` for a list that is not there or no text, and where a word stands for nothing.
    """
    found: list[Path] = []
    for word in words:
        scenes = list(_scenes_of(word, each))
        if not scenes:
            raise UserError(f"{word}: stands for no scene; give a list, a pattern or a folder that does")
        found += scenes
    return found


def _scenes_of(word: Path, each: bool) -> Iterator[Path]:
    if not stands_for_many(word, each):
        yield word
    elif str(word) in STDINS:
        yield from _lines(sys.stdin.read(), Path())
    elif word.is_dir():
        yield from sorted(path for path in word.iterdir() if ends_with(path, RASTERS) and not path.name.startswith("."))
    elif word.suffix.lower() == LIST_SUFFIX:
        must_exist([word])
        try:
            text = word.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise UserError(f"{word}: not a text file; a list has the path of a scene in each line") from None
        yield from _lines(text, word.parent)
    else:
        yield from (Path(path) for path in sorted(glob(str(word), recursive=True)))


def _lines(text: str, beside: Path) -> Iterator[Path]:
    for line in text.splitlines():
        name = line.strip()
        if name and not name.startswith("#"):
            path = Path(name)
            yield path if path.exists() or not (beside / path).exists() else beside / path
