"""One object in a picture: its box and its mask, however a data set wrote them down."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage

from limner.foundation.errors import UserError

BROKEN, EMPTY, DUPLICATE, NO_PICTURE = "broken", "empty", "duplicate", "no picture"
"""Why an object has no pixels: its outline and box cannot be drawn; nothing of it lies in its picture; the same words
stand elsewhere; its picture is not there."""
CUT = "a box reaches beyond its picture and is cut at the edge"
"""Note on a picture of whose boxes that is true."""
ROUNDED_PX = 1
"""How far a box may reach beyond its picture and nothing is said: coordinates are rounded, and some count from 1."""
SEARCHABLE = 65535
"""The largest id that is found through a table of all smaller ones; larger ones are numbered anew first."""


class OtherSizeError(UserError):
    """Labels are of another size than their picture."""


class Box(NamedTuple):
    """In pixels; x1 and y1 are the first that are no longer inside."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        return self.y1 - self.y0

    @property
    def window(self) -> tuple[slice, slice]:
        """(rows, columns), to take the box out of an array."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def grown(self, by_px: int) -> Box:
        return Box(self.x0 - by_px, self.y0 - by_px, self.x1 + by_px, self.y1 + by_px)

    def within(self, width: int, height: int) -> Box:
        """The part of it in a picture of that size; without area where there is none."""
        x0, y0 = min(max(self.x0, 0), width), min(max(self.y0, 0), height)
        return Box(x0, y0, max(x0, min(self.x1, width)), max(y0, min(self.y1, height)))


@dataclass(frozen=True, eq=False)
class Instance:
    """An object. number: what the data set calls it. name: its class. mask: (box.height, box.width) bool. group:
    several objects drawn as one, or one that need not be found. outlined: the mask is drawn, and not just the box. cut:
    its box reached beyond the picture, by more than rounding does."""

    number: str
    name: str
    box: Box
    mask: np.ndarray
    group: bool = False
    outlined: bool = True
    cut: bool = False


class Lost(NamedTuple):
    """An object that the labels tell of and that has no pixels. reason: `BROKEN`, `EMPTY`, ..., and perhaps more after
    a colon. picture: its name, where that is not known from elsewhere."""

    number: str
    name: str
    reason: str
    picture: str = ""


class Labels(NamedTuple):
    """What is known of one picture. notes: what a user should know of how its labels were read, in words that are the
    same for all pictures of which they are true."""

    instances: list[Instance]
    lost: tuple[Lost, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LabeledPicture:
    """A picture whose labels are still to be read.

    name: below the data set's pictures, with / between folders. labels: files that they come from, but for those that
    serve all pictures. read: a function of (width, height) that processes can be sent. It raises `OtherSizeError` where
    the labels are of another size. alone: no other picture has its name but for the suffix.
    """

    path: Path
    name: str
    split: str
    labels: tuple[Path, ...]
    read: Callable[[int, int], Labels]
    alone: bool = True

    @property
    def stem(self) -> str:
        """What its cut-outs' names begin with."""
        return str(Path(self.name).with_suffix("")) if self.alone else self.name


@dataclass(frozen=True)
class Source:
    """A data set, as it was found. form: what it is called. names: its classes that have instances, or none where it
    names none. shared: files that tell of all pictures. notes: what a user should know of how it was read. lost:
    objects without a picture."""

    form: str
    pictures: list[LabeledPicture]
    names: tuple[str, ...]
    shared: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    lost: tuple[Lost, ...] = ()


def instance_of(number: str, name: str, mask: np.ndarray, *, group: bool = False) -> Instance | Lost:
    """The instance of an (H, W) mask; `EMPTY` where the mask is."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return Lost(number, name, f"{EMPTY}: it has no pixel in its picture")
    box = Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return Instance(number, name, box, mask[box.window].astype(bool), group)


def boxed(number: str, name: str, box: Box, size: tuple[int, int], *, group: bool = False) -> Instance | Lost:
    """The instance whose mask is all of its box, cut to a picture of (width, height) ``size``; `EMPTY` where no area is
    left."""
    seen = box.within(*size)
    if seen.width < 1 or seen.height < 1:
        return Lost(number, name, f"{EMPTY}: its box has no pixel in its picture")
    cut = max(abs(one - other) for one, other in zip(box, seen, strict=True)) > ROUNDED_PX
    return Instance(number, name, seen, np.ones((seen.height, seen.width), bool), group, False, cut)


def labels_of(found: Iterable[Instance | Lost], notes: Iterable[str] = ()) -> Labels:
    """Instances and lost ones apart, each in their order, and `CUT` noted; what is noted twice is noted once."""
    every = list(found)
    cut = [CUT] if any(isinstance(one, Instance) and one.cut for one in every) else []
    return Labels(
        [one for one in every if isinstance(one, Instance)],
        tuple(one for one in every if isinstance(one, Lost)),
        tuple(dict.fromkeys([*notes, *cut])),
    )


def areas_of(ids: np.ndarray) -> Iterator[tuple[int, Box, np.ndarray]]:
    """(id, box, mask in the box) of each id of 1 or more, in their order.

    ids: (H, W) of any integer type.
    """
    values = None
    if ids.max(initial=0) > SEARCHABLE:
        values, places = np.unique(np.maximum(ids, 0), return_inverse=True)
        ids = places.reshape(ids.shape) + (1 if values[0] > 0 else 0)
        values = values if values[0] == 0 else np.concatenate([[0], values])
    for number, window in enumerate(ndimage.find_objects(ids.astype(np.int32)), start=1):
        if window is not None:
            rows, columns = window
            box = Box(columns.start, rows.start, columns.stop, rows.stop)
            yield int(number if values is None else values[number]), box, ids[window] == number


def read_ids(path: Path, width: int, height: int) -> np.ndarray:
    """(H, W) int32 of a mask file: the values themselves, of 8, 16 or 32 bits, or the numbers of palette colors.

    Raises `UserError` for a broken file, one of colors, or one of another size than its picture.
    """
    try:
        with Image.open(path) as image:
            mode, size = image.mode, image.size
            values = np.asarray(image) if mode in ("1", "L", "P") or mode.startswith("I") else None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise UserError(f"{path}: not a picture, or cut short; save it again as PNG") from None
    if values is None:
        raise UserError(
            f"{path}: a mask of colors ({mode}); needed: one number for each pixel, of 8 or 16 bits, or a palette"
        )
    check_size(path, size, width, height)
    return values.astype(np.int32)


def check_size(path: Path, size: tuple[int, int], width: int, height: int) -> None:
    """Raise `OtherSizeError` where labels are of another (width, height) than their picture."""
    if size != (width, height):
        raise OtherSizeError(
            f"{path}: labels of {size[0]} x {size[1]} px for a picture of {width} x {height}; needed: one size"
        )
