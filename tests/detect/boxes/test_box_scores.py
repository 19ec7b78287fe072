"""Scores of boxes: VOC's and COCO's average precision, kinds of errors, thresholds and ceilings."""

import math

import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask

from limner.detect.boxes.average_precision import AREA, VOC07, average_precision, average_precisions
from limner.detect.boxes.ceilings import grid_ceiling, proposal_recall
from limner.detect.boxes.coco_scores import coco_scores
from limner.detect.boxes.error_kinds import count_errors, picture_errors
from limner.detect.boxes.matching import Matches, best_threshold, match_class, precision_recall
from limner.detect.boxes.objects import Detections, Objects, no_detections, no_objects

EXACT = "exact"


def objects(*rows: tuple[float, ...], ignored: list[bool] | None = None) -> Objects:
    """Rows of x0, y0, x1, y1, label."""
    table = torch.tensor(rows, dtype=torch.float32).view(-1, 5)
    return Objects(table[:, :4], table[:, 4].long(), None if ignored is None else torch.tensor(ignored))


def found(*rows: tuple[float, ...]) -> Detections:
    """Rows of x0, y0, x1, y1, label, score."""
    table = torch.tensor(rows, dtype=torch.float32).view(-1, 6)
    return Detections(table[:, :4], table[:, 4].long(), table[:, 5])


def drawn(pictures: int = 6, seed: int = 0) -> tuple[list[Detections], list[Objects]]:
    """Objects of two classes, and detections that are right, beside, doubled, of the other class or nowhere."""
    generator = np.random.default_rng(seed)
    detections, truths = [], []
    for _ in range(pictures):
        rows, guesses = [], []
        for _ in range(generator.integers(0, 6)):
            x, y = generator.integers(0, 300, 2)
            w, h = generator.integers(8, 150, 2)
            label = generator.integers(0, 2)
            rows.append((x, y, x + w, y + h, label))
            for _ in range(generator.integers(0, 3)):
                dx, dy, dw, dh = generator.normal(0, 0.12, 4) * (w, h, w, h)
                said = label if generator.random() < 0.8 else 1 - label
                guesses.append(
                    (x + dx, y + dy, x + dx + max(1, w + dw), y + dy + max(1, h + dh), said, generator.random())
                )
        for _ in range(generator.integers(0, 3)):
            x, y = generator.integers(0, 300, 2)
            guesses.append((x, y, x + 40, y + 40, 0, generator.random()))
        truths.append(objects(*rows))
        detections.append(found(*guesses))
    return detections, truths


def iou(a: list[float], b: list[float]) -> float:
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(0.0, w) * max(0.0, h)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def judged_by_loop(detections: list[Detections], truths: list[Objects], label: int) -> list[bool]:
    every = [
        (float(each.scores[place]), number, each.boxes[place].tolist())
        for number, each in enumerate(detections)
        for place in range(len(each.boxes))
        if each.labels[place] == label
    ]
    taken, flags = set(), []
    for _, number, box in sorted(every, key=lambda one: -one[0]):
        there = truths[number]
        overlaps = [
            (iou(box, there.boxes[place].tolist()), place)
            for place in range(len(there.boxes))
            if there.labels[place] == label
        ]
        overlap, place = max(overlaps, default=(0.0, -1))
        flags.append(overlap >= 0.5 and (number, place) not in taken)
        if flags[-1]:
            taken.add((number, place))
    return flags


@pytest.mark.parametrize("seed", range(4))
def test_matches_are_those_of_a_loop_and_average_precision_that_of_its_definition(seed: int) -> None:
    detections, truths = drawn(seed=seed)
    for label in range(2):
        matches = match_class(detections, truths, label)
        flags = judged_by_loop(detections, truths, label)
        total = sum(int((each.labels == label).sum()) for each in truths)
        assert matches.correct.tolist() == flags
        assert matches.total == total
        points = [(sum(flags[: n + 1]) / total, sum(flags[: n + 1]) / (n + 1)) for n in range(len(flags))]
        eleven = [max((p for r, p in points if r >= t / 10 - 1e-9), default=0.0) for t in range(11)]
        assert average_precision(matches, VOC07) == pytest.approx(sum(eleven) / 11)
        steps = sum(max(p for r, p in points if r >= (k + 1) / total - 1e-9) for k in range(sum(flags))) / total
        assert average_precision(matches, AREA) == pytest.approx(steps)


def test_average_precision_of_a_case_by_hand() -> None:
    matches = Matches(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, True, False]), 4)
    assert average_precision(matches, AREA) == pytest.approx(0.25 * 1 + 0.25 * 2 / 3)
    assert average_precision(matches, VOC07) == pytest.approx((3 * 1 + 3 * 2 / 3) / 11)
    assert math.isnan(average_precision(Matches(np.array([0.9]), np.array([False]), 0)))
    with pytest.raises(ValueError, match="voc12"):
        average_precision(matches, "voc12")


def test_three_of_ten_reach_the_recall_of_three_tenths() -> None:
    matches = Matches(np.linspace(1, 0.5, 3), np.ones(3, bool), 10)
    assert average_precision(matches, VOC07) == pytest.approx(4 / 11)


def test_a_label_of_nought_is_a_class() -> None:
    truths, right = [objects((0, 0, 10, 10, 0))], [found((0, 0, 10, 10, 0, 0.9))]
    assert average_precisions(right, truths, 2)[0] == 1
    assert math.isnan(average_precisions(right, truths, 2)[1])
    assert coco_scores(right, truths, 2).by_class_50[0] == pytest.approx(1)


def test_ignored_objects_are_neither_to_be_found_nor_wrong_where_found() -> None:
    truths = [objects((0, 0, 10, 10, 0), (50, 50, 60, 60, 0), ignored=[False, True])]
    detections = [found((0, 0, 10, 10, 0, 0.5), (50, 50, 60, 60, 0, 0.9), (50, 50, 60, 59, 0, 0.8))]
    assert match_class(detections, truths, 0).correct.tolist() == [True]
    assert average_precisions(detections, truths, 1)[0] == 1
    assert coco_scores(detections, truths, 1).ap == pytest.approx(1)
    errors = picture_errors(detections[0], truths[0])
    assert errors.kinds == ["right", "ignored", "ignored"]
    assert errors.missed.tolist() == []


def test_pictures_with_nothing_in_them_or_nothing_found_are_scored() -> None:
    truths = [no_objects(), objects((0, 0, 40, 40, 0))]
    nothing = [no_detections(), no_detections()]
    assert average_precisions(nothing, truths, 1).tolist() == [0]
    assert coco_scores(nothing, truths, 1).ap == 0
    assert best_threshold(precision_recall(match_class(nothing, truths, 0))) is None
    wrong = [found((0, 0, 9, 9, 0, 0.9)), no_detections()]
    assert match_class(wrong, truths, 0).correct.tolist() == [False]
    assert math.isnan(coco_scores(wrong, [no_objects()] * 2, 1).ap)
    assert picture_errors(wrong[0], truths[0]).kinds == ["background"]
    assert picture_errors(nothing[1], truths[1]).missed.tolist() == [0]


@pytest.mark.parametrize("seed", range(3))
def test_cocos_ap50_is_close_to_the_area_and_equal_where_boxes_are_apart(seed: int) -> None:
    detections, truths = drawn(12, seed)
    scores = coco_scores(detections, truths, 2)
    area = average_precisions(detections, truths, 2)
    # COCO reads 101 recalls, and gives a detection the best object that is still free.
    assert scores.by_class_50 == pytest.approx(area, abs=0.05)
    assert scores.ap50 == pytest.approx(np.nanmean(scores.by_class_50))
    assert scores.ap == pytest.approx(np.nanmean(scores.by_class))
    assert scores.ap <= scores.ap50
    assert scores.recall_1 <= scores.recall_10 <= scores.recall_100 <= scores.recall_50


def test_cocos_sizes_and_recalls() -> None:
    truths = [objects((0, 0, 20, 20, 0), (100, 100, 150, 150, 0), (200, 200, 400, 400, 0))]
    detections = [found((0, 0, 20, 20, 0, 0.9), (200, 200, 400, 400, 0, 0.8))]
    scores = coco_scores(detections, truths, 1)
    assert (scores.small, scores.medium, scores.large) == pytest.approx((1, 0, 1))
    assert scores.recall_100 == pytest.approx(2 / 3)
    assert scores.recall_1 == pytest.approx(1 / 3)


def test_cocos_scores_of_masks_see_what_boxes_do_not() -> None:
    def code(mask: np.ndarray) -> dict:
        return coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))

    triangle = np.tri(40, dtype=bool)
    boxes, labels = torch.tensor([[0.0, 0, 40, 40]]), torch.tensor([0])
    truths = [Objects(boxes, labels, masks=[code(triangle)])]
    same = [Detections(boxes, labels, torch.tensor([0.9]), [code(triangle)])]
    full = [Detections(boxes, labels, torch.tensor([0.9]), [code(np.ones((40, 40)))])]
    assert coco_scores(same, truths, 1, masks=True).ap == pytest.approx(1)
    assert coco_scores(full, truths, 1).ap == pytest.approx(1)
    assert coco_scores(full, truths, 1, masks=True).ap == pytest.approx(0.1)  # an IoU of 820 / 1600
    with pytest.raises(ValueError, match="masks"):
        coco_scores(full, [Objects(boxes, labels)], 1, masks=True)


def test_each_kind_of_error_is_told() -> None:
    truths = objects((0, 0, 100, 100, 0), (200, 0, 300, 100, 1), (0, 200, 100, 300, 0), (200, 200, 300, 300, 1))
    detections = found(
        (0, 0, 100, 98, 0, 0.8),  # right
        (0, 0, 100, 95, 0, 0.7),  # the same again
        (200, 0, 300, 100, 0, 0.9),  # of class 1
        (0, 200, 100, 230, 0, 0.6),  # 0.3 of it
        (200, 200, 300, 220, 0, 0.6),  # 0.2 of another class's
        (400, 400, 440, 440, 1, 0.5),
    )
    errors = picture_errors(detections, truths)
    assert errors.kinds == ["right", "duplicate", "class", "place", "class", "background"]
    assert errors.missed.tolist() == [1, 2, 3]
    assert count_errors([errors, errors]) == {
        "right": 2, "duplicate": 2, "class": 4, "place": 2, "background": 2, "ignored": 0, "missed": 6,
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_right_and_missed_add_up_to_the_objects(seed: int) -> None:
    detections, truths = drawn(seed=seed)
    counts = count_errors([picture_errors(*both) for both in zip(detections, truths, strict=True)])
    assert counts["right"] + counts["missed"] == sum(len(each.boxes) for each in truths)
    assert counts["right"] == sum(int(match_class(detections, truths, label).correct.sum()) for label in range(2))


@pytest.mark.parametrize("seed", range(4))
def test_the_best_threshold_is_the_best_of_all(seed: int) -> None:
    detections, truths = drawn(seed=seed)
    matches = [match_class(detections, truths, label) for label in range(2)]
    best = best_threshold(precision_recall(*matches))
    total = sum(each.total for each in matches)
    tried = []
    for score in np.concatenate([each.scores for each in matches]):
        right = sum(int(each.correct[each.scores >= score].sum()) for each in matches)
        taken = sum(int((each.scores >= score).sum()) for each in matches)
        tried.append((2 * right / (taken + total), score))
    assert best is not None
    assert (best.f1, best.score) == pytest.approx(max(tried))


def test_detections_of_one_score_are_taken_together() -> None:
    curve = precision_recall(Matches(np.array([0.9, 0.5, 0.5, 0.5]), np.array([False, True, False, True]), 2))
    assert curve.scores.tolist() == [0.9, 0.5]
    assert curve.precision.tolist() == [0, 0.5]
    assert curve.recall.tolist() == [0, 1]


def test_recall_of_proposals_is_the_share_of_objects_that_one_covers() -> None:
    truths = [objects((0, 0, 20, 20, 0), (100, 100, 200, 200, 1)), no_objects(), objects((0, 0, 50, 50, 1))]
    proposals = [torch.tensor([[0.0, 0, 20, 12], [90, 100, 200, 200]]), torch.zeros(0, 4), torch.zeros(0, 4)]
    recall = proposal_recall(proposals, truths)
    assert recall.best.tolist() == pytest.approx([0.6, 10 / 11, 0])
    assert recall.recall(0.5) == pytest.approx(2 / 3)
    assert recall.recall(0.7) == pytest.approx(1 / 3)
    assert recall.mean_best_overlap() == pytest.approx((0.6 + (10 / 11 + 0) / 2) / 2)
    assert recall.recall_by_size() == pytest.approx({"small": 1.0, "medium": 0.0, "large": 1.0})
    assert math.isnan(proposal_recall([torch.zeros(0, 4)], [no_objects()]).recall())


def test_a_cell_keeps_its_largest_object_or_several_of_one_class() -> None:
    truths = [objects((0, 0, 10, 10, 0), (0, 0, 12, 12, 1), (0, 0, 9, 9, 1), (0, 0, 8, 8, 1), (60, 60, 70, 70, 0))]
    assert grid_ceiling(truths, [(70, 70)]).kept.tolist() == [False, True, False, False, True]
    assert grid_ceiling(truths, [(70, 70)], boxes=2).kept.tolist() == [False, True, True, False, True]
    assert grid_ceiling(truths, [(70, 70)], grid=70).recall == pytest.approx(4 / 5)  # two centers in [5, 6)
    assert grid_ceiling([no_objects()], [(70, 70)]).kept.shape == (0,)


def test_a_center_on_the_last_edge_has_a_cell() -> None:
    assert grid_ceiling([objects((60, 60, 80, 80, 0))], [(70, 70)]).recall == 1
