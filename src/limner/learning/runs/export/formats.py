"""The formats of exported networks, and what they need. Imports no torch."""

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from limner.foundation.errors import UserError
from limner.learning.rooms import ROOMS, room_of_task
from limner.learning.runs.run import Run

Format = Literal["onnx", "torch"]
SUFFIXES: dict[str, str] = {"onnx": ".onnx", "torch": ".pt"}
PACKAGES: dict[str, tuple[str, ...]] = {"onnx": ("onnx", "onnxruntime"), "torch": ()}


def room_that_exports(run: Run) -> str:
    """The room of a run. Raises `UserError` for one that exports nothing."""
    room = room_of_task(run.task)
    if not ROOMS[room].exports:
        able = [name for name, each in ROOMS.items() if each.exports]
        raise UserError(f"{run.folder}: runs of the room {room} cannot be exported; those of {', '.join(able)} can")
    return room


def check_format(name: str) -> None:
    """Raise `UserError` for a format that is none, or whose packages are not installed."""
    if name not in SUFFIXES:
        raise UserError(f"format is {name!r}; needed: one of {', '.join(SUFFIXES)}")
    missing = [package for package in PACKAGES[name] if find_spec(package) is None]
    if missing:
        raise UserError(f"--format {name} needs {' and '.join(missing)}: pip install 'limner[export]'")


def is_onnx(name: str | Path) -> bool:
    """Whether a word names an ONNX file."""
    return Path(name).suffix.lower() == SUFFIXES["onnx"]
