"""A kind of file that is damaged, and what is run on it."""

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from matplotlib.figure import Figure

from contracts import CONTRACTS
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


def leave_blank(patch: pytest.MonkeyPatch) -> None:
    """Figures are put together and written, but nothing is drawn in them: that takes up to a second each."""
    patch.setattr(Figure, "draw", lambda figure, renderer: None)


def learn(tokens: list[str]) -> None:
    """A training whose run is damaged or used: nobody looks at its figures, nor at its scores."""
    with pytest.MonkeyPatch.context() as patch:
        leave_blank(patch)
        for room in ("generate", "translate"):
            CONTRACTS[room].slim(patch)
        call(tokens)


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
