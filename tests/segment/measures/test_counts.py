"""Counts are exact, add up, and give the paper's own scores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from limner.segment.measures.counts import Counts, Scores, mean_scores


def random_masks(seed, shape=(40, 50), classes=2):
    generator = np.random.default_rng(seed)
    return [generator.integers(0, classes, shape).astype(np.uint8) for _ in range(2)]


def counts_of_three_loops(truth, prediction, classes, ignore=255):
    matrix = np.zeros((classes, classes), np.int64)
    for row in range(truth.shape[0]):
        for column in range(truth.shape[1]):
            if truth[row, column] != ignore and prediction[row, column] != ignore:
                matrix[truth[row, column], prediction[row, column]] += 1
    return matrix


@pytest.mark.parametrize("classes", [2, 3, 13])
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.uint16])
def test_counts_agree_with_a_slow_loop_and_leave_ignored_pixels_out(classes, dtype):
    truth, prediction = (mask.astype(dtype) for mask in random_masks(0, (33, 47), classes))
    truth[:5, :9] = 255
    prediction[20:, 3] = 255
    counted = Counts.of(truth, prediction, classes)
    assert np.array_equal(counted.matrix, counts_of_three_loops(truth, prediction, classes))
    assert counted.matrix.dtype == np.int64


def test_another_value_than_255_can_mean_ignore():
    counted = Counts.of(np.array([[0, 1, 9]]), np.array([[0, 0, 1]]), 2, ignore=9)
    assert counted.matrix.tolist() == [[1, 0], [1, 0]]


@given(arrays(np.uint8, (2, 64), elements=st.sampled_from([0, 1, 255])), st.integers(1, 63))
def test_counts_of_two_parts_add_up_to_the_counts_of_the_whole(masks, cut):
    truth, prediction = masks
    whole = Counts.of(truth, prediction)
    assert Counts.of(truth[:cut], prediction[:cut]) + Counts.of(truth[cut:], prediction[cut:]) == whole


@given(arrays(np.int64, (2, 2), elements=st.integers(0, 10**12)))
def test_f1_and_iou_say_the_same_in_two_ways(matrix):
    counts = Counts(matrix)
    f1, iou = counts.f1(), counts.iou()
    if f1 is None:
        assert iou is None
        return
    assert iou == pytest.approx(f1 / (2 - f1))
    if counts.precision() and counts.recall():
        harmonic = 2 * counts.precision() * counts.recall() / (counts.precision() + counts.recall())
        assert f1 == pytest.approx(harmonic)


def test_counts_do_not_overflow_beyond_32_bits():
    large = Counts(np.array([[2**40, 1], [0, 2**40]]))
    assert (large + large).pixels == 2**42 + 2


@pytest.mark.parametrize(
    ("truth", "prediction", "words"),
    [
        (np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8), r"\(2, 2\).*\(2, 3\)"),
        (np.array([0, 2], np.uint8), np.array([0, 0], np.uint8), "class 2"),
        (np.array([0, 1], np.int64), np.array([0, 300], np.int64), "prediction holds 0..300"),
        (np.array([0, -1], np.int64), np.array([0, 1], np.int64), "truth holds -1..0"),
    ],
)
def test_masks_that_cannot_be_counted_are_refused_in_words(truth, prediction, words):
    with pytest.raises(ValueError, match=words):
        Counts.of(truth, prediction, 2)


@pytest.mark.parametrize("matrix", [[[1, 2, 3], [4, 5, 6]], [[0.5, 1], [1, 1]], [[-1, 0], [0, 0]], [[1]]])
def test_a_matrix_that_is_no_table_of_counts_is_refused(matrix):
    with pytest.raises(ValueError, match="counts"):
        Counts(np.array(matrix))


def test_scores_are_undefined_only_where_nothing_can_be_divided():
    empty = Counts(np.array([[10, 0], [0, 0]]))
    assert empty.scores() == Scores(None, None, None, None, 1.0)
    missed = Counts(np.array([[6, 0], [4, 0]]))
    assert missed.scores() == Scores(None, 0.0, 0.0, 0.0, 0.6)
    invented = Counts(np.array([[6, 4], [0, 0]]))
    assert invented.scores() == Scores(0.0, None, 0.0, 0.0, 0.6)
    assert Counts.zero(2).scores() == Scores(None, None, None, None, None)


def test_more_than_two_classes_score_by_their_mean_and_each_class_by_itself():
    counts = Counts.of(*random_masks(3, classes=4), 4)
    each = [counts.scores(number) for number in range(4)]
    assert counts.scores().f1 == pytest.approx(sum(one.f1 for one in each) / 4)
    assert counts.scores().accuracy == counts.accuracy
    tp, fp, fn, tn = counts.cells(2)
    assert (tp + fp + fn + tn, tp + fn) == (counts.pixels, counts.truth_pixels[2])


def test_constants_score_what_one_color_maps_would():
    truth, prediction = random_masks(4)
    counts = Counts.of(truth, prediction)
    for number in (0, 1):
        assert counts.constant(number) == Counts.of(truth, np.full_like(truth, number))
    assert counts.constant(0).scores()[:3] == (None, 0.0, 0.0)
    share = counts.share(1)
    assert counts.constant(1).f1() == pytest.approx(2 * share / (1 + share))
    assert counts.constant(0).accuracy == pytest.approx(1 - share)


def test_the_plain_mean_leaves_undefined_scores_out():
    assert mean_scores([Scores(None, 0.2, 0.1, None, 1.0), Scores(0.5, 0.4, 0.3, None, 0.0)]) == Scores(
        0.5, pytest.approx(0.3), pytest.approx(0.2), None, 0.5
    )


SUPPLEMENT = {  # the authors' error maps (github.com/sinaghassemi/eusipco2018), counted by color
    # area: TP, FP, FN, TN; precision, recall; F1, accuracy, buildings, accuracy of all background, in percent
    "D12": ((1516161, 621307, 883762, 23778946), (0.709, 0.632), (66.83, 94.38, 8.95, 91.05)),
    "D19": ((497935, 183474, 328316, 7006251), (0.731, 0.603), (66.05, 93.62, 10.31, 89.69)),
    "D22": ((1549563, 543497, 608235, 55086481), (0.740, 0.718), (72.91, 98.01, 3.73, 96.27)),
}


@pytest.mark.parametrize("area", SUPPLEMENT)
def test_the_authors_error_maps_give_their_scores(area):
    (tp, fp, fn, tn), ratios, percents = SUPPLEMENT[area]
    counts = Counts(np.array([[tn, fp], [fn, tp]]))
    assert counts.cells() == (tp, fp, fn, tn)
    assert (round(counts.precision(), 3), round(counts.recall(), 3)) == ratios
    found = (counts.f1(), counts.accuracy, counts.share(1), counts.constant(0).accuracy)
    assert tuple(round(100 * value, 2) for value in found) == percents
