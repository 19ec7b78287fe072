"""Which of a folder's JSON files tell of objects as COCO does, and where the pictures that they name lie."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from limner.datasets.annotations.sources.wanted import PICTURE_FOLDER, inside
from limner.foundation.errors import UserError

NEEDED = ("images", "annotations", "categories")
INSTANCES = "instances_"
"""Of COCO's own names: ``instances_train2017.json`` tells of the pictures in ``train2017``."""
BESIDE = ("person_keypoints_", "captions_", "panoptic_", "stuff_", "image_info_")
"""What stands beside those in COCO's own folder, of the same pictures."""
ROBOFLOW = "_annotations.coco.json"
"""In the folder of each split, with its pictures."""


def annotation_files(source: Path) -> tuple[list[Path], tuple[str, ...]]:
    """(The JSON files of a source that may hold annotations, what to tell of others): the file itself, those in a
    folder, in its ``annotations``, or Roboflow's in the folders of its splits.

    Where COCO's own ``instances_*.json`` are, what COCO tells of the same pictures in other files is left out.
    """
    if source.is_file():
        return ([source] if source.suffix.lower() == ".json" else []), ()
    found = next(
        (
            files
            for pattern in ("*.json", "annotations/*.json", f"*/{ROBOFLOW}")
            if (files := sorted(path for path in source.glob(pattern) if not path.name.startswith(".")))
        ),
        [],
    )
    if not any(path.name.startswith(INSTANCES) for path in found):
        return found, ()
    beside = [path.name for path in found if path.name.startswith(BESIDE)]
    kept = [path for path in found if path.name not in beside]
    return kept, (f"{', '.join(beside)} left out: {INSTANCES}*.json tell of the objects",) if beside else ()


def read_content(path: Path) -> dict[str, Any] | None:
    """What a JSON file holds, if that is annotations; such as captions are not.

    Raises `UserError` for what is not JSON, and for panoptic annotations, whose masks are pictures of their own.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):
        raise UserError(f"{path}: not JSON, or cut short; fetch it again") from None
    if not isinstance(content, dict) or not all(isinstance(content.get(key), list) for key in NEEDED):
        return None
    if any("segments_info" in entry for entry in content["annotations"] if isinstance(entry, dict)):
        raise UserError(
            f"{path}: panoptic annotations, whose masks are pictures of their own; needed: {INSTANCES}*.json of the "
            "same pictures"
        )
    return content


def split_of(path: Path, *, several: bool) -> str:
    """The part of the data set that a file tells of; none where it is the only one and has no name of COCO's."""
    if path.name == ROBOFLOW:
        return path.parent.name if several else ""
    for prefix in (INSTANCES, *BESIDE):
        if path.stem.startswith(prefix):
            return path.stem.removeprefix(prefix)
    return path.stem if several else ""


def picture_folder(path: Path, names: Iterable[str]) -> Path | None:
    """Where the pictures of an annotation file lie: the first of the usual places that has one of them, or None."""
    there = [folder for folder in usual_folders(path) if folder.is_dir()]
    for name in names:
        for folder in there:
            if inside(folder, name, str(path)).is_file():
                return folder
    return None


def usual_folders(path: Path) -> list[Path]:
    """Where the pictures of an annotation file are looked for, in this order."""
    above, part = path.parent.parent if path.parent.name == "annotations" else path.parent, split_of(path, several=True)
    return list(dict.fromkeys(
        folder
        for base in (above, path.parent)
        for folder in (base / part, base / PICTURE_FOLDER / part, base / PICTURE_FOLDER, base)
    ))  # fmt: skip
