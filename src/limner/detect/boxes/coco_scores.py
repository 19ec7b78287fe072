"""COCO's scores of detections, by pycocotools."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from limner.detect.boxes.objects import Detections, Objects
from limner.detect.boxes.overlap import box_areas

SMALL_PX2, LARGE_PX2 = 32**2, 96**2
"""Below the first, objects are small; from the second on, large."""


class CocoScores(NamedTuple):
    """All from 0 to 1, NaN where there is nothing to find.

    ap: mean of the average precisions at IoU 0.5, 0.55, ..., 0.95 and of all classes; ap50, ap75: at one IoU. small,
    medium, large: ap of objects of less than 32^2, up to 96^2, and more pixels. recall_1, recall_10, recall_100: the
    share of objects found at all, mean over IoU and classes, by so many detections a picture; recall_50: by 100 at IoU
    0.5. by_class, by_class_50: (classes,) float64, ap and ap50 of each.
    """

    ap: float
    ap50: float
    ap75: float
    small: float
    medium: float
    large: float
    recall_1: float
    recall_10: float
    recall_100: float
    recall_small: float
    recall_medium: float
    recall_large: float
    recall_50: float
    by_class: np.ndarray
    by_class_50: np.ndarray


def coco_scores(
    detections: Sequence[Detections], truths: Sequence[Objects], class_count: int, masks: bool = False
) -> CocoScores:
    """COCO's twelve numbers and those of each class. detections, truths: one for each picture, in the same order.

    masks: overlaps of masks in place of boxes; then both sides have them. Objects that are ignored count as COCO's
    crowds: any number of detections may lie in one.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):  # it talks on stdout, which is the result's
        truth = COCO()
        truth.dataset = _truths_as_coco(truths, class_count, masks)
        truth.createIndex()
        found = COCO()
        found.dataset = _detections_as_coco(detections, truth.dataset, masks)
        found.createIndex()
        evaluation = COCOeval(truth, found, "segm" if masks else "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    numbers: list[Any] = [float("nan") if value < 0 else float(value) for value in evaluation.stats]
    precision = np.where(evaluation.eval["precision"] < 0, np.nan, evaluation.eval["precision"])  # (T, R, K, areas, 3)
    recall = np.where(evaluation.eval["recall"] < 0, np.nan, evaluation.eval["recall"])  # (T, K, areas, 3)
    return CocoScores(
        **dict(zip(CocoScores._fields, numbers, strict=False)),
        recall_50=_mean(recall[0, :, 0, -1]),
        by_class=np.array([_mean(precision[:, :, label, 0, -1]) for label in range(class_count)]),
        by_class_50=np.array([_mean(precision[0, :, label, 0, -1]) for label in range(class_count)]),
    )


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _truths_as_coco(truths: Sequence[Objects], class_count: int, masks: bool) -> dict[str, Any]:
    annotations: list[dict[str, Any]] = []
    for picture, objects in enumerate(truths):
        crowd = (~objects.counted).tolist()
        for place, row in enumerate(_rows(picture, objects, masks)):
            annotations.append({**row, "id": len(annotations) + 1, "iscrowd": int(crowd[place])})
    return {
        # It reads sizes before it sees that masks bring their own.
        "images": [{"id": picture, "height": 0, "width": 0} for picture in range(len(truths))],
        "categories": [{"id": label} for label in range(class_count)],
        "annotations": annotations,
    }


def _detections_as_coco(detections: Sequence[Detections], truth: dict[str, Any], masks: bool) -> dict[str, Any]:
    """What its own ``loadRes`` makes, which does not take an empty list."""
    annotations: list[dict[str, Any]] = []
    for picture, found in enumerate(detections):
        scores = found.scores.tolist()
        for place, row in enumerate(_rows(picture, found, masks)):
            annotations.append({**row, "id": len(annotations) + 1, "iscrowd": 0, "score": scores[place]})
    return {"images": truth["images"], "categories": truth["categories"], "annotations": annotations}


def _rows(picture: int, objects: Objects | Detections, masks: bool) -> list[dict[str, Any]]:
    from pycocotools import mask as coco_mask

    boxes = objects.boxes.double()
    areas = box_areas(boxes).tolist()
    rows: list[dict[str, Any]] = [
        {"image_id": picture, "category_id": label, "bbox": [x0, y0, x1 - x0, y1 - y0], "area": area}
        for (x0, y0, x1, y1), label, area in zip(boxes.tolist(), objects.labels.tolist(), areas, strict=True)
    ]
    if masks:
        if objects.masks is None:
            raise ValueError("scores of masks need the masks of what is true and of what was found")
        for row, code in zip(rows, objects.masks, strict=True):
            row["segmentation"], row["area"] = code, float(coco_mask.area(code))
    return rows
