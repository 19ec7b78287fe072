"""Masks of photos: where a picture is changed, and where colors are taken from."""

from __future__ import annotations

from pathlib import Path

import torch
from scipy.ndimage import uniform_filter1d
from torch import Tensor
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.photos.masks import drawn_mask
from limner.photos.photos import Photo

DARK = 0.1  # of a mask whose lightest gray is darker than that, people ask why nothing changed
BOXES = 3
"""Means one after the other: three come near a Gaussian, cost the same at every width, and end where they should."""


def read_mask(path: Path, photo: Photo) -> tuple[Tensor, tuple[str, ...]]:
    """((H, W) float 0..1 of a mask picture for ``photo``: white counts, what to tell of it); see
    `limner.photos.masks.drawn_mask`. Raises `UserError` for another size, and for black alone.
    """
    mask, notes = drawn_mask(path, photo)
    lightest = float(mask.max())
    if not lightest:
        raise UserError(f"{path}: a mask that is black all over leaves nothing of {photo.path}; needed: some white")
    if lightest < DARK:
        notes = (*notes, f"the mask {path.name} is nowhere lighter than {lightest:.0%}: little changes")
    return mask, notes


def visible(photo: Photo, mask: Tensor | None) -> Tensor | None:
    """A mask without what is wholly transparent, which is no color of the picture; what is half so is."""
    if photo.alpha is None:
        return mask
    seen = (photo.alpha > 0).float()
    return seen if mask is None else mask * seen


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


def feathered(mask: Tensor, feather_px: float) -> Tensor:
    """A mask whose edges are soft: each falls from white to black over ``feather_px`` pixels, half on each side.

    mask: (H, W) float32 0..1, on the CPU. The picture's border is no edge.
    """
    width = 2 * round((feather_px - 1) / BOXES / 2) + 1  # odd, so that the middle of an edge stays where it is
    if width <= 1:
        return mask
    soft = mask.numpy()
    for axis in (0, 1):
        for _ in range(BOXES):
            soft = uniform_filter1d(soft, width, axis=axis, mode="nearest")
    return torch.from_numpy(soft).clamp_(0, 1)


def shrunk_mask(mask: Tensor, photo: Photo) -> Tensor:
    """A mask (H, W) at the size of a photo that was shrunk, by means over areas."""
    return functional.interpolate(mask[None, None], photo.picture.shape[1:], mode="area")[0, 0]
