"""Evaluations: the paper's means over areas, JSON that comes back, and tables."""

import json
from pathlib import Path

import numpy as np
import pytest
import shapely

from limner.foundation.errors import UserError
from limner.segment.measures.counts import Counts
from limner.segment.measures.objects import Objects, score_objects
from limner.segment.measures.scores import Evaluation, Protocol


def random_masks(seed, shape=(40, 50), classes=2):
    generator = np.random.default_rng(seed)
    return [generator.integers(0, classes, shape).astype(np.uint8) for _ in range(2)]


TABLE_2 = """
    U-Net(19) 58.17 94.10 61.37 92.10 64.23 96.85 61.25 94.35
    U-Net(35) 59.16 94.12 61.17 93.12 66.32 97.77 62.21 95.00
    Prop-18   57.08 93.87 63.58 92.89 67.75 97.54 62.80 94.76
    Prop-34   59.17 94.12 65.92 93.48 69.83 97.85 64.97 95.15
    Prop-50   58.33 93.49 64.10 93.39 69.92 97.85 64.11 94.91
    Prop-101  64.95 94.45 67.26 93.59 70.65 97.83 67.62 95.29
    Prop-152  67.72 94.70 68.01 93.61 72.93 97.91 69.55 95.40
    Prop-200  67.70 94.48 66.86 93.49 71.85 97.84 68.80 95.27
"""  # F1 and accuracy of D12, D19, D22, and the means; U-Net(35)'s mean accuracy is misprinted there as 95.03


def counts_with(f1, accuracy):
    """Counts with exactly these scores, given in hundredths of a percent."""
    tp, errors, wrong = f1, 2 * (10_000 - f1), 10_000 - accuracy  # F1 = 2 TP / (2 TP + errors)
    all_pixels = errors * 10_000
    return Counts(np.array([[all_pixels - (tp + errors) * wrong, errors * wrong], [0, tp * wrong]]))


@pytest.mark.parametrize("line", TABLE_2.strip().splitlines(), ids=lambda line: line.split()[0])
def test_the_means_of_table_2_are_plain_means_over_areas_cut_after_two_digits(line):
    hundredths = [round(100 * float(number)) for number in line.split()[1:]]
    areas = {
        name: counts_with(*hundredths[2 * place : 2 * place + 2]) for place, name in enumerate(("D12", "D19", "D22"))
    }
    assert [areas["D12"].f1(), areas["D12"].accuracy] == [hundredths[0] / 10_000, hundredths[1] / 10_000]
    mean = Evaluation(areas, Protocol("all labelled pixels")).mean()
    assert [int(10_000 * value + 1e-6) for value in (mean.f1, mean.accuracy)] == hundredths[6:]


def evaluation(**protocol):
    areas = {name: Counts.of(*random_masks(seed)) for seed, name in enumerate(("north", "south"))}
    return Evaluation(areas, Protocol("all labelled pixels", **protocol), unmapped={"north": 7})


def test_an_evaluation_comes_back_from_its_json():
    first = evaluation(threshold=0.4, normalization="scene")
    again = Evaluation.from_json(json.loads(json.dumps(first.to_json())))
    assert again.areas == first.areas
    assert (again.protocol, again.class_names) == (first.protocol, first.class_names)
    assert again.to_json() == first.to_json() | {"areas": again.to_json()["areas"]}
    assert again.unmapped == {"north": 7, "south": 0}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format_version": 99}, "format version 99"),
        ({"areas": {}}, "at least one area"),
        ({"areas": {"a": {"counts": [[1, 2]], "unmapped": 0}}}, "shape"),
        ({"areas": None}, "not an evaluation"),
        ({"protocol": {"pixels": "all", "color": 1}}, "not an evaluation"),
        ({"classes": ["one", "two", "three"]}, "3 class names"),
    ],
)
def test_a_broken_evaluation_is_one_line_that_names_it(change, words):
    with pytest.raises(UserError, match=words) as caught:
        Evaluation.from_json({**evaluation().to_json(), **change}, source="runs/a/evaluation.json")
    assert str(caught.value).startswith("runs/a/evaluation.json: ")


def test_the_table_has_areas_mean_pool_and_both_constants():
    table = evaluation(threshold=0.4).to_markdown()
    names = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("|")][2:]
    expected = ["north", "south", "**mean over areas**", "pooled", "all background (mean)", "all object (mean)"]
    assert names == expected
    assert "Threshold: 0.4" in table and "7 labelled pixels are in no score" in table


def test_the_table_of_many_classes_lists_each_class():
    areas = {"a": Counts.of(*random_masks(1, classes=3), 3)}
    table = Evaluation(areas, Protocol("all labelled pixels"), ("land", "water", "road | path")).to_markdown()
    assert "| water |" in table and "| road \\| path |" in table


def test_objects_stand_beside_the_pixels_and_are_read_back() -> None:
    squares = np.array([shapely.box(0, 0, 2, 2), shapely.box(5, 5, 7, 7)])
    objects = Objects(
        {"north": score_objects(squares[:1], squares), "south": score_objects(squares, squares)}, "as said"
    )
    areas = {name: Counts.of(np.array([0, 1, 1]), np.array([0, 1, 0]), 2) for name in ("north", "south")}
    found = Evaluation(areas, Protocol("all labelled pixels"), objects=objects)
    again = Evaluation.from_json(json.loads(json.dumps(found.to_json())))
    assert again.objects == objects
    assert again.objects.mean()["f1"] == pytest.approx((2 / 3 + 1) / 2)
    assert again.objects.mean()["count_error"] == -0.25
    table = found.to_markdown()
    assert "| north | 2 | 1 | 66.67 | 100.00 | 50.00 | -50.00 | 0.00 | - |" in table
    assert "| **mean over areas** |  |  | 83.33 | 100.00 | 75.00 | -25.00 | 0.00 | - |" in table
    assert table.rstrip().endswith("Objects: as said.")


def test_an_evaluation_of_before_objects_were_counted_has_none() -> None:
    path = Path(__file__).parents[2] / "fixtures" / "runs-0.1.0" / "segment" / "evaluation.json"
    found = Evaluation.from_json(json.loads(path.read_text(encoding="utf-8")))
    assert found.objects.areas == {} and "objects" not in found.to_json()
    assert "objects" not in found.to_markdown()
