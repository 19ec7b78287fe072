"""One item in a worker: its result, what was said meanwhile, and why it failed, as values that travel.

A worker makes its function once, from a ``begin`` that travels to it: that loads the network, and what it gives is
called for each item.
"""

from __future__ import annotations

import io
import os
import pickle
import platform
import sys
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Generic, TypeVar

from limner.foundation.errors import UserError
from limner.foundation.machine.disk import DiskFullError
from limner.foundation.progress import without_progress
from limner.foundation.version import __version__

Item = TypeVar("Item")
Result = TypeVar("Result")
Begin = Callable[[], Callable[[Item], Result]]
"""Makes the function that does an item; picklable, such as `functools.partial` of a function of a module."""
RETRIES = 3
"""How often an item is begun again whose worker died: by a kill, for want of memory, or with its machine."""


@dataclass(frozen=True)
class Answer(Generic[Result]):
    """What became of an item. error: in one line; None where ``result`` counts. stops_all: it would be so for all that
    follow. said: lines for stderr."""

    result: Result | None = None
    error: str | None = None
    stops_all: bool = False
    said: tuple[str, ...] = ()


def tried(work: Callable[[Item], Result], item: Item) -> Answer[Result]:
    """``work(item)``, or why there is none: the rest need not wait for the cure of one. Raises `DiskFullError`."""
    try:
        return Answer(work(item))
    except DiskFullError:
        raise  # it would be so for all that follow
    except UserError as error:
        return Answer(error=str(error))
    except Exception as error:  # a fault of ours, or of a library on a strange file
        return Answer(error=" ".join(f"{type(error).__name__}: {error}".split()))


def packed(begin: Begin[Any, Any]) -> bytes:
    """What a worker needs before its first item: ``begin``, the folder that paths count from, and whose work it is."""
    return pickle.dumps((begin, os.getcwd(), _versions()))


def attempt(setting: bytes, item: Any) -> Answer[Any]:
    """Do an item in a worker. setting: of `packed`."""
    told = io.StringIO()
    with redirect_stderr(told), without_progress():
        try:
            answer = tried(lambda one: _ready(setting)(one), item)
        except DiskFullError as error:
            answer = Answer(error=str(error), stops_all=True)
    return replace(answer, said=tuple(line for line in told.getvalue().splitlines() if line.strip()))


@lru_cache(maxsize=1)
def _ready(setting: bytes) -> Callable[[Any], Any]:
    begin, folder, versions = pickle.loads(setting)
    if versions != _versions():
        raise UserError(
            f"the worker on {platform.node()} has {_versions()}, this command {versions}; install the same on all"
        )
    try:
        os.chdir(folder)
    except OSError as error:
        raise UserError(
            f"the worker on {platform.node()} cannot enter {folder} ({error.strerror}); needed: a file system that all "
            "machines share under one path"
        ) from None
    return begin()


def _versions() -> str:
    return f"limner {__version__} on Python {sys.version_info.major}.{sys.version_info.minor}"
