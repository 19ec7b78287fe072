"""The last net: errors that no check of ours foresaw but that mean a file or a machine, not a fault of limner, in one
line.

They come from libraries that read what somebody gave. What is not among them is a fault of limner and keeps its
traceback.
"""

from pathlib import Path

from limner.foundation.machine.disk import NO_ROOM, DiskFullError, size

LIBRARIES = ("rasterio", "pyogrio", "pyproj", "shapely", "torch", "safetensors", "PIL", "av", "yaml", "scipy", "numba")
"""Whose errors are caught, by the module that an error's class, or one that it inherits from, is written in."""
LONGEST = 300
NO_MEMORY = (
    "can't allocate memory", "out of memory", "bad_alloc", "Storage size calculation overflowed", "array is too big",
    "Maximum allowed dimension exceeded",
)  # fmt: skip
"""What torch, GDAL and numpy say of more than there is, or can be."""


def one_line(text: str) -> str:
    """Text on one line, with what cannot be printed (of hostile names) as Python writes it.

    >>> one_line("a\\nb  c" + chr(27) + "[2J")
    'a b c\\\\x1b[2J'
    """
    joined = " ".join(text.split())
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in joined)


def expected_line(error: BaseException) -> str | None:
    """What to tell a user of an error that may be no fault of limner, in one line; None for any other."""
    if isinstance(error, OSError) and (error.strerror or _library(error) is None):
        return _of_system(error)
    words = one_line(str(error))[:LONGEST]
    has_words = any(part in words for part in NO_MEMORY)
    if isinstance(error, MemoryError) or (has_words and (_library(error) or type(error) is ValueError)):
        return _of_memory(words)
    if type(error) is RuntimeError and words.startswith("Symlink loop"):  # pathlib's, where the system says ELOOP
        return f"{words.partition(' from ')[2].strip(chr(39))}: a link that leads back to itself; remove it"
    if isinstance(error, RecursionError):
        return "something that was given is nested too deeply to be read; make it flatter"
    if isinstance(error, UnicodeError):
        return f"a name or a text is not UTF-8 ({words}); rename or save it again"
    library = _library(error)
    return None if library is None else f"{library} cannot go on: {words or type(error).__name__} (--debug shows where)"


def _of_system(error: OSError) -> str:
    name = error.filename or "a file"
    if error.errno in NO_ROOM and error.filename is not None:
        return str(DiskFullError(Path(str(error.filename))))
    return f"{name}: {error.strerror}" if error.strerror else one_line(str(error)) or type(error).__name__


def _of_memory(words: str) -> str:
    from limner.foundation.machine.memory import free_memory

    said = f" ({words})" if words else ""
    return f"memory ran out{said}; {size(free_memory())} are free now: give smaller pictures, tiles or batches"


def _library(error: BaseException) -> str | None:
    """The library that an error is of. torch raises most of its own as plain RuntimeError: told by where it came
    from."""
    for kind in type(error).__mro__:
        if (name := kind.__module__.partition(".")[0]) in LIBRARIES:
            return name
    return "torch" if type(error) is RuntimeError else None
