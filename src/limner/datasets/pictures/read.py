"""Folders of pictures as one tensor: found, decoded by threads, brought to one size and mode, and looked at."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import psutil
import torch
from PIL import Image
from torch import Tensor

from limner.datasets.pictures.decoding import CHANNELS, Colors, decode
from limner.datasets.pictures.fitting import Fit, fitted, on_plain_ground
from limner.datasets.pictures.listing import picture_files
from limner.datasets.pictures.several import tell_several
from limner.foundation.errors import UserError
from limner.foundation.files.dependencies import digests
from limner.foundation.machine.cores import allowed_cores
from limner.foundation.progress import Progress

MOST_THREADS = 16
LEAST_PICTURES = 16
"""Fewer are learned by heart before a generator makes anything, and no score can tell that from learning."""
ASKED = 32
"""Pictures whose border is looked at to choose how all are brought to a square."""
SQUARE = 1.02
"""Longer by less over shorter edge: a picture that any way of fitting leaves nearly alone."""


@dataclass(frozen=True)
class PictureSet:
    """Pictures to learn from, in memory in 8 bits.

    pictures: (N, C, S, S) uint8, C = 1 (gray), 3 (RGB) or 4 (RGBA). labels: (N,) int64 class numbers, or None. names:
    of the files, below the folders that were given. fit: how they were brought to a square. notes: what else a user
    should know, one line each.
    """

    pictures: Tensor
    labels: Tensor | None
    class_names: tuple[str, ...]
    names: tuple[str, ...]
    fingerprint: str
    fit: Fit
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pictures)

    def summary(self) -> str:
        """One line for people."""
        count, channels, _, size_px = self.pictures.shape
        colors = {channels: name for name, channels in CHANNELS.items()}[channels]
        parts = [f"{count:,} pictures of {size_px} x {size_px} px, {colors}, {self.pictures.nbytes / 1e6:,.0f} MB"]
        if self.labels is not None:
            counts = torch.bincount(self.labels, minlength=len(self.class_names)).tolist()
            told = ", ".join(f"{name} {number:,}" for name, number in zip(self.class_names, counts, strict=True))
            parts.append(f"{len(self.class_names)} classes ({told})")
        return "; ".join([*parts, *self.notes])


class _Found(NamedTuple):
    path: Path
    name: str
    """Below its folder, with / between folders."""


class _Findings(NamedTuple):
    """flat: of one color. enlarged: it was smaller than what is learned. reshaped: it was no square."""

    flat: bool
    enlarged: bool
    reshaped: bool


def read_pictures(
    paths: Sequence[Path | str],
    *,
    size_px: int,
    colors: Colors = "rgb",
    classes: Literal["none", "folders"] = "none",
    fit: Fit | Literal["auto"] = "auto",
) -> PictureSet:
    """All pictures of some folders and the folders below them, each brought to ``size_px`` and ``colors``.

    PNG, JPEG, WebP, BMP and TIFF, of any sizes and modes, in natural order of their names (2 before 10); other files
    and hidden ones are left out.

    classes: with ``folders``, a picture's class is the folder directly below the given one, in which it lies. fit:
    ``crop``, ``pad`` or ``squash`` (`limner.datasets.pictures.fitting.fitted`); ``auto`` pads where most of the
    pictures that are no squares show something on a plain or transparent ground, such as cut-outs, which cropping would
    cut through, and crops otherwise.

    Raises `UserError` for a path that is no folder, folders without pictures or with fewer than `LEAST_PICTURES`,
    broken or too large files (naming the first and how many there are), pictures that are all the same or all of one
    color, and, with classes, pictures outside their folders or fewer than two classes.
    """
    found = _find(paths)
    if len(found) < LEAST_PICTURES:
        raise UserError(
            f"{_folders(paths)}: {_several(len(found))}; needed: {LEAST_PICTURES} or more, and some hundreds to learn "
            "more than copies; add pictures"
        )
    class_names, labels = _classes(found, paths) if classes == "folders" else ((), None)
    chosen = _choose_fit(found, colors, size_px) if fit == "auto" else fit
    tell_several([item.path for item in found])
    pictures, seen = _bring(found, size_px, colors, chosen)
    _refuse_sameness(pictures, seen, paths)
    return PictureSet(
        pictures, labels, class_names, tuple(item.name for item in found),
        _fingerprint(found, (size_px, colors, classes, chosen)), chosen, _notes(seen, chosen, size_px),
    )  # fmt: skip


def _find(paths: Sequence[Path | str]) -> list[_Found]:
    """Every picture below the folders once, folder by folder."""
    if not paths:
        raise UserError("no folder of pictures is given; needed: data.paths in the recipe, or --data FOLDER")
    found: dict[Path, _Found] = {}
    for folder in map(Path, paths):
        named = [_Found(path, path.relative_to(folder).as_posix()) for path in picture_files(folder)]
        for item in sorted(named, key=lambda item: _natural(item.name)):
            found.setdefault(item.path.resolve(), item)
    return list(found.values())


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts numbers inside names by their value."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)] + [(-2, name)]


def _classes(found: Sequence[_Found], paths: Sequence[Path | str]) -> tuple[tuple[str, ...], Tensor]:
    """(Names of the classes, (N,) int64 numbers)."""
    loose = [item for item in found if "/" not in item.name]
    if loose:
        raise UserError(
            f"{loose[0].path}: lies in no class's folder ({len(loose)} of {len(found)} do); with classes: folders, "
            "each class's pictures stand in a folder of its name; move them, or use classes: none"
        )
    folders = [item.name.split("/", 1)[0] for item in found]
    names = tuple(sorted(set(folders), key=_natural))
    if len(names) < 2:
        raise UserError(
            f"{_folders(paths)}: all pictures lie in the one folder {names[0]}; classes: folders needs two or more; "
            "give the folder above them, or use classes: none"
        )
    return names, torch.tensor([names.index(folder) for folder in folders])


def _choose_fit(found: Sequence[_Found], colors: Colors, size_px: int) -> Fit:
    """Decided for all together, so that no picture among many is treated differently because of its border."""
    places = np.unique(np.linspace(0, len(found) - 1, ASKED).round().astype(int))
    votes = []
    for place in places:
        try:
            image = decode(found[place].path, colors, least_px=size_px)
        except UserError:
            continue  # said later, with how many more there are
        if max(image.size) > SQUARE * min(image.size):
            votes.append(on_plain_ground(image))
    return "pad" if votes and 2 * sum(votes) > len(votes) else "crop"


def _bring(found: Sequence[_Found], size_px: int, colors: Colors, fit: Fit) -> tuple[Tensor, list[_Findings]]:
    """((N, C, S, S) uint8, what was seen of each)."""
    pictures = _room_for(len(found), CHANNELS[colors], size_px)
    rows = pictures.numpy()

    def bring(number: int) -> _Findings | UserError:
        try:
            # Twice the size, so that Lanczos' filter and not the JPEG decoder decides how a picture looks.
            image = decode(found[number].path, colors, least_px=2 * size_px)
        except UserError as error:
            return error
        rows[number] = _as_channels(fitted(image, size_px, fit))
        low, high = rows[number].min(axis=(1, 2)), rows[number].max(axis=(1, 2))
        shorter, longer = min(image.size), max(image.size)
        return _Findings(bool((low == high).all()), shorter < size_px, longer > SQUARE * shorter)

    results = []
    with ThreadPoolExecutor(min(MOST_THREADS, allowed_cores()), thread_name_prefix="decode") as pool:
        try:
            with Progress("pictures", len(found), "pictures") as progress:
                for result in pool.map(bring, range(len(found))):
                    results.append(result)
                    progress.advance()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    mistakes = [result for result in results if isinstance(result, UserError)]
    if mistakes:
        more = f" (and {len(mistakes) - 1} more of {len(found)} files cannot be read)" if len(mistakes) > 1 else ""
        raise UserError(f"{mistakes[0]}{more}")
    return pictures, [result for result in results if isinstance(result, _Findings)]


def _room_for(count: int, channels: int, size_px: int) -> Tensor:
    """(count, channels, size_px, size_px) uint8 of any values. Raises `UserError` where memory is too small."""
    needed, free = count * channels * size_px**2, psutil.virtual_memory().available
    if needed > free:
        raise UserError(
            f"{count:,} pictures of {size_px} x {size_px} px take {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB of "
            "memory are free; give fewer pictures or a smaller data.size_px"
        )
    return torch.empty((count, channels, size_px, size_px), dtype=torch.uint8)


def _as_channels(image: Image.Image) -> np.ndarray:
    """(C, H, W) uint8."""
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _refuse_sameness(pictures: Tensor, seen: Sequence[_Findings], paths: Sequence[Path | str]) -> None:
    if all(item.flat for item in seen):
        raise UserError(
            f"{_folders(paths)}: all {len(seen)} pictures are of one color each; needed: pictures of something"
        )
    if all(torch.equal(picture, pictures[0]) for picture in pictures):
        raise UserError(f"{_folders(paths)}: all {len(seen)} files hold the same picture; needed: different ones")


def _notes(seen: Sequence[_Findings], fit: Fit, size_px: int) -> tuple[str, ...]:
    done = {"crop": "cropped to the middle", "pad": "padded to squares", "squash": "squashed to squares"}[fit]
    told = (
        (sum(item.reshaped for item in seen), done),
        (sum(item.enlarged for item in seen), f"enlarged to {size_px} px"),
        (sum(item.flat for item in seen), "of one color, which nothing can be learned from"),
    )
    return tuple(f"{count:,} {what}" for count, what in told if count)


def _fingerprint(found: Sequence[_Found], reading: object) -> str:
    """A digest that changes with what a file holds and with how it is read."""
    digest = hashlib.sha256(repr(reading).encode())
    for item, content in zip(found, digests([item.path for item in found]), strict=True):
        digest.update(os.fsencode(f"{item.name}:{content}"))
    return digest.hexdigest()[:16]


def _folders(paths: Sequence[Path | str]) -> str:
    return ", ".join(map(str, paths))


def _several(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"
