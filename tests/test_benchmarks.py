"""Benchmarks run by hand, so nothing else would notice that a name they import has moved."""

import ast
import importlib
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
SCRIPTS = sorted([*TOP.glob("benchmarks/*.py"), *TOP.glob("tools/*.py")])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_what_a_script_imports_of_limner_is_there(script: Path) -> None:
    nodes = [node for node in ast.walk(ast.parse(script.read_text())) if isinstance(node, ast.ImportFrom)]
    wanted = {
        (node.module, each.name) for node in nodes for each in node.names if (node.module or "").startswith("limner")
    }
    missing = [f"{module}.{name}" for module, name in sorted(wanted) if not _is_there(str(module), name)]
    assert not missing


def test_there_are_scripts() -> None:
    assert len(SCRIPTS) > 20


def _is_there(module: str, name: str) -> bool:
    try:
        return hasattr(importlib.import_module(module), name) or bool(importlib.import_module(f"{module}.{name}"))
    except ModuleNotFoundError:
        return False
