"""Squared buildings have right angles, keep their area, stay valid, and share the walls that they shared."""

import numpy as np
import pytest
import shapely
from scipy import ndimage
from shapely import affinity

from limner.segment.footprints.simplifying import simplified
from limner.segment.footprints.squaring import squared


def angles(shape: shapely.Polygon) -> np.ndarray:
    """The turn at each corner, in degrees from 0 (straight on) to 180."""
    ring = np.array(shape.exterior.coords)[:-1]
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    cosine = (before * after).sum(1) / np.linalg.norm(before, axis=1) / np.linalg.norm(after, axis=1)
    return np.degrees(np.arccos(cosine.clip(-1, 1)))


def jittered(shape: shapely.Polygon, by: float, seed: int) -> shapely.Polygon:
    generator = np.random.default_rng(seed)
    ring = np.array(shape.exterior.coords)[:-1]
    return shapely.Polygon(ring + generator.uniform(-by, by, ring.shape))


@pytest.mark.parametrize("seed", range(8))
def test_a_skewed_house_gets_right_angles_about_its_own_direction_and_keeps_its_area(seed: int) -> None:
    generator = np.random.default_rng(seed)
    width, height, turn = generator.uniform(30, 80), generator.uniform(30, 80), generator.uniform(0, 90)
    house = affinity.rotate(shapely.box(0, 0, width, height), turn)
    drawn = jittered(house, 3, seed)
    (found,) = squared(np.array([drawn], object))
    np.testing.assert_allclose(angles(found), 90, atol=0.2)
    assert found.area == pytest.approx(drawn.area, rel=0.003)
    assert found.intersection(house).area > 0.85 * house.union(found).area


@pytest.mark.parametrize("seed", range(4))
def test_an_l_shape_with_a_court_is_squared_all_around(seed: int) -> None:
    court = [(10, 10), (30, 10), (30, 30), (10, 30)]
    shape = shapely.Polygon([(0, 0), (90, 0), (90, 40), (40, 40), (40, 100), (0, 100)], [court])
    turned = affinity.rotate(shape, 10 + 20 * seed)
    generator = np.random.default_rng(seed)
    outer = np.array(turned.exterior.coords)[:-1] + generator.uniform(-2, 2, (6, 2))
    drawn = shapely.Polygon(outer, [np.array(turned.interiors[0].coords)])
    (found,) = squared(np.array([drawn], object))
    turns = angles(found)
    assert len(turns) == 6
    np.testing.assert_allclose(turns, 90, atol=0.3)
    assert len(found.interiors) == 1
    assert found.area == pytest.approx(drawn.area, rel=0.02)


@pytest.mark.parametrize("seed", range(4))
def test_a_wall_between_two_houses_stays_one_wall(seed: int) -> None:
    generator = np.random.default_rng(seed)
    corners = np.array([(0, 0), (50, 0), (110, 0), (0, 60), (50, 60), (110, 60)]) + generator.uniform(-3, 3, (6, 2))
    one, other = shapely.Polygon(corners[[0, 1, 4, 3]]), shapely.Polygon(corners[[1, 2, 5, 4]])
    found = squared(np.array([one, other], object))
    assert shapely.intersection(*found).area == pytest.approx(0, abs=1e-9)
    wall = shapely.intersection(*found)
    assert wall.length == pytest.approx(found[0].intersection(found[1].exterior).length)
    assert wall.length > 50
    assert shapely.union_all(found).geom_type == "Polygon"  # no gap between them
    for before, after in zip((one, other), found, strict=True):
        assert after.is_valid
        assert after.area == pytest.approx(before.area, rel=0.02)


def test_a_round_tank_and_a_triangle_keep_their_shape_near_enough() -> None:
    tank = shapely.Point(50, 50).buffer(30, quad_segs=6)
    triangle = shapely.Polygon([(200, 0), (260, 5), (220, 60)])
    found = squared(np.array([tank, triangle], object))
    for before, after in zip((tank, triangle), found, strict=True):
        assert after.is_valid
        assert after.area == pytest.approx(before.area, rel=0.02)
        assert after.intersection(before).area > 0.7 * after.union(before).area


def outlines_of(labels: np.ndarray) -> np.ndarray:
    """The outlines of numbered regions along the pixels' sides."""
    from rasterio.features import shapes

    found = [shapely.geometry.shape(each) for each, number in shapes(labels, connectivity=4) if number]
    return np.array(found, object)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_regions_come_they_stay_valid_apart_and_of_their_area(seed: int) -> None:
    generator = np.random.default_rng(seed)
    heights = ndimage.gaussian_filter(generator.normal(size=(160, 160)), 6)
    blobs = (heights > np.quantile(heights, 0.5)).astype(np.int32)
    cut = 1 + (np.arange(160)[:, None] // 37) * 5 + np.arange(160)[None] // 41  # walls through the blobs
    shapes = simplified(outlines_of(np.where(blobs, cut, 0).astype(np.int32)), 4.0)
    shapes = shapes[shapely.is_valid(shapes) & (shapely.area(shapes) > 20)]
    assert len(shapes) > 10
    found = squared(shapes)
    assert shapely.is_valid(found).all()
    np.testing.assert_allclose(shapely.area(found), shapely.area(shapes), rtol=0.02)
    for one in range(len(found)):
        others = shapely.intersection(found[one], np.delete(found, one))
        assert shapely.area(others).max() < 1e-3
    assert not shapely.equals_exact(found, shapes, 1e-9).all()  # and not by leaving them all as they were


@pytest.mark.parametrize("seed", range(6))
def test_most_houses_of_a_ragged_row_are_squared(seed: int) -> None:
    generator = np.random.default_rng(seed)
    rows, columns = np.indices((260, 260))
    turn = np.radians(generator.uniform(5, 40))
    along = (columns - 130) * np.cos(turn) + (rows - 130) * np.sin(turn)
    across = (rows - 130) * np.cos(turn) - (columns - 130) * np.sin(turn)
    ragged = ndimage.gaussian_filter(generator.normal(size=(2, 260, 260)), (0, 4, 4)) * 15
    along, across = along + ragged[0], across + ragged[1]
    labels = np.zeros((260, 260), np.int32)
    for row in range(3):  # three rows of houses wall to wall
        for house in range(5):
            first = 32 * (house - 2.5)
            inside = (np.abs(across - 55 * (row - 1)) < 18) & (along >= first) & (along < first + 32)
            labels[inside] = 1 + 5 * row + house
    shapes = simplified(outlines_of(labels), 7.0)
    shapes = shapes[shapely.area(shapes) > 200]
    found = squared(shapes)
    right = [np.minimum(angles(each), np.abs(angles(each) - 90)).max() < 1 for each in found]
    before = [np.minimum(angles(each), np.abs(angles(each) - 90)).max() < 1 for each in shapes]
    print(sum(right), len(found), sum(before))
    assert sum(right) >= 0.5 * len(found) > 2 * sum(before)


def test_of_nothing_comes_nothing() -> None:
    assert len(squared(np.array([], object))) == 0
