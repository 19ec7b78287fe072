"""A set of pictures as scores know it: its features, how many, of which sizes, and a digest of its pixels."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from limner.datasets.pictures.folders import decoded_batches
from limner.datasets.pictures.listing import picture_files
from limner.datasets.pictures.quantized import as_rgb
from limner.datasets.pictures.several import tell_several
from limner.fidelity.cache import TENSORS, features_place, read_features, write_features
from limner.fidelity.features import FeatureExtractor
from limner.foundation.files.suffixes import LOSSY_PICTURES, ends_with
from limner.foundation.progress import Progress


@dataclass(frozen=True)
class Described:
    """What is known of n pictures under one extractor.

    features: (n, d) float32. logits: (n, classes) float32. colors: (n, 3) uint8, each picture's mean. pixels: a digest
    of all pixels, whatever the pictures' order and names. sizes: how many pictures have which size, "64 x 64" (width x
    height). extractor, weights, resizer, input_px: how they were seen. lossy: some were read from files whose
    compression loses detail, such as JPEG.
    """

    features: Tensor
    logits: Tensor
    colors: Tensor
    pixels: str
    sizes: dict[str, int]
    extractor: str
    weights: str
    resizer: str
    input_px: int
    lossy: bool = False

    @property
    def count(self) -> int:
        """How many pictures."""
        return len(self.features)

    def some(self, count: int, seed: int = 0) -> Described:
        """``count`` of these pictures, drawn evenly, to compare with sets of other sizes;
        the same where that is all.
        """
        if count == self.count:
            return self
        chosen = torch.randperm(self.count, generator=torch.Generator().manual_seed(seed))[:count]
        parts = {name: getattr(self, name)[chosen] for name in ("features", "logits", "colors")}
        return replace(self, **parts, pixels=f"{count} of {self.pixels}, seed {seed}")


def describe(batches: Tensor | Iterable[Tensor], extractor: FeatureExtractor) -> Described:
    """Describe pictures in memory: (n, 1, 3 or 4, H, W) uint8, seen as `as_rgb` says, or any number of such batches.

    Raises `ValueError` as `as_rgb` and `FeatureExtractor.see` do.
    """
    noted = _Noted()
    parts = batches.split(extractor.batch) if isinstance(batches, Tensor) else batches
    seen = extractor.see(noted.through(parts))
    return Described(
        seen.features, seen.logits, torch.stack(noted.colors), noted.digest(), dict(noted.sizes), extractor.name,
        extractor.digest, extractor.resizer, extractor.input_px,
    )  # fmt: skip


def describe_folder(folder: Path | str, extractor: FeatureExtractor, *, cached: bool = True) -> Described:
    """Describe the pictures in a folder and below it, decoding ahead of the network; shows its progress on stderr.

    cached: look the features up, and keep them, by what the files hold (see
    `limner.fidelity.cache`).

    Raises `UserError` as `picture_files` and `read_picture` do.
    """
    files = picture_files(folder)
    tell_several(files)
    place = features_place(files, (extractor.name, extractor.digest, extractor.resizer)) if cached else None
    found = None if place is None else _kept(place, len(files))
    if found is None:
        with Progress(f"features of {folder}", len(files), "pictures") as progress:
            found = describe(_counted(decoded_batches(files, extractor.batch), progress), extractor)
        if place is not None:
            facts = {name: value for name, value in vars(found).items() if name not in TENSORS}
            write_features(place, {name: getattr(found, name) for name in TENSORS}, facts)
    return replace(found, lossy=any(ends_with(path, LOSSY_PICTURES) for path in files))


def _kept(place: Path, count: int) -> Described | None:
    kept = read_features(place, count)
    if kept is None:
        return None
    fields: dict[str, Any] = {**kept[0], **kept[1]}
    try:
        return Described(**fields)
    except TypeError:
        return None  # kept by another version


def _counted(batches: Iterator[Tensor], progress: Progress) -> Iterator[Tensor]:
    for batch in batches:
        yield batch
        progress.advance(len(batch))


class _Noted:
    """Sizes, mean colors and pixels of the pictures that pass through."""

    def __init__(self) -> None:
        self.sizes: Counter[str] = Counter()
        self.colors: list[Tensor] = []
        self.digests: list[bytes] = []

    def through(self, batches: Iterable[Tensor]) -> Iterator[Tensor]:
        for batch in map(as_rgb, batches):
            self.sizes[f"{batch.shape[-1]} x {batch.shape[-2]}"] += len(batch)
            self.colors += batch.float().mean(dim=(2, 3)).round().to(torch.uint8).cpu()
            for picture in batch.cpu().numpy():
                self.digests.append(hashlib.sha256(repr(picture.shape).encode() + picture.tobytes()).digest())
            yield batch

    def digest(self) -> str:
        return hashlib.sha256(b"".join(sorted(self.digests))).hexdigest()[:16]
