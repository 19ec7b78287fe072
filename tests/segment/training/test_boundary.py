"""U-Net's weights, against loops over every pixel and every object in float64."""

import math

import numpy as np
import pytest
import torch

from limner.segment.labels.depths import object_borders
from limner.segment.training.boundary import boundary_weights, label_objects, reach_px
from limner.segment.training.losses import cross_entropy_boundary

IGNORE = 255


def slow_objects(mask: np.ndarray) -> list[set[tuple[int, int]]]:
    """4-connected regions of each class other than 0, by flooding."""
    left = {(row, column) for row, column in np.ndindex(*mask.shape) if mask[row, column] not in (0, IGNORE)}
    found = []
    while left:
        flood = [left.pop()]
        region = set(flood)
        while flood:
            row, column = flood.pop()
            for other in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
                if other in left and mask[other] == mask[row, column]:
                    left.remove(other)
                    region.add(other)
                    flood.append(other)
        found.append(region)
    return found


def slow_border(mask: np.ndarray, region: set[tuple[int, int]]) -> list[tuple[int, int]]:
    border = []
    for row, column in region:
        for place in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            inside = 0 <= place[0] < mask.shape[0] and 0 <= place[1] < mask.shape[1]
            if inside and place not in region and mask[place] != IGNORE:
                border.append((row, column))
                break
    return border


def slow_weights(mask: np.ndarray, peak: float, sigma: float) -> np.ndarray:
    """Eq. 2's second term from all distances, nothing left out."""
    borders = [border for region in slow_objects(mask) if (border := slow_border(mask, region))]
    weights = np.zeros(mask.shape)
    for row, column in np.ndindex(*mask.shape):
        distances = sorted(min(math.hypot(row - r, column - c) for r, c in border) for border in borders)
        if mask[row, column] != IGNORE and len(distances) > 1:
            weights[row, column] = peak * math.exp(-((distances[0] + distances[1]) ** 2) / (2 * sigma**2))
    return weights


def roofs(seed: int, classes: int = 2, size: int = 40) -> np.ndarray:
    """Rectangles, some of which touch or overlap, with a strip where nothing is known."""
    generator = np.random.default_rng(seed)
    mask = np.zeros((size, size + 7), np.uint8)
    for _ in range(9):
        height, width = generator.integers(1, 12, 2)
        row, column = generator.integers(0, size - 2, 2)
        mask[row : row + height, column : column + width] = generator.integers(1, classes)
    mask[generator.integers(size - 3) :][:3] = IGNORE
    return mask


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("classes", "sigma"), [(2, 5.0), (4, 2.0)])
def test_weights_are_those_of_all_distances_but_for_a_thousandth_of_the_peak(seed, classes, sigma):
    mask = roofs(seed, classes)
    expected = slow_weights(mask, 10.0, sigma)
    weights = boundary_weights(mask, 10.0, sigma)
    assert weights.dtype == np.float32
    counts = expected >= 10 * 1e-3 * (1 + 1e-9)
    assert 0.05 < counts.mean() < 0.95
    np.testing.assert_allclose(weights[counts], expected[counts], rtol=1e-5)
    assert weights[~counts].max() <= 10 * 1e-3 * (1 + 1e-5)
    assert (weights[mask == IGNORE] == 0).all()


def test_objects_are_the_regions_that_hang_together_by_edges():
    for seed in range(5):
        mask = roofs(seed, 3)
        objects = label_objects(mask)
        numbered = {
            frozenset(zip(*np.nonzero(objects == number), strict=True)) for number in range(1, objects.max() + 1)
        }
        assert numbered == {frozenset(region) for region in slow_objects(mask)}
    corner = np.array([[1, 0], [0, 1]])
    assert label_objects(corner).max() == 2


def test_the_crops_edge_and_unknown_ground_are_no_border():
    mask = np.zeros((6, 9), np.uint8)
    mask[:, :3] = 1
    mask[:, 6:] = 1
    mask[:, 8] = IGNORE
    borders = object_borders(mask, label_objects(mask))
    assert np.nonzero(borders.any(0))[0].tolist() == [2, 6]
    assert borders[:, 2].all()


def test_the_gap_between_two_walls_has_the_weight_of_its_width():
    for gap in (1, 4, 9, 30):
        mask = np.zeros((50, 20 + gap), np.uint8)
        mask[:, :10] = mask[:, 10 + gap :] = 1
        between = boundary_weights(mask)[:, 10 : 10 + gap]
        # Everywhere between the walls d1 + d2 is the distance from border to border.
        expected = 10 * math.exp(-((gap + 1) ** 2) / 50) if gap + 1 <= reach_px(5) else 0
        np.testing.assert_allclose(between, expected, rtol=1e-6)


@pytest.mark.parametrize("value", [0, 1, IGNORE])
def test_ground_with_fewer_than_two_objects_has_no_boundary_weight(value):
    mask = np.full((20, 30), value, np.uint8)
    assert not boundary_weights(mask).any()
    mask[5:9, 5:9] = 1
    assert not boundary_weights(mask).any()


def test_the_loss_weighs_by_class_and_boundary_together():
    masks = np.stack([roofs(1), roofs(2)])
    mask = torch.from_numpy(masks).long()
    between = np.stack([boundary_weights(one, 7.0, 3.0) for one in masks])
    plain = cross_entropy_boundary(7.0, 3.0).pixel_weight(mask)
    np.testing.assert_allclose(plain, np.where(masks == IGNORE, 0, 1 + between), rtol=1e-6)
    weighted = cross_entropy_boundary(7.0, 3.0, weights=(0.5, 4.0)).pixel_weight(mask)
    of_class = np.choose(np.minimum(masks, 2), [0.5, 4.0, 0.0])
    np.testing.assert_allclose(weighted, of_class + between, rtol=1e-6)
    assert plain.dtype == weighted.dtype == torch.float32
