"""PASCAL VOC: pictures and an XML file of boxes for each.

M. Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 2010. Its boxes count pixels from 1, and
their last pixel is inside.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from limner.datasets.annotations.instances import (
    NO_PICTURE,
    Box,
    LabeledPicture,
    Labels,
    Lost,
    Source,
    boxed,
    check_size,
    labels_of,
)
from limner.datasets.annotations.sources.wanted import PICTURE_FOLDER, Wanted, counted, is_hidden, pictures_below
from limner.foundation.errors import UserError
from limner.foundation.files.names import paired_by
from limner.foundation.files.writing import files_below

FORM = "VOC"
LABEL_FOLDERS = ("annotations", "Annotations", "labels", "xml")
PICTURE_FOLDERS = (PICTURE_FOLDER, "JPEGImages")
SPLITS = "ImageSets/Main"
TOLD = ("train", "val", "test")
"""Of VOC's lists of pictures, those that part them; each class has lists of its own beside them."""
MOST_BYTES = 1 << 24
"""More no annotation of one picture holds."""


class _Object(NamedTuple):
    """number: its place in the file, from 1. corners: as the file has them. difficult: need not be found."""

    number: int
    name: str
    corners: tuple[float, float, float, float]
    difficult: bool


def read_voc(source: Path, wanted: Wanted) -> Source | None:
    """The data set of a folder with ``images`` (or ``JPEGImages``) and XML files in ``annotations``; None for another.

    VOC's own lists (``ImageSets/Main/train.txt`` and so on) are its parts, or else folders directly below the
    pictures'. Objects that are called difficult are groups. All annotations are read at once; pictures without an
    object are taken where all are wanted. Raises `UserError` for a broken file, and where none is of a picture.
    """
    pictures = next((source / name for name in PICTURE_FOLDERS if (source / name).is_dir()), None)
    labels = next((source / name for name in LABEL_FOLDERS if (source / name).is_dir()), None)
    if pictures is None or labels is None:
        return None
    files = _annotations(labels)
    if not files:
        return None
    shown, parts = pictures_below(pictures), _parts(source)
    found: list[LabeledPicture] = []
    lost: list[Lost] = []
    names: set[str] = set()
    for name, path in files.items():
        size, objects = _read(path)
        names |= {each.name for each in objects}
        if name not in shown:
            reason = f"{NO_PICTURE}: {path} is of none"
            lost += (Lost(str(each.number), each.name, reason, name) for each in objects)
        elif wanted.takes(each.name for each in objects):
            below = shown[name].relative_to(pictures)
            split = parts.get(name, below.parts[0] if len(below.parts) > 1 else "")
            found.append(LabeledPicture(shown[name], below.as_posix(), split, (path,), _Boxes(path, size, objects)))
    if not files.keys() & shown.keys():
        raise UserError(f"{labels}: no XML file has the name of a picture in {pictures}; needed: a.xml for a.jpg")
    without = len(shown.keys() - files.keys())
    notes = [f"{counted(without)} without annotations left out"] if without else []
    return Source(FORM, found, tuple(sorted(names)), notes=tuple(notes), lost=tuple(lost))


def _annotations(labels: Path) -> dict[str, Path]:
    """Name without suffix, with / between folders -> the XML file, in rising order."""
    below = (path.relative_to(labels) for path in files_below(labels))
    return {
        paired_by(each): labels / each
        for each in sorted(below)
        if each.suffix.lower() == ".xml" and not is_hidden(each)
    }


def _parts(source: Path) -> dict[str, str]:
    """Which of VOC's lists names a picture."""
    parts: dict[str, str] = {}
    for part in TOLD:
        path = source / SPLITS / f"{part}.txt"
        if path.is_file():
            for line in path.read_text(encoding="utf-8", errors="replace").split():
                parts.setdefault(line, part)
    return parts


def _read(path: Path) -> tuple[tuple[int, int] | None, tuple[_Object, ...]]:
    """((width, height) as the file says, its objects)."""
    content = path.read_bytes()
    # What a document type declares can grow without end when it is read.
    if len(content) > MOST_BYTES or b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise UserError(f"{path}: not an annotation of VOC (it declares a type, or is too large); write it anew")
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise UserError(f"{path}: not XML, or cut short ({' '.join(str(error).split())}); write it anew") from None
    if root.tag != "annotation":
        raise UserError(f"{path}: begins with <{root.tag}>; needed: <annotation>, as VOC has it")
    return _size(root), tuple(_objects(root, path))


def _size(root: ElementTree.Element) -> tuple[int, int] | None:
    try:
        width, height = (int(float(root.findtext(f"size/{edge}", "0"))) for edge in ("width", "height"))
    except (ValueError, OverflowError):
        return None
    return (width, height) if width > 0 and height > 0 else None


def _objects(root: ElementTree.Element, path: Path) -> Iterator[_Object]:
    for number, each in enumerate(root.findall("object"), start=1):
        name = (each.findtext("name") or "").strip()
        if not name:
            raise UserError(f"{path}: object {number} has no <name>; give it one or remove it")
        try:
            x0, y0, x1, y1 = (float(each.findtext(f"bndbox/{end}", "")) for end in ("xmin", "ymin", "xmax", "ymax"))
            if not all(abs(value) < 1e9 for value in (x0, y0, x1, y1)):  # NaN neither
                raise ValueError
        except ValueError:
            raise UserError(
                f"{path}: object {number} has no box; needed: <bndbox> with xmin, ymin, xmax, ymax in pixels"
            ) from None
        yield _Object(number, name, (x0, y0, x1, y1), (each.findtext("difficult") or "").strip() == "1")


class _Boxes:
    def __init__(self, path: Path, size: tuple[int, int] | None, objects: tuple[_Object, ...]) -> None:
        self.path, self.size, self.objects = path, size, objects

    def __call__(self, width: int, height: int) -> Labels:
        if self.size is not None:
            check_size(self.path, self.size, width, height)
        found = []
        for number, name, (x0, y0, x1, y1), difficult in self.objects:
            box = Box(round(x0) - 1, round(y0) - 1, round(x1), round(y1))
            # From 1 on, a box without area is one of a pixel: it has been drawn by a click.
            box = box if x0 < x1 and y0 < y1 else Box(0, 0, 0, 0)
            found.append(boxed(str(number), name, box, (width, height), group=difficult))
        return labels_of(found, ("a box is taken for the mask: its corners keep what is there",))
