"""Crops of pairs: one place and one mirroring for both pictures, each a pure function of its number."""

from typing import NamedTuple

import torch
from torch import Tensor

from limner.foundation.draws import Draws
from limner.foundation.errors import UserError
from limner.translate.data.pairs import PairSet
from limner.translate.data.reading import as_float
from limner.translate.degrading.degradation import Degradation, degrade
from limner.translate.degrading.sizes import resized


class Pair(NamedTuple):
    """What is learned from. source: (B, C, h, w) float32 in [-1, 1]. target: (B, C, H, W) likewise. mask: (B, 1, H, W),
    1 where the source misses pixels; None where it misses none."""

    source: Tensor
    target: Tensor
    mask: Tensor | None = None


class PairCrops:
    """Draws crops of pairs.

    crop_px: side of the targets' crops; None: whole pictures, which must all be of one size. jitter_px: enlarge squares
    to this side before cropping (pix2pix: 286 px before crops of 256). flip: mirror half of them. degradation: makes
    the sources; None where the pairs have their own. see_mask: append the mask to a source with a hole, as a channel.

    Raises `UserError` for crops that are larger than a picture or no multiple of the scale, and for whole pictures of
    several sizes.
    """

    def __init__(
        self, pairs: PairSet, degradation: Degradation | None, *, crop_px: int | None, jitter_px: int | None,
        flip: bool, see_mask: bool, seed: int,
    ) -> None:  # fmt: skip
        self.pairs, self.degradation, self.flip, self.see_mask, self.seed = pairs, degradation, flip, see_mask, seed
        self.jitter_px, self.scale = jitter_px, pairs.scale
        self.crop_px = self._checked(crop_px)
        self.draws = Draws(seed, torch.device("cpu"))

    def _checked(self, crop_px: int | None) -> tuple[int, int]:
        size, scale = self.pairs.one_size, self.scale
        if crop_px is None:
            if size is None:
                raise UserError(
                    "pictures have several sizes, so they cannot stand in one batch; give --data.crop-px, or "
                    "--data.size-px to bring all to one size"
                )
            return size[0] // scale * scale, size[1] // scale * scale
        shortest = self.jitter_px or self.pairs.shortest_px
        if crop_px > shortest:
            raise UserError(
                f"data.crop_px is {crop_px}, but the shortest side of a picture is {shortest} px; give --data.crop-px "
                f"{shortest // scale * scale} or less, or larger pictures"
            )
        if crop_px % scale:
            raise UserError(f"data.crop_px is {crop_px}; needed: a multiple of {scale}, by which pictures are enlarged")
        return crop_px, crop_px

    def batch(self, indices: Tensor, number: int) -> Pair:
        """Pairs ``indices``, (B,) int64, cropped as batch ``number``."""
        first = number * len(indices)
        parts = [self.one(int(index), first + place) for place, index in enumerate(indices)]
        masks = [part.mask for part in parts]
        return Pair(
            torch.stack([part.source for part in parts]),
            torch.stack([part.target for part in parts]),
            None if masks[0] is None else torch.stack([mask for mask in masks if mask is not None]),
        )

    def one(self, index: int, number: int) -> Pair:
        """A crop of pair ``index``, without the batch's axis. number: of all crops that are drawn."""
        source = as_float(self.pairs.sources[index]) if self.pairs.sources else None
        target = as_float(self.pairs.targets[index])
        generator = self.draws.of("crop", number)
        if self.jitter_px is not None:
            target = resized(target, self.jitter_px, self.jitter_px)
            if source is not None:
                side = self.jitter_px // self.scale
                source = resized(source, side, side)
        (rows, columns), scale = self.crop_px, self.scale
        top, left = (
            int(torch.randint((side - crop) // scale + 1, (), generator=generator)) * scale
            for side, crop in ((target.shape[1], rows), (target.shape[2], columns))
        )
        mirrored = self.flip and bool(torch.rand((), generator=generator) < 0.5)
        mask = None
        if source is None:
            source, target, mask = self._made(target, top, left, number)
        else:
            target = target[:, top : top + rows, left : left + columns]
            top, left, rows, columns = (each // scale for each in (top, left, rows, columns))
            source = source[:, top : top + rows, left : left + columns]
        if mirrored:
            source, target = source.flip(2), target.flip(2)
            mask = None if mask is None else mask.flip(2)
        return as_input(source, target, mask, see_mask=self.see_mask)

    def _made(self, target: Tensor, top: int, left: int, number: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """A crop made worse together with what lies around it, so that its border is like the rest."""
        assert self.degradation is not None
        rows, columns = self.crop_px
        scale = self.scale
        margin = -(-self.degradation.margin_px // scale) * scale
        above, before = min(margin, top), min(margin, left)
        below = min(margin, (target.shape[1] - top - rows) // scale * scale)
        behind = min(margin, (target.shape[2] - left - columns) // scale * scale)
        around = target[:, top - above : top + rows + below, left - before : left + columns + behind]
        made = degrade(self.degradation, around, number, self.seed)
        inner = (
            slice(None),
            slice(above // scale, (above + rows) // scale),
            slice(before // scale, (before + columns) // scale),
        )
        mask = None if made.mask is None else made.mask[inner]
        return made.picture[inner], target[:, top : top + rows, left : left + columns], mask


def as_input(source01: Tensor, target01: Tensor, mask: Tensor | None, *, see_mask: bool) -> Pair:
    """A pair as networks take it. source01: (C, h, w), target01: (C, H, W), both in [0, 1]; mask: (1, h, w)."""
    given = source01 * 2 - 1
    if see_mask and mask is not None:
        given = torch.cat([given, mask * 2 - 1])
    return Pair(given.contiguous(), (target01 * 2 - 1).contiguous(), mask)


class Whole(NamedTuple):
    """A pair to be scored. source: (C, h, w), target: (C, H, W) in [0, 1]. mask: (1, h, w) or None. kernel: (k, k), by
    which the source was blurred, or None."""

    source: Tensor
    target: Tensor
    mask: Tensor | None = None
    kernel: Tensor | None = None


def whole_pair(pairs: PairSet, index: int, degradation: Degradation | None, seed: int) -> Whole:
    """A whole pair as it is scored. A made source is the same at every call."""
    target = as_float(pairs.targets[index])
    if degradation is None:
        return Whole(as_float(pairs.sources[index]), target)
    scale = pairs.scale
    target = target[:, : target.shape[1] // scale * scale, : target.shape[2] // scale * scale]
    made = degrade(degradation, target, index, seed)
    return Whole(made.picture, target, made.mask, made.kernel)
