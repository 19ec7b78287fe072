"""Recipes: what to learn, from what, how. Frozen dataclasses that are declared here and written as YAML.

A room declares its recipe as dataclasses whose fields are made by `setting` (a value with a help line, a unit and
bounds), `choice` (a name from one of the room's dictionaries, with the options its constructor takes) or
`weighted_choices` (several of them).
`limner.learning.recipes.reading` reads YAML into them.
"""

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, get_type_hints

import yaml

from limner.learning.rooms import named


@dataclass(frozen=True)
class Choice:
    """A name from a room's dictionary and the options for what it names: ``network: {name: residual-unet, depth: 34}``.

    ``build(NETWORKS, channels=4, classes=2)`` makes it; the keyword arguments are what the task knows and the
    recipe does not.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def build(self, entries: Mapping[str, Callable[..., Any]], *arguments: Any, **given: Any) -> Any:
        """Call the entry this names with the recipe's options and what the task gives."""
        return entries[self.name](*arguments, **given, **self.options)


@dataclass(frozen=True)
class WeightedChoice(Choice):
    """One of several choices that count together: ``losses: [{name: l1, weight: 100}, adversarial]``."""

    weight: float = 1.0


def setting(
    default: Any,
    help: str,
    *,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    unless: str = "",
    last: bool = False,
    formerly: str = "",
) -> Any:
    """A recipe field: its default, one line of help, its unit, and the bounds that a number must keep.

    unless: the setting in whose presence this one means nothing, so that the command line refuses it. last: written
    below the fields of the dataclasses that inherit it. formerly: the name that it had in an earlier version, under
    which it is still read.
    """
    metadata = {
        "help": help, "unit": unit, "minimum": minimum, "maximum": maximum, "unless": unless, "last": last,
        "formerly": formerly,
    }  # fmt: skip
    if default is MISSING:
        return field(metadata=metadata)
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


def choice(
    default: str,
    help: str,
    entries: Callable[[], Mapping[str, Callable[..., Any]]] | str,
    given: Sequence[str] = (),
    formerly: Mapping[str, str] | None = None,
) -> Any:
    """A recipe field that holds a `Choice` from a dictionary; ``given`` are the arguments that the task supplies.

    entries: gives the dictionary, or names it as module:name, so that a recipe's settings are known before torch is
    imported. formerly: the names that options had in an earlier version, under which they are still read, to those
    that they have.
    """
    found, place = (partial(named, entries), entries) if isinstance(entries, str) else (entries, None)
    metadata = {
        "help": help, "entries": found, "place": place, "given": tuple(given), "former_options": formerly or {},
    }  # fmt: skip
    return field(default=Choice(default), metadata=metadata)


def weighted_choices(
    default: Sequence[str],
    help: str,
    entries: Callable[[], Mapping[str, Callable[..., Any]]],
    given: Sequence[str] = (),
) -> Any:
    """A recipe field that holds a tuple of `WeightedChoice` from ``entries()``, each name once; a plain name has weight
    1.

    default: names. given: as of `choice`.
    """
    metadata = {"help": help, "entries": entries, "given": tuple(given), "former_options": {}, "weighted": True}
    return field(default=tuple(WeightedChoice(name) for name in default), metadata=metadata)


def options_of(entry: Callable[..., Any], given: Sequence[str] = ()) -> dict[str, inspect.Parameter]:
    """The keyword options that a dictionary's entry takes from a recipe, with resolved types."""
    return {name: parameter for name, parameter in _keywords_of(entry).items() if name not in given}


@cache  # a recipe is read more than once by each command, and inspect parses texts for what torch wrote in C
def _keywords_of(entry: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    target = entry.__init__ if inspect.isclass(entry) else entry
    hints = get_type_hints(target)
    return {
        name: parameter.replace(annotation=hints.get(name, str))
        for name, parameter in inspect.signature(entry).parameters.items()
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    }


def fields_as_written(recipe_type: Any) -> list[dataclasses.Field[Any]]:
    """The fields of a recipe, or of one of its sections, in the order in which they are written."""
    return sorted(dataclasses.fields(recipe_type), key=lambda item: item.metadata.get("last", False))


def default_of(section: Any, name: str) -> Any:
    """The default of a setting. section: a recipe's dataclass, or a section of one as it is by default; None: it has
    none."""
    if not isinstance(section, type):
        return getattr(section, name, None)
    item = next((item for item in dataclasses.fields(section) if item.name == name), None)
    if item is None or (item.default is MISSING and item.default_factory is MISSING):
        return None
    return item.default if item.default_factory is MISSING else item.default_factory()


def to_plain(recipe: Any) -> Any:
    """A recipe as plain dictionaries, lists and scalars, ready for YAML or JSON."""
    if isinstance(recipe, Choice):
        weight = {"weight": recipe.weight} if isinstance(recipe, WeightedChoice) else {}
        return {"name": recipe.name, **weight, **{key: to_plain(value) for key, value in recipe.options.items()}}
    if dataclasses.is_dataclass(recipe) and not isinstance(recipe, type):
        return {item.name: to_plain(getattr(recipe, item.name)) for item in fields_as_written(recipe)}
    if isinstance(recipe, tuple | list):
        return [to_plain(value) for value in recipe]
    return str(recipe) if isinstance(recipe, Path) else recipe


def as_overrides(settings: Mapping[str, Any]) -> list[str]:
    """Settings by their names, sections as dictionaries, as the command line has them.

    >>> as_overrides({"epochs": 3, "network": {"depth": 34}, "initial": None, "flip": True})
    ['--epochs=3', '--network.depth=34', '--initial=none', '--flip=true']
    """
    tokens = []
    for name, value in settings.items():
        if isinstance(value, Mapping):
            tokens += [f"--{name}.{token.removeprefix('--')}" for token in as_overrides(value)]
        else:
            tokens.append(f"--{name}={_as_text(to_plain(value))}")
    return tokens


def _as_text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return _flow(value) if any(isinstance(item, Mapping) for item in value) else ",".join(map(str, value))
    return str(value)


def write_recipe(recipe: Any) -> str:
    """The recipe as YAML with every setting written out, and each one's help and unit as a comment."""
    return "".join(_lines(recipe, ""))


def _lines(recipe: Any, indent: str) -> Iterator[str]:
    for item in fields_as_written(recipe):
        value = getattr(recipe, item.name)
        comment = item.metadata.get("help", "")
        if item.metadata.get("unit"):
            comment += f" [{item.metadata['unit']}]"
        comment = f"  # {comment}" if comment else ""
        if dataclasses.is_dataclass(value) and not isinstance(value, Choice):
            yield f"{indent}{item.name}:{comment}\n"
            yield from _lines(value, indent + "  ")
        else:
            yield f"{indent}{item.name}: {_flow(to_plain(value))}{comment}\n"


def _flow(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False).strip().removesuffix("\n...")
