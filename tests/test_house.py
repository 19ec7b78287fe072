"""The house stands: imports run down its floors only, and in no circle."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

import limner

FLOORS = (
    ("foundation",),
    ("scenes", "datasets"),
    ("photos", "reporting"),
    ("video", "colors", "nn"),
    ("learning",),
    ("adversarial", "fidelity"),
    ("segment",),
    ("recolor", "generate", "classify", "detect", "translate"),
    ("studies",),
    ("studio",),
    ("commands",),
    ("cli", "__main__", ""),
)
"""From the ground up: the folders of the package, ``cli.py``, and the package itself. Who stands on a floor imports
what stands below it, or beside it."""
ENTRIES = {
    "foundation": 14,
    "learning": 13,
    "segment": 12,
    "recolor": 10,
    "generate": 8,
    "classify": 8,
    "detect": 12,
    "translate": 9,
    "studio": 13,
}
"""How many entries a folder shows at most: who opens it sees its ideas at a glance."""
NAME_BY_TEXT = {"limner.learning.rooms", "limner"}
"""The table of rooms names what stands above it as text, so that listing rooms imports none; and the Python API."""

SOURCE = Path(str(limner.__file__)).parent


@cache
def modules() -> dict[str, Path]:
    found = {}
    for path in SOURCE.rglob("*.py"):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


def imports(module: str) -> Iterator[str]:
    """Modules of limner that a module imports, wherever in it."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name in modules())
        elif isinstance(node, ast.ImportFrom) and node.module in modules():
            for name in node.names:
                below = f"{node.module}.{name.name}"
                yield below if below in modules() else str(node.module)


def named(module: str) -> Iterator[tuple[str, str]]:
    """Modules of limner that a text in a module names, to be imported when needed, each with that text."""
    pattern = re.compile(r"limner(\.\w+)+(:\w+)?")
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and pattern.fullmatch(node.value):
            target = node.value.partition(":")[0]
            if target in modules():
                yield target, node.value


def room(module: str) -> str:
    return [*module.split("."), ""][1]


def floor(module: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room(module) in rooms)


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """Groups that reach each other along the arrows."""
    reached: dict[str, set[str]] = {}
    for start in arrows:
        found: set[str] = set()
        waiting = [start]
        while waiting:
            for place in arrows.get(waiting.pop(), set()) - found:
                found.add(place)
                waiting.append(place)
        reached[start] = found
    groups = {frozenset(other for other in reached[each] if each in reached.get(other, ())) for each in reached}
    return sorted(sorted(group) for group in groups if len(group) > 1)


def folder(module: str) -> str:
    """Where a module stands within its room: a folder, or a file of its own beside the folders."""
    parts = module.split(".")[1:]
    inside = modules()[module].name == "__init__.py" or len(parts) == 2
    return ".".join(parts[:2] if inside or len(parts) > 2 else parts)


def test_every_folder_stands_on_a_floor() -> None:
    assert {room(module) for module in modules()} - {"recipes"} == {name for rooms in FLOORS for name in rooms}


@pytest.mark.parametrize("rooms", FLOORS, ids=lambda rooms: " ".join(rooms) or "limner")
def test_imports_run_down(rooms: tuple[str, ...]) -> None:
    upward = [
        f"{module} imports {other}"
        for module in modules()
        if room(module) in rooms
        for other in imports(module)
        if floor(other) > floor(module)
    ]
    assert not upward


def test_rooms_import_in_no_circle() -> None:
    arrows: dict[str, set[str]] = {}
    for module in modules():
        others = {room(other) for other in imports(module)} - {room(module)}
        arrows.setdefault(room(module), set()).update(others)
    assert circles(arrows) == []


def test_folders_within_rooms_import_in_no_circle() -> None:
    arrows: dict[str, set[str]] = {}
    for module in modules():
        others = {folder(other) for other in imports(module) if room(other) == room(module)} - {folder(module)}
        arrows.setdefault(folder(module), set()).update(others)
    assert circles(arrows) == []


def test_modules_import_in_no_circle() -> None:
    """Be it inside a function, for type checkers alone, or by a name in a text."""
    arrows = {module: set(imports(module)) for module in modules()}
    for module in modules().keys() - NAME_BY_TEXT:
        arrows[module] |= {target for target, _ in named(module)}
    assert circles(arrows) == []


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c"]]


def test_imports_are_found_wherever_they_stand() -> None:
    assert "limner.learning.runs.run" in set(imports("limner.learning.loop.task"))  # for type checkers alone
    assert "limner.learning.runs.opening" in set(imports("limner.commands.rooms"))  # inside a function
    assert ("limner.segment.networks", "limner.segment.networks") in named("limner.segment")  # by a text


def test_imports_name_the_whole_place() -> None:
    """The tests above do not see relative imports."""
    relative = [
        f"{module}, line {node.lineno}"
        for module in modules()
        for node in ast.walk(tree(module))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative


def test_only_the_table_of_rooms_names_what_stands_above_it() -> None:
    """A name in a text, given to `import_module`, would be an arrow that the tests above cannot see."""
    upward = [
        f"{module} names {text}"
        for module in modules().keys() - NAME_BY_TEXT
        for target, text in named(module)
        if floor(target) > floor(module)
    ]
    assert not upward


def test_photos_are_reached_through_one_object() -> None:
    """How a file is decoded, tagged and profiled is nobody's business but `limner.photos.photos.Photo`'s."""
    through = {"limner.photos.photos", "limner.photos.hidden", "limner.photos.masks"}
    past = [
        f"{module} imports {other}"
        for module in modules()
        if room(module) != "photos"
        for other in imports(module)
        if room(other) == "photos" and other not in through
    ]
    assert not past


@pytest.mark.parametrize(("name", "most"), ENTRIES.items())
def test_a_room_shows_few_entries(name: str, most: int) -> None:
    shown = [path.name for path in (SOURCE / name).iterdir() if path.name != "__pycache__"]
    assert len(shown) <= most, sorted(shown)


def test_no_two_test_files_have_one_name() -> None:
    """Pytest imports a test file by its bare name, so that a second of the same name ends the collecting."""
    names = sorted(path.name for path in Path(__file__).parent.rglob("test_*.py"))
    assert [name for name, following in pairwise(names) if name == following] == []
