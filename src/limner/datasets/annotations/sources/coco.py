"""COCO: a JSON file of annotations (polygons, run lengths, crowds) and the pictures that it names.

T.-Y. Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from limner.datasets.annotations.instances import (
    Box,
    Instance,
    LabeledPicture,
    Labels,
    Source,
    boxed,
    check_size,
    instance_of,
)
from limner.datasets.annotations.polygons import LEAST_NUMBERS, polygon_mask, run_length_mask
from limner.datasets.annotations.sources.wanted import PICTURE_FOLDER, Wanted, inside
from limner.foundation.errors import UserError

FORM = "COCO"
NEEDED = ("images", "annotations", "categories")
PREFIX = "instances_"
"""Of COCO's own names: ``instances_train2017.json`` tells of the pictures in ``train2017``."""
BROKEN = (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError)
"""What values of another kind than COCO's raise."""


class _Annotation(NamedTuple):
    """One object. shape: COCO's ``segmentation``, or its box where there is none."""

    number: str
    name: str
    shape: Any
    crowd: bool


def read_coco(source: Path, wanted: Wanted) -> Source | None:
    """The data set of a JSON file, or of those in a folder or in its ``annotations``; None where there is none.

    Only pictures with a wanted object are taken. Raises `UserError` for a broken file, or pictures that are not there.
    """
    files = _json_files(source)
    if not files:
        return None
    pictures: list[LabeledPicture] = []
    names: dict[str, None] = {}
    for path in files:
        content = _content(path)
        if content is None:
            continue
        try:
            categories = {entry["id"]: str(entry["name"]) for entry in content["categories"]}
            pictures += _pictures(path, content, categories, wanted, several=len(files) > 1)
        except BROKEN as error:
            words = " ".join(str(error).split())
            raise UserError(f"{path}: not as COCO writes annotations ({type(error).__name__}: {words})") from None
        names |= dict.fromkeys(categories.values())
    if not names:
        return None
    return Source(FORM, pictures, tuple(names), shared=tuple(files))


def _json_files(source: Path) -> list[Path]:
    if source.is_file():
        return [source] if source.suffix.lower() == ".json" else []
    return sorted(source.glob("*.json")) or sorted((source / "annotations").glob("*.json"))


def _content(path: Path) -> dict[str, Any] | None:
    """What a JSON file holds, if that is COCO's; such as captions are not."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise UserError(f"{path}: not JSON, or cut short; fetch it again") from None
    if not isinstance(content, dict) or not all(isinstance(content.get(key), list) for key in NEEDED):
        return None
    return content


def _pictures(
    path: Path, content: dict[str, Any], categories: dict[Any, str], wanted: Wanted, *, several: bool
) -> list[LabeledPicture]:
    annotations: dict[Any, list[_Annotation]] = defaultdict(list)
    odd: dict[Any, list[str]] = defaultdict(list)
    for entry in content["annotations"]:
        if entry["category_id"] not in categories:
            odd[entry["image_id"]].append(f"category {entry['category_id']}")
            continue
        shape = entry.get("segmentation") or [float(number) for number in entry["bbox"]]
        annotation = _Annotation(
            str(entry["id"]), categories[entry["category_id"]], shape, bool(entry.get("iscrowd", 0))
        )
        annotations[entry["image_id"]].append(annotation)
    split = path.stem.removeprefix(PREFIX) if several or path.stem.startswith(PREFIX) else ""
    folder: Path | None = None
    found = []
    for entry in sorted(content["images"], key=lambda entry: str(entry["file_name"])):
        held = annotations[entry["id"]]
        if not any(annotation.name in wanted.objects for annotation in held):
            continue
        name = str(entry["file_name"])
        folder = folder or _folder_of(path, name)
        read = _Annotations(path, tuple(held), (int(entry["width"]), int(entry["height"])), tuple(odd[entry["id"]]))
        shown = f"{split}/{name}" if several else name
        found.append(LabeledPicture(inside(folder, name, str(path)), shown, split, (), read))
    return found


def _folder_of(path: Path, name: str) -> Path:
    """Where the pictures of an annotation file lie, by where the first of them is."""
    part = path.stem.removeprefix(PREFIX)
    above = path.parent.parent if path.parent.name == "annotations" else path.parent
    folders = [
        folder
        for base in dict.fromkeys((above, path.parent))
        for folder in (base / part, base / PICTURE_FOLDER / part, base / PICTURE_FOLDER, base)
    ]
    for folder in folders:
        if (folder / name).is_file():
            return folder
    looked = ", ".join(str(folder) for folder in dict.fromkeys(folders))
    raise UserError(f"{path}: its picture {name} is not there; looked in {looked}; put the pictures into one of them")


class _Annotations:
    """Draws the masks of a picture's annotations."""

    def __init__(
        self, path: Path, annotations: tuple[_Annotation, ...], size: tuple[int, int], odd: tuple[str, ...]
    ) -> None:
        self.path, self.annotations, self.size, self.odd = path, annotations, size, odd

    def __call__(self, width: int, height: int) -> Labels:
        check_size(self.path, self.size, width, height)
        instances: list[Instance] = []
        odd = list(self.odd)
        for annotation in self.annotations:
            try:
                instances += _drawn(annotation, width, height)
            except BROKEN:
                odd.append(f"annotation {annotation.number}, whose segmentation cannot be read")
        return Labels(instances, tuple(odd))


def _drawn(annotation: _Annotation, width: int, height: int) -> list[Instance]:
    number, name, shape, crowd = annotation
    if isinstance(shape, dict):
        if list(shape["size"]) != [height, width]:
            raise ValueError("run lengths of another size")
        return list(instance_of(number, name, run_length_mask(shape), group=crowd))
    if isinstance(shape[0], list):
        outlines = [[float(number) for number in outline] for outline in shape]
        outlines = [outline for outline in outlines if len(outline) >= LEAST_NUMBERS and len(outline) % 2 == 0]
        return list(instance_of(number, name, polygon_mask(outlines, width, height), group=crowd)) if outlines else []
    x, y, wide, high = shape
    box = Box(round(x), round(y), round(x + wide), round(y + high)).within(width, height)
    return list(boxed(number, name, box))
