"""Pictures with objects as the room holds them, whatever form they were found in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from PIL import Image

from limner.datasets.annotations.instances import Lost
from limner.detect.boxes.objects import Objects
from limner.foundation.errors import UserError
from limner.foundation.files.dependencies import digests

LEARNED, HELD_OUT = ("train", "training"), ("val", "valid", "validation", "test", "testing")
"""Parts of a data set. Of several to hold out, the first of these is it, and the others are left alone."""


@dataclass(frozen=True)
class ObjectPicture:
    """A picture and what is in it. name: below the data set. size: (width, height) in pixels, upright. boxes: (n, 4)
    float32. labels: (n,) int64. ignored: (n,) bool, groups and difficult ones. masks: each in its box, (h, w) bool.
    outlined: whether all masks are outlines, and not boxes. opener: gives it in RGB, perhaps decoded smaller, but no
    edge below ``least_px``. split: the part of the data set. ground_m: side of the ground in a pixel, of a part of a
    scene; None where nobody knows."""

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
    ground_m: float | None = None

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


def fingerprint_of(pictures: Sequence[ObjectPicture], shared: Sequence[Path], classes: tuple[str, ...]) -> str:
    """Changes with what the pictures hold and with every box, class and mask."""
    digest = hashlib.sha256(repr((classes, len(shared))).encode())
    for picture, content in zip(pictures, digests([each.path for each in pictures]), strict=True):
        digest.update(f"{picture.name} {content} {picture.split}".encode(errors="surrogateescape"))
        for values in (picture.boxes, picture.labels, picture.ignored, *_packed(picture.masks)):
            digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()[:16]


def _packed(masks: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    return (np.packbits(mask) for mask in masks)
