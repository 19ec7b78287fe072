"""What a color transfer did: how much of the structure it kept and how near the colors came.

The two pull against each other (the target itself keeps all, a shuffled reference reaches all), so neither is told
without the other, and a table of methods holds the identity as a row. Pictures are scored as they are shown: clipped
to [0, 1].
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from limner.colors.spaces import LUMINANCE, srgb_to_lab
from limner.foundation.machine.threads import in_turn
from limner.photos.hidden import fill_hidden
from limner.recolor.scoring.faults import blotches, halos, opacity

SAMPLED_PIXELS = 100_000
DIRECTIONS = 64
LEVELS = 1024
"""Quantiles at which two distributions on a line are compared."""
BIN_DELTA_E = 10
LUMA = np.array(LUMINANCE, np.float32)
"""Weights of red, green and blue in the luminance of ITU-R BT.709, here of gamma-encoded values."""
GRAY_LEVEL = 1 / 255
SSIM_MARGIN_PX = 5
"""Half of Wang's window of 11 x 11."""
STRIP_PX = 1 << 19


@dataclass(frozen=True)
class TransferScore:
    """One result, measured against its target and its reference.

    ssim: structural similarity of the luminance with the target's, 1 is the same (Wang et al. 2004: Gaussian window of
    deviation 1.5 px, 11 x 11). gradient_correlation: of the luminance's gradients with the target's, -1 to 1.
    color_distance: sliced Wasserstein distance to the reference's colors in CIELAB, in Delta E (1976). closed: the
    share of the target's own distance that is gone; below 0 where the colors went away from the reference.
    histogram_intersection: the share of the pixels, by color, that the reference has too. chroma_ratio: mean chroma
    over the reference's. clipped: the share of pixels with a channel at its end that is inside in the target.
    banding: where the target is smooth, the share of the change that comes in single steps between flats. blotches,
    halos: how far, in Delta E, the result sets apart what is one smooth surface in the target, anywhere, and from
    beside an edge to farther off. opacity: the share of the contrast within regions that is missing; see
    `limner.recolor.scoring.faults`.
    """

    ssim: float
    gradient_correlation: float
    color_distance: float
    closed: float
    histogram_intersection: float
    chroma_ratio: float
    clipped: float
    banding: float
    blotches: float
    halos: float
    opacity: float

    def to_json(self) -> dict[str, float]:
        """The numbers by name."""
        return {name: round(value, 6) for name, value in asdict(self).items()}


def score_transfer(
    target: Tensor,
    result: Tensor,
    reference: Tensor,
    *,
    target_seen: Tensor | None = None,
    reference_seen: Tensor | None = None,
) -> TransferScore:
    """How much of ``target`` the picture ``result`` kept, and how near it came to the colors of ``reference``.

    Colors are compared on a fixed sample of at most 100,000 pixels of each picture, so that a score is the same on
    every call and costs the same at every size.

    target, result: (3, H, W) float, gamma-encoded sRGB; values outside [0, 1] are allowed. reference: (3, h, w), of any
    size. target_seen: (H, W) bool, reference_seen: (h, w) bool, the pixels that count, such as those that are not
    transparent; None for all. On any device; the work is done on the CPU. Raises `ValueError` for other shapes and for
    NaN.

    >>> import torch
    >>> picture = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))
    >>> score_transfer(picture, picture, picture.flip(0)).closed
    0.0
    """
    if target.shape != result.shape or any(value.ndim != 3 or len(value) != 3 for value in (result, reference)):
        shapes = ", ".join(str(tuple(value.shape)) for value in (target, result, reference))
        raise ValueError(f"target, result, reference of shapes {shapes}; needed: (3, H, W) twice, and (3, h, w)")
    seen = None
    if target_seen is not None and not target_seen.all():
        target, result = fill_hidden(target, target_seen), fill_hidden(result, target_seen)
        seen = target_seen.cpu().numpy()
    before, after, wanted = _shown(target), _shown(result), _shown(reference)
    counted = None if reference_seen is None else reference_seen.cpu().numpy()
    before_colors, after_colors = (
        sampled_lab(picture if seen is None else picture[:, seen]) for picture in (before, after)
    )
    wanted_colors = sampled_lab(wanted if counted is None else wanted[:, counted])
    aim = quantiles(wanted_colors)
    first_distance, distance = (_mean_distance(quantiles(colors), aim) for colors in (before_colors, after_colors))
    luminance, new_luminance = (np.tensordot(LUMA, picture, 1) for picture in (before, after))
    shown = torch.from_numpy(before), torch.from_numpy(after)
    return TransferScore(
        ssim=luminance_ssim(luminance, new_luminance, seen),
        gradient_correlation=gradient_correlation(luminance, new_luminance, seen),
        color_distance=distance,
        closed=1 - distance / first_distance if first_distance else 0.0,
        histogram_intersection=histogram_intersection(after_colors, wanted_colors),
        chroma_ratio=_mean_chroma(after_colors) / max(_mean_chroma(wanted_colors), 1e-6),
        clipped=float((_at_an_end(after) & ~_at_an_end(before)).any(axis=0)[... if seen is None else seen].mean()),
        banding=banding(luminance, new_luminance, seen),
        blotches=blotches(*shown, target_seen),
        halos=halos(*shown, target_seen),
        opacity=opacity(*shown, torch.from_numpy(wanted), target_seen, reference_seen),
    )


def sampled_lab(picture: np.ndarray) -> np.ndarray:
    """(n, 3) float32 CIELAB (D65): all pixels of a picture, or 100,000 drawn once and for all by its size.

    Drawn by size alone, a target and its result are compared on the same pixels, and the identity closes exactly 0.

    picture: (3, H, W) float32 in [0, 1], or (3, n) of the pixels that count.
    """
    colors = picture.reshape(3, -1)
    if colors.shape[1] > SAMPLED_PIXELS:
        colors = colors[:, np.random.default_rng(0).integers(0, colors.shape[1], SAMPLED_PIXELS)]
    return np.ascontiguousarray(srgb_to_lab(torch.from_numpy(colors)).T)


def sliced_wasserstein(colors: np.ndarray, others: np.ndarray) -> float:
    """Mean distance of two clouds of colors, seen along 64 directions (Rabin et al. 2011, with absolute differences).

    Along a direction u it is the integral over t of |Q(t) - Q'(t)|, with the quantiles of both clouds' projections;
    here the mean over 1024 levels. A cloud moved by d Delta E has the distance d / 2, the mean of d |cos|.

    colors: (n, 3) float. others: (m, 3), in the same unit, which is the answer's too.
    """
    return _mean_distance(quantiles(colors), quantiles(others))


def quantiles(colors: np.ndarray) -> np.ndarray:
    """(64, 1024) float32: of the projections on each direction, at the middles of 1024 levels.

    colors: (n, 3) float.
    """
    ordered = np.sort(_spiral(DIRECTIONS) @ colors.T.astype(np.float32), axis=1)
    places = ((np.arange(LEVELS) + 0.5) / LEVELS * len(colors) - 0.5).clip(0, len(colors) - 1)
    below = places.astype(np.int64)
    above = np.minimum(below + 1, len(colors) - 1)
    return ordered[:, below] + (ordered[:, above] - ordered[:, below]) * (places - below).astype(np.float32)


def histogram_intersection(colors: np.ndarray, others: np.ndarray) -> float:
    """Sum over the bins of the smaller of both shares (Swain and Ballard 1991): 1 for the same histogram, 0 for none.

    A bin is a cube of CIELAB with edges of 10 Delta E.

    colors: (n, 3) float, CIELAB. others: (m, 3).
    """
    return float(np.minimum(_histogram(colors), _histogram(others)).sum())


def luminance_ssim(luminance: np.ndarray, other: np.ndarray, seen: np.ndarray | None = None) -> float:
    """Mean structural similarity over all pixels that count; pictures are mirrored at their edges.

    luminance, other: (H, W) float32 in [0, 1], of any size from 1 x 1. seen: (H, W) bool, which count.
    """
    widened = [np.pad(values, SSIM_MARGIN_PX, mode="symmetric") for values in (luminance, other)]
    inside = slice(SSIM_MARGIN_PX, -SSIM_MARGIN_PX)

    def work(rows: slice) -> float:
        """The sum over some rows, each seen with what lies around it."""
        around = [values[rows.start : rows.stop + 2 * SSIM_MARGIN_PX] for values in widened]
        everywhere = structural_similarity(
            *around, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
        )[1][inside, inside]
        return float((everywhere if seen is None else everywhere[seen[rows]]).sum(dtype=np.float64))

    return sum(in_turn(work, _strips(luminance))) / (luminance.size if seen is None else int(seen.sum()))


def gradient_correlation(luminance: np.ndarray, other: np.ndarray, seen: np.ndarray | None = None) -> float:
    """Pearson's correlation of both pictures' forward differences, down and to the right, taken together.

    Two pictures without any gradient agree (1); one with and one without do not (0).

    luminance, other: (H, W) float32. seen: (H, W) bool; differences between two that are not both seen do not count.
    """
    sums = np.zeros(6)
    for rows in _strips(luminance):
        for axis, part in ((0, slice(rows.start, rows.stop + 1)), (1, rows)):
            counted = None if seen is None else seen[part]
            first, second = (_steps(values[part], axis, counted).astype(np.float64) for values in (luminance, other))
            sums += [
                first.size, first.sum(), second.sum(),
                np.square(first).sum(), np.square(second).sum(), (first * second).sum(),
            ]  # fmt: skip
    count, total, other_total, square, other_square, product = sums.tolist()
    if square == 0 or other_square == 0:
        return float((square == 0) == (other_square == 0))
    spread = (square - total**2 / count) * (other_square - other_total**2 / count)
    return float((product - total * other_total / count) / np.sqrt(spread)) if spread > 0 else 1.0


def _strips(picture: np.ndarray) -> list[slice]:
    """All rows of a picture (H, W), some at a time, so that what is computed on the way stays small."""
    height, width = picture.shape
    rows = max(1, STRIP_PX // width)
    return [slice(start, min(start + rows, height)) for start in range(0, height, rows)]


def _steps(values: np.ndarray, axis: int, seen: np.ndarray | None) -> np.ndarray:
    """Differences of neighbors along an axis, of those that are both seen."""
    steps = np.diff(values, axis=axis)
    if seen is None:
        return steps
    return steps[seen[1:] & seen[:-1] if axis == 0 else seen[:, 1:] & seen[:, :-1]]


def banding(luminance: np.ndarray, other: np.ndarray, seen: np.ndarray | None = None) -> float:
    """How much of the change in smooth places of ``luminance`` comes in steps between flats in ``other``; 0 to 1.

    A place is five steps from pixel to pixel in a row or column, none larger than one level of 8 bits in the target
    (with half a level of tolerance). It is a band's edge where the result's middle step is larger than that and its
    neighbors, two on each side, are below half a level. The score is the sum of those steps over the sum of all middle
    steps (of the target or of the result, whichever is larger). A posterized ramp has 1, every smooth curve 0, and the
    target itself 0 by definition.

    luminance, other: (H, W) float32 in [0, 1]. seen: (H, W) bool; places with a pixel that is not seen do not count.
    """
    jumped = changed = target_changed = 0.0
    seen = np.ones(luminance.shape, bool) if seen is None else seen
    for before, after, counted in ((luminance, other, seen), (luminance.T, other.T, seen.T)):
        steps, new_steps = (np.abs(np.diff(values, axis=1)) for values in (before, after))
        if steps.shape[1] < 5:
            continue
        smooth = _all_of_five((steps <= 1.5 * GRAY_LEVEL) & counted[:, 1:] & counted[:, :-1])
        flat = new_steps < 0.5 * GRAY_LEVEL
        middle = new_steps[:, 2:-2]
        edge = smooth & (middle > 1.5 * GRAY_LEVEL) & flat[:, :-4] & flat[:, 1:-3] & flat[:, 3:-1] & flat[:, 4:]
        jumped += float(middle[edge].sum(dtype=np.float64))
        changed += float(middle[smooth].sum(dtype=np.float64))
        target_changed += float(steps[:, 2:-2][smooth].sum(dtype=np.float64))
    return jumped / max(changed, target_changed) if jumped else 0.0


def _all_of_five(true: np.ndarray) -> np.ndarray:
    """(H, W - 4): whether a pixel and two on each side in its row are all true."""
    return true[:, :-4] & true[:, 1:-3] & true[:, 2:-2] & true[:, 3:-1] & true[:, 4:]


def _shown(picture: Tensor) -> np.ndarray:
    """(3, H, W) float32 as a screen shows it."""
    values = picture.detach().cpu().numpy().astype(np.float32, copy=False)
    if np.isnan(values).any():
        raise ValueError(f"a picture with {np.isnan(values).sum()} NaN; scores need a number at every pixel")
    return values if values.min() >= 0 and values.max() <= 1 else values.clip(0, 1)


def _mean_distance(some: np.ndarray, others: np.ndarray) -> float:
    return float(np.abs(some - others).mean(dtype=np.float64))


def _spiral(count: int) -> np.ndarray:
    """(count, 3) float32: directions spread evenly over the half sphere along a golden spiral."""
    height = (np.arange(count) + 0.5) / count
    angle = np.pi * (1 + np.sqrt(5)) * np.arange(count)
    radius = np.sqrt(1 - height**2)
    return np.stack([height, radius * np.cos(angle), radius * np.sin(angle)], axis=1).astype(np.float32)


def _histogram(colors: np.ndarray) -> np.ndarray:
    """The share of the colors in each bin; all of CIELAB that sRGB reaches lies within 130 of gray."""
    places = np.floor(colors / BIN_DELTA_E).astype(np.int64) + np.array([0, 13, 13])
    return np.bincount(places.clip(0, 26) @ (27 * 27, 27, 1), minlength=27**3) / len(colors)


def _mean_chroma(colors: np.ndarray) -> float:
    return float(np.hypot(colors[:, 1], colors[:, 2]).mean())


def _at_an_end(picture: np.ndarray) -> np.ndarray:
    """(3, H, W) bool: values that 8 bits would hold as 0 or 255."""
    return (picture < 0.5 * GRAY_LEVEL) | (picture > 1 - 0.5 * GRAY_LEVEL)
