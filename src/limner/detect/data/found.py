"""Pictures and their objects, found in any form of annotations and held to what a detector can learn from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from PIL import Image

from limner.datasets.annotations.instances import Instance, LabeledPicture, Lost
from limner.datasets.annotations.sources import read_source
from limner.datasets.annotations.sources.wanted import Wanted
from limner.datasets.annotations.turning import read_upright
from limner.datasets.pictures.decoding import WHOLE_PX, decode, decode_turned
from limner.datasets.pictures.several import tell_several
from limner.detect.boxes.objects import Objects, check_objects
from limner.detect.data.options import PLAIN, ObjectReading
from limner.foundation.errors import UserError
from limner.foundation.files.dependencies import digests
from limner.foundation.machine.cores import allowed_cores
from limner.foundation.nearest import did_you_mean
from limner.foundation.progress import Progress

UNNAMED = "object"
"""The class of data that names none."""
LEARNED, HELD_OUT = ("train", "training"), ("val", "valid", "validation", "test", "testing")
"""Parts of a data set. Of several to hold out, the first of these is it, and the others are left alone."""
MOST_THREADS = 8


@dataclass(frozen=True)
class ObjectPicture:
    """A picture and what is in it. name: below the data set. size: (width, height) in pixels, upright. boxes: (n, 4)
    float32. labels: (n,) int64. ignored: (n,) bool, groups and difficult ones. masks: each in its box, (h, w) bool.
    outlined: whether all masks are outlines, and not boxes. opener: gives it in RGB, perhaps decoded smaller, but no
    edge below ``least_px``. split: the part of the data set."""

    path: Path
    name: str
    size: tuple[int, int]
    boxes: np.ndarray
    labels: np.ndarray
    ignored: np.ndarray
    masks: tuple[np.ndarray, ...]
    outlined: bool
    opener: Callable[[int], Image.Image]
    split: str = ""

    @property
    def objects(self) -> Objects:
        """As scores take them, with masks where all are outlined."""
        masks = [encoded(mask, box, self.size) for mask, box in zip(self.masks, self.boxes, strict=True)]
        return Objects(
            torch.from_numpy(self.boxes), torch.from_numpy(self.labels), torch.from_numpy(self.ignored),
            masks if self.outlined else None,
        )  # fmt: skip


@dataclass(frozen=True)
class ObjectSet:
    """A data set as it was found. lost: objects that cannot be learned from, each with its picture. unreadable: lines
    of pictures that are left out. notes: what to tell of how it was read. fingerprint: a digest of all of it."""

    form: str
    pictures: tuple[ObjectPicture, ...]
    class_names: tuple[str, ...]
    fingerprint: str
    lost: tuple[Lost, ...] = ()
    unreadable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def outlined(self) -> bool:
        """Whether all objects have outlines."""
        return all(each.outlined for each in self.pictures)

    @property
    def held_out(self) -> np.ndarray | None:
        """(N,) bool: what the data itself holds out; None where it does not part its pictures."""
        parts = {each.split for each in self.pictures}
        if not parts & set(LEARNED) or not parts & set(HELD_OUT):
            return None
        return np.array([each.split in HELD_OUT for each in self.pictures])

    def counts(self, numbers: Sequence[int] | None = None) -> np.ndarray:
        """(classes,) int64: objects of each class, in all pictures or those of these numbers."""
        chosen = self.pictures if numbers is None else [self.pictures[number] for number in numbers]
        labels = np.concatenate([np.zeros(0, np.int64), *(each.labels[~each.ignored] for each in chosen)])
        return np.bincount(labels, minlength=len(self.class_names))

    def summary(self) -> str:
        """One line for people."""
        counts = self.counts()
        told = ", ".join(
            f"{name} {count:,}" for name, count in list(zip(self.class_names, counts, strict=True))[:10]
        ) + (f" and {len(counts) - 10} more" if len(counts) > 10 else "")
        return f"{self.form}: {len(self):,} pictures, {int(counts.sum()):,} objects ({told})"

    def named(self, class_names: Sequence[str], where: str) -> Self:
        """The same under the class numbers of others, such as those that a run knows.

        Raises `UserError` for a class that they do not have.
        """
        for name in self.class_names:
            if name not in class_names:
                raise UserError(f"{where}: has objects of '{name}', and the run knows {', '.join(class_names[:12])}")
        place = np.array([list(class_names).index(name) for name in self.class_names], np.int64)
        pictures = tuple(replace(each, labels=place[each.labels]) for each in self.pictures)
        return replace(self, pictures=pictures, class_names=tuple(class_names))


def encoded(mask: np.ndarray, box: np.ndarray, size: tuple[int, int]) -> dict[str, Any]:
    """The run-length code of pycocotools of a mask, (h, w) bool in its box, in a picture of (width, height)."""
    from pycocotools import mask as coco_mask

    whole = np.zeros((size[1], size[0]), np.uint8, order="F")
    x0, y0 = int(box[0]), int(box[1])
    whole[y0 : y0 + mask.shape[0], x0 : x0 + mask.shape[1]] = mask
    code: dict[str, Any] = coco_mask.encode(whole)
    return code


def find_objects(paths: Sequence[Path], reading: ObjectReading = PLAIN) -> ObjectSet:
    """The pictures and objects of data sets of any form that `limner.datasets.annotations.sources` reads.

    Objects without area and those of no picture are left out and kept in ``lost``; pictures without any object stay,
    for what is no object is learned from them. Labels count from 0, without the background.

    Raises `UserError` where nothing fits, for classes that are not there, for pictures that cannot be read where none
    can, and where there is no object at all.
    """
    if not paths:
        raise UserError("no data is given; name a data set with --data (pictures and boxes or outlines of objects)")
    wanted = Wanted(reading.objects or (UNNAMED,), reading.regions, every=True)
    sources = [(path, read_source(path, wanted)) for path in paths]
    names = dict.fromkeys(name for _, source in sources for name in source.names)
    for name in reading.objects or ():
        if names and name not in names:
            raise UserError(f"--objects: {paths[0]} has no '{name}'; {did_you_mean(name, names)}")
    labeled = [each for _, source in sources for each in source.pictures]
    left = _parts_left(labeled)
    labeled = [each for each in labeled if each.split not in left]
    tell_several([each.path for each in labeled])
    read, unreadable = _read(labeled)
    if labeled and not read:
        raise UserError(f"{unreadable[0]} (of {len(labeled)} pictures, none can be read)")
    seen = {one.name for _, instances, _, _ in read for one in instances}
    classes = tuple(reading.objects) if reading.objects else tuple(sorted(seen, key=_natural(tuple(names))))
    pictures, lost = [], [one for _, source in sources for one in source.lost]
    notes = [note for _, source in sources for note in source.notes if not note.startswith("a box is taken")]
    for labels, instances, missing, size in read:
        kept = [one for one in instances if one.name in classes]
        pictures.append(_picture(labels, kept, classes, size))
        lost += [one._replace(picture=one.picture or labels.name) for one in missing]
    if left:
        notes.append(f"parts left alone: {', '.join(sorted(left))}")
    found = ObjectSet(
        form=" and ".join(dict.fromkeys(source.form for _, source in sources)),
        pictures=tuple(pictures),
        class_names=classes,
        fingerprint=_fingerprint(pictures, [file for _, source in sources for file in source.shared], classes),
        lost=tuple(one for one in lost if not reading.objects or one.name in classes),
        unreadable=tuple(unreadable),
        notes=tuple(dict.fromkeys(notes)),
    )
    if not found.counts().sum():
        raise UserError(
            f"{paths[0]} ({found.form}): no object in any of its {len(found)} pictures; needed: boxes or outlines to "
            "learn from"
        )
    for picture in pictures:
        check_objects(picture.objects._replace(masks=None), len(classes), picture.size[::-1], picture.name)
    return found


def _parts_left(labeled: Sequence[LabeledPicture]) -> set[str]:
    parts = {each.split for each in labeled}
    if not parts & set(LEARNED):
        return set()
    kept = next((part for part in HELD_OUT if part in parts), "")
    return (parts & set(HELD_OUT)) - {kept}


_Read = tuple[LabeledPicture, list[Instance], tuple[Lost, ...], tuple[int, int]]


def _read(labeled: Sequence[LabeledPicture]) -> tuple[list[_Read], list[str]]:
    def one(picture: LabeledPicture) -> _Read | UserError:
        try:
            image, orientation = decode_turned(picture.path, "rgb", least_px=WHOLE_PX)
            labels = read_upright(picture, image.size, orientation)
        except UserError as error:
            return error
        return picture, labels.instances, labels.lost, image.size

    found: list[_Read] = []
    unreadable: list[str] = []
    with (
        ThreadPoolExecutor(min(MOST_THREADS, allowed_cores()), thread_name_prefix="labels") as pool,
        Progress("annotations", len(labeled), "pictures") as progress,
    ):
        for each in pool.map(one, labeled):
            if isinstance(each, UserError):
                unreadable.append(" ".join(str(each).split()))
            else:
                found.append(each)
            progress.advance()
    return found, unreadable


def _picture(
    labeled: LabeledPicture, kept: Sequence[Instance], classes: tuple[str, ...], size: tuple[int, int]
) -> ObjectPicture:
    path = labeled.path
    return ObjectPicture(
        path=path,
        name=labeled.name,
        size=size,
        boxes=np.array([tuple(one.box) for one in kept], np.float32).reshape(-1, 4),
        labels=np.array([classes.index(one.name) for one in kept], np.int64),
        ignored=np.array([one.group for one in kept], bool),
        masks=tuple(one.mask for one in kept),
        outlined=all(one.outlined for one in kept),
        opener=lambda least_px: decode(path, "rgb", least_px=least_px),
        split=labeled.split,
    )


def _natural(names: tuple[str, ...]) -> Callable[[str], tuple[int, str]]:
    """As the data set orders them; what it does not name, by letters."""
    return lambda name: (names.index(name) if name in names else len(names), name)


def _fingerprint(pictures: Sequence[ObjectPicture], shared: Sequence[Path], classes: tuple[str, ...]) -> str:
    """Changes with what the pictures hold and with every box, class and mask."""
    digest = hashlib.sha256(repr((classes, len(shared))).encode())
    for picture, content in zip(pictures, digests([each.path for each in pictures]), strict=True):
        digest.update(f"{picture.name} {content} {picture.split}".encode(errors="surrogateescape"))
        for values in (picture.boxes, picture.labels, picture.ignored, *_packed(picture.masks)):
            digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()[:16]


def _packed(masks: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    return (np.packbits(mask) for mask in masks)
