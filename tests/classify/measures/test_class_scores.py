"""Scores are those of scikit-learn, their intervals hold what they should, and they say what may mislead."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, f1_score, precision_score

from limner.classify.measures.scores import Evaluation, evaluate_logits, wilson
from limner.foundation.errors import UserError

NAMES = tuple("abcdefgh")


def draw(count: int = 400, sure: float = 2.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits that are right more often than not, and classes."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, len(NAMES), (count,), generator=generator)
    logits = torch.randn(count, len(NAMES), generator=generator)
    logits[torch.arange(count), labels] += sure
    return logits, labels


def scored(count: int = 400) -> Evaluation:
    logits, labels = draw(count)
    return evaluate_logits(logits, labels, NAMES, on="drawn", learned=[9, 1, 1, 1, 1, 1, 1, 1])


def test_scores_are_those_of_scikit_learn() -> None:
    logits, labels = draw()
    said, found = logits.argmax(1), scored()
    assert np.array_equal(found.confusion, confusion_matrix(labels, said))
    assert found.accuracy == pytest.approx(accuracy_score(labels, said))
    assert found.mean_recall == pytest.approx(balanced_accuracy_score(labels, said))
    assert [each.f1 for each in found.classes()] == pytest.approx(f1_score(labels, said, average=None).tolist())
    precision = precision_score(labels, said, average=None).tolist()
    assert [each.precision for each in found.classes()] == pytest.approx(precision)
    top5 = sum(label in row.topk(5).indices for row, label in zip(logits, labels, strict=True))
    assert found.top5_accuracy == pytest.approx(top5 / 400)
    assert found.loss == pytest.approx(float(torch.nn.functional.cross_entropy(logits, labels)), rel=1e-5)
    assert found.trivial == ("a", pytest.approx(float((labels == 0).float().mean())))


def test_calibration_is_the_mean_distance_of_confidence_and_accuracy() -> None:
    logits, labels = draw()
    confidence, said = logits.softmax(1).max(1)
    expected = 0.0
    for place in range(10):
        inside = (confidence >= place / 10) & (confidence < (place + 1) / 10)
        if inside.any():
            right = (said == labels)[inside].float().mean()
            expected += float(inside.float().mean() * (confidence[inside].mean() - right).abs())
    assert scored().calibration_error == pytest.approx(expected, abs=1e-5)


def test_who_says_as_often_as_it_is_right_is_calibrated_and_who_boasts_is_not() -> None:
    generator = torch.Generator().manual_seed(1)
    logits = 2 * torch.randn(4000, len(NAMES), generator=generator)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    assert evaluate_logits(logits, labels, NAMES, on="drawn").calibration_error < 0.03
    assert evaluate_logits(10 * logits, labels, NAMES, on="drawn").calibration_error > 0.2


def test_intervals_hold_the_share_in_95_of_100_draws() -> None:
    chance = np.random.default_rng(0)
    for share, count in ((0.5, 20), (0.9, 30), (0.98, 100)):
        hits = chance.binomial(count, share, 4000)
        inside = np.mean([low <= share <= high for low, high in (wilson(int(each), count) for each in hits)])
        assert 0.92 <= inside <= 0.985
    assert wilson(0, 10)[0] == 0 and wilson(10, 10)[1] == pytest.approx(1) and wilson(0, 0) == (0.0, 1.0)


def test_what_json_holds_comes_back() -> None:
    found = scored()
    back = Evaluation.from_json(json.loads(json.dumps(found.to_json())))
    assert back.to_json() == found.to_json()
    assert back.line() == found.line()
    with pytest.raises(UserError, match=r"x.json: not an evaluation of a classifier"):
        Evaluation.from_json({"confusion": [[1, 2], [3]]}, "x.json")


def test_confusions_are_told_the_most_frequent_first() -> None:
    confusion = np.array([[5, 2, 0], [0, 5, 7], [1, 0, 5]])
    found = Evaluation(("x", "y", "z"), confusion, None, 0.1, np.zeros((10, 3)), "drawn")
    assert found.confusions() == [("y", "z", 7), ("x", "y", 2), ("z", "x", 1)]
    assert "y | z | 7" in found.to_markdown()


def test_what_may_mislead_stands_first() -> None:
    few = scored(40)
    assert few.to_markdown().startswith("Careful: only 40 pictures: the accuracy may lie anywhere from ")
    confusion = np.array([[150, 0, 0], [60, 0, 0], [0, 0, 0]])
    useless = Evaluation(("x", "y", "z"), confusion, None, 0.1, np.zeros((10, 3)), "drawn")
    first, second = useless.to_markdown().splitlines()[:2]
    assert first == "Careful: no better than always saying 'x'."
    assert second == "Careful: no picture of 1 classes (z): nothing is said of them."
    leaking = replace(scored(), extras={"duplicates": [["one", "other"]]})
    assert leaking.to_markdown().startswith("Careful: 1 of these pictures are also among those that were learned from")
    assert scored().to_markdown().startswith("accuracy ")


def test_two_classes_have_no_top_5() -> None:
    found = evaluate_logits(torch.tensor([[1.0, 0], [0, 1]]), torch.tensor([0, 0]), ("x", "y"), on="drawn")
    assert (found.top5_accuracy, found.accuracy) == (None, 0.5)
    assert "top-5" not in found.line()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("top5", float("inf")),
        ("learned", [float("inf"), 1]),
        ("confusion", [[1e300, 0], [0, 1]]),
        ("confusion", [[-1, 0], [0, 1]]),
        ("confusion", [[0, 0], [0, 0]]),
        ("loss", float("nan")),
        ("on", 5),
    ],
)
def test_numbers_that_count_nothing_are_no_evaluation(name: str, value: object) -> None:
    whole = {"class_names": ["a", "b"], "confusion": [[3, 1], [0, 2]], "bins": [[6.0, 4.5, 5.0]], "top5": None,
             "learned": [3, 3], "loss": 0.5, "on": "held out"}  # fmt: skip
    assert Evaluation.from_json(whole, "x.json").pictures == 6
    with pytest.raises(UserError, match=r"x.json: not an evaluation of a classifier"):
        Evaluation.from_json({**whole, name: value}, "x.json")
