"""A class raster in parts of bounded area gives what one part gives, and keeps no more where it is wider."""

import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from limner.segment.footprints.blocks import Seam, blocks_of_rows, shared_pixels
from limner.segment.footprints.options import Splitting
from limner.segment.footprints.regions import Region, find_regions
from limner.segment.footprints.simplifying import simplified

NEAR = Splitting(opening_px=1, smoothing_px=1, distance_px=2, neck=0.8, hole_px=20, learned_neck=0.85)
"""Sees 54 pixels around a part."""


def save(path: Path, plane: np.ndarray) -> Path:
    height, width = plane.shape
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=1, dtype=plane.dtype, compress="deflate"
    ) as dataset:
        dataset.write(plane, 1)
    return path


def houses(height: int, width: int) -> np.ndarray:
    """Rectangles in rows, joined by doors a few pixels wide, and one as wide as the scene; (height, width) uint8."""
    classes = np.zeros((height, width), np.uint8)
    draw = np.random.default_rng(0)
    for row in range(4, height - 80, 66):
        column = 10
        while column < width - 80:
            high, wide = draw.integers(30, 56), draw.integers(34, 70)
            classes[row : row + high, column : column + wide] = 1
            classes[row + 10 : row + 18, column + wide : column + wide + 8] = 1  # the door to the next
            column += wide + 8
    classes[-18:-6, 4:-4] = 1
    return classes


def outlined(regions: list[Region]) -> list[tuple[int, int, float, list[bytes]]]:
    """All that is known of regions."""
    return [
        (one.class_number, one.area_px, one.probability_sum, [shapely.to_wkb(outline) for outline in one.outlines()])
        for one in regions
    ]


@pytest.mark.parametrize("learned", [False, True])
def test_parts_beside_and_below_each_other_decide_nothing(tmp_path: Path, learned: bool) -> None:
    classes = houses(300, 900)
    probability = np.random.default_rng(1).uniform(0.5, 1, classes.shape).astype(np.float32)
    paths = save(tmp_path / "c.tif", classes), save(tmp_path / "p.tif", probability)
    inside = save(tmp_path / "i.tif", (ndimage.gaussian_filter(classes * 254.0, 4) * classes).astype(np.uint8))
    one, many = (
        list(
            find_regions(
                *paths, {1: 1}, 20, pixels, splitting=NEAR, inside=inside if learned else None, part_pixels=pixels
            )
        )
        for pixels in (10**7, 1)
    )
    blocks = list(blocks_of_rows(*classes.shape, NEAR, 1, 1))
    assert len(blocks) == 2 and len(blocks[0]) == 5
    assert len(one) > 30 and max(region.area_px for region in one) > 10_000  # the one of the whole width
    assert sorted(outlined(one)) == sorted(outlined(many))  # the same bytes, those that seams cut among them


def test_parts_answer_for_each_pixel_once_and_see_what_is_around() -> None:
    halo = NEAR.reach_px
    answered = np.zeros((300, 700), int)
    for block in blocks_of_rows(300, 700, NEAR, 1, 1):
        for part in block:
            own, seen = part.own, part.seen
            answered[own.slices] += 1
            assert seen == seen.clipped(300, 700)
            assert own.row - seen.row == min(halo, own.row) and own.column - seen.column == min(halo, own.column)
            assert (part.left.start == part.left.stop) == (own.column == 0)
            assert (part.right.start == part.right.stop) == (own.column + own.width == 700)
    assert (answered == 1).all()


@pytest.mark.parametrize("splitting", [None, NEAR])
def test_a_narrow_scene_has_one_part_in_each_block(splitting: Splitting | None) -> None:
    assert {len(block) for block in blocks_of_rows(2000, 400, splitting, 2**18)} == {1}


def test_memory_is_that_of_a_part_whatever_the_width(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What NumPy and Python keep at most. A block of rows as wide as the scene took 40 bytes for each of its pixels."""
    monkeypatch.setattr("limner.segment.footprints.regions.split", lambda mask, *_: ndimage.label(mask))
    peaks, widths = [], (800, 3200)
    for width in widths:
        paths = [save(tmp_path / f"{name}{width}.tif", houses(300, width)) for name in "cp"]
        tracemalloc.start()
        count = sum(1 for _ in find_regions(*paths, {1: 1}, 20, 1, NEAR, part_pixels=1))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert count >= 4  # rows of houses, which doors make one, and the one below
    assert peaks[1] - peaks[0] < 2 * (widths[1] - widths[0]) * 4 * NEAR.reach_px  # bytes a pixel: the block's regions


@given(st.integers(0, 1000), st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_a_seam_gives_back_the_columns_it_was_given(seed: int, widths: list[int]) -> None:
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 9, (3, sum(widths))).astype(np.int32)
    seam = Seam()
    for left, right in pairwise(np.cumsum([0, *widths])):
        seam.append(labels[:, left:right])
    start = int(draw.integers(0, sum(widths)))
    stop = int(draw.integers(start + 1, sum(widths) + 1))
    np.testing.assert_array_equal(seam.columns(start, stop), labels[:, start:stop])


def test_a_seam_keeps_little() -> None:
    labels = np.repeat(np.arange(500, dtype=np.int32), 40)[None].repeat(100, axis=0)
    seam = Seam()
    seam.append(labels)
    assert seam.width == 20_000 and seam.kept_bytes < labels.nbytes / 40


def test_pixels_that_two_labels_share_are_counted() -> None:
    one, other = np.array([[1, 1, 1, 2, 2, 0]]), np.array([[4, 4, 5, 5, 5, 6]])
    assert shared_pixels(one, other).tolist() == [[1, 4, 2], [1, 5, 1], [2, 5, 2]]
    assert shared_pixels(one, np.zeros_like(one)).shape == (0, 3)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([1.0, 2.5, 4.0]))
def test_outlines_simplified_group_by_group_are_the_same_bytes(seed: int, tolerance: float) -> None:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(70, 70)), 2)
    labels, _ = ndimage.label(noise > 0.06)
    found = [
        shapely.geometry.shape(geometry)
        for geometry, _ in rasterio.features.shapes(labels.astype(np.int32), mask=labels > 0)
    ]
    outlines = np.array(found, object)
    at_once, in_groups = (simplified(outlines, tolerance, points) for points in (10**9, 1))
    assert len(outlines) > 5
    assert shapely.to_wkb(at_once).tolist() == shapely.to_wkb(in_groups).tolist()
