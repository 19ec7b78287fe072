"""What the entries of a room's dictionary take, such as its networks', read from their files without importing them.

Importing them takes torch, and seconds; this is for what is told of a wrong word before that.
"""

import ast
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

Definition = ast.FunctionDef | ast.ClassDef


def parameters_of(place: str, above: frozenset[str] = frozenset()) -> set[str]:
    """The parameters of a function, of a class with its fields, or of all that a dictionary names.

    place: of it, as module:name; it may be imported there from elsewhere. above: the places that led to it. What is
    written in another way is left out.
    """
    module, _, name = place.partition(":")
    words: set[str] = set()
    for node in _body(module):
        further: list[str] = []
        if isinstance(node, Definition) and node.name == name:
            words |= set(_parameters(node))
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value and _is_called(node, name):
            parts = [each for each in ast.walk(node.value) if isinstance(each, ast.Name | ast.Attribute)]
            further = [f"{module}:{ast.unparse(each)}" for each in parts]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            head, _, of_module = name.partition(".")
            taken = [f"{node.module}:{each.name}" for each in node.names if (each.asname or each.name) == head]
            further = [f"{each.replace(':', '.')}:{of_module}" if of_module else each for each in taken]
        for each in further:
            if each not in above:
                words |= parameters_of(each, above | {place})
    return words


@cache
def _body(module: str) -> tuple[ast.stmt, ...]:
    """The statements of a module's file; none where there is no such file."""
    top, *parts = module.split(".")
    found = find_spec(top)  # of a module below, it would import what is above it
    for root in (found and found.submodule_search_locations) or ():
        path = Path(root, *parts)
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if file.is_file():
            return tuple(ast.parse(file.read_text(encoding="utf-8")).body)
    return ()


def _is_called(node: ast.Assign | ast.AnnAssign, name: str) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def _parameters(definition: Definition) -> Iterator[str]:
    inside = [definition] if isinstance(definition, ast.FunctionDef) else definition.body
    for node in inside:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.FunctionDef) and (node is definition or node.name == "__init__"):
            yield from (argument.arg for argument in (*node.args.args, *node.args.kwonlyargs))
