"""Mistakes on the command line, as tables of cases, and what every one of them is held to."""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """A mistake. build: makes its files in the folder that the command runs in. says: a regular expression in the
    line. run: whether a trained run lies there as ``run``."""

    name: str
    command: str
    says: str
    build: Callable[[Path], object] = lambda here: None
    run: bool = False


def everything_below(folder: Path) -> dict[str, tuple[int, int]]:
    """Each path below a folder with its size and time of change."""
    found = {str(path.relative_to(folder)): path.lstat() for path in folder.rglob("*")}
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in found.items()}


def check_mistake(case: Case, here: Path, limner: Callable[..., tuple[int, str, str]]) -> None:
    """One line that says what is wrong, exit code 2, and not a file made, changed or left behind.

    here: the folder that commands run in. limner: the fixture.
    """
    case.build(here)
    before = everything_below(here)
    code, out, error = limner(*shlex.split(case.command))
    assert (code, out) == (2, ""), error
    assert re.fullmatch(r"limner: [^\n]*\n", error), error
    assert re.search(case.says, error), error
    assert "Traceback" not in error
    assert everything_below(here) == before
