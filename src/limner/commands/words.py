"""Names that a shell may complete when it asks: recipes, runs, rooms."""

from typing import Any

from limner.learning.rooms import ROOMS, demos


def recipe_names(_: Any) -> list[tuple[str, str]]:
    """Bundled recipes with their lines."""
    from limner.learning.library import list_recipes

    return [(each.name, each.line) for each in list_recipes()]


def run_names(_: Any) -> list[str]:
    """Runs below ``runs/``, the newest, and bundled models."""
    from limner.learning.runs.opening import LAST, RUNS_FOLDER, bundled_models

    runs = sorted(str(path.parent) for path in RUNS_FOLDER.glob("*/model.json"))
    return [*runs, *([LAST] if runs else []), *bundled_models()]


def room_names(_: Any) -> list[tuple[str, str]]:
    """Rooms with what they do."""
    return [(name, room.line) for name, room in ROOMS.items()]


def demo_names(_: Any) -> list[tuple[str, str]]:
    """Demos with what they show."""
    return [(name, demo.line) for name, demo in demos().items()]


def network_names(_: Any) -> list[str]:
    """Networks of all rooms that take pictures, and runs."""
    from limner.learning.rooms import named

    return [*(name for room in ROOMS.values() if room.builds for name in named(room.builds)), *run_names(None)]
