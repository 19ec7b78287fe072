"""What labels mean: which class stands behind each number, color or attribute of a whole data set's labels.

This file imports no torch: `limner check` and `limner score` stay light.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from limner.foundation.errors import UserError
from limner.foundation.nearest import did_you_mean
from limner.reporting.pictures import IGNORE
from limner.scenes.rasters import Raster
from limner.scenes.windows import Window
from limner.segment.labels.masks import MaskContent, has_colors, read_colors, read_numbers

UNNAMED_CLASSES = 64  # more without names is a gray picture or a JPEG's noise, not a mask
BACKGROUND = "background"
BINARY_NAMES = (BACKGROUND, "object")

Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class LabelForm:
    """How the labels of a whole data set speak: pairs of what stands in them and the class it means (255 = ignore).

    class_names: one a class, from class 0. numbers: values of one-band masks. colors: of color pictures and palettes,
    as 0xRRGGBB. attributes: texts of a vector file's field; without any, polygons mean class 1 of two. named: False
    where the names were made up. ignores_255: a person wrote that 255 is ignored; else that is only the usual.
    """

    class_names: tuple[str, ...]
    numbers: Pairs = ()
    colors: Pairs = ()
    attributes: tuple[tuple[str, int], ...] = ()
    named: bool = True
    ignores_255: bool = False

    @classmethod
    def of_binary(cls, names: Sequence[str] = BINARY_NAMES, *, named: bool = True) -> "LabelForm":
        """Masks of 0 and 255: 255 is class 1 and nothing is ignored but nodata."""
        return cls(tuple(names), ((0, 0), (IGNORE, 1)), named=named)

    @classmethod
    def of_numbers(cls, names: Sequence[str], *, named: bool = True) -> "LabelForm":
        """Masks of class numbers, 255 = ignore."""
        return cls(tuple(names), (*((number, number) for number in range(len(names))), (IGNORE, IGNORE)), named=named)

    @property
    def binary(self) -> bool:
        """Whether masks are 0 and 255."""
        return self.numbers == ((0, 0), (IGNORE, 1))

    def describe(self, field: str | None = None) -> str:
        """How labels are read, in words. field: of the polygons, where one tells the class."""
        if field is not None:
            return f"the field {field} of the polygons"
        if self.colors:
            return "colors" + (" and class numbers" if set(self.numbers) - {(IGNORE, IGNORE)} else "")
        hint = "" if self.named or len(self.class_names) > 2 else "; --target NAME names the object"
        return ("0 and 255 (255 = object" if self.binary else "class numbers (255 = ignore") + hint + ")"

    def against(self, target: str) -> "LabelForm":
        """One class against all others: background and ``target``. Two classes without names: the second is it."""
        if not self.named and len(self.class_names) == 2:
            return replace(self, class_names=(BACKGROUND, target), named=True)
        if not self.named:
            raise UserError(
                f"--target {target}: the labels are {len(self.class_names)} classes without names; name them with "
                "--classes a,b,c or a classes.yaml"
            )
        if target not in self.class_names:
            raise UserError(f"--target {target}: no class is called so; {did_you_mean(target, self.class_names)}")
        wanted = self.class_names.index(target)
        return self._moved((BACKGROUND, target), [int(number == wanted) for number in range(len(self.class_names))])

    def for_classes(self, wanted: Sequence[str]) -> "LabelForm":
        """The same labels in the classes of a trained network.

        Classes go by their names; those that the network does not know are its background, if its first class is
        called so. Raises `UserError` where the names do not meet.
        """
        wanted = tuple(wanted)
        other = 0 if wanted[0].lower() == BACKGROUND else None
        places = [wanted.index(name) if name in wanted else other for name in self.class_names]
        objects = wanted if other is None else wanted[1:]
        if self.class_names != wanted and (None in places or not set(self.class_names) & set(objects)):
            raise UserError(
                f"the labels know the classes {', '.join(self.class_names)}; needed are {', '.join(wanted)}; say what "
                "they mean in a classes.yaml, or give --target"
            )
        return self._moved(wanted, [place or 0 for place in places])

    def _moved(self, names: tuple[str, ...], places: Sequence[int]) -> "LabelForm":
        """Class ``number`` becomes class ``places[number]`` of ``names``."""

        def place(number: int) -> int:
            return IGNORE if number == IGNORE else places[number]

        return LabelForm(
            names,
            tuple((value, place(number)) for value, number in self.numbers),
            tuple((color, place(number)) for color, number in self.colors),
            tuple((text, place(number)) for text, number in self.attributes),
        )

    @cached_property
    def _table(self) -> np.ndarray:
        """(256,) int16: the class of each number, -1 for none."""
        table = np.full(256, -1, np.int16)
        for value, number in self.numbers:
            table[value] = number
        return table

    def read(self, raster: Raster, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """What a mask file holds in a window: numbers (height, width), or colors as 0xRRGGBB;
        and where it holds any.
        """
        return read_colors(raster, window) if self.colors and has_colors(raster) else read_numbers(raster, window)

    def classes_of(self, values: np.ndarray, known: np.ndarray, path: Path, *, as_colors: bool) -> np.ndarray:
        """The class of each pixel, uint8, 255 where not ``known``. Raises `UserError` for what means nothing."""
        if as_colors:
            keys = np.array([color for color, _ in self.colors])
            order = np.argsort(keys)
            places = np.searchsorted(keys[order], values).clip(max=len(keys) - 1)
            found = np.array([number for _, number in self.colors], np.int16)[order][places]
            classes = np.where(keys[order][places] == values, found, -1)
        elif values.dtype == np.uint8:
            classes = self._table[values]
        else:
            inside = (values >= 0) & (values <= IGNORE) & (values == values.astype(np.uint8))
            classes = np.where(inside, self._table[values.astype(np.uint8)], -1)
        classes = np.where(known, classes, IGNORE)
        if (classes < 0).any():
            value = values[classes < 0][0]
            shown = f"#{int(value):06X}" if as_colors else f"{value:g}"
            raise UserError(f"{path}: a mask with the value {shown}; there are {len(self.class_names)} classes")
        return classes.astype(np.uint8)


def decide_form(contents: Mapping[Path, MaskContent], class_names: Sequence[str] | None = None) -> LabelForm:
    """How to read masks that no ``classes.yaml`` explains, decided over all of them together.

    Values within {0, 255} everywhere mean binary masks (255 is class 1); anything else means class numbers,
    with 255 = ignore. More than two ``class_names`` mean class numbers in any case. Without masks (polygons
    only) the form is binary. The masks of one folder speak one way: a folder of 0 and 255 beside another of class
    numbers is refused, for 255 would be an object here and nothing there.

    Args:
        contents: for each mask file what it holds (`mask_content`).
        class_names: names from class 0; made up when not given.

    Raises:
        UserError: naming file and value where a value has no name; for color pictures; for far too many unnamed
            classes; naming a file of each form where both occur.
    """
    names = tuple(class_names) if class_names is not None else None
    if names is not None and not 2 <= len(names) < IGNORE:
        raise UserError(f"{len(names)} class names; needed are 2 to {IGNORE - 1}")
    values_of = {path: _numbers_of(path, content) for path, content in contents.items()}
    if set().union(*values_of.values()) <= {0, IGNORE} and (names is None or len(names) == 2):
        return LabelForm.of_binary(names or BINARY_NAMES, named=names is not None)
    _check_one_form(values_of)
    highest = {path: max((v for v in values if v != IGNORE), default=0) for path, values in values_of.items()}
    worst = max(highest, key=lambda path: highest[path], default=None)
    top = highest[worst] if worst is not None else 0
    if names is not None:
        if top >= len(names):
            raise UserError(
                f"{worst}: a mask with the value {top}, but there are {len(names)} classes (0 to {len(names) - 1}, "
                "and 255 to ignore); mend the mask or name more classes"
            )
        return LabelForm.of_numbers(names)
    if top >= UNNAMED_CLASSES:
        raise UserError(
            f"{worst}: a mask with the value {top}; needed is 0/255 or class numbers from 0 (a gray or JPEG picture "
            "is not a mask); name the classes if there are so many"
        )
    return LabelForm.of_numbers(names_of(max(2, top + 1)), named=False)


def check_known(form: LabelForm | None, path: Path, content: MaskContent) -> None:
    """Raise `UserError` naming the number or color of a mask that ``form`` says nothing of, with its share.

    form: what a ``classes.yaml`` says; None without one, when a color picture means nothing.
    """
    if form is None:
        _numbers_of(path, content)
    elif content.colors is not None and (content.numbers is None or form.colors):
        if not form.colors:
            raise UserError(f"{path}: is a color picture, but the classes are given as numbers; give their colors")
        strange = {color: count for color, count in content.colors.items() if color not in dict(form.colors)}
        if strange:
            color = max(strange, key=lambda found: strange[found])
            share = strange[color] / sum(content.colors.values())
            raise UserError(
                f"{path}: the color #{color:06X} ({share:.1%} of its pixels) means no class; add it to a class, or "
                "to 'ignore', in classes.yaml"
            )
    elif content.numbers == {0, IGNORE}:
        check_255(form, path)
    elif unknown := sorted((content.numbers or frozenset()) - set(dict(form.numbers))):
        raise UserError(
            f"{path}: a mask with the value {unknown[0]}, which means no class; add it to a class, or to 'ignore', "
            "in classes.yaml"
        )


def check_255(form: LabelForm, path: Path) -> None:
    """Raise `UserError` where masks of 0 and 255 would be background and nothing else, though nobody wrote that 255 is
    ignored. path: such a mask."""
    if (IGNORE, IGNORE) in form.numbers and len(form.class_names) == 2 and not form.ignores_255:
        raise UserError(
            f"{path}: holds 0 and 255, and classes.yaml leaves 255 ignored; write what it means, such as "
            f"'{form.class_names[1]}: 255', or 'ignore: 255'"
        )


def looks_binary(contents: Mapping[Path, MaskContent]) -> bool:
    """Whether masks hold 0 and 255, both, and nothing else: by their looks 255 is an object,
    as class numbers it is ignored.
    """
    return set().union(*(content.numbers or () for content in contents.values())) == {0, IGNORE}


def background_of(class_names: Sequence[str]) -> int | None:
    """The class that is no object: class 0 of two, or where it is called "background"; else None."""
    return 0 if len(class_names) == 2 or class_names[0].lower() == BACKGROUND else None


def names_of(classes: int) -> tuple[str, ...]:
    """Names for classes that have none: background and object, or class 0, class 1, ..."""
    return BINARY_NAMES if classes == 2 else tuple(f"class {number}" for number in range(classes))


def _numbers_of(path: Path, content: MaskContent) -> frozenset[int]:
    if content.numbers is None:
        raise UserError(
            f"{path}: a mask that is a color picture of {len(content.colors or {})} colors; say what they mean in a "
            "classes.yaml ('limner check' drafts one)"
        )
    return content.numbers


def _check_one_form(values_of: dict[Path, frozenset[int]]) -> None:
    """Refuse a folder of 0/255 masks beside another of class numbers."""
    folders: dict[Path, set[int]] = {}
    for path, values in values_of.items():
        folders.setdefault(path.parent, set()).update(values)
    binary = [path for path, values in values_of.items() if IGNORE in values and folders[path.parent] == {0, IGNORE}]
    numbered = [path for path, values in values_of.items() if values - {0, IGNORE}]
    if binary and numbered:
        raise UserError(
            f"{binary[0]} reads as 0/255, {numbered[0]} as class numbers, where 255 is ignored; bring them to one form"
        )
