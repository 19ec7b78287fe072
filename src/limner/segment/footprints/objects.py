"""Objects told apart that touch: the pixels of a class are cut where they are narrow.

What a network marks as building is one region where roofs touch. Its distance from the border has a peak in the middle
of each roof; a watershed from these peaks cuts at the necks between them (Beucher and Lantuéjoul 1979; Vincent and
Soille 1991).
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.morphology import disk, remove_small_holes
from skimage.segmentation import watershed


@dataclass(frozen=True)
class Splitting:
    """How objects of one class are told apart, in pixels of the map; chosen by measurement, see docs/results/footprints.md.

    opening_px: what is narrower than twice this is cut off. smoothing_px: std of a Gaussian over the distances, so that a
    ragged border has no peaks of its own. distance_px: peaks stand at least so far apart. hole_px: enclosed background of
    at most so many pixels is filled.
    """

    opening_px: float
    smoothing_px: float
    distance_px: float
    hole_px: int

    @property
    def reach_px(self) -> int:
        """How far away a pixel can decide about another: farther than most objects are wide."""
        return int(6 * self.distance_px + 4 * self.smoothing_px + 2 * self.opening_px) + 8


def split(mask: np.ndarray, how: Splitting) -> tuple[np.ndarray, int]:
    """The object of each pixel: (H, W) int32, 0 for none, and how many there are.

    mask: (H, W) bool, the pixels of one class. Objects are numbered by their peaks, row by row.
    """
    filled = fill_holes(mask, how.hole_px)
    radius = round(how.opening_px)
    if radius:
        filled = ndimage.binary_opening(filled, disk(radius))
    distance = ndimage.distance_transform_edt(filled)
    if how.smoothing_px:
        distance = ndimage.gaussian_filter(distance, how.smoothing_px)
    regions, _ = ndimage.label(filled)
    peaks = peak_local_max(
        distance, min_distance=max(1, round(how.distance_px)), labels=regions, exclude_border=False, p_norm=2
    )
    peaks = peaks[np.lexsort(peaks.T[::-1])]
    markers = np.zeros(mask.shape, np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return watershed(-distance, markers, mask=filled).astype(np.int32, copy=False), len(peaks)


def fill_holes(mask: np.ndarray, most_px: int) -> np.ndarray:
    """The mask with enclosed holes of at most ``most_px`` pixels filled; (H, W) bool."""
    return remove_small_holes(mask, max_size=most_px) if most_px > 0 else mask
