"""What goes wrong in color transfers that see places: blotches, halos and opacity.

The first two compare pixels that are alike in the target and joined by a smooth stretch of it, which the eye takes for
one surface: where the result sets them apart, it shows a transition that the target does not have. Pictures are
compared in CIELAB at a fixed small size, so the answers mean the same, and cost the same, at every size. Ours.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from limner.colors.spaces import srgb_to_lab
from limner.photos.hidden import fill_hidden
from limner.recolor.superpixels.segmentation import superpixels

BLOTCH_PX, HALO_PX, OPACITY_PX = 256, 512, 512
"""Longest edge at which each is measured; smaller pictures are measured at their own size."""
BLOTCH_DISTANCES = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4)
"""Of two pixels that are compared, in longest edges: from the size of a superpixel to that of a sky."""
HALO_DISTANCES = (1 / 80, 1 / 40, 1 / 20)
"""From the pixel beside an edge to the one farther away, in longest edges."""
BESIDE = 1 / 160
"""From the middle of an edge to the pixel beside it, in longest edges: beyond what a lens blurs."""
SMOOTH_DELTA_E = 2.0
"""The largest step from pixel to pixel in a smooth stretch."""
ALIKE_DELTA_E = 4.0
"""Two ends of a stretch no farther apart than this are of one surface."""
EDGE_DELTA_E = 20.0
"""What differs by this on both sides of a place has an edge there."""
REGIONS = 300
"""Superpixels within which contrast is measured."""


def blotches(target: Tensor, result: Tensor, seen: Tensor | None = None) -> float:
    """How unlike the result makes places that are one smooth surface in the target, in Delta E; 0 is best.

    Two pixels of a row or a column belong to one surface where no step on the way between them is above
    `SMOOTH_DELTA_E` and they are at most `ALIKE_DELTA_E` apart. The score is how much farther apart they are in the
    result, 0 where they came nearer: the mean over such pairs at each of `BLOTCH_DISTANCES`, then over these. A map
    that doubles contrast counts with what it adds to the difference of alike pixels, a false cloud with all of it.

    target, result: (3, H, W) float, gamma-encoded sRGB in [0, 1]. seen: (H, W) bool, which pixels count. A picture
    without a smooth surface has 0.
    """
    before, after = shrunk_lab(target, BLOTCH_PX, seen), shrunk_lab(result, BLOTCH_PX, seen)
    longest = max(before.shape[1:])
    means = []
    for distance in sorted({max(1, round(share * longest)) for share in BLOTCH_DISTANCES}):
        found = [_set_apart(*_turned((before, after), turn), 0, 0, distance) for turn in (False, True)]
        means.append(_mean(found))
    return float(np.mean(means))


def halos(target: Tensor, result: Tensor, seen: Tensor | None = None) -> float:
    """How unlike the result makes what lies beside an edge of the target and what lies farther off, in Delta E.

    The change of colors should end where the target's edge is. Where it crosses the edge, or stops short of it, the
    surface on one side changes with the distance from the edge: a glow, a rim. Of every edge (`EDGE_DELTA_E`) in a row
    or column each side is looked at where it is one surface, as for `blotches`, from beside the edge to each of
    `HALO_DISTANCES` farther. The score is the mean of how much farther apart the two are in the result; 0 is best. A
    blotch that lies beside an edge counts too.

    Takes what `blotches` takes. A picture without edges between smooth surfaces has 0.
    """
    before, after = shrunk_lab(target, HALO_PX, seen), shrunk_lab(result, HALO_PX, seen)
    longest = max(before.shape[1:])
    beside = max(1, round(BESIDE * longest))
    means = []
    for distance in sorted({max(1, round(share * longest)) for share in HALO_DISTANCES}):
        found = []
        for turn in (False, True):
            one, two = _turned((before, after), turn)
            for first, second in ((one, two), (np.flip(one, 2), np.flip(two, 2))):  # the surface right and left of it
                found.append(_set_apart(first, second, 2 * beside, EDGE_DELTA_E, distance))
        means.append(_mean(found))
    return float(np.mean(means))


def opacity(
    target: Tensor,
    result: Tensor,
    reference: Tensor,
    seen: Tensor | None = None,
    reference_seen: Tensor | None = None,
) -> float:
    """The share of the contrast within regions that the result lacks: 0 is none, 1 is flat paint.

    Within each of about 300 superpixels of the target the deviation of lightness, and that of chroma (a and b
    together), is what the region is made of. It should be the target's own, or less where the reference has less within
    its regions, by the ratio of both pictures' means. The score is what is missing, over all regions, over what there
    should be; the mean of lightness and chroma. A region that has more than its share makes up for no other.

    target, result: (3, H, W) float, gamma-encoded sRGB in [0, 1]; reference: (3, h, w). seen, reference_seen: (H, W)
    and (h, w) bool, which pixels count.
    """
    if reference_seen is not None:
        reference, reference_seen = _seen_box(reference, reference_seen.cpu())
    labels = superpixels(_shrunk(target, OPACITY_PX), REGIONS).long()
    other_labels = superpixels(_shrunk(reference, OPACITY_PX), REGIONS).long()
    own, made = (_spread_within(shrunk_lab(one, OPACITY_PX, seen), labels) for one in (target, result))
    looks = _spread_within(shrunk_lab(reference, OPACITY_PX, reference_seen), other_labels)
    missing = []
    for part in (0, 1):  # lightness, chroma
        pixels = own[:, 2]
        total, wanted = float(pixels @ own[:, part]), float(looks[:, 2] @ looks[:, part])
        if total == 0 or wanted == 0:
            missing.append(0.0)
            continue
        asked = own[:, part] * min(1.0, wanted / looks[:, 2].sum() / (total / pixels.sum()))
        missing.append(float(pixels @ (asked - made[:, part]).clip(min=0) / (pixels @ asked)))
    return float(np.mean(missing))


def shrunk_lab(picture: Tensor, longest_px: int, seen: Tensor | None = None) -> np.ndarray:
    """(3, h, w) float32 CIELAB of a picture made smaller by means over areas; NaN where not all of an area is seen."""
    small = srgb_to_lab(_shrunk(picture.detach().cpu().float().clamp(0, 1), longest_px)).numpy()
    if seen is not None:
        shares = _shrunk(seen.detach().cpu().float()[None], longest_px)[0].numpy()
        small[:, shares < 1 - 1e-4] = np.nan
    return np.asarray(small)


def _seen_box(picture: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """The box of a picture that holds all that is seen, what is hidden within filled, and what is seen there."""
    rows, columns = (seen.any(dim).nonzero()[:, 0] for dim in (1, 0))
    box = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    return fill_hidden(picture[:, box[0], box[1]], seen[box]), seen[box]


def _shrunk(picture: Tensor, longest_px: int) -> Tensor:
    height, width = picture.shape[1:]
    scale = min(1.0, longest_px / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    return functional.interpolate(picture.detach().cpu().float()[None], size, mode="area")[0]


def _turned(pictures: tuple[np.ndarray, np.ndarray], turn: bool) -> tuple[np.ndarray, np.ndarray]:
    """Both pictures, or with their columns as rows."""
    return (pictures[0].swapaxes(1, 2), pictures[1].swapaxes(1, 2)) if turn else pictures


def _set_apart(before: np.ndarray, after: np.ndarray, lead: int, edge: float, distance: int) -> tuple[float, int]:
    """Along rows: the sum of what the result adds to the differences of pairs of one surface, and how many they are.

    before, after: (3, h, w) CIELAB. A pair is ``distance`` px apart, and where ``edge`` is above 0 the pixel ``lead``
    px before the first of the two differs from it by that.
    """
    width = before.shape[2]
    if width <= lead + distance:
        return 0.0, 0
    stop = width - distance
    step = _lengths(np.diff(before, axis=2))
    rough = np.zeros(before.shape[1:], np.int64)
    rough[:, 1:] = np.cumsum(~(step <= SMOOTH_DELTA_E), axis=1)  # a step to what is not seen, NaN, is rough
    own = _lengths(before[:, :, lead + distance :] - before[:, :, lead:stop])
    used = (rough[:, lead + distance :] == rough[:, lead:stop]) & (own <= ALIKE_DELTA_E)
    if edge > 0:
        used &= _lengths(before[:, :, lead:stop] - before[:, :, : stop - lead]) >= edge
    added = _lengths(after[:, :, lead + distance :] - after[:, :, lead:stop])[used] - own[used]
    return float(added.clip(min=0).sum(dtype=np.float64)), int(used.sum())


def _lengths(differences: np.ndarray) -> np.ndarray:
    """(h, w) Delta E of (3, h, w) differences."""
    return np.sqrt(np.square(differences).sum(0))


def _mean(found: list[tuple[float, int]]) -> float:
    return sum(total for total, _ in found) / max(1, sum(count for _, count in found))


def _spread_within(lab: np.ndarray, labels: Tensor) -> np.ndarray:
    """(N, 3) float64 of each superpixel: deviation of lightness, of chroma (of a and b together), pixels that count."""
    counted = torch.from_numpy(~np.isnan(lab[0]).ravel())
    colors = torch.from_numpy(lab).double().flatten(1).T[counted]
    numbers, count = labels.flatten()[counted], int(labels.max()) + 1
    pixels = torch.bincount(numbers, minlength=count).double()
    total = pixels.clamp(min=1)[:, None]
    mean = torch.zeros(count, 3, dtype=torch.float64).index_add_(0, numbers, colors) / total
    apart = (colors - mean[numbers]).square()
    variance = torch.zeros(count, 3, dtype=torch.float64).index_add_(0, numbers, apart) / total
    return np.stack([variance[:, 0].sqrt().numpy(), variance[:, 1:].sum(1).sqrt().numpy(), pixels.numpy()], axis=1)
