"""Which of what was found is right: PASCAL VOC's rule, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from limner.detect.boxes.objects import Detections, Objects
from limner.detect.boxes.overlap import iou_matrix

IOU = 0.5
"""From this overlap on, a detection is right."""
WRONG, IGNORED = -1, -2
"""In place of an object's number."""


class Matches(NamedTuple):
    """One class's detections in all pictures, the surest first. scores: (n,) float64. correct: (n,) bool. total: true
    objects of the class."""

    scores: np.ndarray
    correct: np.ndarray
    total: int


class PrecisionRecall(NamedTuple):
    """A curve: what precision and recall are when detections are taken down to each of the scores, the highest
    first; all (n,) float64, each score once."""

    scores: np.ndarray
    precision: np.ndarray
    recall: np.ndarray


class Threshold(NamedTuple):
    """Where a curve has its best F1: take detections of at least this score. All from 0 to 1."""

    score: float
    f1: float
    precision: float
    recall: float


def match_class(detections: Sequence[Detections], truths: Sequence[Objects], label: int, iou: float = IOU) -> Matches:
    """Judge the detections of one class as VOC's development kit does.

    Each picture's detections, the surest first, are held against the true object of their class that they overlap
    most: right where that is by ``iou`` at least and nothing surer was right of it before. Those of an object that is
    ignored are neither right nor wrong. Of equal scores the first picture's, and in it the first one, comes first.

    detections, truths: one for each picture, in the same order.
    """
    scores, correct, total = [], [], 0
    for found, there in zip(detections, truths, strict=True):
        own, wanted = found.labels == label, there.labels == label
        counted = there.counted[wanted].numpy()
        total += int(counted.sum())
        order = found.scores[own].argsort(descending=True, stable=True)
        sure = found.scores[own][order].double().numpy()
        objects = objects_found(found.boxes[own][order], there.boxes[wanted], counted, iou)
        judged = objects != IGNORED
        scores.append(sure[judged])
        correct.append(objects[judged] >= 0)
    every = np.concatenate(scores) if scores else np.zeros(0)
    order_all = np.argsort(-every, kind="stable")
    flags = np.concatenate(correct) if correct else np.zeros(0, bool)
    return Matches(every[order_all], flags[order_all], total)


def objects_found(found: torch.Tensor, truths: torch.Tensor, counted: np.ndarray, iou: float) -> np.ndarray:
    """(n,) int64: the object that each of (n, 4) boxes of one picture and class, the surest first, is right of;
    `WRONG` or `IGNORED` for the others.

    truths: (m, 4). counted: (m,) bool, those that need be found.
    """
    objects = np.full(len(found), WRONG)
    if not len(truths) or not len(found):
        return objects
    best, nearest = iou_matrix(found, truths).max(1)
    taken = np.zeros(len(truths), bool)
    for place, (overlap, truth) in enumerate(zip(best.tolist(), nearest.tolist(), strict=True)):
        if overlap < iou:
            continue
        if not counted[truth]:
            objects[place] = IGNORED
        elif not taken[truth]:
            objects[place], taken[truth] = truth, True
    return objects


def precision_recall(*classes: Matches) -> PrecisionRecall:
    """The curve of one class, or of several pooled. Recall is 0 throughout where there is nothing to find."""
    scores = np.concatenate([each.scores for each in classes])
    correct = np.concatenate([each.correct for each in classes])
    order = np.argsort(-scores, kind="stable")
    scores, right = scores[order], np.cumsum(correct[order])
    last = np.flatnonzero(np.append(np.diff(scores) != 0, True)) if len(scores) else np.zeros(0, int)
    total = sum(each.total for each in classes)
    return PrecisionRecall(scores[last], right[last] / (last + 1), right[last] / max(1, total))


def best_threshold(curve: PrecisionRecall) -> Threshold | None:
    """The score down to which detections are best taken: where F1 is highest, and of equals the highest score.

    None where nothing right was found.
    """
    both = curve.precision + curve.recall
    f1 = np.divide(2 * curve.precision * curve.recall, both, out=np.zeros_like(both), where=both > 0)
    if not len(f1) or not f1.max():
        return None
    at = int(f1.argmax())
    return Threshold(float(curve.scores[at]), float(f1[at]), float(curve.precision[at]), float(curve.recall[at]))
