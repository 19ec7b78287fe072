"""Folders of numbered frames, one photo each, as clips."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, count
from pathlib import Path

from torch import Tensor

from limner.foundation.errors import UserError
from limner.foundation.files.suffixes import PICTURES, ends_with
from limner.foundation.files.writing import make_folder, replacing
from limner.photos.photos import Photo, read_photo, write_photo


@dataclass(frozen=True)
class FrameFolder:
    """The photos of a folder in natural order, in sRGB; read anew at every iteration, one in memory at a time.

    Frames are (3, H, W) float32, gamma-encoded; floats and wide gamuts may leave [0, 1].
    """

    path: Path
    names: tuple[str, ...]
    height: int
    width: int
    rate: Fraction = Fraction(25)
    has_audio: bool = False
    has_alpha: bool = False
    notes: tuple[str, ...] = ()

    @property
    def length(self) -> int:
        """How many frames there are."""
        return len(self.names)

    def __iter__(self) -> Iterator[Tensor]:
        """Raises `UserError` for a frame that is broken or of another size than the first."""
        return (photo.to_srgb(photo.filled) for photo in self._photos())

    def layers(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Frames as they are stored, each with its alpha where it has one. Raises `UserError` as iterating does."""
        return ((photo.to_srgb(photo.picture), photo.alpha) for photo in self._photos())

    def _photos(self) -> Iterator[Photo]:
        for name in self.names:
            photo = read_photo(self.path / name)
            height, width = photo.picture.shape[1:]
            if (height, width) != (self.height, self.width):
                got = f"{width} x {height}, {self.names[0]} {self.width} x {self.height}"
                raise UserError(f"{photo.path}: frames differ in size ({got}); needed: one size; one folder a size")
            yield photo


def open_folder(path: Path) -> FrameFolder:
    """Look at a folder of frames. Raises `UserError` when it holds none, or the first is broken."""
    names = sorted(
        (file.name for file in path.iterdir() if ends_with(file, PICTURES) and not file.name.startswith(".")),
        key=_natural,
    )
    if not names:
        raise UserError(f"{path}: a folder without frames; needed: numbered pictures ({', '.join(PICTURES)})")
    first = read_photo(path / names[0])
    height, width = first.picture.shape[1:]
    return FrameFolder(path, tuple(names), height, width, has_alpha=first.alpha is not None, notes=first.notes)


def write_folder(
    path: Path,
    frames: Iterable[Tensor],
    like: FrameFolder | None = None,
    *,
    bits: int = 8,
    alphas: Iterable[Tensor | None] | None = None,
) -> None:
    """Write frames as photos in a new folder, all or none.

    frames: (3, H, W) float, gamma-encoded sRGB. like: the folder whose frames were recolored: each file has the name,
    the kind, the profile and the alpha of its own; without one they are frame_000001.png and so on, of ``bits`` (8 or
    16), with these ``alphas``, (H, W) float each, where they are not None.

    Raises `UserError` when the folder holds something, `ValueError` for no frames or more than ``like`` has.
    """
    if path.is_dir() and any(path.iterdir()):
        raise UserError(f"{path}: the folder is not empty; choose another --out, or empty it")
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise ValueError(f"no frames for {path}; needed: at least one")
    names = like.names if like else (f"frame_{number:06d}.png" for number in count(1))
    layers = iter(alphas or ())
    with replacing(path) as temporary:
        make_folder(temporary)
        for name, frame in zip(names, chain([first], frames), strict=like is not None):
            if like is not None:
                photo = read_photo(like.path / name)
            else:
                alpha = next(layers, None)
                photo = Photo(path, frame.cpu(), alpha, bits=bits, has_alpha=alpha is not None)
            write_photo(temporary / name, photo.from_srgb(frame), photo)


def _natural(name: str) -> list[tuple[int, str]]:
    """A key by which frame_2 comes before frame_10: numbers by value, other parts as text."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name.lower())]
