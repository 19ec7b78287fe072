"""One way to recolor photos, and what it makes of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from limner.foundation.errors import UserError
from limner.foundation.files.dependencies import digest, digests
from limner.learning.runs.opening import open_run
from limner.photos.photos import Photo, read_photo, shrunk
from limner.recolor.methods.global_map import counted
from limner.recolor.methods.histogram_analogy import AnalogyOptions
from limner.recolor.methods.methods import METHODS, Mix, Options, method_options, transfer
from limner.recolor.methods.pictures import Pictures
from limner.recolor.methods.recolored import Recolored
from limner.recolor.methods.superpixel import PinnedPoints, SuperpixelOptions
from limner.recolor.recoloring.looks.cube import CubeLook
from limner.recolor.recoloring.looks.series import SeriesLook
from limner.recolor.recoloring.masks import feathered, mask_for, read_mask, shrunk_mask, visible
from limner.recolor.recoloring.options import RecolorOptions
from limner.recolor.scoring.score import TransferScore, score_transfer

DEFAULT_METHOD, LOOK = "superpixel", "look"
PREVIEW_PX = 400
"""Longest edge of a preview, and of the pictures that it is made from."""


@dataclass(frozen=True)
class Reference:
    """A photo whose colors are taken, and where from: (H, W) float 0..1, or None for everywhere. notes: of the mask."""

    photo: Photo
    mask: Tensor | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """A photo to recolor. mask: (H, W) float 0..1, where to change it; None for everywhere. notes: of the mask."""

    photo: Photo
    mask: Tensor | None = None
    notes: tuple[str, ...] = ()


def read_references(paths: Sequence[Path], masks: Sequence[Path], longest_px: int | None = None) -> list[Reference]:
    """The references with their masks; transparent pixels are no colors of a picture. longest_px: shrunk to that."""
    if masks and len(masks) != len(paths):
        raise UserError(f"{len(masks)} --like-mask for {len(paths)} references; give one for each, in their order")
    found = []
    for number, path in enumerate(paths):
        one = read_target(path, masks[number] if masks else None, longest_px)
        found.append(Reference(one.photo, visible(one.photo, one.mask), one.notes))
    return found


def read_target(path: Path, mask: Path | None, longest_px: int | None = None, feather_px: float = 0) -> Target:
    """A photo with its mask, both shrunk to ``longest_px`` where it is given."""
    if mask is None:
        return Target(read_photo(path, longest_px=longest_px))
    photo = read_photo(path)
    found, notes = read_mask(mask, photo)
    found = feathered(found, feather_px)
    if longest_px is None:
        return Target(photo, found, notes)
    small = shrunk(photo, longest_px)
    return Target(small, shrunk_mask(found, small), notes)


@dataclass(frozen=True)
class PhotoJob:
    """One way to recolor photos: references or a look, options, a device.

    weights: of the references; none: as the method has it. key: a photo whose transfer becomes one look for all.
    preview: small results of small pictures.
    """

    references: Sequence[Reference]
    options: RecolorOptions
    look: CubeLook | None = None
    look_file: Path | None = None
    device: torch.device = torch.device("cpu")
    download: bool = False
    weights: Sequence[float] = ()
    key: Path | None = None
    preview: bool = False

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
        return files + [path for path in (self.options.mask, self.look_file, self.key) if path is not None]

    def read(self, path: Path) -> Target:
        """A photo with its mask."""
        longest_px = PREVIEW_PX if self.preview else None
        return read_target(path, mask_for(self.options.mask, path), longest_px, self.options.feather_px or 0)

    def run(self, photo: Photo, mask: Tensor | None, method: str | None = None) -> Recolored:
        """``photo`` in the references' colors, in the photo's own profile; what is transparent counts nowhere."""
        where = None if mask is None else mask.to(self.device)
        if self.look is not None:
            target = photo.picture.to(self.device)
            picture = self.look(target.flatten(1)).view_as(target)
            return Recolored(self.mix.of(target, picture, where), LOOK)
        if self.key is not None:
            look = self.series_look
            told = {"key": look.key, "stands for": look.method, "error": look.error}
            return Recolored(self.mix.of(photo.picture, look(photo), mask), look.by, numbers=told)
        return transfer(self._pictures(photo, where), self.of_method(method or self.method), self.mix)

    @cached_property
    def series_look(self) -> SeriesLook:
        """The look of the key photo."""
        assert self.key is not None  # asked where there is one
        key = read_photo(self.key, longest_px=PREVIEW_PX if self.preview else None)
        options = self.of_method(self.method)
        smoothness = options.smoothness
        done = transfer(self._pictures(key, None), replace(options, smoothness=0.0))
        return SeriesLook.of(key, done, self.method, smoothness)

    def _pictures(self, photo: Photo, mask: Tensor | None) -> Pictures:
        target = photo.picture.to(self.device)
        seen = None if photo.seen is None else photo.seen.to(self.device)
        return Pictures(target, self.pictures_for(photo), mask, seen, self.masks, self.weights)

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
            **({"preview": True} if self.preview else {}),
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
            **({"weights": list(self.weights)} if self.weights else {}),
            **({} if self.key is None else {"key": digest(self.key)}),
            **self._network,
        }

    @property
    def _network(self) -> dict[str, str]:
        """The digest of the network that a method asks: another one gives other results."""
        if self.method not in METHODS:
            return {}
        options = self.of_method(self.method)
        return {"network": open_run(options.model).digest()} if isinstance(options, AnalogyOptions) else {}

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


def every_method(job: PhotoJob, path: Path) -> Iterator[tuple[str, Photo, Recolored, TransferScore]]:
    """What each method makes of a photo, with its default options."""
    target = job.read(path)
    for name in METHODS:
        done = job.run(target.photo, target.mask, name)
        yield name, target.photo, done, job.score(target.photo, done.picture)
