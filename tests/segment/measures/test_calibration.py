"""Whether probabilities mean what they say."""

import json
from pathlib import Path

import numpy as np
import pytest

from limner.segment.measures.calibration import BINS, STEPS, Calibration, ThresholdCurve, confidence_counts
from limner.segment.measures.counts import Counts
from limner.segment.measures.scores import Evaluation, Protocol


def drawn(said: np.ndarray, seed: int = 0) -> Calibration:
    """Of pixels that are class 1 just as often as is said."""
    truth = np.random.default_rng(seed).random(said.shape) < said
    return Calibration(confidence_counts(np.stack([1 - said, said]), truth.astype(np.uint8)), "building")


def three_loops(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """The expected calibration error, pixel by pixel: the mean of what was said in each bin against what was true."""
    two = len(probabilities) == 2
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for pixel, label in enumerate(truth):
        said = probabilities[1, pixel] if two else probabilities[:, pixel].max()
        happened = label == 1 if two else label == probabilities[:, pixel].argmax()
        bins[min(int(said * BINS), BINS - 1)].append((said, bool(happened)))
    error = 0.0
    for each in bins:
        if each:
            said, happened = np.array(each).T
            error += abs(said.mean() - happened.mean()) * len(each) / len(truth)
    return error


def test_a_network_that_means_what_it_says_has_no_error() -> None:
    assert drawn(np.random.default_rng(1).random(200_000)).error < 0.005


def test_a_network_that_is_too_sure_has_one() -> None:
    said = np.full(10_000, 0.99)
    truth = (np.arange(10_000) < 7_000).astype(np.uint8)
    calibration = Calibration(confidence_counts(np.stack([1 - said, said]), truth), "building")
    assert calibration.error == pytest.approx(0.29, abs=1 / STEPS)
    assert "off by 29" in calibration.line()
    assert "70.00 % is true" in calibration.line()


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_the_error_is_the_one_counted_pixel_by_pixel(classes: int) -> None:
    draw = np.random.default_rng(classes)
    probabilities = draw.dirichlet(np.full(classes, 0.4), 3000).T
    truth = draw.integers(0, classes, 3000)
    counted = Calibration(confidence_counts(probabilities, truth), "any")
    assert counted.error == pytest.approx(three_loops(probabilities, truth), abs=1 / STEPS)
    assert counted.counts.sum() == 3000


def test_it_comes_back_from_an_evaluation_and_is_told_in_its_notes() -> None:
    calibration = drawn(np.random.default_rng(0).random(1000))
    evaluation = Evaluation({"west": Counts(np.array([[5, 1], [2, 9]]))}, Protocol("all"), calibration=calibration)
    back = Evaluation.from_json(json.loads(json.dumps(evaluation.to_json())))
    assert back.calibration is not None
    assert back.calibration.error == calibration.error
    assert back.calibration == calibration
    assert back.calibration != drawn(np.random.default_rng(1).random(1000))
    assert calibration.line() in back.to_markdown()
    older = evaluation.to_json()
    del older["calibration"]
    assert Evaluation.from_json(older).calibration is None


def test_the_diagram_is_a_picture(tmp_path: Path, drawn_figures: None) -> None:
    picture = drawn(np.random.default_rng(0).random(1000)).draw()
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20


def test_scores_at_a_threshold_are_those_of_the_map_at_it(drawn_figures: None) -> None:
    draw = np.random.default_rng(3)
    truth = draw.integers(0, 2, 4000)
    said = np.clip(0.3 * truth + draw.random(4000) * 0.7, 0, 1)
    curve = ThresholdCurve.of(confidence_counts(np.stack([1 - said, said]), truth))
    for step in (0, 40, 128, 200):
        called = said >= step / STEPS
        counts = Counts.of(truth.astype(np.uint8), called.astype(np.uint8), 2).scores()
        assert curve.threshold[step] == step / STEPS
        assert curve.f1[step] == pytest.approx(counts.f1)
        assert curve.precision[step] == pytest.approx(counts.precision)
        assert curve.recall[step] == pytest.approx(counts.recall)
    assert curve.draw(0.5, "building").shape[2] == 3


def test_curves_of_a_class_that_is_nowhere_are_zero() -> None:
    curve = ThresholdCurve.of(np.zeros((2, STEPS), np.int64))
    assert not curve.f1.any()
    assert not curve.recall.any()
