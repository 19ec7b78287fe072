"""What a YAML node means for a type: scalars, lists, unions, sections."""

import dataclasses
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import yaml

from limner.foundation.errors import UserError
from limner.foundation.nearest import did_you_mean
from limner.learning.recipes.nodes import NOTHING, Source

ReadSection = Callable[[yaml.Node, type, Source, str], Any]
"""Reads a section into its dataclass: (node, dataclass, source, what stands before the names of its settings)."""

_TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_KINDS: dict[type, tuple[str, Callable[[str], Any]]] = {
    bool: ("true or false", lambda text: _TRUTH[text.lower()]),
    int: ("a whole number", lambda text: int(text.replace("_", ""))),
    float: ("a number", float),
    Path: ("a path", Path),
    str: ("text", str),
}
"""In the order in which the kinds of a union are tried: what takes least comes first."""


def convert(node: yaml.Node, wanted: Any, source: Source, name: str, read_section: ReadSection) -> Any:
    """A node as a value of the type ``wanted``: a scalar, `Literal`, tuple or list of any of these, union, or
    dataclass.

    Of a union, the first kind that the node can be: literals, then true or false, numbers, paths, text.
    Raises `UserError` that names the place where the node is none of that type.
    """

    def read(part: yaml.Node, kind: Any) -> Any:
        return convert(part, kind, source, name, read_section)

    if _is_section(wanted):
        return read_section(node, wanted, source, name + ".")
    origin = get_origin(wanted)
    if origin in (Union, types.UnionType):
        return _convert_union(node, get_args(wanted), source, name, read)
    if origin in (tuple, list):
        values = _convert_list(node, get_args(wanted), source, name, read)
        return list(values) if origin is list else values
    if not isinstance(node, yaml.ScalarNode):
        source.refuse(node, f"{name} needs one value, got a list or a section")
    if origin is Literal:
        allowed = {str(value): value for value in get_args(wanted)}
        if node.value not in allowed:
            source.refuse(node, f"{name} is '{node.value}'; {did_you_mean(node.value, allowed)}")
        return allowed[node.value]
    return _convert_scalar(node, wanted, source, name)


def _is_section(kind: Any) -> bool:
    return dataclasses.is_dataclass(kind) and isinstance(kind, type)


def _convert_union(
    node: yaml.Node, kinds: Sequence[Any], source: Source, name: str, read: Callable[[yaml.Node, Any], Any]
) -> Any:
    if type(None) in kinds and isinstance(node, yaml.ScalarNode) and node.value.lower() in NOTHING:
        return None
    kinds = [kind for kind in kinds if kind is not type(None)]
    if len(kinds) == 1:
        return read(node, kinds[0])
    if isinstance(node, yaml.MappingNode) and (sections := [kind for kind in kinds if _is_section(kind)]):
        keys = {key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)}
        # The one whose settings are given says best what is wrong with them.
        return read(node, max(sections, key=lambda kind: len(keys & {item.name for item in dataclasses.fields(kind)})))
    for kind in sorted(kinds, key=lambda kind: _rank(kind, node)):
        try:
            return read(node, kind)
        except UserError:
            continue
    got = f"'{node.value}'" if isinstance(node, yaml.ScalarNode) else "a list or a section"
    raise UserError(f"{source.at(node)}: {name} is {got}; it must be {' or '.join(map(_described, kinds))}")


def _rank(kind: Any, node: yaml.Node) -> int:
    if get_origin(kind) in (tuple, list):
        return (
            -1 if isinstance(node, yaml.SequenceNode) else len(_KINDS)
        )  # a word is a list only where it can be nothing else
    return list(_KINDS).index(kind) if kind in _KINDS else -1


def _described(kind: Any) -> str:
    """A type in words."""
    if get_origin(kind) is Literal:
        return " or ".join(f"'{value}'" for value in get_args(kind))
    if get_origin(kind) in (tuple, list):
        return "a list"
    return _KINDS[kind][0] if kind in _KINDS else "a section"


def _convert_list(
    node: yaml.Node, kinds: tuple[Any, ...], source: Source, name: str, read: Callable[[yaml.Node, Any], Any]
) -> tuple[Any, ...]:
    if isinstance(node, yaml.SequenceNode):
        nodes = node.value
    elif isinstance(node, yaml.ScalarNode):
        nodes = words_of(node)
    else:
        source.refuse(node, f"{name} needs a list, got a section")
    if len(kinds) == 1 or (len(kinds) == 2 and kinds[1] is Ellipsis):
        return tuple(read(item, kinds[0]) for item in nodes)
    if len(nodes) != len(kinds):
        source.refuse(node, f"{name} needs {len(kinds)} values, got {len(nodes)}")
    return tuple(read(item, kind) for item, kind in zip(nodes, kinds, strict=True))


def words_of(node: yaml.ScalarNode) -> list[yaml.Node]:
    """The words of ``background,building``, also in YAML's brackets."""
    parts = node.value.strip().removeprefix("[").removesuffix("]").split(",")
    return [yaml.ScalarNode(node.tag, part.strip(), node.start_mark) for part in parts if part]


def _convert_scalar(node: yaml.ScalarNode, wanted: Any, source: Source, name: str) -> Any:
    description, read = _KINDS[wanted]
    try:
        value = read(node.value)
    except (ValueError, KeyError):
        source.refuse(node, f"{name} is '{node.value}'; it must be {description}")
    if isinstance(value, float) and value != value:
        source.refuse(node, f"{name} is not a number")
    return value
