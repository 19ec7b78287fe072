"""Random changes of a photo's colors, to learn from: the same for all that is like, as a photographer's."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from limner.colors.classic.clouds import moments
from limner.colors.classic.mkl import mkl_from_moments
from limner.colors.spaces import lab_to_srgb, srgb_to_lab


def change_tones(pictures: list[Tensor], draw: torch.Generator, strength: float = 1.0) -> list[Tensor]:
    """Curves of each channel, contrast, saturation, a turn of hues and a cast, drawn once and given to all of them.

    pictures: (3, h, w) float32 of 0..1, gamma-encoded; so are the results. strength: 0 changes next to nothing.
    """
    numbers = (torch.rand(12, generator=draw) * 2 - 1) * strength
    gamma = torch.exp(0.5 * numbers[0] + 0.25 * numbers[1:4])[:, None, None]
    contrast, saturation = torch.exp(0.35 * numbers[4]), torch.exp(0.9 * numbers[5])
    angle = math.pi * float(numbers[6]) ** 3  # large turns are rare
    cast = torch.stack([8 * numbers[7], 25 * numbers[8], 25 * numbers[9]])[:, None, None]
    sine, cosine = math.sin(angle), math.cos(angle)
    found = []
    for picture in pictures:
        lightness, a, b = srgb_to_lab(picture.clamp(0, 1) ** gamma)
        turned = torch.stack(
            [
                50 + contrast * (lightness - 50),
                saturation * (cosine * a - sine * b),
                saturation * (sine * a + cosine * b),
            ]
        )
        found.append(lab_to_srgb(turned + cast).clamp(0, 1))
    return found


def change_towards(pictures: list[Tensor], other: Tensor, share: float) -> list[Tensor]:
    """The first picture's linear way (`mkl`, in CIELAB) to the colors of another, so far of it, given to all of them.

    pictures: (3, h, w) float32 of 0..1; so are the results. other: such a picture. share: 0 to 1.
    """
    clouds = [srgb_to_lab(picture.clamp(0, 1)) for picture in pictures]
    found = mkl_from_moments(*moments(clouds[0].flatten(1)), *moments(srgb_to_lab(other).flatten(1)))
    moved = [cloud.lerp(found(cloud.flatten(1)).view_as(cloud).to(cloud), share) for cloud in clouds]
    return [lab_to_srgb(cloud).clamp(0, 1) for cloud in moved]
