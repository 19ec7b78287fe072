"""What a data set says of itself before its pictures are read: a class for each, and how to open it."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image

from limner.datasets.pictures.decoding import Colors, decode
from limner.foundation.errors import UserError
from limner.foundation.files.dependencies import digests

Opener = Callable[[int, Colors, int], Image.Image]
"""(number, colors, least edge in pixels) -> that picture; a JPEG may come smaller, but with no edge below the least.
Raises `UserError` where it cannot be read. Threads call it at once."""


@dataclass(frozen=True)
class Found:
    """Pictures with a class each.

    form: in words, such as "a folder for each class". names: of the pictures. labels: (N,) int64. opener: opens one.
    fingerprint: a digest of contents and labels. held_out: (N,) bool, where the data says itself what is not to be
    learned from. groups: (N,) int64, pictures of one group (a writer, a photo) belong to one side. files: of each
    picture, where it has one.
    """

    form: str
    names: tuple[str, ...]
    labels: np.ndarray
    class_names: tuple[str, ...]
    opener: Opener
    fingerprint: str
    held_out: np.ndarray | None = None
    groups: np.ndarray | None = None
    files: tuple[Path, ...] | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def counts(self) -> np.ndarray:
        """(classes,) int64: pictures of each class."""
        return np.bincount(self.labels, minlength=len(self.class_names))

    def named(self, class_names: Sequence[str], where: str) -> Self:
        """The same pictures under the class numbers of others, such as those that a run knows, by their names.

        Raises `UserError` for a class that they do not have.
        """
        unknown = [name for name in self.class_names if name not in class_names]
        if unknown:
            raise UserError(f"{where}: has a class '{unknown[0]}', and the run knows {', '.join(class_names[:12])}")
        place = np.array([list(class_names).index(name) for name in self.class_names], np.int64)
        return replace(self, labels=place[self.labels], class_names=tuple(class_names))


def open_files(files: Sequence[Path]) -> Opener:
    """Opens pictures of files."""
    return lambda number, colors, least_px: decode(files[number], colors, least_px=least_px)


def open_arrays(pictures: np.ndarray) -> Opener:
    """Opens pictures of an array: (N, H, W) or (N, H, W, 3) uint8."""

    def opened(number: int, colors: Colors, least_px: int) -> Image.Image:
        image = Image.fromarray(np.ascontiguousarray(pictures[number]))
        return image.convert({"rgb": "RGB", "rgba": "RGBA", "gray": "L"}[colors])

    return opened


def fingerprint_of_files(files: Sequence[Path], labels: np.ndarray, reading: object) -> str:
    """A digest that changes with what files hold, with labels, and with how they are read."""
    digest = hashlib.sha256(repr(reading).encode())
    for content in digests(list(files)):
        digest.update(content.encode())
    digest.update(np.ascontiguousarray(labels).tobytes())
    return digest.hexdigest()[:16]


def fingerprint_of_arrays(pictures: np.ndarray, labels: np.ndarray) -> str:
    """The same of pictures in memory."""
    digest = hashlib.sha256(np.ascontiguousarray(pictures).tobytes())
    digest.update(np.ascontiguousarray(labels).tobytes())
    return digest.hexdigest()[:16]
