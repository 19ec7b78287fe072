"""A kind of file that is damaged, and what is run on it."""

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass

from limner.cli import main as command_line


@dataclass(frozen=True)
class Kind:
    """draw: makes all that the commands read, in the working folder. file: which of it is damaged. commands: what is
    run on it; ``{out}`` is a name that nothing has. restored: a folder that the commands go on with, put back before
    each input. learns: whether ``draw`` trains for more than a moment."""

    draw: Callable[[], object]
    file: str
    commands: tuple[str, ...]
    restored: str | None = None
    learns: bool = False


def call(tokens: list[str]) -> tuple[int | str, str]:
    """A command's exit code, or the name of an error that it let through, and what it said on stderr."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            command_line(tokens)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else str(ended.code), said.getvalue()
    except BaseException as error:
        return type(error).__name__, f"{said.getvalue()}{error}"
    return "returned", said.getvalue()
