"""The pictures that are learned from, on the device as bytes, and what of them the discriminator is shown."""

from typing import NamedTuple

import torch
from torch import Tensor


class Sample(NamedTuple):
    """What the discriminator is shown.

    image: (B, C, S, S) float in -1..1. label: (B,) int64, or None without classes. latent: (B, latent) float, to a
    discriminator of pairs: what a picture is made of, or by the encoder would be; None to others.
    """

    image: Tensor
    label: Tensor | None = None
    latent: Tensor | None = None

    def detach(self) -> "Sample":
        """The same pictures, with no way back to whoever made them."""
        return Sample(self.image.detach(), self.label, None if self.latent is None else self.latent.detach())

    def parts(self, count: int) -> "list[Sample]":
        """So many equal parts, in order."""
        cut = [[None] * count if each is None else each.chunk(count) for each in self]
        return [Sample(*part) for part in zip(*cut, strict=True)]

    def join(self, other: "Sample") -> "Sample":
        """Both in one batch, these first."""
        pairs = zip(self, other, strict=True)
        parts = [None if one is None or two is None else torch.cat([one, two]) for one, two in pairs]
        return Sample(*parts)  # type: ignore[arg-type]


class PicturePool:
    """Pictures on the device in their own type, 1 byte a value: batches are gathered, mirrored and converted there.

    pictures: (N, C, S, S) uint8. labels: (N,) int64, or None. flip: mirror half of what is drawn.
    """

    def __init__(self, pictures: Tensor, labels: Tensor | None, *, flip: bool, device: torch.device | str) -> None:
        # Kept as (N, S, S, C), so that what is gathered is already in the order of channels_last.
        self.pixels = pictures.permute(0, 2, 3, 1).contiguous().to(device)
        self.labels = None if labels is None else labels.to(device)
        self.flip = flip

    def sample(self, indices: Tensor, generator: torch.Generator) -> Sample:
        """The pictures at ``indices``, (B,) int64 on the device: image (B, C, S, S) float32 in -1..1, in channels_last.

        generator: on the device, of the mirroring.
        """
        pixels = self.pixels.index_select(0, indices)
        if self.flip:
            chosen = torch.rand(len(indices), generator=generator, device=pixels.device) < 0.5
            pixels = torch.where(chosen[:, None, None, None], pixels.flip(2), pixels)
        image = pixels.float().mul_(2 / 255).sub_(1).permute(0, 3, 1, 2)
        return Sample(image, None if self.labels is None else self.labels.index_select(0, indices))
