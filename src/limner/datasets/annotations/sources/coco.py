"""COCO: a JSON file of annotations (polygons, run lengths, crowds) and the pictures that it names.

T.-Y. Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from limner.datasets.annotations.instances import (
    BROKEN,
    DUPLICATE,
    NO_PICTURE,
    Box,
    Instance,
    LabeledPicture,
    Labels,
    Lost,
    Source,
    boxed,
    check_size,
    instance_of,
    labels_of,
)
from limner.datasets.annotations.polygons import LEAST_NUMBERS, polygon_mask, run_length_mask
from limner.datasets.annotations.sources.coco_files import (
    annotation_files,
    picture_folder,
    read_content,
    split_of,
    usual_folders,
)
from limner.datasets.annotations.sources.wanted import Wanted, counted, inside
from limner.foundation.errors import UserError

FORM = "COCO"
ERRORS = (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError)
"""What values of another kind than COCO's raise."""
AS_BOX = "outlines of fewer than three corners, or none: the box is the mask"
NAMED = 5
"""Unknown classes that are told by their ids."""


class _Annotation(NamedTuple):
    """One object. shape: COCO's ``segmentation``. box: its ``bbox``: x, y, width, height."""

    number: str
    name: str
    shape: Any
    box: Any
    crowd: bool


@dataclass
class _Listed:
    """A picture that a file names, once, however often it is listed."""

    name: str
    size: tuple[int, int]
    annotations: list[_Annotation]


class _Content(NamedTuple):
    """What a file tells. lost: objects whose picture is not known."""

    path: Path
    names: tuple[str, ...]
    pictures: list[_Listed]
    lost: list[Lost]
    notes: list[str]


def read_coco(source: Path, wanted: Wanted) -> Source | None:
    """The data set of a JSON file, or of those in a folder (`annotation_files`); None where there is none.

    Only pictures with a wanted object are taken. Raises `UserError` for a broken file, or where no pictures are there.
    """
    files, told = annotation_files(source)
    contents = [content for path in files if (content := _read(path)) is not None]
    if not contents:
        return None
    pictures: list[LabeledPicture] = []
    lost, notes = [one for content in contents for one in content.lost], [*told]
    first: dict[Path, list[_Annotation]] = {}
    absent = []
    for content in contents:
        notes += content.notes
        chosen = [one for one in content.pictures if wanted.takes(held.name for held in one.annotations)]
        folder = picture_folder(content.path, (one.name for one in chosen))
        if folder is not None:
            pictures += _labeled(content.path, folder, chosen, len(contents) > 1, first)
        elif chosen:
            absent.append((content.path, chosen))
    for path, chosen in absent:
        looked = ", ".join(map(str, usual_folders(path)))
        line = f"its picture {chosen[0].name} is not there; looked in {looked}"
        if not pictures:
            raise UserError(f"{path}: {line}; put the pictures into one of them")
        notes.append(f"{path.name} left out, {counted(len(chosen))}: {line}")
    names = dict.fromkeys(name for content in contents for name in content.names)
    return Source(FORM, pictures, tuple(names), tuple(content.path for content in contents), tuple(notes), tuple(lost))


def _read(path: Path) -> _Content | None:
    content = read_content(path)
    if content is None:
        return None
    try:
        return _parsed(path, content)
    except UserError:
        raise
    except ERRORS as error:
        words = " ".join(str(error).split())
        raise UserError(f"{path}: not as COCO writes annotations ({type(error).__name__}: {words})") from None


def _parsed(path: Path, content: dict[str, Any]) -> _Content:
    categories: dict[Any, str] = {}
    for entry in content["categories"]:
        name = str(entry["name"])
        if categories.setdefault(entry["id"], name) != name:
            raise UserError(
                f"{path}: category {entry['id']} is '{categories[entry['id']]}' and '{name}'; number each once"
            )
    pictures, by_id, unclear = _pictures(content["images"])
    lost: list[Lost] = []
    unknown: Counter[Any] = Counter()
    for place, entry in enumerate(content["annotations"], start=1):
        if entry["category_id"] not in categories:
            unknown[entry["category_id"]] += 1
            continue
        number, name = str(entry.get("id", place)), categories[entry["category_id"]]
        image = entry["image_id"]
        if image in unclear or image not in by_id:
            why = f"several are listed as {image}" if image in unclear else f"image_id {image} is not listed"
            lost.append(Lost(number, name, f"{NO_PICTURE}: {why} in {path.name}"))
            continue
        annotation = _Annotation(number, name, entry.get("segmentation"), entry.get("bbox"), _is_crowd(entry))
        by_id[image].annotations.append(annotation)
    notes = []
    if unknown:
        shown = ", ".join(map(str, list(unknown)[:NAMED])) + (", ..." if len(unknown) > NAMED else "")
        notes.append(
            f"annotations of categories that {path.name} does not define left out: {unknown.total():,} ({shown})"
        )
    return _Content(path, tuple(dict.fromkeys(categories.values())), pictures, lost, notes)


def _is_crowd(entry: dict[str, Any]) -> bool:
    """Whether an annotation is of many objects; some programs write "0" as a text."""
    return entry.get("iscrowd") not in (None, 0, "", "0", "false", "False")


def _pictures(entries: Sequence[dict[str, Any]]) -> tuple[list[_Listed], dict[Any, _Listed], set[Any]]:
    """(Pictures by name, id -> picture, ids that several pictures have)."""
    by_name: dict[str, _Listed] = {}
    by_id: dict[Any, _Listed] = {}
    unclear = set()
    for entry in entries:
        name, size = str(entry["file_name"]), (int(entry["width"]), int(entry["height"]))
        listed = by_name.setdefault(name, _Listed(name, size, []))
        if by_id.setdefault(entry["id"], listed) is not listed:
            unclear.add(entry["id"])
    return [by_name[name] for name in sorted(by_name)], by_id, unclear


def _labeled(
    path: Path, folder: Path, chosen: Sequence[_Listed], several: bool, first: dict[Path, list[_Annotation]]
) -> Iterator[LabeledPicture]:
    """first: what earlier files told of pictures, and this one does then."""
    split = split_of(path, several=several)
    for listed in chosen:
        picture = inside(folder, listed.name, str(path))
        held, twice = _told_once(listed.annotations, first.get(picture.resolve(), ()))
        first.setdefault(picture.resolve(), []).extend(held)
        read = _Annotations(path, tuple(held), listed.size, tuple(twice))
        yield LabeledPicture(picture, f"{split}/{listed.name}" if several else listed.name, split, (), read)


def _told_once(
    annotations: Sequence[_Annotation], before: Sequence[_Annotation]
) -> tuple[list[_Annotation], list[Lost]]:
    """(Those that were not told before in the same words, the others)."""
    known: dict[str, list[_Annotation]] = defaultdict(list)
    for annotation in before:
        known[annotation.number].append(annotation)
    held, twice = [], []
    for annotation in annotations:
        if annotation in known[annotation.number]:
            twice.append(
                Lost(annotation.number, annotation.name, f"{DUPLICATE}: the same annotation is there once more")
            )
            continue
        known[annotation.number].append(annotation)
        held.append(annotation)
    return held, twice


class _Annotations:
    """Draws the masks of a picture's annotations. twice: those that were left out."""

    def __init__(
        self, path: Path, annotations: tuple[_Annotation, ...], size: tuple[int, int], twice: tuple[Lost, ...]
    ) -> None:
        self.path, self.annotations, self.size, self.twice = path, annotations, size, twice

    def __call__(self, width: int, height: int) -> Labels:
        check_size(self.path, self.size, width, height)
        found: list[Instance | Lost] = [*self.twice]
        notes = []
        for annotation in self.annotations:
            number, name, _, box, crowd = annotation
            try:
                mask = _mask(annotation.shape, width, height)
                if mask is not None:
                    found.append(instance_of(number, name, mask, group=crowd))
                    continue
                x, y, wide, high = map(float, box)
                corners = Box(round(x), round(y), round(x + wide), round(y + high))
                found.append(boxed(number, name, corners, (width, height), group=crowd))
                notes.append(AS_BOX)
            except ERRORS:
                found.append(Lost(number, name, f"{BROKEN}: neither its segmentation nor its bbox can be drawn"))
        return labels_of(found, notes)


def _mask(shape: Any, width: int, height: int) -> np.ndarray | None:
    """(height, width) bool of a ``segmentation``: run lengths, outlines, several of either; None where it draws
    nothing.

    Raises one of `ERRORS` for what is neither.
    """
    if not shape:
        return None
    if isinstance(shape, dict) or isinstance(shape[0], int | float):  # one alone
        shape = [shape]
    runs = [part for part in shape if isinstance(part, dict)]
    outlines = [[float(number) for number in part] for part in shape if not isinstance(part, dict)]
    if any(len(outline) % 2 for outline in outlines):
        raise ValueError("an outline with half a corner")
    outlines = [outline for outline in outlines if len(outline) >= LEAST_NUMBERS]
    if not runs and not outlines:
        return None
    mask = polygon_mask(outlines, width, height) if outlines else np.zeros((height, width), bool)
    for part in runs:
        if list(part["size"]) != [height, width]:
            raise ValueError("run lengths of another size")
        mask |= run_length_mask(part)
    return mask
