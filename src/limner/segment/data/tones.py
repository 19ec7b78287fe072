"""How chance changes the colors of training crops beyond contrast: tone curves of each band, and bands that mix.

Another place is seen by another camera, in other light, through other air, and was developed by another hand. Gain and
offset of each band undo only what is linear; curves and mixed bands stand for the rest.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from limner.scenes.statistics import Statistics


class Tones(NamedTuple):
    """What chance decides for the colors of each crop of a batch.

    power, skew: (B, C), the curve of each band, see `toned`. mixing: (B, C, C), added to the identity.
    """

    power: Tensor
    skew: Tensor
    mixing: Tensor


def draw_tones(generator: torch.Generator, size: int, bands: int, curves: float, band_mixing: float) -> Tones:
    """Curves and mixing for ``size`` crops, as strong as `limner.segment.data.crops.CropSource` says.

    All crops of a batch draw, and in the same order, whatever the strengths are.
    """
    numbers = torch.rand(size, bands, bands + 2, generator=generator) * 2 - 1
    mixing = band_mixing * numbers[..., 2:]
    mixing = mixing - mixing.mean(2, keepdim=True)  # what is equal in all bands, gray, stays as bright as it was
    return Tones(torch.exp(curves * numbers[..., 0]), curves * numbers[..., 1], mixing)


def toned(image: Tensor, valid: Tensor, tones: Tones, statistics: Statistics) -> Tensor:
    """The picture (B, C, h, w) with each band's tone curve bent and its bands mixed; 0 where not valid.

    On standardized bands z the curve is sinh(power asinh(z) + skew), the sinh-arcsinh family (Jones and Pewsey 2009):
    it rises everywhere, for values of any size; a power above 1 spreads the darkest and the brightest, one below 1
    draws them in, and skew brightens or darkens. Then z becomes (1 + mixing) z.
    """
    mean, std = (torch.tensor(values)[:, None, None] for values in (statistics.mean, statistics.std))
    z = (image - mean) / std
    z = torch.sinh(tones.power[..., None, None] * torch.asinh(z) + tones.skew[..., None, None])
    z = z + torch.einsum("bij,bjhw->bihw", tones.mixing, z)
    return (z * std + mean).masked_fill_(~valid[:, None], 0)
