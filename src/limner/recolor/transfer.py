"""Photos recolored from files to files, with a record beside each that lets the same command find it done."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from limner import __version__
from limner.errors import UserError
from limner.files import fingerprint, write_json
from limner.recolor.cube import CubeLook
from limner.recolor.methods import METHODS, mixed, transfer_color
from limner.recolor.photos import Photo, read_photo, write_photo
from limner.recolor.profiles import to_profile
from limner.recolor.recolored import Recolored
from limner.recolor.score import TransferScore, score_transfer
from limner.recolor.superpixel import PinnedPoints
from limner.recolor.wishes import Wishes

DEFAULT_METHOD = "superpixel"


@dataclass(frozen=True)
class Reference:
    """A photo whose colors are taken, and where from: (H, W) float 0..1, or None for everywhere that is visible."""

    photo: Photo
    mask: Tensor | None


@dataclass(frozen=True)
class Made:
    """What became of one picture. skipped: it was there already, made by the same command. others: more files of it.
    notes: what the user should know, one line each, the same words for the same thing."""

    path: Path
    numbers: dict[str, Any]
    skipped: bool = False
    others: Sequence[Path] = ()
    notes: Sequence[str] = ()

    def line(self) -> str:
        """For people."""
        if self.skipped:
            return f"{self.path.name}: was made before"
        told = [f"{self.numbers['seconds']:.1f} s"] if "seconds" in self.numbers else []
        if "closed" in self.numbers:
            told += [f"closes {self.numbers['closed']:.0%} of the color distance", f"SSIM {self.numbers['ssim']:.2f}"]
        if self.numbers.get("clipped", 0) >= 0.005:
            told.append(f"{self.numbers['clipped']:.1%} of the pixels clipped")
        return f"{self.path.name}: {', '.join(told)}"


def read_references(paths: Sequence[Path], masks: Sequence[Path]) -> list[Reference]:
    """The references with their masks; transparent pixels are no colors of a picture."""
    if masks and len(masks) != len(paths):
        raise UserError(f"{len(masks)} --like-mask for {len(paths)} references; give one for each, in their order")
    found = []
    for number, path in enumerate(paths):
        photo = read_photo(path)
        mask = read_mask(masks[number], photo) if masks else None
        found.append(Reference(photo, _visible(photo, mask)))
    return found


def read_mask(path: Path, photo: Photo) -> Tensor:
    """(H, W) float 0..1 of a mask picture for ``photo``: white counts. `UserError` for another size."""
    mask = read_photo(path).picture.mean(0)
    if mask.shape != photo.picture.shape[1:]:
        sizes = [f"{height} x {width}" for height, width in (mask.shape, photo.picture.shape[1:])]
        raise UserError(f"{path}: a mask of {sizes[0]} pixels for {photo.path} of {sizes[1]}; a mask has its picture's size")
    return mask


def _visible(photo: Photo, mask: Tensor | None) -> Tensor | None:
    """A mask without what is wholly transparent, which is no color of the picture; what is half so is."""
    if photo.alpha is None:
        return mask
    seen = (photo.alpha > 0).float()
    return seen if mask is None else mask * seen


@dataclass(frozen=True)
class PhotoJob:
    """One way to recolor photos: references or a look, wishes, a device."""

    references: Sequence[Reference]
    wishes: Wishes
    look: CubeLook | None = None
    look_file: Path | None = None
    device: torch.device = torch.device("cpu")
    download: bool = False

    @property
    def method(self) -> str:
        """The name of the method."""
        return self.wishes.method or DEFAULT_METHOD

    def run(self, photo: Photo, mask: Tensor | None, method: str | None = None) -> Recolored:
        """``photo`` in the references' colors, in the photo's own profile; what is transparent counts nowhere."""
        target = photo.picture.to(self.device)
        where = None if mask is None else mask.to(self.device)
        if self.look is not None:
            picture = self.look(target.flatten(1)).view_as(target)
            return Recolored(mixed(target, picture, self.wishes.strength, self.wishes.keep_luminance, where), "look")
        method = method or self.method
        options = self.wishes.options(method) if method == self.method else {}
        if method == "superpixel":
            options["pins"] = [PinnedPoints(pin[:2], pin[2:4], pin[4]) for pin in self.wishes.match]
            options["download"] = self.download or None
        looks = self.pictures_for(photo)
        fitted = _visible(photo, mask)
        return transfer_color(
            target,
            looks,
            method,
            strength=self.wishes.strength,
            keep_luminance=self.wishes.keep_luminance,
            target_mask=None if fitted is None else fitted.to(self.device),
            reference_masks=[None if one.mask is None else one.mask.to(self.device) for one in self.references],
            **options,
        )

    def pictures_for(self, photo: Photo) -> list[Tensor]:
        """The references in the profile of ``photo``, on the device."""
        return [
            to_profile(one.photo.picture, one.photo.profile, photo.profile).to(self.device) for one in self.references
        ]

    def score(self, photo: Photo, picture: Tensor) -> TransferScore:
        """The result against the first reference, both as sRGB."""
        before, after = (to_profile(one, photo.profile, None).cpu() for one in (photo.picture, picture))
        first = self.references[0].photo
        return score_transfer(before, after, to_profile(first.picture, first.profile, None))


def recolor_photo(
    job: PhotoJob, path: Path, out: Path, *, overwrite: bool = False, explain: bool = False
) -> Made:
    """Recolor one photo file into another, with its record ``<out>.json``; nothing is done again that is there.

    Raises `UserError` where ``out`` is something else already, and as reading and the method do.
    """
    mask_path = _mask_for(job.wishes.mask, path)
    request = _request(job, path, mask_path, explain)
    record = out.with_name(out.name + ".json")
    if (earlier := _earlier(out, record, request, overwrite)) is not None:
        return earlier
    photo = read_photo(path)
    mask = None if mask_path is None else read_mask(mask_path, photo)
    done = job.run(photo, mask)
    others = _explained(job, photo, done, out) if explain else []
    written = write_photo(out, done.picture, photo)
    numbers: dict[str, Any] = {"method": done.method, **done.numbers, "clipped": written.clipped}
    if done.seconds:
        numbers |= {"seconds": round(sum(done.seconds.values()), 3), "stages": _rounded(done.seconds)}
    if job.references:
        numbers |= job.score(photo, done.picture).to_json() | {"clipped": written.clipped}
    write_json(record, {"limner": __version__, "request": request, "numbers": numbers})
    return Made(out, numbers, others=others, notes=(*photo.notes, *written.notes))


def _explained(job: PhotoJob, photo: Photo, done: Recolored, out: Path) -> list[Path]:
    from limner.recolor.explain import explain

    return explain(out.with_name(f"{out.stem}-explained"), photo.picture, job.pictures_for(photo), done)


def every_method(job: PhotoJob, path: Path) -> Iterator[tuple[str, Photo, Recolored, TransferScore]]:
    """What each method makes of a photo, with its default options."""
    photo = read_photo(path)
    mask_path = _mask_for(job.wishes.mask, path)
    mask = None if mask_path is None else read_mask(mask_path, photo)
    for name in METHODS:
        done = job.run(photo, mask, name)
        yield name, photo, done, job.score(photo, done.picture)


def _mask_for(mask: Path | None, picture: Path) -> Path | None:
    """The mask file of a picture: the one given, or in a folder the one of the picture's name."""
    if mask is None or not mask.is_dir():
        return mask
    found = [path for path in sorted(mask.iterdir()) if path.stem == picture.stem]
    if not found:
        raise UserError(f"{mask}: no mask called {picture.stem} in this folder; each picture needs one of its name")
    return found[0]


def _request(job: PhotoJob, path: Path, mask: Path | None, explain: bool) -> dict[str, Any]:
    return {
        "picture": fingerprint(path),
        "like": [fingerprint(one.photo.path) for one in job.references],
        "look": None if job.look_file is None else fingerprint(job.look_file),
        "mask": None if mask is None else fingerprint(mask),
        "explain": explain,
        **job.wishes.to_json(),
    }


def _earlier(out: Path, record: Path, request: dict[str, Any], overwrite: bool) -> Made | None:
    """The result of the same command, if it is there; `UserError` where something else is."""
    if overwrite or not out.exists():
        return None
    try:
        known = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    if known.get("request") == json.loads(json.dumps(request)):
        return Made(out, known["numbers"], skipped=True)
    raise UserError(f"{out}: is there already, from another command or picture; choose another --out or add --overwrite")


def _rounded(seconds: Any) -> dict[str, float]:
    return {name: round(value, 3) for name, value in seconds.items()}
