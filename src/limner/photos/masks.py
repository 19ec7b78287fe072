"""Masks drawn for photos: read so that they lie on the photo as it is seen."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from limner.foundation.errors import UserError
from limner.foundation.orientation import UPRIGHT, swaps_edges, turned
from limner.photos.photos import Photo, read_photo

BARELY = 1.5 / 255  # the gray of a 1 in 8 bits


def drawn_mask(path: Path, photo: Photo) -> tuple[Tensor, tuple[str, ...]]:
    """((H, W) float 0..1 of a mask picture for ``photo``: white counts, what to tell of it).

    A mask counts the upright picture's pixels, as people see it, unless its size is that of the pixels as stored alone.
    One that holds no number above 1, of 8 or 16 bits, is of class numbers: its 1 is white.
    Raises `UserError` for another size.
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
    if 0 < lightest <= BARELY:  # of class numbers 0 and 1, which as grays would be black
        mask = mask / lightest
        notes = (*notes, f"the mask {path.name} is black and {lightest:.1%} gray: its numbers are taken for 0 and 1")
    return mask, notes
