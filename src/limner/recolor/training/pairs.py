"""Pairs to learn a color transfer from, made of single photos (Lee et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from limner.foundation.draws import Draws
from limner.recolor.training.changes import change_tones, change_towards

LEAST_CROP = 0.4
"""Of a photo's sides, the smallest share that a crop takes."""


class Analogies(NamedTuple):
    """What a step learns from, all (B, 3, S, S) float32 of 0..1, gamma-encoded.

    source: pictures to recolor. reference: what they shall look like. target: the sources as they then look, where
    known. The first ``like`` of them have one: their references are other crops of the same photos, changed alike.
    """

    source: Tensor
    reference: Tensor
    target: Tensor
    like: int


@dataclass(frozen=True)
class AnalogyPairs:
    """Draws `Analogies` from photos.

    photos: (3, h, w) uint8 each. side: of the crops, px. unlike: the share of a batch whose references are other
    photos. seed: of every draw.
    """

    photos: Sequence[Tensor]
    side: int
    unlike: float = 0.5
    seed: int = 0

    def batch(self, places: Tensor, number: int) -> Analogies:
        """The pairs of some photos in batch ``number``: the same whenever they are asked for."""
        draws = Draws(self.seed, torch.device("cpu"))
        like = len(places) - round(self.unlike * len(places))
        drawn = [
            self._one(int(place), row < like, draws.of("analogy", number, row)) for row, place in enumerate(places)
        ]
        source, reference, target = (torch.stack(each) for each in zip(*drawn, strict=True))
        return Analogies(source, reference, target, like)

    def _one(self, place: int, like: bool, draw: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        photo = self.photos[place]
        source = self._crop(photo, draw)
        if _chance(draw) < 0.5:
            (source,) = change_tones([source], draw, 0.7)
        other = self._crop(self.photos[int(torch.randint(len(self.photos), (1,), generator=draw))], draw)
        if _chance(draw) < 0.5:
            (other,) = change_tones([other], draw)
        if not like:
            return source, other, source
        return source, *self._change(source, self._crop(photo, draw), other, draw)

    def _change(self, source: Tensor, crop: Tensor, other: Tensor, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        """The reference and the target: another crop of the photo and the source, changed alike."""
        if _chance(draw) < 0.5:
            target, reference = change_towards([source, crop], other, 0.3 + 0.7 * _chance(draw))
        else:
            target, reference = change_tones([source, crop], draw)
        return reference, target

    def _crop(self, photo: Tensor, draw: torch.Generator) -> Tensor:
        """(3, S, S) of 0..1: a part of a photo, not always of its proportions, half of the time mirrored."""
        shares = LEAST_CROP + (1 - LEAST_CROP) * torch.rand(2, generator=draw)
        sides = [max(1, round(size * float(share))) for size, share in zip(photo.shape[1:], shares, strict=True)]
        top, left = (
            int(torch.randint(size - side + 1, (1,), generator=draw))
            for size, side in zip(photo.shape[1:], sides, strict=True)
        )
        part = photo[None, :, top : top + sides[0], left : left + sides[1]].float() / 255
        made = interpolate(part, (self.side, self.side), mode="bilinear", align_corners=False, antialias=True)[0]
        return made.flip(2) if _chance(draw) < 0.5 else made


def _chance(draw: torch.Generator) -> float:
    return float(torch.rand(1, generator=draw))
