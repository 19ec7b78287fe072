"""The lecture's index is true: every file, test and command that it names is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from limner.cli import app
from limner.learning.library import bundled_recipes
from limner.learning.networks.known import find_network
from limner.learning.rooms import ROOMS
from limner.learning.runs.opening import bundled_models
from limner.studies.listing import EXPERIMENTS

TOP = Path(__file__).parents[1]
INDEX = TOP / "docs/convnets/index.md"
VERBS = {name for name in app if not name.startswith("-")}
ROWS = [line for line in INDEX.read_text(encoding="utf-8").splitlines() if line.startswith("| ")][2:]


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("| ").split(" | ")]


@cache
def functions_of(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)}


def test_the_checklist_is_whole() -> None:
    assert len(ROWS) == 27
    assert len({cells(row)[0] for row in ROWS}) == 27


@pytest.mark.parametrize("row", ROWS, ids=lambda row: cells(row)[0])
def test_what_a_row_names_is_there(row: str) -> None:
    for place in re.findall(r"\]\(([^)#]+)", row):
        assert (INDEX.parent / place).exists(), place
    for path, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row):
        assert name in functions_of(TOP / path), f"{path} has no {name}"
    assert row.count("`tests/") == len(re.findall(r"`tests/[\w/]+\.py::test_\w+`", row))
    for command in re.findall(r"`limner ([^`]+)`", row):
        verb, word, *_ = command.split()
        assert verb in VERBS
        if verb == "train":
            assert word in bundled_recipes()
        elif verb == "study":
            assert word in EXPERIMENTS
        elif verb == "networks":
            assert word in ROOMS
        elif verb == "segment":
            assert word in bundled_models()
        elif verb in ("inspect", "look"):
            assert find_network(word, classes=10).network is not None


def test_every_experiment_has_its_row_and_its_section() -> None:
    text, studies = INDEX.read_text(encoding="utf-8"), (INDEX.parent / "studies.md").read_text(encoding="utf-8")
    for name in EXPERIMENTS:
        assert f"`limner study {name}`" in text
        assert f"`{name}`" in studies
