"""The room that maps: every pixel of a scene gets a class."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limner.segment import networks

__all__ = ["networks"]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name != "networks":  # the other files are imported by name; this one is what users build with
            raise AttributeError(f"limner.segment has no {name!r}")
        return import_module("limner.segment.networks")  # only now: it needs torch
