"""Pictures of any size and type as thumbnails of one, by which near-duplicates are found and kept together."""

from collections.abc import Sequence

import torch
from torch import Tensor

from limner.datasets.pictures.duplicates import split_held_out
from limner.datasets.pictures.read import PictureSet
from limner.translate.data.reading import as_float
from limner.translate.degrading.sizes import resized

THUMBNAIL_PX = 32


def thumbnails(pictures: Sequence[Tensor]) -> Tensor:
    """(n, 3, 32, 32) uint8 of pictures (C, H, W), uint8 or float32 in [0, 1]: of three channels and more the first
    three, of others the first as gray."""
    rows = []
    for picture in pictures:
        small = resized(as_float(picture), THUMBNAIL_PX, THUMBNAIL_PX, "area")
        small = small[:3] if len(small) >= 3 else small[:1].expand(3, -1, -1)
        rows.append((small * 255).round().to(torch.uint8))
    return torch.stack(rows)


def hold_out_pictures(
    pictures: Sequence[Tensor], names: Sequence[str], wanted: float, seed: int
) -> tuple[Tensor, Tensor]:
    """(Pictures to learn from, held-out ones), each (n,) int64: those that look alike are all on one side.

    wanted: a share below 1, or how many. Raises `UserError` as `limner.datasets.pictures.duplicates.split_held_out`.
    """
    return split_held_out(PictureSet(thumbnails(pictures), None, (), tuple(names), "", "squash"), wanted, seed)
