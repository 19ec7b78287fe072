"""Crops of single pictures, each a pure function of its number."""

import torch
from torch import Tensor

from limner.foundation.draws import Draws
from limner.foundation.errors import UserError
from limner.translate.data.domains import DomainSet
from limner.translate.degrading.sizes import resized


class DomainCrops:
    """Draws crops of pictures.

    crop_px: their side; None: whole pictures, which must all be of one size. jitter_px: enlarge to squares of this side
    before cropping. flip: mirror half of them.

    Raises `UserError` for crops that are larger than a picture, and for whole pictures of several sizes.
    """

    def __init__(
        self, domains: DomainSet, *, crop_px: int | None, jitter_px: int | None, flip: bool, seed: int
    ) -> None:
        self.domains, self.jitter_px, self.flip = domains, jitter_px, flip
        self.crop_px = self._checked(crop_px)
        self.draws = Draws(seed, torch.device("cpu"))

    def _checked(self, crop_px: int | None) -> tuple[int, int]:
        if crop_px is None:
            if self.domains.one_size is None:
                raise UserError(
                    "pictures have several sizes, so they cannot stand in one batch; give --data.crop-px, or "
                    "--data.size-px to bring all to one size"
                )
            return self.domains.one_size
        shortest = self.jitter_px or self.domains.shortest_px
        if crop_px > shortest:
            raise UserError(
                f"data.crop_px is {crop_px}, but the shortest side of a picture is {shortest} px; give --data.crop-px "
                f"{shortest} or less, or larger pictures"
            )
        return crop_px, crop_px

    def batch(self, indices: Tensor, number: int, purpose: str = "crop") -> Tensor:
        """(B, C, h, w) float32 in [-1, 1]: pictures ``indices``, (B,) int64, cropped as batch ``number``."""
        first = number * len(indices)
        return torch.stack([self.one(int(index), first + place, purpose) for place, index in enumerate(indices)])

    def one(self, index: int, number: int, purpose: str = "crop") -> Tensor:
        """(C, h, w) float32 in [-1, 1]. number: of all crops that are drawn for the purpose."""
        picture = self.domains.picture(index)
        generator = self.draws.of(purpose, number)
        if self.jitter_px is not None:
            picture = resized(picture, self.jitter_px, self.jitter_px)
        top, left = (
            int(torch.randint(side - crop + 1, (), generator=generator))
            for side, crop in zip(picture.shape[1:], self.crop_px, strict=True)
        )
        picture = picture[:, top : top + self.crop_px[0], left : left + self.crop_px[1]]
        if self.flip and bool(torch.rand((), generator=generator) < 0.5):
            picture = picture.flip(2)
        return (picture * 2 - 1).contiguous()
