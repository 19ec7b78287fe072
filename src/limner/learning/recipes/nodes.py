"""The YAML nodes of a recipe: they keep their lines, so that a mistake can be named where it stands."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

import yaml

from limner.foundation.errors import UserError
from limner.foundation.files import yaml_nodes

OVERRIDE = "!override "
"""Begins the tag of a node that an option of the command line made; the option follows."""
NOTHING = ("null", "none", "~", "")
"""What empties a setting that may be empty."""


@dataclass(frozen=True)
class Source:
    """Where a recipe's text stands, for messages. settings: the dotted names of all settings that the recipe has."""

    name: str
    settings: Callable[[], list[str]] = list

    def at(self, node: yaml.Node) -> str:
        """File and line, or the option."""
        return option_of(node) or f"{self.name}:{node.start_mark.line + 1}"

    def refuse(self, node: yaml.Node, message: str) -> NoReturn:
        """Raise a `UserError` that names the place."""
        raise UserError(f"{self.at(node)}: {message}")


def option_of(node: yaml.Node) -> str:
    """The option that made a node, such as ``--network.depth``; empty for what stands in the file."""
    return node.tag.removeprefix(OVERRIDE) if node.tag.startswith(OVERRIDE) else ""


def compose(text: str, source: Source) -> yaml.MappingNode:
    """The nodes of a recipe's text, the caller's own to change."""
    root = _copied(_composed(text, source.name))
    if not isinstance(root, yaml.MappingNode):
        raise UserError(f"{source.name}:1: a recipe is 'key: value' lines; the first is 'task: ...'")
    return root


@lru_cache(maxsize=8)
def _composed(text: str, name: str) -> yaml.Node | None:
    """A command reads its recipe several times: for its task, its names, its values."""
    return yaml_nodes.compose(text, name)


def _copied(node: yaml.Node | None) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        pairs = [(_copied(key), _copied(value)) for key, value in node.value]
        return yaml.MappingNode(node.tag, pairs, node.start_mark, node.end_mark, node.flow_style)
    if isinstance(node, yaml.SequenceNode):
        parts = [_copied(part) for part in node.value]
        return yaml.SequenceNode(node.tag, parts, node.start_mark, node.end_mark, node.flow_style)
    if isinstance(node, yaml.ScalarNode):
        return yaml.ScalarNode(node.tag, node.value, node.start_mark, node.end_mark, node.style)
    return None


def items(node: yaml.MappingNode, source: Source) -> Iterator[tuple[str, yaml.Node]]:
    """The keys and values of a section; refuses a key that is none, or is given twice."""
    seen: set[str] = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            source.refuse(key, "a list or a section stands where a key is needed, such as 'epochs: 3'")
        if key.value in seen:
            source.refuse(key, f"'{key.value}' is given twice; keep one")
        seen.add(key.value)
        yield key.value, value


def value_of(node: yaml.Node, key: str) -> yaml.Node | None:
    """What stands at a key of a section."""
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def name_of(node: yaml.Node | None) -> str | None:
    """The name in ``{name: l1, weight: 100}`` or in the plain word ``l1``."""
    named = value_of(node, "name") if isinstance(node, yaml.MappingNode) else node
    return named.value if isinstance(named, yaml.ScalarNode) else None
