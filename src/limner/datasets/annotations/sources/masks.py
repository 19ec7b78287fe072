"""Pictures and masks of the same names: each value above 0 an instance,
or with regions each connected piece of one class.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from limner.datasets.annotations.instances import (
    NO_PICTURE,
    Instance,
    LabeledPicture,
    Labels,
    Lost,
    Source,
    areas_of,
    labels_of,
    read_ids,
)
from limner.datasets.annotations.sources.wanted import (
    PICTURE_FOLDER,
    Wanted,
    counted,
    is_hidden,
    pictures_below,
)
from limner.foundation.errors import UserError
from limner.foundation.files.names import paired_by
from limner.foundation.files.suffixes import MASKS, ends_with
from limner.foundation.files.writing import files_below
from limner.foundation.nearest import did_you_mean

FORM = "pictures and masks"
MASK_FOLDERS = ("masks", "instances", "labels", "annotations")
EIGHT_NEIGHBORS = np.ones((3, 3), int)
BORDER, BORDER_COLOR = 255, (224, 224, 192)
"""M. Everingham et al., "The PASCAL Visual Object Classes Challenge 2012": what is void, and how its palette shows
it."""


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
    lost: list[Lost] = []
    for prefix, pictures, masks in areas:
        shown = pictures_below(pictures)
        lost += (
            Lost("", name, f"{NO_PICTURE}: {path} is a mask of none", (prefix / stem).as_posix())
            for stem, path in masks.items()
            if stem not in shown
        )
        for stem, path in shown.items():
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
    if lost:
        notes.append(f"masks of no picture left out: {len(lost):,}")
    return Source(FORM, found, (), notes=tuple(notes), lost=tuple(lost))


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
    masks: dict[str, Path] = {}
    for below in (path.relative_to(labels) for path in files_below(labels)):
        if not ends_with(below, MASKS) or is_hidden(below):
            continue
        if (name := paired_by(below)) in masks:
            raise UserError(f"{labels / below}: {masks[name].name} has the same name; keep one of the two masks")
        masks[name] = labels / below
    return (pictures, masks) if masks else None


def _value(source: Path, regions: str) -> int:
    if regions.isdecimal():
        return int(regions)
    listed = source / "classes.txt"
    if not listed.is_file():
        raise UserError(f"--regions is '{regions}', and no {listed} says which value that is; give the value")
    names = [line.strip() for line in listed.read_text(encoding="utf-8").splitlines() if line.strip()]
    if regions not in names:
        raise UserError(f"--regions: {listed} has no class '{regions}'; {did_you_mean(regions, names)}")
    return names.index(regions)


class _Mask:
    """Reads a mask file."""

    def __init__(self, path: Path, name: str, value: int | None) -> None:
        self.path, self.name, self.value = path, name, value

    def __call__(self, width: int, height: int) -> Labels:
        ids = read_ids(self.path, width, height)
        notes = []
        if self.value is not None:
            ids, _ = ndimage.label(ids == self.value, EIGHT_NEIGHBORS)
        elif has_border(self.path, ids):
            ids = np.where(ids == BORDER, 0, ids)
            notes.append(f"value {BORDER} is taken for the border that VOC draws between objects, and for no object")
        return labels_of((Instance(str(number), self.name, box, mask) for number, box, mask in areas_of(ids)), notes)


def has_border(path: Path, ids: np.ndarray) -> bool:
    """Whether 255 in a mask is the border that VOC draws around objects, rather than an object.

    It is where the palette gives it VOC's color, and where the other values number the objects from 1, without a gap.
    """
    others = np.unique(ids[(ids > 0) & (ids != BORDER)])
    if ids.max(initial=0) != BORDER or not (ids == BORDER).any():
        return False
    with Image.open(path) as image:
        palette = image.getpalette() if image.mode == "P" else None
    if palette is not None and tuple(palette[3 * BORDER : 3 * BORDER + 3]) == BORDER_COLOR:
        return True
    return 0 < others.size < BORDER - 1 and int(others[-1]) == others.size
