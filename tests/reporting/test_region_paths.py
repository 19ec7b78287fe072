"""Regions as paths of SVG."""

import re

import numpy as np
import pytest

from limner.reporting.outlines import outlines


def filled(path: str, shape: tuple[int, int]) -> np.ndarray:
    """How often a path of rectangles covers each pixel."""
    covered = np.zeros(shape, int)
    for left, top, width, height, back in re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)h-(\d+)z", path):
        assert back == width
        covered[int(top) : int(top) + int(height), int(left) : int(left) + int(width)] += 1
    return covered


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (13, 17)])
def test_every_pixel_of_a_region_is_covered_once_and_no_other(shape: tuple[int, int]) -> None:
    numbers = np.random.default_rng(0).integers(-1, 4, shape).repeat(2, 0)
    paths = outlines(numbers, 4)
    for region, path in enumerate(paths):
        np.testing.assert_array_equal(filled(path, numbers.shape), numbers == region)


def test_rows_that_are_alike_are_one_rectangle() -> None:
    assert outlines(np.zeros((50, 40), int), 2) == ["M0 0h40v50h-40z", ""]
