"""YAML that somebody else may have written, read within limits: no file takes time or memory without end.

A few lines of aliases of aliases stand for more values than there is memory, and an alias of the list that it stands in
for values without end.
"""

from pathlib import Path
from typing import Any, NoReturn

import yaml

from limner.foundation.errors import UserError
from limner.foundation.files.documents import DEEPEST
from limner.foundation.unexpected import one_line

LARGEST_BYTES = 1 << 20
"""A recipe has 5 thousand; names of the largest data sets' classes a few ten thousand."""
MOST_VALUES = 100_000
"""With each alias counted as all that it stands for."""


def read_yaml(path: Path) -> yaml.Node | None:
    """The nodes of a YAML file, None of an empty one. Raises `UserError` as `compose` does, and for what is no
    UTF-8."""
    with path.open("rb") as file:
        content = file.read(LARGEST_BYTES + 1)
    try:
        return compose(content.decode("utf-8-sig", "ignore" if len(content) > LARGEST_BYTES else "strict"), str(path))
    except UnicodeDecodeError:
        raise UserError(f"{path}: not YAML in UTF-8; save it as UTF-8") from None


def compose(text: str, source: str) -> yaml.Node | None:
    """The nodes of a YAML text, which know their lines; None of an empty one.

    source: what to call it, such as the file or the option. Raises `UserError` with its line for what is no YAML, for
    text of more than `LARGEST_BYTES`, more than `DEEPEST` levels, and for more than `MOST_VALUES` values or values
    without end by its aliases.
    """
    if len(text) > LARGEST_BYTES:
        raise UserError(f"{source}: more than {LARGEST_BYTES} letters of YAML; is it the right file?")
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"{source}:{line}: not YAML ({one_line(str(error.problem or error.context))[:120]})") from None
    except yaml.YAMLError as error:
        raise UserError(f"{source}: not YAML ({one_line(str(error))[:120]})") from None
    except RecursionError:
        _refuse_depth(source)
    except (
        ValueError,
        IndexError,
        TypeError,
    ) as error:  # of PyYAML itself, on escapes and tags that it does not expect
        raise UserError(f"{source}: not YAML ({one_line(str(error))[:120]})") from None
    if root is not None:
        _check(root, source)
    return root


def plain_value(node: yaml.Node | None, source: str) -> Any:
    """What the nodes say, as plain dictionaries, lists, texts and numbers. Raises `UserError` where they say
    nothing."""
    if node is None:
        return None
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node)
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise UserError(f"{source}: not YAML ({one_line(str(error))[:120]})") from None


def _refuse_depth(source: str) -> NoReturn:
    raise UserError(f"{source}: nested more than {DEEPEST} deep; make it flatter") from None


def _check(root: yaml.Node, source: str) -> None:
    """Refuse what is too deep, or too much, once each alias is written out."""
    known: dict[int, tuple[int, int]] = {}  # of each node: how many values, and how deep
    above: set[int] = set()

    def measure(node: yaml.Node, depth: int) -> tuple[int, int]:
        number = id(node)
        if number in above:
            line = node.start_mark.line + 1
            raise UserError(f"{source}:{line}: an alias stands for what it stands in, without end; write it out")
        if number not in known:
            if depth > DEEPEST:
                _refuse_depth(source)
            above.add(number)
            below = [measure(each, depth + 1) for each in _below(node)]
            above.discard(number)
            count, height = 1 + sum(count for count, _ in below), 1 + max((height for _, height in below), default=0)
            if height > DEEPEST:
                _refuse_depth(source)
            if count > MOST_VALUES:
                raise UserError(f"{source}: more than {MOST_VALUES} values, with its aliases written out; is it right?")
            known[number] = count, height
        return known[number]

    measure(root, 1)


def _below(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    return [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else []
