"""Arrays in .npz files, as `numpy.savez` writes them: their heads, which take no memory, and what they hold."""

import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from limner.foundation.errors import UserError
from limner.foundation.machine.memory import check_memory

UNREADABLE = (
    OSError, ValueError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error,
    tokenize.TokenError, SyntaxError,
)  # fmt: skip
"""What reading a file raises that is none, is cut short, damaged, locked by a password or packed in an unknown way. The
last two: NumPy reads the head of an array, a Python dictionary, by Python's own tokens where it looks like Python 2."""


def holds_array(file: Path, name: str, *, otherwise: bool) -> bool:
    """Whether a file has an array of that name. otherwise: what is said of a file that cannot be read."""
    try:
        with zipfile.ZipFile(file) as archive:
            return f"{name}.npy" in archive.namelist()
    except UNREADABLE:
        return otherwise


def array_head(file: Path, name: str) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of an array, from its head alone. Raises `UserError` for a file without it, or damaged."""
    try:
        with zipfile.ZipFile(file) as archive, archive.open(f"{name}.npy") as entry:
            version = np.lib.format.read_magic(entry)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, kind = read(entry)
    except KeyError:
        raise UserError(f"{file}: holds no array called {name}; save it by np.savez(file, {name}=...)") from None
    except UNREADABLE as error:
        raise _damaged(file, error) from None
    return tuple(int(each) for each in shape), kind


def read_array(file: Path, name: str) -> np.ndarray:
    """An array. Raises `UserError` for a file without it, or damaged, and for more than there is memory for."""
    shape, kind = array_head(file, name)
    needed = int(np.prod(shape, dtype=object)) * kind.itemsize
    check_memory(needed, f"{file}: {name} of shape {shape}", "give fewer in a file")
    try:
        with np.load(file, allow_pickle=False) as held:
            values: np.ndarray = held[name]
    except (*UNREADABLE, KeyError) as error:
        raise _damaged(file, error) from None
    return values


def _damaged(file: Path, error: Exception) -> UserError:
    words = " ".join(str(error).split())[:80]
    return UserError(f"{file}: not an .npz file, or cut short ({words}); save it again by np.savez")
