"""Settings of the command line, put into a recipe's YAML nodes: ``--network.depth 34``, ``--losses.l1.weight 50``."""

from collections.abc import Sequence
from typing import Any

import yaml

from limner.foundation.errors import UserError
from limner.foundation.files.yaml_nodes import compose
from limner.foundation.nearest import did_you_mean
from limner.learning.recipes.nodes import OVERRIDE, name_of, value_of
from limner.learning.recipes.recipe import Choice, default_of, to_plain

Path = tuple[str, ...]
"""A setting's place in the recipe: its dotted name, split."""


def parse_overrides(tokens: Sequence[str]) -> list[tuple[Path, str]]:
    """Split ``--a.b value``, ``--a.b=value`` and ``--flag`` / ``--no-flag`` tokens into (path, text) pairs.

    >>> parse_overrides(["--network.depth", "34", "--tile-px=128", "--no-resume"])
    [(('network', 'depth'), '34'), (('tile_px',), '128'), (('resume',), 'false')]
    """
    pairs: list[tuple[Path, str]] = []
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


def option(path: Sequence[str]) -> str:
    """A setting as the command line writes it.

    >>> option(("data", "tile_px"))
    '--data.tile-px'
    """
    return "--" + ".".join(path).replace("_", "-")


def apply_overrides(root: yaml.MappingNode, pairs: Sequence[tuple[Path, str]], recipe_type: type | None) -> None:
    """Put the settings into the nodes.

    recipe_type: whose defaults a setting below one that the file leaves out starts from: ``--optimizer.learning-rate``
    alone keeps the optimizer.
    """
    # A name drops the options of the old one, so names come before the options that are given with them; whole lists
    # first.
    for path, text in sorted(pairs, key=lambda pair: (pair[0][-1] != "name" and len(pair[0]) > 1, len(pair[0]))):
        _override(root, path, text, recipe_type)


def _override(root: yaml.MappingNode, path: Path, text: str, recipe_type: type | None) -> None:
    flag = option(path)
    node: yaml.Node = root
    for depth, key in enumerate(path[:-1]):
        below = _member(node, key, flag) if isinstance(node, yaml.SequenceNode) else value_of(node, key)
        if below is None and recipe_type is not None:
            below = _default_node(recipe_type, path[: depth + 1], flag)
        if not isinstance(below, yaml.MappingNode | yaml.SequenceNode):
            # `network: lite-unet` in the file and `--network.width 8` on the line: keep the name.
            kept = [(_scalar("name", flag), below)] if isinstance(below, yaml.ScalarNode) else []
            below = yaml.MappingNode(f"{OVERRIDE}{flag}", kept)
        _put(node, key, below, flag)
        node = below
    if isinstance(node, yaml.SequenceNode):
        raise UserError(f"{flag}: '{path[-2]}' is a list; name what of it to set, such as {flag}.NAME VALUE")
    assert isinstance(node, yaml.MappingNode)
    if path[-1] == "name" and name_of(node) not in (None, text):
        node.value = []  # another name: the old one's options mean nothing to it
    _put(node, path[-1], _value_node(text, flag), flag)


def _member(node: yaml.SequenceNode, key: str, flag: str) -> yaml.Node:
    """The item of a list that has this name."""
    names = [name_of(item) or "" for item in node.value]
    for name, item in zip(names, node.value, strict=True):
        if name.replace("-", "_") == key:
            return item
    raise UserError(f"{flag}: nothing there is named '{key}'; {did_you_mean(key, filter(None, names))}")


def _put(node: yaml.Node, key: str, value: yaml.Node, flag: str) -> None:
    if isinstance(node, yaml.SequenceNode):
        node.value = [value if (name_of(item) or "").replace("-", "_") == key else item for item in node.value]
    else:
        assert isinstance(node, yaml.MappingNode)
        node.value = [(name, old) for name, old in node.value if name.value != key] + [(_scalar(key, flag), value)]


def _default_node(recipe_type: type, path: Path, flag: str) -> yaml.Node | None:
    """The nodes of a default that has parts: a choice, or a list of named things."""
    default: Any = recipe_type
    for name in path:
        default = default_of(default, name)
    if not default or not isinstance(default, Choice | tuple):
        return None
    node = yaml.compose(yaml.safe_dump(to_plain(default)), Loader=yaml.SafeLoader)
    return None if node is None else _tagged(node, flag)


def _value_node(text: str, flag: str) -> yaml.Node:
    """What a command-line word says: one value, or sections in YAML's brackets such as ``[{name: all, epochs: 3}]``."""
    if not text.startswith(("{", "[[")) and not (text.startswith("[") and "{" in text):
        return _scalar(text, flag)
    node = compose(text, flag)
    return _scalar(text, flag) if node is None else _tagged(node, flag)


def _tagged(node: yaml.Node, flag: str) -> yaml.Node:
    """The nodes with the option's tag, so that an error in them names it, not a line of the file."""
    waiting = [node]
    while waiting:
        below = waiting.pop()
        below.tag = f"{OVERRIDE}{flag}"
        if isinstance(below, yaml.SequenceNode):
            waiting += below.value
        elif isinstance(below, yaml.MappingNode):
            waiting += [part for pair in below.value for part in pair]
    return node


def _scalar(text: str, flag: str) -> yaml.ScalarNode:
    return yaml.ScalarNode(f"{OVERRIDE}{flag}", text)
