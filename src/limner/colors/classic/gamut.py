"""Gamuts laid over each other under one light (after Nguyen, Kim and Brown 2014)."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import optimize, spatial
from torch import Tensor

from limner.colors.blocks import by_blocks
from limner.colors.classic.clouds import check_clouds, sample
from limner.colors.classic.curves import Curves, match_distributions
from limner.colors.spaces import linear_to_srgb, srgb_to_linear
from limner.foundation.errors import UserError

COLORS = 1 << 16  # of each cloud that the fit looks at
NORM = 6  # of the shades of gray, as Finlayson and Trezzi 2004 advise
FAINTEST = 0.1  # least channel of an illuminant, as a share of its largest
CURVE_BINS = 64  # few, so that the curve of lightness is smooth
FIRST_STEP = 0.3  # of the search, in radians and in the logarithms of the scales
# Rows: the axis of grays, and two across it.
WHITE_UPRIGHT = (
    (1 / math.sqrt(3), 1 / math.sqrt(3), 1 / math.sqrt(3)),
    (1 / math.sqrt(2), -1 / math.sqrt(2), 0.0),
    (1 / math.sqrt(6), 1 / math.sqrt(6), -2 / math.sqrt(6)),
)


@dataclass(frozen=True)
class GamutMap:
    """The target's light taken off, lightness bent, chroma brought to the reference's, the reference's light put on.

    light_target, light_reference: (3,) float64, linear. lightness: a curve for the axis of grays. chroma: (2, 2), of
    what is left of chroma without the mean; mean_target, mean_reference: (2,) float64, those means.
    """

    light_target: Tensor
    light_reference: Tensor
    lightness: Curves
    chroma: Tensor
    mean_target: Tensor
    mean_reference: Tensor

    def __call__(self, colors: Tensor) -> Tensor:
        """See `limner.colors.color_map.ColorMap`; colors (3, n), gamma-encoded sRGB."""
        return by_blocks(self._move, colors)

    def _move(self, colors: Tensor) -> Tensor:
        upright = stand_upright(colors, self.light_target)
        centered = upright[1:] - self.mean_target[:, None].to(colors)
        chroma = torch.addmm(self.mean_reference[:, None].to(colors), self.chroma.to(colors), centered)
        balanced = colors.new_tensor(WHITE_UPRIGHT).T @ torch.cat((self.lightness(upright[:1]), chroma))
        return linear_to_srgb(srgb_to_linear(balanced) * self.light_reference[:, None].to(colors))


def gamut(target: Tensor, reference: Tensor, seed: int = 0) -> GamutMap:
    """Illuminant-aware transfer: the light is taken off, and the bodies of colors are made to overlap.

    Each picture's light is estimated and divided out. The white axis is stood upright, lightness is matched by a smooth
    curve, the means of chroma are laid on each other, and the chroma plane is turned and scaled so that
    2 V(T with R) - V(T) - V(R) is least, V being the volume of a convex hull: 0 where both hulls are the same. Then the
    reference's light is put on.

    The paper estimates the light by weighted gray edges and keeps the gradients of lightness in the picture; a map of
    single colors sees no edges. Here the light is that of the shades of gray, and gradients are the matter of
    `limner.recolor.fusion.regrain`.

    Args:
        target: (3, n) floating, gamma-encoded sRGB in [0, 1].
        reference: (3, m), likewise.
        seed: of the samples that stand for large clouds.

    Raises:
        UserError: other than three bands, or a cloud without a color.
    """
    check_clouds(target, reference)
    if target.shape[0] != 3:
        raise UserError(f"gamut got {target.shape[0]} bands; it needs red, green and blue: use mkl or histogram")
    target, reference = sample(target, COLORS, seed).double(), sample(reference, COLORS, seed).double()
    light_target, light_reference = illuminant(target), illuminant(reference)
    moving, goal = stand_upright(target, light_target), stand_upright(reference, light_reference)
    lightness = match_distributions(moving[:1], goal[:1], CURVE_BINS)
    mean_target, mean_reference = moving[1:].mean(1), goal[1:].mean(1)
    moving = torch.cat((lightness(moving[:1]), moving[1:] - mean_target[:, None]))
    goal = torch.cat((goal[:1], goal[1:] - mean_reference[:, None]))
    chroma = target.new_tensor(overlap_hulls(hull_points(moving), hull_points(goal)))
    return GamutMap(light_target, light_reference, lightness, chroma, mean_target, mean_reference)


def illuminant(colors: Tensor) -> Tensor:
    """The color of the light by the shades of gray: the sixth-power mean of each channel's linear light.

    Returns:
        (3,) float64, of length sqrt(3): white light is (1, 1, 1). A channel without light has a tenth of the strongest.
    """
    power_means = srgb_to_linear(colors.double()).abs().pow(NORM).mean(1).pow(1 / NORM)
    strongest = power_means.max()
    if strongest == 0:
        return torch.ones_like(power_means)
    light = power_means.clamp(min=FAINTEST * strongest)
    return light * (math.sqrt(3) / light.norm())


def stand_upright(colors: Tensor, light: Tensor) -> Tensor:
    """Colors (3, n) under white light as lightness and two axes of chroma; ``light`` (3,) is the one they are under."""
    balanced = linear_to_srgb(srgb_to_linear(colors) / light[:, None].to(colors))
    return colors.new_tensor(WHITE_UPRIGHT) @ balanced


def hull_points(colors: Tensor) -> np.ndarray:
    """Corners (k, 3) of the convex hull of ``colors`` (3, n), or all colors where they fill no volume."""
    points = colors.T.cpu().numpy()
    try:
        return points[spatial.ConvexHull(points).vertices]
    except spatial.QhullError:
        return points


def volume(points: np.ndarray) -> float:
    """Of the convex hull of ``points`` (k, 3); 0 where they lie in a plane."""
    try:
        return spatial.ConvexHull(points).volume
    except spatial.QhullError:
        return 0.0


def overlap_hulls(moving: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """The matrix (2, 2) of the chroma plane, a turn and then a scale for each axis, that lays one hull over the other.

    Both are corners (k, 3), upright. The simplex method starts from no change, as the authors' program does: hulls of
    few corners overlap nearly as well at quite other turns, and which of these is best is a matter of chance.
    """
    moved_volume, goal_volume = volume(moving), volume(goal)
    if not moved_volume or not goal_volume:
        return np.eye(2)  # nothing can overlap a plane

    def apart(parameters: np.ndarray) -> float:
        matrix = turn_and_scale(parameters)
        moved = np.column_stack((moving[:, 0], moving[:, 1:] @ matrix.T))
        together = volume(np.concatenate((moved, goal)))
        return (2 * together - np.linalg.det(matrix) * moved_volume - goal_volume) / goal_volume

    first = FIRST_STEP * np.concatenate((np.zeros((1, 3)), np.eye(3)))
    options = {"initial_simplex": first, "xatol": 1e-3, "fatol": 1e-4}
    return turn_and_scale(optimize.minimize(apart, first[0], method="Nelder-Mead", options=options).x)


def turn_and_scale(parameters: np.ndarray) -> np.ndarray:
    """The matrix (2, 2) that turns a plane, and then scales its axes; parameters: radians, logarithms of both scales.

    >>> turn_and_scale(np.array([0.0, 0.0, math.log(2)])).round(6).tolist()
    [[1.0, -0.0], [0.0, 2.0]]
    """
    turn, *scales = parameters
    cosine, sine = math.cos(turn), math.sin(turn)
    return np.exp(scales)[:, None] * np.array([[cosine, -sine], [sine, cosine]])
