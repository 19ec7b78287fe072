"""Objects told apart that touch: the pixels of a class are cut where they are narrow.

What a network marks as building is one region where roofs touch. Its distance from the border has a peak in the middle
of each roof; a watershed from the peaks cuts between them (Vincent and Soille 1991). A watershed alone also cuts one
long roof into many, whose ridge has many peaks. So parts are joined again unless the neck between them is narrow:
unless the distance there is less than a share of the smaller part's own peak (ours; in the manner of Beucher's
dynamics, but relative, so that it fits huts and halls alike).

A network may have learned to say how far inside its own object each pixel lies
(`limner.segment.training.borders`). That falls between two roofs which touch even where their outline has no neck; it
then takes the distance's place.
"""

import numpy as np
from scipy import ndimage

from limner.segment.footprints.options import Splitting
from limner.segment.footprints.peaks import peaks_within


def split(mask: np.ndarray, how: Splitting, inside: np.ndarray | None = None) -> tuple[np.ndarray, int]:
    """The object of each pixel: (H, W) int32 from 1, 0 for none, and the largest number.

    mask: (H, W) bool, the pixels of one class. inside: (H, W) floating, 0..1, how far inside its object each pixel
    lies, where a network tells: its peaks then stand for the distance's. Some numbers may be nobody's.
    """
    from skimage.morphology import disk  # here: it takes a second, and much memory
    from skimage.segmentation import watershed

    if not mask.any():
        return np.zeros(mask.shape, np.int32), 0
    filled = fill_holes(mask, how.hole_px)
    if radius := round(how.opening_px):
        filled = ndimage.binary_opening(filled, disk(radius))
    smoothing, neck = how.smoothing_px, how.neck
    if inside is None:
        height = ndimage.distance_transform_edt(filled)
    else:
        height, smoothing, neck = inside, how.learned_smoothing_px, how.learned_neck
    if smoothing:
        height = ndimage.gaussian_filter(height, smoothing)
    regions, _ = ndimage.label(filled)
    apart = max(1, round(how.distance_px))
    peaks = peaks_within(height, regions, apart)
    markers = np.zeros(mask.shape, np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    parts = watershed(-height, markers, mask=filled)
    heights = np.concatenate([[0.0], height[tuple(peaks.T)]])
    return join_wide_necks(parts, height, heights, neck), len(peaks)


def fill_holes(mask: np.ndarray, most_px: int) -> np.ndarray:
    """The mask with enclosed holes of at most ``most_px`` pixels filled; (H, W) bool."""
    from skimage.morphology import remove_small_holes

    return remove_small_holes(mask, max_size=most_px) if most_px > 0 else mask


def join_wide_necks(parts: np.ndarray, distance: np.ndarray, heights: np.ndarray, neck: float) -> np.ndarray:
    """The parts with those joined between which the neck is wider than ``neck`` times the lower peak.

    parts: (H, W) int from 1, 0 for none. distance: (H, W) floating, from the border. heights: (largest part + 1,), the
    distance at each part's peak. The widest necks come first; what is joined has the higher peak of its parts.
    """
    pairs, widths = _necks(parts, distance)
    root = np.arange(len(heights))

    def owner(part: int) -> int:
        while root[part] != part:
            root[part] = root[root[part]]
            part = root[part]
        return part

    for number in np.argsort(-widths, kind="stable"):
        low, high = sorted(map(owner, pairs[number]), key=lambda part: (heights[part], -part))
        if low != high and widths[number] > neck * heights[low]:
            root[low] = high
    return np.array([owner(part) for part in range(len(heights))], np.int32)[parts]


def _necks(parts: np.ndarray, distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of parts that touch by their sides, (n, 2), and the largest distance on the border between them, (n,)."""
    pairs, widths = [], []
    for one, other in (((slice(None), slice(-1)), (slice(None), slice(1, None))), ((slice(-1),), (slice(1, None),))):
        first, second = parts[one], parts[other]
        touch = (first != second) & (first > 0) & (second > 0)
        pairs.append(np.sort(np.stack([first[touch], second[touch]], axis=1), axis=1))
        widths.append(np.minimum(distance[one][touch], distance[other][touch]))
    low, high = np.concatenate(pairs).astype(np.int64).T
    side = int(high.max(initial=0)) + 1
    found, place = np.unique(low * side + high, return_inverse=True)  # one number a pair sorts quicker than rows
    widest = np.zeros(len(found))
    np.maximum.at(widest, place.ravel(), np.concatenate(widths))
    return np.stack(np.divmod(found, side), axis=1), widest
