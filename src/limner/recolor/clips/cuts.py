"""Where one scene of a clip ends and another begins."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from limner.colors.spaces import srgb_to_lab

SMALL_PX = 64
"""Longest edge at which frames are compared: noise and fine texture are averaged away."""
CUT_DELTA_E = 4.0
"""Successive frames of a drive differ by 0.2 to 1.7, views of the same road at other moments by 5 to 17."""


def is_cut(before: Tensor, after: Tensor) -> bool:
    """Whether two successive frames show different scenes: their histograms differ by more than `CUT_DELTA_E`.

    Compared are the distributions of L, a and b, each by the mean distance of its quantiles, which does not change when
    things only move. A cut to a scene of the same colors is not seen.

    before, after: (3, H, W) float, gamma-encoded 0..1, of any sizes.
    """
    return color_shift(before, after) > CUT_DELTA_E


def color_shift(before: Tensor, after: Tensor) -> float:
    """How far two frames' histograms of L, a and b are apart, in Delta E: the length of three Wasserstein distances."""
    first, second = (_quantiles(picture) for picture in (before, after))
    return float((first - second).abs().mean(dim=1).norm())


def _quantiles(picture: Tensor) -> Tensor:
    """(3, 256) float32: the quantiles of L, a and b of the picture made small."""
    scale = min(1.0, SMALL_PX / max(picture.shape[1:]))
    height, width = (max(1, round(edge * scale)) for edge in picture.shape[1:])
    small = functional.adaptive_avg_pool2d(picture.clamp(0, 1), (height, width))
    lab = srgb_to_lab(small).flatten(1).sort(dim=1).values
    return functional.interpolate(lab[None], size=256, mode="linear", align_corners=True)[0]
