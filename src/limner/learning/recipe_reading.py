"""Reading recipes: YAML nodes and command-line settings into a room's dataclasses, with errors that name the line.

YAML is read as nodes, not values: they keep their lines, and the fields' types say what a scalar means.
"""

import dataclasses
import difflib
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

import yaml

from limner.foundation.errors import UserError
from limner.learning.recipe import Choice, options_of


@dataclass(frozen=True)
class _Source:
    """Where a recipe's text stands, for messages."""

    name: str

    def at(self, node: yaml.Node) -> str:
        if _is_override(node):
            return node.tag.removeprefix("!override ")
        return f"{self.name}:{node.start_mark.line + 1}"

    def refuse(self, node: yaml.Node, message: str) -> NoReturn:
        raise UserError(f"{self.at(node)}: {message}")


def read_recipe(text: str, name: str, recipe_types: Callable[[str], type | None], overrides: Sequence[str] = ()) -> Any:
    """The recipe that ``text`` (YAML) and the ``overrides`` say, as the dataclass that its ``task:`` names.

    name: what to call the text in messages (a file's path). recipe_types: gives a task's dataclass, or None.
    overrides: command-line tokens such as ``["--network.depth", "34", "--epochs=3"]``.
    Raises `UserError` with file and line for broken YAML, an unknown key or name (the nearest is offered), or a value
    of the wrong type or out of bounds.
    """
    source = _Source(name)
    root = _compose(text, source)
    # A name drops the options of the old one, so names come before the options that are given with them.
    for path, value in sorted(parse_overrides(overrides), key=lambda pair: (pair[0][-1] != "name", len(pair[0]))):
        _override(root, path, value)
    recipe_type = recipe_types(_task(root, source, lambda task: recipe_types(task) is not None))
    assert recipe_type is not None
    return _read_dataclass(root, recipe_type, source, "")


def read_task(text: str, name: str, known: Callable[[str], bool]) -> str:
    """What the ``task:`` of a recipe says. Raises `UserError` with file and line where it names none that is known."""
    source = _Source(name)
    return _task(_compose(text, source), source, known)


def _task(root: yaml.MappingNode, source: _Source, known: Callable[[str], bool]) -> str:
    node = dict(_items(root, source)).get("task")
    if node is None:
        source.refuse(root, "no 'task:'; a recipe's first line names its task, such as 'task: segment'")
    if not isinstance(node, yaml.ScalarNode):
        source.refuse(node, "task needs one name, got a list or a section")
    if not known(node.value):
        source.refuse(node, f"unknown task '{node.value}'; see 'limner recipes'")
    return str(node.value)


def parse_overrides(tokens: Sequence[str]) -> list[tuple[tuple[str, ...], str]]:
    """Split ``--a.b value``, ``--a.b=value`` and ``--flag`` / ``--no-flag`` tokens into (path, text) pairs.

    >>> parse_overrides(["--network.depth", "34", "--tile-px=128", "--no-resume"])
    [(('network', 'depth'), '34'), (('tile_px',), '128'), (('resume',), 'false')]
    """
    pairs: list[tuple[tuple[str, ...], str]] = []
    waiting = list(tokens)
    while waiting:
        token = waiting.pop(0)
        if not token.startswith("--") or token == "--":
            raise UserError(f"'{token}': expected a setting such as --epochs 10 or --network.depth 34")
        key, separator, value = token[2:].partition("=")
        if not separator:
            if waiting and not waiting[0].startswith("--"):
                value = waiting.pop(0)
            else:
                value = "false" if key.startswith("no-") else "true"
                key = key.removeprefix("no-")
        pairs.append((tuple(key.replace("-", "_").split(".")), value))
    return pairs


def _compose(text: str, source: _Source) -> yaml.MappingNode:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"{source.name}:{line}: not YAML ({error.problem})") from None
    except yaml.YAMLError as error:
        raise UserError(f"{source.name}: not YAML ({' '.join(str(error).split())})") from None
    if not isinstance(root, yaml.MappingNode):
        raise UserError(f"{source.name}:1: a recipe is 'key: value' lines; the first is 'task: ...'")
    return root


def _items(node: yaml.MappingNode, source: _Source) -> Iterator[tuple[str, yaml.Node]]:
    seen: set[str] = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            source.refuse(key, "a list or a section stands where a key is needed, such as 'epochs: 3'")
        if key.value in seen:
            source.refuse(key, f"'{key.value}' is given twice; keep one")
        seen.add(key.value)
        yield key.value, value


def _override(root: yaml.MappingNode, path: tuple[str, ...], text: str) -> None:
    flag = "--" + ".".join(path).replace("_", "-")
    node = root
    for key in path[:-1]:
        below = next((value for name, value in node.value if name.value == key), None)
        if not isinstance(below, yaml.MappingNode):
            # `network: lite-unet` in the file and `--network.width 8` on the line: keep the name.
            kept = [(_scalar("name", flag), below)] if isinstance(below, yaml.ScalarNode) else []
            below = yaml.MappingNode(f"!override {flag}", kept)
            _put(node, key, below, flag)
        node = below
    if path[-1] == "name" and _value(node, "name") not in (None, text):
        node.value = []  # another name: the old one's options mean nothing to it
    _put(node, path[-1], _value_node(text, flag), flag)


def _value_node(text: str, flag: str) -> yaml.Node:
    """What a command-line word says: one value, or sections in YAML's brackets such as ``[{name: all, epochs: 3}]``."""
    if not text.startswith(("{", "[{")):
        return _scalar(text, flag)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise UserError(f"{flag}: '{text}' is not YAML ({' '.join(str(error).split())[:80]})") from None
    if node is None:
        return _scalar(text, flag)
    waiting = [node]
    while waiting:  # so that an error in it names the option, not a line of the file
        below = waiting.pop()
        below.tag = f"!override {flag}"
        if isinstance(below, yaml.SequenceNode):
            waiting += below.value
        elif isinstance(below, yaml.MappingNode):
            waiting += [part for pair in below.value for part in pair]
    return node


def _scalar(text: str, flag: str) -> yaml.ScalarNode:
    return yaml.ScalarNode(f"!override {flag}", text)


def _is_override(node: yaml.Node) -> bool:
    return bool(node.tag.startswith("!override "))


def _value(node: yaml.MappingNode, key: str) -> str | None:
    return next((value.value for name, value in node.value if name.value == key), None)


def _put(node: yaml.MappingNode, key: str, value: yaml.Node, flag: str) -> None:
    node.value = [(name, old) for name, old in node.value if name.value != key] + [(_scalar(key, flag), value)]


def _read_dataclass(node: yaml.Node, cls: type, source: _Source, prefix: str) -> Any:
    if not isinstance(node, yaml.MappingNode):
        got = f"'{node.value}'" if isinstance(node, yaml.ScalarNode) else "a list"
        source.refuse(node, f"'{prefix.rstrip('.')}' needs 'key: value' lines below it, got {got}")
    fields = {item.name: item for item in dataclasses.fields(cls) if item.init}
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    items = dict(_items(node, source))
    keys = {key.value: key for key, _ in node.value}
    current = {item.metadata["formerly"]: name for name, item in fields.items() if item.metadata.get("formerly")}
    for given, value_node in items.items():
        name = current.get(given, given)
        if name not in fields:
            source.refuse(keys[given], f"unknown setting '{prefix}{name}'; {_nearest(name, fields)}")
        if name in values and not _is_override(value_node):
            source.refuse(keys[given], f"'{prefix}{name}' is given twice, once by its former name; keep one")
        item = fields[name]
        if "entries" in item.metadata:
            values[name] = _read_choice(value_node, item.metadata, source, prefix + name)
            continue
        values[name] = _convert(value_node, hints[name], source, prefix + name)
        _check_bounds(values[name], item.metadata, value_node, source, prefix + name)
    missing = [
        n for n, f in fields.items() if n not in values and f.default is MISSING and f.default_factory is MISSING
    ]
    if missing:
        source.refuse(node, f"'{prefix}{missing[0]}' is missing: {fields[missing[0]].metadata.get('help', 'required')}")
    try:
        return cls(**values)
    except UserError as error:
        source.refuse(node, str(error))


def _check_bounds(value: Any, metadata: Mapping[str, Any], node: yaml.Node, source: _Source, name: str) -> None:
    low, high = metadata.get("minimum"), metadata.get("maximum")
    unit = f" {metadata['unit']}" if metadata.get("unit") else ""
    for number in value if isinstance(value, tuple) else (value,):
        if not isinstance(number, int | float) or isinstance(number, bool):
            continue
        if (low is not None and number < low) or (high is not None and number > high):
            wanted = f"at least {low}" if high is None else f"between {low} and {high}"
            source.refuse(node, f"{name} is {number}; it must be {wanted}{unit}")


def _read_choice(node: yaml.Node, metadata: Mapping[str, Any], source: _Source, name: str) -> Choice:
    entries: Mapping[str, Callable[..., Any]] = metadata["entries"]()
    options: dict[str, yaml.Node] = {}
    chosen = node
    if isinstance(node, yaml.MappingNode):
        options = dict(_items(node, source))
        if "name" not in options:
            source.refuse(node, f"{name} needs 'name:', one of {', '.join(entries)}")
        chosen = options.pop("name")
    elif isinstance(node, yaml.SequenceNode):
        source.refuse(node, f"{name} is a list; needed: one name of {', '.join(entries)}")
    if not isinstance(chosen, yaml.ScalarNode):
        source.refuse(chosen, f"{name}.name needs one value, got a list or a section")
    if chosen.value not in entries:
        source.refuse(chosen, f"unknown {name} '{chosen.value}'; {_nearest(chosen.value, entries)}")
    accepted = options_of(entries[chosen.value], metadata["given"])
    current: dict[str, yaml.Node] = {}
    for given, value_node in options.items():
        key = metadata["former_options"].get(given, given)
        if key in current and not _is_override(value_node):
            source.refuse(value_node, f"option '{key}' of {name} is given twice, once by its former name; keep one")
        current[key] = value_node
    for key, value_node in current.items():
        if key not in accepted:
            source.refuse(value_node, f"unknown option '{key}' of {name} {chosen.value}; {_nearest(key, accepted)}")
    converted = {
        key: _convert(value, accepted[key].annotation, source, f"{name}.{key}") for key, value in current.items()
    }
    return Choice(chosen.value, converted)


def _convert(node: yaml.Node, wanted: Any, source: _Source, name: str) -> Any:
    if dataclasses.is_dataclass(wanted) and isinstance(wanted, type):
        return _read_dataclass(node, wanted, source, name + ".")
    origin = get_origin(wanted)
    if origin in (Union, types.UnionType):
        if isinstance(node, yaml.ScalarNode) and node.value.lower() in ("null", "none", "~", ""):
            return None
        return _convert(node, next(kind for kind in get_args(wanted) if kind is not type(None)), source, name)
    if origin is tuple:
        return _convert_tuple(node, get_args(wanted), source, name)
    if not isinstance(node, yaml.ScalarNode):
        source.refuse(node, f"{name} needs one value, got a list or a section")
    if origin is Literal:
        allowed = [str(value) for value in get_args(wanted)]
        if node.value not in allowed:
            source.refuse(node, f"{name} is '{node.value}'; {_nearest(node.value, allowed)}")
        return node.value
    return _convert_scalar(node, wanted, source, name)


def _convert_tuple(node: yaml.Node, kinds: tuple[Any, ...], source: _Source, name: str) -> tuple[Any, ...]:
    if isinstance(node, yaml.SequenceNode):
        nodes = node.value
    elif isinstance(node, yaml.ScalarNode):  # `--data.classes background,building`, also in YAML's brackets
        parts = node.value.strip().removeprefix("[").removesuffix("]").split(",")
        nodes = [yaml.ScalarNode(node.tag, part.strip(), node.start_mark) for part in parts if part]
    else:
        source.refuse(node, f"{name} needs a list, got a section")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(_convert(item, kinds[0], source, name) for item in nodes)
    if len(nodes) != len(kinds):
        source.refuse(node, f"{name} needs {len(kinds)} values, got {len(nodes)}")
    return tuple(_convert(item, kind, source, name) for item, kind in zip(nodes, kinds, strict=True))


_TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_KINDS: dict[type, tuple[str, Callable[[str], Any]]] = {
    int: ("a whole number", lambda text: int(text.replace("_", ""))),
    float: ("a number", float),
    bool: ("true or false", lambda text: _TRUTH[text.lower()]),
    str: ("text", str),
    Path: ("a path", Path),
}


def _convert_scalar(node: yaml.ScalarNode, wanted: Any, source: _Source, name: str) -> Any:
    description, convert = _KINDS[wanted]
    try:
        value = convert(node.value)
    except (ValueError, KeyError):
        source.refuse(node, f"{name} is '{node.value}'; it must be {description}")
    if isinstance(value, float) and value != value:
        source.refuse(node, f"{name} is not a number")
    return value


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, 1, 0.6)
    return f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names) or 'none'}"
