"""Color transforms of ADA as matrices: random ones, one a picture, joined before any pixel is touched."""

from math import pi, sqrt

import torch
from torch import Tensor

from limner.adversarial.augment.augmentation import colors_and_alpha

BRIGHTNESS = 0.2
"""Deviation of what is added, in pictures of -1 .. 1."""
LOG2_CONTRAST, LOG2_SATURATION = 0.5, 1.0
"""Deviations of binary logarithms."""


def draw_colors(count: int, strength: Tensor, generator: torch.Generator) -> Tensor:
    """(count, 3, 4) float32: brightness, contrast, luma flip, hue, saturation, as one map from RGB and 1 to RGB.

    Karras et al. 2020a, app. B. Each is done with probability ``strength``, a 0-d tensor.
    """
    device = strength.device
    chance = torch.rand(5, count, generator=generator, device=generator.device).to(device)
    even = torch.rand(2, count, generator=generator, device=generator.device).to(device)
    bell = torch.randn(3, count, generator=generator, device=generator.device).to(device)
    done = chance < strength
    one, zero = torch.ones_like(chance[0]), torch.zeros_like(chance[0])

    brightness = torch.where(done[0], bell[0] * BRIGHTNESS, zero)
    contrast = torch.where(done[1], torch.exp2(bell[1] * LOG2_CONTRAST), one)
    flipped = torch.where(done[2] & (even[0] < 0.5), -one, one)
    hue = torch.where(done[3], (2 * even[1] - 1) * pi, zero)
    saturation = torch.where(done[4], torch.exp2(bell[2] * LOG2_SATURATION), one)

    # Around the gray axis v, all but brightness are a factor along it and a turn with a factor across it.
    identity = torch.eye(3, device=device)
    along = torch.full((3, 3), 1 / 3, device=device)  # v v^T
    crossed = (identity.roll(1, 0) - identity.roll(-1, 0)) / sqrt(3)  # v x .
    luma, cosine, sine, chroma = (
        each[:, None, None] for each in (contrast * flipped, hue.cos(), hue.sin(), contrast * saturation)
    )
    mixing = luma * along + chroma * (cosine * (identity - along) + sine * crossed)
    added = (luma[:, 0] * brightness[:, None]).expand(count, 3)  # gray, which turn and chroma leave alone
    return torch.cat([mixing, added[:, :, None]], dim=2)


def recolor(image: Tensor, matrix: Tensor) -> Tensor:
    """The pictures with their colors mapped: (B, C, H, W) by (B, 3, 4), of one float type.

    Gray pictures get what the map does to gray; alpha stays.
    """
    picture, alpha = colors_and_alpha(image)
    mixing, added = matrix[:, :, :3], matrix[:, :, 3]
    if picture.shape[1] == 1:
        return picture * mixing.sum(2).mean(1)[:, None, None, None] + added.mean(1)[:, None, None, None]
    changed = torch.baddbmm(added[:, :, None], mixing, picture.flatten(2)).view(picture.shape)
    return changed if alpha is None else torch.cat([changed, alpha], dim=1)
