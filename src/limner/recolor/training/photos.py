"""Photos to learn from, small, in memory, whatever their proportions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from limner.datasets.pictures.decoding import decode
from limner.datasets.pictures.listing import picture_files
from limner.foundation.errors import UserError
from limner.foundation.files.dependencies import digests

LEAST_PHOTOS = 8
"""Fewer have too few colors to learn from."""


@dataclass(frozen=True)
class PhotoSet:
    """photos: (3, h, w) uint8 each. names: of their files. fingerprint: a digest of what they are made from."""

    photos: tuple[Tensor, ...]
    names: tuple[str, ...]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.photos)


def read_photo_set(paths: Sequence[Path], longest_px: int) -> PhotoSet:
    """All photos of some folders, brought down to a longest edge.

    Raises `UserError` for no folder, too few photos, and files that cannot be read.
    """
    if not paths:
        raise UserError("no folder of photos is given; needed: data.paths in the recipe, or --data FOLDER")
    files = [path for folder in paths for path in picture_files(folder)]
    if len(files) < LEAST_PHOTOS:
        raise UserError(
            f"{', '.join(map(str, paths))}: {len(files)} photos; needed: {LEAST_PHOTOS} or more, and some hundreds for "
            "colors of all kinds; add photos"
        )
    photos = []
    for path in files:
        image = decode(path, "rgb", least_px=longest_px)
        image.thumbnail((longest_px, longest_px), Image.Resampling.BOX)
        photos.append(torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous())
    digest = hashlib.sha256(repr((digests(files), longest_px)).encode()).hexdigest()[:16]
    return PhotoSet(tuple(photos), tuple(path.name for path in files), digest)
