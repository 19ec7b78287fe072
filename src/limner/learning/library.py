"""Where recipes are found: a file, the bundled ones by name, a run's own; and the tasks that they name."""

import re
from collections.abc import Sequence
from dataclasses import fields
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from limner.foundation.errors import UserError
from limner.foundation.nearest import did_you_mean
from limner.learning.recipes.reading import check_settings, read_recipe, read_task
from limner.learning.recipes.recipe import write_recipe
from limner.learning.rooms import ROOMS, knows_task, named, room_of_task, verb_of
from limner.learning.runs.run import Run

if TYPE_CHECKING:
    from limner.learning.loop.task import Task


def task_class(task: str) -> "type[Task]":
    """The class behind a recipe's ``task:``."""
    found: type[Task] = named(ROOMS[room_of_task(task)].tasks[task])
    return found


class Listed(NamedTuple):
    """A bundled recipe in a list. begin_with: whether it is one that a newcomer should try first."""

    name: str
    line: str
    begin_with: bool


def bundled_recipes() -> dict[str, Path]:
    """The recipes that ship with the package, by ``room/name``; in order of their names, numbers as numbers."""
    folder = Path(str(resources.files("limner") / "recipes"))
    found = {f"{path.parent.name}/{path.stem}": path for path in folder.glob("*/*.yaml")}
    return {name: found[name] for name in sorted(found, key=_with_numbers)}


def _with_numbers(name: str) -> list[tuple[int, str]]:
    """Sorts "residual-18" before "residual-101"."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def list_recipes(room: str | None = None) -> list[Listed]:
    """Each bundled recipe, or those of a room; the line is the comment that opens the file.

    Raises `UserError` for a room that is not there or has none.
    """
    if room is not None:
        verb_of(room, "train")
    first = {name for each in ROOMS.values() for name in each.begin_with}
    found = []
    for name, path in bundled_recipes().items():
        comments = [line[1:].strip() for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
        if room in (None, name.partition("/")[0]):
            found.append(Listed(name, comments[0] if comments else "", name in first))
    return found


def load_recipe(name: str, overrides: Sequence[str] = ()) -> Any:
    """A recipe by its file or its bundled name (``segment/modern``), with command-line overrides on top."""
    text, shown = _read(name)
    return read_recipe(text, shown, recipe_type, overrides)


def task_of_recipe(name: str) -> str:
    """What a recipe's ``task:`` says; imports no room, and no torch. Raises `UserError` where it names none."""
    return read_task(*_read(name), knows_task)


def _read(name: str) -> tuple[str, str]:
    """A recipe's text, and what to call it in messages."""
    path = Path(name)
    bundled = bundled_recipes()
    if not path.is_file():
        if path.is_dir() and name not in bundled:
            raise UserError(
                f"'{name}' is a folder; a recipe is a YAML file, or a bundled one's name ({', '.join(bundled)})"
            )
        if name not in bundled:
            raise UserError(
                f"no recipe '{name}' (neither a file nor a bundled recipe); {did_you_mean(name, bundled, 0.4)}"
            )
        path = bundled[name]
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{path}: not a text file; a recipe is YAML") from None
    return text, str(path) if path.name != name else name


def recipe_type(task: str) -> type | None:
    """The dataclass of a task's recipes; None for a task of no room."""
    if not knows_task(task):
        return None
    place = ROOMS[room_of_task(task)].recipes.get(task)
    found: type = named(place) if place else task_class(task).recipe_type
    return found


def settings_of(recipe: str) -> list[str]:
    """The names of a recipe's settings and sections."""
    kind = recipe_type(task_of_recipe(recipe))
    return [item.name for item in fields(kind)] if kind is not None else []


def check_settings_of(name: str, overrides: Sequence[str] = ()) -> None:
    """Raise `UserError` for a setting that a recipe does not have and a value that cannot be, before torch is imported
    to read the rest."""
    text, shown = _read(name)
    kind = recipe_type(read_task(text, shown, knows_task))
    if kind is not None:
        check_settings(text, shown, kind, overrides)


def recipe_of(run: Run) -> Any:
    """The resolved recipe that a run was trained by."""
    return load_recipe(str(run.folder / "recipe.yaml"))


def with_overrides(recipe: Any, overrides: Sequence[str]) -> Any:
    """A recipe with command-line overrides on top."""
    if not overrides:
        return recipe
    return read_recipe(write_recipe(recipe), "recipe", lambda _: type(recipe), overrides)
