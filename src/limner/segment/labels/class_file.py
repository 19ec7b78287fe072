"""``classes.yaml``: the names of a data set's classes and what in its labels means them.

    classes:                  # the first is class 0
      background: "#9B9B9B"   # a color, a number, or (of polygons) a text; or a list of them
      building: ["#3C1098", 4]
    ignore: ["#000000", 11]   # ground that nobody labelled

A plain list of names, ``classes: [sky, building, road]``, means masks of class numbers in this order.

This file imports no torch: `limner check` and `limner score` stay light.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import yaml

from limner.foundation.errors import UserError
from limner.foundation.files.yaml_nodes import read_yaml
from limner.reporting.pictures import IGNORE
from limner.segment.labels.forms import LabelForm

COLOR = re.compile(r"#[0-9a-fA-F]{6}")


def read_class_file(path: Path) -> LabelForm:
    """The form that a ``classes.yaml`` describes.

    Raises `UserError` with file and line for broken YAML, a class without a meaning, two classes of one meaning.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; needed is a classes.yaml, or class names such as background,building")
    return _Reader(path).form(read_yaml(path))


class _Reader:
    """One file on its way from nodes, which know their lines, to a form."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.meanings: dict[int | str, int] = {}  # colors are kept as "#RRGGBB"

    def form(self, root: yaml.Node | None) -> LabelForm:
        if not isinstance(root, yaml.MappingNode):
            raise UserError(f"{self.path}:1: needed are 'classes:' with the names below it, and perhaps 'ignore:'")
        sections = {key.value: value for key, value in root.value}
        for key, _ in root.value:
            if key.value not in ("classes", "ignore"):
                self.refuse(key, f"'{key.value}' is neither 'classes' nor 'ignore'")
        if "classes" not in sections:
            self.refuse(root, "no 'classes:'; name them, the first is class 0")
        names = self._classes(sections["classes"])
        for node in self._scalars(sections["ignore"]) if "ignore" in sections else ():
            self._add(node, IGNORE)
        ignores_255 = self.meanings.get(IGNORE) == IGNORE
        self.meanings.setdefault(IGNORE, IGNORE)
        for number, name in enumerate(names):  # a field of polygons may say a class's own name
            self.meanings.setdefault(name, number)
        colors = {text: number for text, number in self.meanings.items() if isinstance(text, str) and text[0] == "#"}
        numbers = {value: number for value, number in self.meanings.items() if isinstance(value, int)}
        return LabelForm(
            class_names=names,
            numbers=tuple(sorted(numbers.items())),
            colors=tuple(sorted((int(text[1:], 16), number) for text, number in colors.items())),
            # A field of whole numbers is matched by their text.
            attributes=tuple((str(text), number) for text, number in self.meanings.items() if text not in colors),
            ignores_255=ignores_255,
        )

    def _classes(self, node: yaml.Node) -> tuple[str, ...]:
        if isinstance(node, yaml.SequenceNode):
            keys = list(self._scalars(node))
            for number, key in enumerate(keys):
                self.meanings[number] = self.meanings[key.value] = number
        elif isinstance(node, yaml.MappingNode):
            keys = [key for key, _ in node.value]
            for number, (key, value) in enumerate(node.value):
                for meaning in self._scalars(value):
                    if not meaning.value:
                        self.refuse(key, f'class {key.value} has no meaning; colors need quotes: "#3C1098"')
                    self._add(meaning, number)
        else:
            self.refuse(node, "'classes' needs a list of names, or names with their colors or numbers")
        names = tuple(str(key.value) for key in keys)
        if not 2 <= len(names) < IGNORE or len(set(names)) != len(names):
            self.refuse(node, f"{len(names)} classes ({', '.join(names)}); needed are 2 or more with different names")
        return names

    def _scalars(self, node: yaml.Node) -> Iterator[yaml.ScalarNode]:
        for each in node.value if isinstance(node, yaml.SequenceNode) else (node,):
            if not isinstance(each, yaml.ScalarNode):
                self.refuse(each, "needed is a name, a color or a number, or a list of them")
            yield each

    def _add(self, node: yaml.ScalarNode, number: int) -> None:
        text = node.value
        meaning: int | str = text
        if text.startswith("#"):
            if not COLOR.fullmatch(text):
                self.refuse(node, f"'{text}' is no color; needed is one such as \"#3C1098\"")
            meaning = text.upper()
        elif text.isdecimal():
            meaning = int(text)
            if meaning > IGNORE:
                self.refuse(node, f"{meaning} is no value of a mask; needed is 0 to {IGNORE}")
        if self.meanings.setdefault(meaning, number) != number:
            self.refuse(node, f"'{text}' means two things; keep one")

    def refuse(self, node: yaml.Node, message: str) -> NoReturn:
        raise UserError(f"{self.path}:{node.start_mark.line + 1}: {message}")
