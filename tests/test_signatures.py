"""What editors see is what the functions take: the page of signatures beside the table of rooms."""

import ast
import inspect
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import limner
from limner.learning.library import task_class
from limner.learning.options import option_names
from limner.learning.rooms import SharedVerb, rooms_with, verb_of
from limner.learning.train import load, train
from limner.learning.verbs import check, compare, evaluate

PAGE = Path(str(limner.__file__)).with_name("signatures.pyi")
FUNCTIONS: dict[SharedVerb, Any] = {"train": train, "evaluate": evaluate, "compare": compare, "check": check}


@cache
def written() -> dict[str, list[ast.FunctionDef]]:
    """The functions on the page, each with its overloads."""
    found: dict[str, list[ast.FunctionDef]] = {}
    for node in ast.parse(PAGE.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, []).append(node)
    return found


def names(function: ast.FunctionDef) -> set[str]:
    return {argument.arg for argument in [*function.args.args, *function.args.kwonlyargs]}


@pytest.mark.parametrize("verb", FUNCTIONS)
def test_every_option_of_every_room_is_on_the_page_and_no_other(verb: SharedVerb) -> None:
    taken = {
        name for name, each in inspect.signature(FUNCTIONS[verb]).parameters.items() if each.kind != each.VAR_KEYWORD
    }
    for room in rooms_with(verb):
        taken |= set(option_names(verb_of(room, verb).options_type()))
    if verb == "train":
        for room in rooms_with("train").values():
            for task in room.tasks:
                taken |= set(task_class(task).recipe_type.__dataclass_fields__) - {"task"}
    (function,) = written()[verb]
    assert names(function) == taken
    assert function.args.kwarg is not None  # rooms from outside have options of their own


def test_load_has_an_overload_for_each_room() -> None:
    assert {name for each in written()["load"] for name in names(each)} == set(inspect.signature(load).parameters)
    rooms = {node.value for each in written()["load"] for node in ast.walk(each) if isinstance(node, ast.Constant)}
    assert set(rooms_with("train")) <= rooms


def test_the_package_offers_what_the_page_has() -> None:
    assert set(written()) <= set(limner.__all__)
