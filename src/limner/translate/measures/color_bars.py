"""What gives a gray picture colors without learning: one color, a color for each place, or those of a like picture."""

import torch
from torch import Tensor

from limner.colors.luma import painted, planes_of
from limner.translate.degrading.looks import luma
from limner.translate.degrading.sizes import resized
from limner.translate.measures.bars import SMALL_PX, Bar, Known, gray_as_color

LEVELS = 32
"""Into so many steps of lightness a like picture's colors are gathered."""


def color_bars() -> dict[str, Bar]:
    """The bars of gray pictures by their names. All keep the picture's luma."""
    return {
        "untouched": gray_as_color(3), "mean color": mean_color, "mean color of each place": mean_of_places,
        "colors of the nearest": nearest_colors,
    }  # fmt: skip


def mean_color(source01: Tensor, mask: Tensor | None, known: Known) -> Tensor:
    """One color all over: the mean of all training pictures."""
    return painted(source01, planes_of(known.color[:, None, None]).expand(-1, *source01.shape[1:]))


def mean_of_places(source01: Tensor, mask: Tensor | None, known: Known) -> Tensor | None:
    """The mean color of each place over the training pictures, where these have one size."""
    if known.targets is None or known.targets.shape[2:] != source01.shape[1:]:
        return None
    return painted(source01, planes_of(known.mean()))


def nearest_colors(source01: Tensor, mask: Tensor | None, known: Known) -> Tensor | None:
    """The colors of the training picture that looks most like this one in gray, by lightness.

    After Welsh, Ashikhmin and Mueller, "Transferring Color to Greyscale Images", SIGGRAPH 2002: the luma is brought to
    the mean and spread of the other's (the Monge-Kantorovich map of one dimension), and each pixel gets the mean color
    that the other has at that luma. The nearest is found at 32 px, both at mean 0 and spread 1.
    """
    if known.targets is None:
        return None
    if "grays" not in known._small:
        known._small["grays"] = torch.stack([_thumbnail(luma(each.float() / 255)) for each in known.targets])
    distances = (known._small["grays"] - _thumbnail(source01)).square().mean((1, 2, 3))
    like = known.targets[int(distances.argmin())].float() / 255
    gray, planes = luma(like), planes_of(like)
    place = (gray.flatten() * (LEVELS - 1)).round().long()
    count = torch.bincount(place, minlength=LEVELS)
    sums = torch.stack([torch.bincount(place, each.flatten(), LEVELS) for each in planes])
    there = count.nonzero()[:, 0]
    steps = torch.arange(LEVELS)
    nearest = there[(steps[:, None] - there).abs().argmin(1)]  # a step that the other lacks has its neighbor's color
    by_step = (sums[:, nearest] / count[nearest]).float()
    moved = (source01 - source01.mean()) / source01.std().clamp(min=1e-6) * gray.std() + gray.mean()
    return painted(source01, by_step[:, (moved[0].clamp(0, 1) * (LEVELS - 1)).round().long()])


def _thumbnail(gray01: Tensor) -> Tensor:
    small = resized(gray01, SMALL_PX, SMALL_PX, "area")
    return (small - small.mean()) / small.std().clamp(min=1e-6)
