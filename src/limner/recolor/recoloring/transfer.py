"""Photos recolored from files to files, with a record beside each that lets the same command find it done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from limner.foundation.errors import UserError
from limner.foundation.files.dependencies import digest, digests
from limner.foundation.files.records import Account, Made, make_once
from limner.foundation.orientation import UPRIGHT, swaps_edges, turned
from limner.photos.photos import Photo, read_photo, write_photo
from limner.recolor.looks.cube import CubeLook
from limner.recolor.methods.global_map import counted
from limner.recolor.methods.methods import METHODS, Mix, Options, method_options, transfer
from limner.recolor.methods.pictures import Pictures
from limner.recolor.methods.recolored import Recolored
from limner.recolor.methods.superpixel import PinnedPoints, SuperpixelOptions
from limner.recolor.recoloring.options import RecolorOptions
from limner.recolor.scoring.score import TransferScore, score_transfer

DEFAULT_METHOD, LOOK = "superpixel", "look"

BARELY = 1.5 / 255  # the gray of a 1 in 8 bits
DARK = 0.1  # of a mask whose lightest gray is darker than that, people ask why nothing changed


@dataclass(frozen=True)
class Reference:
    """A photo whose colors are taken, and where from: (H, W) float 0..1, or None for everywhere. notes: of the mask."""

    photo: Photo
    mask: Tensor | None
    notes: tuple[str, ...] = ()


def read_references(paths: Sequence[Path], masks: Sequence[Path]) -> list[Reference]:
    """The references with their masks; transparent pixels are no colors of a picture."""
    if masks and len(masks) != len(paths):
        raise UserError(f"{len(masks)} --like-mask for {len(paths)} references; give one for each, in their order")
    found = []
    for number, path in enumerate(paths):
        photo = read_photo(path)
        mask, notes = read_mask(masks[number], photo) if masks else (None, ())
        found.append(Reference(photo, _visible(photo, mask), notes))
    return found


def read_mask(path: Path, photo: Photo) -> tuple[Tensor, tuple[str, ...]]:
    """((H, W) float 0..1 of a mask picture for ``photo``: white counts, what to tell of it).

    A mask counts the upright picture's pixels, as people see it, unless its size is that of the pixels as stored alone.
    One that holds no number above 1, of 8 or 16 bits, is of class numbers: its 1 is white.
    Raises `UserError` for another size, and for black alone.
    """
    drawn = read_photo(path)
    mask = drawn.picture.mean(0).clamp(0, 1)
    mask = mask if drawn.alpha is None else mask * drawn.alpha
    notes: tuple[str, ...] = ()
    if photo.turn != drawn.turn:
        counts = "the upright photo's pixels"
        if drawn.turn == UPRIGHT and mask.shape != photo.picture.shape[1:] == mask.T.shape and swaps_edges(photo.turn):
            mask = torch.from_numpy(np.ascontiguousarray(turned(mask.numpy(), photo.turn)))
            counts = "its pixels as stored"
        notes = (f"turned by its EXIF (orientation {photo.turn}): its mask is taken to count {counts}",)
    if mask.shape != photo.picture.shape[1:]:
        sizes = [f"{width} x {height}" for height, width in (mask.shape, photo.picture.shape[1:])]
        raise UserError(
            f"{path}: a mask of {sizes[0]} pixels for {photo.path} of {sizes[1]}; a mask has its picture's size"
        )
    lightest = float(mask.max())
    if 0 < lightest <= BARELY:  # of class numbers 0 and 1, which as grays leave everything as it was
        mask = mask / lightest
        notes = (*notes, f"the mask {path.name} is black and {lightest:.1%} gray: its numbers are taken for 0 and 1")
    elif 0 < lightest < DARK:
        notes = (*notes, f"the mask {path.name} is nowhere lighter than {lightest:.0%}: little changes")
    if not mask.any():
        raise UserError(f"{path}: a mask that is black all over leaves nothing of {photo.path}; needed: some white")
    return mask, notes


def _visible(photo: Photo, mask: Tensor | None) -> Tensor | None:
    """A mask without what is wholly transparent, which is no color of the picture; what is half so is."""
    if photo.alpha is None:
        return mask
    seen = (photo.alpha > 0).float()
    return seen if mask is None else mask * seen


@dataclass(frozen=True)
class PhotoJob:
    """One way to recolor photos: references or a look, options, a device."""

    references: Sequence[Reference]
    options: RecolorOptions
    look: CubeLook | None = None
    look_file: Path | None = None
    device: torch.device = torch.device("cpu")
    download: bool = False

    @property
    def method(self) -> str:
        """The name of the method."""
        return self.options.method or (DEFAULT_METHOD if self.look is None else LOOK)

    @property
    def notes(self) -> tuple[str, ...]:
        """What to tell of the references."""
        notes = (note for one in self.references for note in (*one.photo.notes_as_reference, *one.notes))
        return tuple(f"reference: {note}" for note in dict.fromkeys(notes))

    @property
    def inputs(self) -> list[Path]:
        """Files that are read beside the pictures."""
        files = [one.photo.path for one in self.references] + list(self.options.like_mask or ())
        return files + [path for path in (self.options.mask, self.look_file) if path is not None]

    def run(self, photo: Photo, mask: Tensor | None, method: str | None = None) -> Recolored:
        """``photo`` in the references' colors, in the photo's own profile; what is transparent counts nowhere."""
        target = photo.picture.to(self.device)
        seen = None if photo.seen is None else photo.seen.to(self.device)
        where = None if mask is None else mask.to(self.device)
        if self.look is not None:
            picture = self.look(target.flatten(1)).view_as(target)
            return Recolored(self.mix.of(target, picture, where), LOOK)
        pictures = Pictures(target, self.pictures_for(photo), where, seen, self.masks)
        return transfer(pictures, self.of_method(method or self.method), self.mix)

    @property
    def mix(self) -> Mix:
        """How much of the transfer is taken."""
        return Mix(self.options.strength, self.options.keep_luminance)

    @property
    def masks(self) -> list[Tensor | None]:
        """Where each reference's colors are taken from, on the device; None for everywhere."""
        return [None if one.mask is None else one.mask.to(self.device) for one in self.references]

    def of_method(self, method: str) -> Options:
        """The method's options: as selected for the one that was named, its own for others on a sheet."""
        options = method_options(method)
        if method == self.method:
            options = replace(options, **self.options.of_method(method))
        if isinstance(options, SuperpixelOptions):
            pins = tuple(PinnedPoints(pin[:2], pin[2:4], pin[4]) for pin in self.options.match or ())
            options = replace(options, pins=pins, download=self.download or None)
        return options

    def request(self, picture: Path, **more: Any) -> dict[str, Any]:
        """All that decides what becomes of ``picture``, for the record."""
        mask = mask_for(self.options.mask, picture)
        return {
            "picture": digest(picture),
            **self._given,
            "mask": None if mask is None else digest(mask),
            **more,
        }

    @cached_property
    def _given(self) -> dict[str, Any]:
        """What decides all pictures alike; files by their contents, which are read once."""
        return {
            **self.options.to_json(),
            "like": digests([one.photo.path for one in self.references]),
            "look": None if self.look_file is None else digest(self.look_file),
            "like_mask": digests(self.options.like_mask or ()),
        }

    def pictures_for(self, photo: Photo) -> list[Tensor]:
        """The references in the profile of ``photo``, on the device."""
        return [one.photo.in_profile_of(photo).to(self.device) for one in self.references]

    def score(self, photo: Photo, picture: Tensor) -> TransferScore:
        """The result against what may be taken from the first reference, where something is seen, both as sRGB."""
        before, after = (photo.to_srgb(one).cpu() for one in (photo.picture, picture))
        first, mask = self.references[0].photo, self.references[0].mask
        return score_transfer(
            before,
            after,
            first.to_srgb(first.picture),
            target_seen=photo.seen,
            reference_seen=None if mask is None else counted(mask),
        )


def recolor_photo(
    job: PhotoJob, path: Path, out: Path, *, overwrite: bool = False, explain: Path | None = None
) -> Made:
    """Recolor one photo file into another, with its record beside it; nothing is done again that is there.

    explain: folder for pictures of what was matched. Raises `UserError` where ``out`` is something else already, and as
    reading and the method do.
    """
    request = job.request(path, explain=explain is not None)
    return make_once(out, request, lambda temporary: _recolored(job, path, temporary, explain), overwrite=overwrite)


def _recolored(job: PhotoJob, path: Path, out: Path, explain: Path | None) -> Account:
    photo = read_photo(path)
    mask_path = mask_for(job.options.mask, path)
    mask, told = (None, ()) if mask_path is None else read_mask(mask_path, photo)
    done = job.run(photo, mask)
    written = write_photo(out, done.picture, photo)
    others = [] if explain is None else _explained(job, photo, done, explain)
    numbers: dict[str, Any] = {"method": done.method, **done.numbers}
    if done.seconds:
        numbers |= {"seconds": round(sum(done.seconds.values()), 3), "stages": _rounded(done.seconds)}
    if job.references:
        numbers |= job.score(photo, done.picture).to_json()
    numbers["clipped"] = written.clipped
    return Account(numbers, others, (*photo.notes, *told, *job.notes, *written.notes))


def _explained(job: PhotoJob, photo: Photo, done: Recolored, folder: Path) -> list[Path]:
    from limner.recolor.scoring.explain import explain  # what draws is not needed for the colors

    return explain(folder, photo.filled, job.pictures_for(photo), done)


def every_method(job: PhotoJob, path: Path) -> Iterator[tuple[str, Photo, Recolored, TransferScore]]:
    """What each method makes of a photo, with its default options."""
    photo = read_photo(path)
    mask_path = mask_for(job.options.mask, path)
    mask = None if mask_path is None else read_mask(mask_path, photo)[0]
    for name in METHODS:
        done = job.run(photo, mask, name)
        yield name, photo, done, job.score(photo, done.picture)


def mask_for(mask: Path | None, picture: Path) -> Path | None:
    """The mask file of a picture: the one given, or in a folder the one of the picture's name."""
    if mask is None:
        return None
    if not mask.exists():
        raise UserError(f"{mask}: no such file or folder; give a mask, or a folder with one for each picture")
    if not mask.is_dir():
        return mask
    found = [path for path in sorted(mask.iterdir()) if path.stem == picture.stem]
    if not found:
        raise UserError(f"{mask}: no mask called {picture.stem} in this folder; each picture needs one of its name")
    return found[0]


def _rounded(seconds: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in seconds.items()}
