"""Average precision as PASCAL VOC defines it, of 2007 and since 2010."""

from collections.abc import Sequence

import numpy as np

from limner.detect.boxes.matching import IOU, Matches, match_class
from limner.detect.boxes.objects import Detections, Objects

VOC07, AREA = "voc07", "area"
"""The two rules: precision at eleven recalls, and the area under the curve."""
VOC07_RECALLS = np.linspace(0, 1, 11)


def average_precision(matches: Matches, rule: str = AREA) -> float:
    """The average precision of one class, from 0 to 1; NaN where there is nothing to find.

    rule: `VOC07`, the mean of the highest precision at a recall of at least 0, 0.1, ..., 1; or `AREA` (VOC since 2010),
    the area under the curve once precision is made to fall nowhere as recall sinks.

    Raises `ValueError` for another rule.
    """
    if rule not in (VOC07, AREA):
        raise ValueError(f"average precision by {rule!r}; needed: {VOC07!r} or {AREA!r}")
    if not matches.total:
        return float("nan")
    right = np.cumsum(matches.correct)
    recall = right / matches.total
    highest = np.maximum.accumulate((right / np.arange(1, len(right) + 1))[::-1])[::-1]  # at this recall or beyond
    if rule == VOC07:
        # A hair less: 3 / 10 must reach the recall 0.3, which linspace writes as 0.30000000000000004.
        at = np.searchsorted(recall, VOC07_RECALLS - 1e-9)
        return float(np.append(highest, 0.0)[at].mean())
    return float((np.diff(recall, prepend=0.0) * highest).sum())


def average_precisions(
    detections: Sequence[Detections],
    truths: Sequence[Objects],
    class_count: int,
    iou: float = IOU,
    rule: str = AREA,
) -> np.ndarray:
    """(class_count,) float64: the average precision of each class, NaN where no picture has one.

    The field's mAP is the mean of those that are numbers: ``np.nanmean``.
    """
    return np.array(
        [average_precision(match_class(detections, truths, label, iou), rule) for label in range(class_count)]
    )
