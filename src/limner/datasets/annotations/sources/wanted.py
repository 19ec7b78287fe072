"""What is asked of a data set, and the words for what it does not have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from limner.foundation.errors import UserError
from limner.foundation.files.names import found_below, paired_by
from limner.foundation.files.suffixes import PICTURES, ends_with
from limner.foundation.files.writing import files_below

PICTURE_FOLDER = "images"


@dataclass(frozen=True)
class Wanted:
    """objects: names of classes. regions: the value or class whose connected regions are objects, or None. every: all
    classes and all pictures are wanted, also those without an object; ``objects`` then names what a data set leaves
    without a name."""

    objects: tuple[str, ...]
    regions: str | None = None
    every: bool = False

    def takes(self, names: Iterable[str]) -> bool:
        """Whether a picture that shows objects of these classes is wanted."""
        return self.every or any(name in self.objects for name in names)

    def single(self, source: Path) -> str:
        """The one object of a data set that names no classes. Raises `UserError` where several are asked for."""
        if len(self.objects) > 1:
            raise UserError(
                f"--object names {' and '.join(self.objects)}, but {source} does not say what is what; name one object"
            )
        return self.objects[0]


def counted(count: int) -> str:
    """``1 picture``, ``2 pictures``."""
    return f"{count:,} picture" + ("s" if count != 1 else "")


def pictures_below(folder: Path) -> dict[str, Path]:
    """Name without suffix, with / between folders -> the picture, sorted; hidden files are left out.

    Raises `UserError` for two pictures of one name.
    """
    found: dict[str, Path] = {}
    for path in files_below(folder):
        below = path.relative_to(folder)
        if not ends_with(path, PICTURES) or is_hidden(below):
            continue
        name = paired_by(below)
        if name in found:
            raise UserError(f"{path}: {found[name].name} has the same name, and labels go by names; rename one of them")
        found[name] = path
    return found


def is_hidden(below: Path) -> bool:
    """Whether a file, by its path below a folder, or a folder that it lies in is hidden."""
    return any(part.startswith(".") for part in below.parts)


def inside(folder: Path, name: str, told_by: str) -> Path:
    """The file ``name`` below a folder, as `found_below` looks for it; it may be a link to anywhere.

    Raises `UserError` for a name that leads out of the folder, even if it comes back: cut-outs are called after it.
    """
    if "\0" in name:
        raise UserError(f"{told_by}: {name!r} cannot name a file; needed: files below {folder}")
    spellings = (Path(name), Path(name.replace("\\", "/")))
    if any(each.is_absolute() or each.drive or ".." in each.parts for each in spellings):
        raise UserError(f"{told_by}: '{name}' leads out of {folder}; needed: files below it")
    return found_below(folder, name)
