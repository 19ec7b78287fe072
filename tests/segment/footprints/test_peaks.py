"""Peaks within regions are scikit-image's, which takes many times as long."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.feature import peak_local_max

from limner.segment.footprints.peaks import peaks_within


def drawn(kind: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A height and the regions of a mask."""
    draws = np.random.default_rng(seed)
    shape = tuple(draws.integers(1, 60, 2))
    mask = ndimage.gaussian_filter(draws.normal(size=shape), draws.uniform(0, 3)) > 0
    height = ndimage.gaussian_filter(draws.normal(size=shape), draws.uniform(0, 3)).astype(np.float32)
    if kind == "terraces":
        height = np.round(3 * height)
    elif kind == "distance":
        height = ndimage.distance_transform_edt(mask)
    elif kind == "flat":
        height[:] = 1
        height[: shape[0] // 2, : shape[1] // 2] = 2
    return height, ndimage.label(mask)[0]


@pytest.mark.parametrize("kind", ["smooth", "terraces", "distance", "flat"])
def test_peaks_are_those_of_scikit_image(kind: str) -> None:
    found = 0
    for seed in range(40):
        height, regions = drawn(kind, seed)
        apart = 1 + seed % 8
        theirs = peak_local_max(height, min_distance=apart, labels=regions, exclude_border=False)
        ours = peaks_within(height, regions, apart)
        assert ours.tolist() == sorted(theirs.tolist())
        found += len(ours)
    assert found > 40


def test_of_equal_peaks_that_are_near_the_first_stays_and_other_regions_do_not_count() -> None:
    height = np.zeros((1, 9), np.float32)
    height[0, [1, 3, 5, 7]] = 1
    regions = np.array([[1, 1, 1, 1, 1, 1, 0, 2, 2]], np.int32)
    assert peaks_within(height, regions, 3).tolist() == [[0, 1], [0, 5], [0, 7]]
    assert peaks_within(height, regions, 1).tolist() == [[0, 1], [0, 3], [0, 5], [0, 7]]
