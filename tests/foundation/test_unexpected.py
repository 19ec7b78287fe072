"""Errors of libraries and of the machine end in one line; faults of limner keep their traceback."""

import sys

import numpy as np
import pyproj
import pytest
import rasterio
import torch
from pyogrio.errors import DataSourceError

from limner.foundation.unexpected import expected_line, one_line


def caught(function, *arguments) -> Exception:
    with pytest.raises(Exception) as error:
        function(*arguments)
    return error.value


def nested(depth: int) -> int:
    return nested(depth + 1) + 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "memory ran out; "),
        (caught(np.empty, 2**50), "memory ran out (Unable to allocate"),
        (caught(np.empty, 2**62), "memory ran out (array is too big"),
        (caught(torch.empty, 2**58), "memory ran out"),
        (caught(nested, 0), "nested too deeply"),
        (caught(b"a\xff".decode), "not UTF-8"),
        (caught("a\udcff".encode), "not UTF-8"),
        (caught(rasterio.open, "/nowhere.tif"), "rasterio cannot go on: /nowhere.tif"),
        (DataSourceError("broken\nin two"), "pyogrio cannot go on: broken in two"),
        (caught(pyproj.CRS, "EPSG:99999999"), "pyproj cannot go on"),
        (caught(torch.zeros(2, 3).view, 7), "torch cannot go on: shape '[7]' is invalid"),
        (OSError(28, "No space left on device", "/tmp/a.tif"), "/tmp/a.tif: the disk is full ("),
    ],
)
def test_what_libraries_raise_is_one_line(error: Exception, words: str) -> None:
    line = expected_line(error)
    assert line is not None and words in line
    assert len(line.splitlines()) == 1 and len(line) < 500


@pytest.mark.parametrize(
    "error", [KeyError("x"), TypeError("x"), ValueError("x"), AssertionError(), ZeroDivisionError()]
)
def test_a_fault_of_limner_is_not_hidden(error: Exception) -> None:
    assert expected_line(error) is None


def test_names_cannot_draw_on_the_terminal() -> None:
    assert one_line("a\x1b[2J\r\nb\u202ec") == "a\\x1b[2J b\\u202ec"


@pytest.mark.parametrize(
    "error",
    [MemoryError("12 GB"), RecursionError("deep"), UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"), RuntimeError("odd")],
)
def test_the_command_line_ends_with_two_and_debug_shows_all(error: Exception, limner, monkeypatch, capsys) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("limner.learning.library.list_recipes", fail)
    code, out, err = limner("recipes")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert err.startswith("limner: ")
    from limner.cli import main

    with pytest.raises(type(error)):
        main(["recipes", "--debug"])
    assert sys.exc_info() == (None, None, None)
