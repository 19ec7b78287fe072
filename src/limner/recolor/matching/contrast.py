"""Contrast that neighboring regions lose when each changes by itself, given back: a result is less milky.

Two regions beside each other that differ in the target may be sent to colors that differ less, and what is painted
looks opaque. Here each is moved away from the mean of its neighborhood until the neighborhood has the contrast that it
had, or less where the reference has less. Ours, not in the paper.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import KDTree
from torch import Tensor

from limner.colors.spaces import LUMINANCE
from limner.recolor.superpixels.pooling import Regions

NEIGHBORS = 40
"""Superpixels nearest in place that a neighborhood is drawn from."""
NEAR, ALIKE = 0.05, 0.15
"""Deviations, in heights and widths of the picture and in units of color, by which a neighbor counts: what lies across
an edge of the picture is of another neighborhood."""
SMOOTH = 0.14
"""Neighborhoods with less contrast than this are smooth surfaces, in which more of it would be blotches."""
OVERDONE = 18.0
"""By how much of what is missing regions are moved: the fusion and the regrain even most of it out again, and a
neighborhood at the limit of smoothness gets half. Chosen by measurement: see docs/results/recolor.md."""
LARGEST = 3.0
"""More would paint a rim around what stands out: the heart of a flower."""
WEIGHTS = np.array(LUMINANCE)


def give_contrast_back(
    target: Regions,
    colors: Tensor,
    references: Regions,
    strength: float,
    *,
    shares: Tensor | None = None,
    held: Tensor | None = None,
) -> Tensor:
    """What the target's superpixels become, (N, 3), with the contrast within each one's neighborhood that it had.

    With s_i(V) the deviation of the colors V within the neighborhood of superpixel i, once of luminance and once of
    what is left of the colors without it, and S the mean of the deviations within superpixels over a whole picture,

        asked_i = s_i(V) min(1, S(references) / S(target))
        g_i = min(`OVERDONE` max(asked_i / s_i(C) - 1, 0) s_i(V)^2 / (s_i(V)^2 + `SMOOTH`^2), `LARGEST`)

    and C(i) moves away from the mean of its neighborhood by g of what it lies apart, g averaged over the neighborhood.

    target: the N superpixels with their own colors V. colors: (N, 3) float, C. references: superpixels of all
    references; shares: (N_R,) how much each counts, by default its pixels. strength: 1 is usual, 0 gives the colors
    back. held: (N,) 0..1, which were matched by hand and stay.
    """
    if strength == 0 or target.count.numel() < 2:
        return colors
    own, made = target.colors.cpu().double().numpy(), colors.cpu().double().numpy()
    nearest, weights = _neighborhoods(target.positions.cpu().double().numpy(), own)
    _, before = _contrast(own, nearest, weights)
    mean, after = _contrast(made, nearest, weights)
    looks = _contrast_within(references, references.count if shares is None else shares)
    asked = before * np.minimum(1, looks / np.maximum(_contrast_within(target, target.count), 1e-6))
    lacking = strength * OVERDONE * np.maximum(asked / np.maximum(after, 1e-6) - 1, 0)
    lacking = np.minimum(lacking * before**2 / (before**2 + SMOOTH**2), LARGEST)
    if held is not None:
        lacking *= 1 - held.cpu().double().numpy()[:, None]
    gains = (weights[..., None] * lacking[nearest]).sum(1)
    light, rest = _parts(made - mean)
    return colors + torch.from_numpy(gains[:, :1] * light + gains[:, 1:] * rest).to(colors)


def _neighborhoods(positions: np.ndarray, colors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which superpixels are near each, (N, k), and how much each counts, (N, k), a sum of one."""
    _, nearest = KDTree(positions).query(positions, k=min(NEIGHBORS, len(positions)))
    apart = np.square((positions[nearest] - positions[:, None]) / NEAR).sum(-1)
    apart += np.square((colors[nearest] - colors[:, None]) / ALIKE).sum(-1)
    weights = np.exp(-apart / 2)
    return nearest, weights / weights.sum(1, keepdims=True)


def _contrast(colors: np.ndarray, nearest: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each neighborhood the mean color, (N, 3), and the deviations of luminance and of the rest, (N, 2)."""
    mean = (weights[..., None] * colors[nearest]).sum(1)
    parts = _parts(colors[nearest] - mean[:, None])
    variances = [
        (weights * np.square(part).sum(-1) / divisor).sum(1) for part, divisor in zip(parts, (3, 1), strict=True)
    ]
    return mean, np.sqrt(np.stack(variances, 1))


def _contrast_within(regions: Regions, counts: Tensor) -> np.ndarray:
    """The mean over a picture of the deviations within its superpixels, of luminance and of the rest, (2,)."""
    covariance = regions.covariance[:, 2:, 2:].cpu().double().numpy()
    light = np.einsum("i,nij,j->n", WEIGHTS, covariance, WEIGHTS)
    without = np.eye(3) - np.outer(np.ones(3), WEIGHTS)
    rest = np.einsum("ki,nij,kj->n", without, covariance, without)
    weights = counts.cpu().double().numpy()
    deviations = np.sqrt(np.maximum(np.stack([light, rest], 1), 0))
    return np.asarray((weights[:, None] * deviations).sum(0) / weights.sum())


def _parts(apart: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far colors are apart, (..., 3), as what luminance makes of it, the same in all channels, and the rest."""
    light = np.repeat((apart * WEIGHTS).sum(-1, keepdims=True), 3, axis=-1)
    return light, apart - light
