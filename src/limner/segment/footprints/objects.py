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
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from limner.segment.footprints.options import Splitting
from limner.segment.footprints.peaks import peaks_within

PART_PIXELS = 2**19
"""Of a part of a wide block of rows."""


def split(mask: np.ndarray, how: Splitting, inside: np.ndarray | None = None) -> tuple[np.ndarray, int]:
    """The object of each pixel: (H, W) int32 from 1, 0 for none, and the largest number.

    mask: (H, W) bool, the pixels of one class. inside: (H, W) floating, 0..1, how far inside its object each pixel
    lies, where a network tells: its peaks then stand for the distance's. Some numbers may be nobody's.
    """
    from skimage.morphology import disk  # here: it takes a second, and much memory
    from skimage.segmentation import watershed

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


def split_by_columns(
    mask: np.ndarray, how: Splitting, inside: np.ndarray | None = None, part_pixels: int = PART_PIXELS
) -> tuple[np.ndarray, int]:
    """`split`, part by part of the width: it takes about 150 bytes a pixel, which of a wide scene are gigabytes.

    Parts see some columns of their neighbors, as far as a pixel can decide about another. Objects that agree on more
    than half of the smaller one's pixels near a seam are one: near it alone, for farther away one of both parts sees
    objects that its end cuts off.
    """
    height, width = mask.shape
    halo = how.reach_px
    near = max(1, halo // 4)
    own = max(4 * halo, part_pixels // max(1, height))
    if width <= own + 2 * halo:
        return split(mask, how, inside)
    labels, count = np.zeros(mask.shape, np.int32), 0
    links: list[np.ndarray] = []
    before: np.ndarray | None = None
    for left in range(0, width, own):
        first, end = max(0, left - halo), min(width, left + own + halo)
        found, more = split(mask[:, first:end], how, None if inside is None else inside[:, first:end])
        found = np.where(found > 0, found + np.int32(count), np.int32(0))
        if before is not None:
            seam = left - first
            links.append(agreed(before, found[:, seam - near : seam + near]))
        labels[:, left : left + own] = found[:, left - first : left + own - first]
        seam = left + own - first
        before = found[:, seam - near : seam + near]
        count += more
    pairs = np.concatenate(links)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count + 1, count + 1))
    groups = connected_components(graph, directed=False)[1]
    first_of = np.zeros(groups.max() + 1, np.int32)
    first_of[groups[::-1]] = np.arange(count, -1, -1)  # of each group, the smallest label
    return first_of[groups][labels], count


def agreed(one: np.ndarray, other: np.ndarray, most_of_smaller: bool = True) -> np.ndarray:
    """Pairs of labels of two namings of the same pixels, (n, 2), that share pixels.

    one, other: of equal shape, int from 1, 0 for none. most_of_smaller: only those pairs that share more than half of
    the smaller one's pixels.
    """
    both = (one > 0) & (other > 0)
    first, second = one[both], other[both]
    if not len(first):
        return np.zeros((0, 2), np.int64)
    shared = coo_array((np.ones(len(first), np.int32), (first, second))).tocsr().tocoo()  # adds up, without sorting
    pairs = np.stack([shared.row, shared.col], axis=1).astype(np.int64)
    if not most_of_smaller:
        return pairs
    sizes = [np.bincount(side[side > 0]) for side in (one, other)]
    smaller = np.minimum(sizes[0][pairs[:, 0]], sizes[1][pairs[:, 1]])
    return np.asarray(pairs[2 * shared.data > smaller])


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
