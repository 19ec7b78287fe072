"""The formats of exported networks, and what they need. Imports no torch."""

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from limner.foundation.errors import UserError

Format = Literal["onnx", "torch"]
SUFFIXES: dict[str, str] = {"onnx": ".onnx", "torch": ".pt"}
PACKAGES: dict[str, tuple[str, ...]] = {"onnx": ("onnx", "onnxruntime"), "torch": ()}


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
