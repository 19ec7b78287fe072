"""Cityscapes: ``leftImg8bit`` with ``gtFine``, whose instances are ids in PNG files or polygons in JSON.

M. Cordts et al., "The Cityscapes Dataset for Semantic Urban Scene Understanding", CVPR 2016. An instance's id is its
class's times 1000 plus its number in the picture; the class's alone stands for a group, such as ``cargroup``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from limner.datasets.annotations.instances import (
    EMPTY,
    Instance,
    LabeledPicture,
    Labels,
    Lost,
    Source,
    areas_of,
    check_size,
    labels_of,
    read_ids,
)
from limner.datasets.annotations.sources.wanted import Wanted, counted
from limner.foundation.errors import UserError
from limner.foundation.files.writing import files_below

FORM = "Cityscapes"
PICTURES, LABELS = "leftImg8bit", "gtFine"
UNLABELED = 0
CLASSES = (
    "unlabeled", "ego vehicle", "rectification border", "out of roi", "static", "dynamic", "ground", "road", "sidewalk",
    "parking", "rail track", "building", "wall", "fence", "guard rail", "bridge", "tunnel", "pole", "polegroup",
    "traffic light", "traffic sign", "vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus",
    "caravan", "trailer", "train", "motorcycle", "bicycle",
)  # fmt: skip
"""By their ids."""
WITH_INSTANCES = CLASSES[24:]
WITHOUT_ID = ("license plate",)
"""Drawn as polygons, but not into ids: the car behind stays whole."""
IDS = {name: number for number, name in enumerate(CLASSES)}
PER_CLASS = 1000
WITHOUT_TRUTH = "test"
"""Its labels are kept for the benchmark; what lies in their place says only where the car itself is."""


def read_cityscapes(source: Path, wanted: Wanted) -> Source | None:
    """The data set below a folder that has ``leftImg8bit`` and ``gtFine``; None for another folder.

    Instance ids are taken where they are there, else polygons. Raises `UserError` where no picture has labels.
    """
    pictures, truth = source / PICTURES, source / LABELS
    if not (pictures.is_dir() and truth.is_dir()):
        return None
    files = [path for path in files_below(pictures) if path.name.endswith(f"_{PICTURES}.png")]
    if not files:
        raise UserError(f"{pictures}: no *_{PICTURES}.png in it; needed: {PICTURES}/<split>/<city>/*_{PICTURES}.png")
    found: list[LabeledPicture] = []
    without, hidden = 0, 0
    for path in files:
        below = path.relative_to(pictures)
        split = below.parts[0] if len(below.parts) > 1 else ""
        if split == WITHOUT_TRUTH:
            hidden += 1
            continue
        stem = truth / below.with_name(path.name.removesuffix(f"_{PICTURES}.png"))
        ids, polygons = (stem.with_name(f"{stem.name}_{LABELS}_{end}") for end in ("instanceIds.png", "polygons.json"))
        if ids.is_file():
            found.append(LabeledPicture(path, below.as_posix(), split, (ids,), _Ids(ids)))
        elif polygons.is_file():
            found.append(LabeledPicture(path, below.as_posix(), split, (polygons,), _Polygons(polygons)))
        else:
            without += 1
    if not found:
        raise UserError(
            f"{truth}: no labels for the {counted(len(files))} in {pictures} (those of {WITHOUT_TRUTH} are not "
            "public); "
            f"needed: *_{LABELS}_instanceIds.png or *_{LABELS}_polygons.json"
        )
    told = (
        (hidden, f"of the split {WITHOUT_TRUTH} left out: its true labels are not public"),
        (without, "without labels left out"),
    )
    notes = tuple(f"{counted(count)} {what}" for count, what in told if count)
    return Source(FORM, found, WITH_INSTANCES, notes=notes)


class _Ids:
    """Reads ``*_instanceIds.png``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, width: int, height: int) -> Labels:
        return labels_of_ids(read_ids(self.path, width, height))


class _Polygons:
    """Reads ``*_polygons.json``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, width: int, height: int) -> Labels:
        try:
            drawn = json.loads(self.path.read_text(encoding="utf-8"))
            size = int(drawn["imgWidth"]), int(drawn["imgHeight"])
            check_size(self.path, size, width, height)
            ids, numbered, notes = draw_ids(drawn["objects"], width, height)
        except UserError:
            raise
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            raise UserError(f"{self.path}: not polygons of Cityscapes, or cut short; fetch it again") from None
        labels = labels_of_ids(ids)
        seen = {one.number for one in labels.instances}
        reason = f"{EMPTY}: later outlines cover it, or it has no pixel in its picture"
        lost = (Lost(number, name, reason) for number, name in numbered.items() if number not in seen)
        return labels_of([*labels.instances, *lost], [*labels.notes, *notes])


def labels_of_ids(ids: np.ndarray) -> Labels:
    """The instances in (H, W) ids; what has no instances, such as roads, is left out."""
    instances: list[Instance] = []
    notes: list[str] = []
    for value, box, mask in areas_of(ids):
        number = value // PER_CLASS if value >= PER_CLASS else value
        if number >= len(CLASSES) or (value >= PER_CLASS and CLASSES[number] not in WITH_INSTANCES):
            notes.append(f"id {value} is none of Cityscapes: left out")
        elif CLASSES[number] in WITH_INSTANCES:
            instances.append(Instance(str(value), CLASSES[number], box, mask, group=value < PER_CLASS))
    return labels_of(instances, notes)


def draw_ids(
    objects: Sequence[dict[str, Any]], width: int, height: int
) -> tuple[np.ndarray, dict[str, str], tuple[str, ...]]:
    """((H, W) int32 ids of polygons, id -> class of all instances among them, what to tell of labels).

    Later polygons lie over earlier ones. Instances are numbered as they come, also those that are covered later, so
    that the ids are those of ``instanceIds.png``.
    """
    picture = Image.new("I", (width, height), UNLABELED)
    draw = ImageDraw.Draw(picture)
    instances: Counter[str] = Counter()
    numbered: dict[str, str] = {}
    notes: list[str] = []
    for drawn in objects:
        label = str(drawn["label"])
        if drawn.get("deleted") or label in WITHOUT_ID:
            continue
        single = label if label in IDS else label.removesuffix("group")
        if single not in IDS:
            notes.append(f"label '{label}' is none of Cityscapes: left out")
        value = IDS.get(single, UNLABELED)
        if single in WITH_INSTANCES and single == label:
            value = value * PER_CLASS + instances[label]
            instances[label] += 1
            numbered[str(value)] = label
        corners = [(float(x), float(y)) for x, y in drawn["polygon"]]
        if len(corners) > 1:
            draw.polygon(corners, fill=value)
    return np.asarray(picture).astype(np.int32), numbered, tuple(notes)
