"""Objects are found once, by their best polygon."""

import numpy as np
import pytest
import shapely

from limner.segment.measures.objects import score_objects


def boxes(*corners: tuple[float, float, float, float]) -> np.ndarray:
    return np.array([shapely.box(*each) for each in corners], object)


def test_perfect_maps_find_all() -> None:
    truth = boxes((0, 0, 2, 2), (4, 0, 6, 2), (8, 8, 9, 12))
    scores = score_objects(truth[::-1], truth)
    assert (scores.precision, scores.recall, scores.f1, scores.mean_iou) == (1, 1, 1, 1)
    assert scores.count_error == scores.area_error == 0


def test_each_object_and_each_polygon_counts_once() -> None:
    truth = boxes((0, 0, 10, 10))
    halves = boxes((0, 0, 10, 6), (0, 0, 10, 9), (20, 20, 21, 21))
    scores = score_objects(halves, truth)
    assert scores.found == 1 and scores.mean_iou == pytest.approx(0.9)
    assert scores.precision == pytest.approx(1 / 3) and scores.recall == 1
    assert scores.f1 == pytest.approx(0.5) and scores.count_error == 2
    assert scores.area_error == pytest.approx(0.1)


def test_half_overlaps_count_and_less_do_not() -> None:
    truth = boxes((0, 0, 10, 10))
    assert score_objects(boxes((0, 0, 10, 5)), truth).found == 1
    assert score_objects(boxes((0, 0, 10, 4.9)), truth).found == 0
    assert score_objects(boxes((0, 0, 10, 8)), truth, iou=0.9).found == 0


def test_one_polygon_over_two_objects_finds_neither() -> None:
    truth = boxes((0, 0, 4, 4), (5, 0, 9, 4))
    assert score_objects(boxes((0, 0, 9, 4)), truth).f1 == 0


def test_the_best_pairs_come_first() -> None:
    """A polygon that overlaps two objects goes to the one that it fits best."""
    truth = boxes((0, 0, 10, 10), (0, 1, 10, 11))
    scores = score_objects(boxes((0, 1, 10, 11), (0, 0, 10, 9)), truth)
    assert scores.found == 2 and scores.mean_iou == pytest.approx((1 + 0.9) / 2)


def test_nothing_to_divide_by_is_none() -> None:
    none = np.array([], object)
    empty = score_objects(none, none)
    assert (empty.precision, empty.recall, empty.f1, empty.mean_iou) == (None, None, None, None)
    missed = score_objects(none, boxes((0, 0, 1, 1)))
    assert (missed.precision, missed.recall, missed.f1) == (None, 0, 0)
    assert missed.to_json()["true"] == 1
