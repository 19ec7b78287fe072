"""A recipe's own settings, as the help of `limner train RECIPE` lists them."""

import dataclasses
import shutil
import textwrap
from collections.abc import Collection, Iterator
from typing import Any

from limner.learning.recipes.recipe import Choice, options_of, to_plain

COLUMN, LEAST_WIDTH = 38, 40
LEFT_OUT = ("task", "data.paths")
"""What is no setting to give: the room, and what ``--data`` says."""


def settings_help(recipe: Any, name: str, taken: Collection[str]) -> str:
    """A line or more for each setting that can follow: how it is written, its value in this recipe, what it is.

    taken: options of the room that stand for settings of ``data``, and are listed with them.
    """
    lines = [f"Settings of {name}, which can follow:"]
    wide = max(LEAST_WIDTH, shutil.get_terminal_size().columns - COLUMN - 1)
    for path, value, help in _settings(recipe, ""):
        if path in LEFT_OUT or path.removeprefix("data.") in taken:
            continue
        first = f"  --{path.replace('_', '-')} {value}"
        told = textwrap.wrap(help, wide)
        if len(first) >= COLUMN:
            lines.append(first)
        elif told:
            lines.append(f"{first:{COLUMN}}{told.pop(0)}")
        else:
            lines.append(first)
        lines += [f"{'':{COLUMN}}{line}" for line in told]
    return "\n".join(lines)


def _settings(section: Any, prefix: str) -> Iterator[tuple[str, str, str]]:
    for field in dataclasses.fields(section):
        value, path = getattr(section, field.name), prefix + field.name
        unit = f" [{field.metadata['unit']}]" if field.metadata.get("unit") else ""
        help = field.metadata.get("help", "") + unit
        if isinstance(value, Choice):
            yield f"{path}.name", value.name, f"{help}: {', '.join(field.metadata['entries']())}"
            entry = field.metadata["entries"]()[value.name]
            for name, option in options_of(entry, field.metadata["given"]).items():
                yield f"{path}.{name}", _plain(value.options.get(name, option.default)), ""
        elif dataclasses.is_dataclass(value):
            yield from _settings(value, f"{path}.")
        else:
            yield path, _plain(value), help


def _plain(value: Any) -> str:
    plain = to_plain(value)
    if plain is None or isinstance(plain, bool):
        return str(plain).lower()
    if isinstance(plain, list):
        return ",".join(map(str, plain)) if plain and not isinstance(plain[0], dict) else "none" if not plain else "..."
    return str(plain)
