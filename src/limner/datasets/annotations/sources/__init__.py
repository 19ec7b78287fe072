"""Forms of data sets with instances, a file each, and which one a folder has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from limner.datasets.annotations.instances import Source
from limner.datasets.annotations.sources.boxes import read_boxes
from limner.datasets.annotations.sources.cityscapes import read_cityscapes
from limner.datasets.annotations.sources.coco import read_coco
from limner.datasets.annotations.sources.masks import FORM as MASKS
from limner.datasets.annotations.sources.masks import read_masks
from limner.datasets.annotations.sources.voc import read_voc
from limner.datasets.annotations.sources.wanted import Wanted
from limner.datasets.annotations.sources.yolo import read_yolo
from limner.foundation.errors import UserError
from limner.foundation.nearest import did_you_mean

READERS: tuple[Callable[[Path, Wanted], Source | None], ...] = (
    read_cityscapes,
    read_coco,
    read_yolo,
    read_voc,
    read_boxes,
    read_masks,
)
"""Tried in this order; each gives None for a folder that is not of its form."""
NEEDED = (
    "needed: Cityscapes (leftImg8bit and gtFine), COCO (a JSON file), YOLO (images and labels/*.txt), VOC "
    "(images and annotations/*.xml), a CSV list of boxes, or images and masks of the same names"
)


def read_source(path: Path, wanted: Wanted, split: tuple[str, ...] | None = None) -> Source:
    """The data set at a path, a folder or a file, in whatever form it is; masks are read later.

    split: only these parts of it. Raises `UserError` where nothing fits, for objects or parts that it does not have,
    and for what its reader finds wrong.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file or folder; {NEEDED}")
    source = next((found for reader in READERS if (found := reader(path, wanted)) is not None), None)
    if source is None:
        raise UserError(f"{path}: not a form of instances that limner reads; {NEEDED}")
    source = _told_apart(source)
    if wanted.regions is not None and source.form != MASKS:
        raise UserError(f"--regions is for masks of classes, and {path} was read as {source.form}; leave it out")
    for name in wanted.objects:
        if not wanted.every and source.names and name not in source.names:
            raise UserError(f"--object: {path} ({source.form}) has no '{name}'; {did_you_mean(name, source.names)}")
    if split is None:
        return source
    there = sorted({picture.split for picture in source.pictures} - {""})
    for part in split:
        if part not in there:
            hint = did_you_mean(part, there) if there else "its pictures are not divided; leave it out"
            raise UserError(f"--split: {path} ({source.form}) has no part '{part}' to cut from; {hint}")
    return replace(source, pictures=[picture for picture in source.pictures if picture.split in split])


def _told_apart(source: Source) -> Source:
    """Pictures whose names are the same but for the suffix, or on many disks for letters' case, keep the suffix."""
    count = Counter(picture.stem.casefold() for picture in source.pictures)
    pictures = [replace(picture, alone=count[picture.stem.casefold()] == 1) for picture in source.pictures]
    return replace(source, pictures=pictures)
