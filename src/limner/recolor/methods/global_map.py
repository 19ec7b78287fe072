"""The global methods: one map of colors, fitted to both pictures and applied to every pixel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from limner.colors.color_map import ColorMap, Fit
from limner.foundation.errors import UserError
from limner.foundation.machine.threads import in_one_order
from limner.foundation.stopwatch import Stopwatch
from limner.recolor.fusion.regrain import regrain
from limner.recolor.methods.pictures import Pictures
from limner.recolor.methods.recolored import Recolored

FITTED_PX = 2**17
"""Pixels of each side that a global map is fitted to: more change nothing that an eye or a score would see."""
HALF = 0.5


@dataclass(frozen=True)
class GlobalOptions:
    """A global method. name: of the fit. fit: one of `limner.colors.classic.FITS`, its own options bound to it.
    smoothness: of the regrain that puts the target's fine structure back; 0 leaves it out."""

    name: str
    fit: Fit
    smoothness: float = 0.0

    def transfer(self, pictures: Pictures) -> Recolored:
        """See `map_globally`."""
        return map_globally(pictures, self)


def map_globally(pictures: Pictures, options: GlobalOptions) -> Recolored:
    """A global method on a whole picture."""
    watch = Stopwatch(pictures.target.device)
    with watch.stage("fit"):
        color_map = fit_colors(pictures, options.fit)
    with watch.stage("apply"):
        picture = color_map(pictures.target.flatten(1)).view_as(pictures.target)
    if options.smoothness > 0:
        with watch.stage("regrain"):
            picture = regrain(pictures.target, picture, options.smoothness)
    return Recolored(picture, options.name, watch.seconds, color_map=color_map)


def fit_colors(pictures: Pictures, fit: Fit) -> ColorMap:
    """The map of a global method from the pixels that masks leave. Raises `UserError` where they leave none."""
    looks = []
    for number, (picture, mask) in enumerate(pictures.masked_references()):
        if pictures.reference_weights:
            looks.append(_drawn(_colors(picture, mask, FITTED_PX), round(FITTED_PX * pictures.shares[number])))
        else:
            looks.append(_colors(picture, mask, max(1, FITTED_PX // len(pictures.references))))
    with in_one_order():
        return fit(_colors(pictures.target, pictures.target_mask, FITTED_PX), torch.cat(looks, dim=1))


def counted(mask: Tensor) -> Tensor:
    """(H, W) bool: the pixels of which a mask leaves half, or if there are none anything."""
    half = mask >= HALF
    return half if bool(half.any()) else mask > 0


def _colors(picture: Tensor, mask: Tensor | None, most: int) -> Tensor:
    """(3, n) of the pixels that are `counted`; evenly thinned to ``most``."""
    colors = picture.flatten(1) if mask is None else picture[:, counted(mask)]
    if colors.shape[1] == 0:
        raise UserError(
            "a mask leaves no visible pixel; needed: some white in it, where the picture is not transparent"
        )
    return colors[:, :: -(-colors.shape[1] // most)]


def _drawn(colors: Tensor, count: int) -> Tensor:
    """(3, count): colors (3, n) drawn evenly, without chance, each several times where they are too few."""
    places = torch.arange(max(1, count), device=colors.device) * colors.shape[1] // max(1, count)
    return colors[:, places]
