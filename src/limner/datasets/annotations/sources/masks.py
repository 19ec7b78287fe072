"""Pictures and masks of the same names: each value above 0 an instance,
or with regions each connected piece of one class.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import ndimage

from limner.datasets.annotations.instances import Instance, LabeledPicture, Labels, Source, areas_of, read_ids
from limner.datasets.annotations.sources.wanted import PICTURE_FOLDER, Wanted, counted, nearest, pictures_below
from limner.foundation.errors import UserError

FORM = "pictures and masks"
MASK_FOLDERS = ("masks", "instances", "labels", "annotations")
MASK_SUFFIXES = (".png", ".tif", ".tiff", ".bmp")
EIGHT_NEIGHBORS = np.ones((3, 3), int)


def read_masks(source: Path, wanted: Wanted) -> Source | None:
    """The data set of a folder with ``images`` and ``masks`` (or ``instances``, ``labels``, ``annotations``), or of
    areas that each have them, as those of the room `segment`; None for another.

    A mask is one number for each pixel: gray of 8 or 16 bits, or a palette. With ``wanted.regions``, a value or a name
    in ``classes.txt`` (the first line is value 0), the connected regions of that class are the instances, pixels that
    touch at a corner included. Raises `UserError` for a class that is not there, or where no mask has a picture's name.
    """
    areas = _areas(source)
    if not areas:
        return None
    name = wanted.single(source)
    value = None if wanted.regions is None else _value(source, wanted.regions)
    found, without = [], 0
    for prefix, pictures, masks in areas:
        for stem, path in pictures_below(pictures).items():
            if stem not in masks:
                without += 1
                continue
            below = prefix / path.relative_to(pictures)
            split = below.parts[0] if len(below.parts) > 1 else ""
            found.append(LabeledPicture(path, below.as_posix(), split, (masks[stem],), _Mask(masks[stem], name, value)))
    if not found:
        _, pictures, masks = areas[0]
        folder = next(iter(masks.values())).parent
        raise UserError(f"{folder}: no mask has the name of a picture in {pictures}; needed: a.png for a.jpg")
    how = "each value of a mask is an instance (of masks of classes: --regions VALUE)"
    notes = [how if value is None else f"each connected region of the value {value} is an instance"]
    if without:
        notes.append(f"{counted(without)} without masks left out")
    return Source(FORM, found, (), notes=tuple(notes))


def _areas(source: Path) -> list[tuple[Path, Path, dict[str, Path]]]:
    """The folder's own pictures and masks, or else those of each folder in it: (what its names begin with, the folder
    of pictures, name without suffix -> mask)."""
    own = _masks_of(source)
    if own is not None:
        return [(Path(), *own)]
    folders = sorted(path for path in source.iterdir() if path.is_dir()) if source.is_dir() else []
    return [(Path(folder.name), *found) for folder in folders if (found := _masks_of(folder)) is not None]


def _masks_of(folder: Path) -> tuple[Path, dict[str, Path]] | None:
    pictures = folder / PICTURE_FOLDER
    labels = next((folder / name for name in MASK_FOLDERS if (folder / name).is_dir()), None)
    if not pictures.is_dir() or labels is None:
        return None
    masks = {path.relative_to(labels).with_suffix("").as_posix(): path for path in sorted(labels.rglob("*"))
             if path.suffix.lower() in MASK_SUFFIXES}  # fmt: skip
    return (pictures, masks) if masks else None


def _value(source: Path, regions: str) -> int:
    if regions.isdecimal():
        return int(regions)
    listed = source / "classes.txt"
    if not listed.is_file():
        raise UserError(f"--regions is '{regions}', and no {listed} says which value that is; give the value")
    names = [line.strip() for line in listed.read_text(encoding="utf-8").splitlines() if line.strip()]
    if regions not in names:
        raise UserError(f"--regions: {listed} has no class '{regions}'; {nearest(regions, names)}")
    return names.index(regions)


class _Mask:
    """Reads a mask file."""

    def __init__(self, path: Path, name: str, value: int | None) -> None:
        self.path, self.name, self.value = path, name, value

    def __call__(self, width: int, height: int) -> Labels:
        ids = read_ids(self.path, width, height)
        if self.value is not None:
            ids, _ = ndimage.label(ids == self.value, EIGHT_NEIGHBORS)
        return Labels([Instance(str(number), self.name, box, mask) for number, box, mask in areas_of(ids)])
