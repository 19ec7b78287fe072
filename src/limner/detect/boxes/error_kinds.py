"""What is wrong with detections, in five kinds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from limner.detect.boxes.matching import IGNORED as IGNORED_OBJECT
from limner.detect.boxes.matching import IOU, objects_found
from limner.detect.boxes.objects import Detections, Objects
from limner.detect.boxes.overlap import iou_matrix

RIGHT, DUPLICATE, CLASS, PLACE, BACKGROUND, IGNORED = "right", "duplicate", "class", "place", "background", "ignored"
TOUCH = 0.1
"""From this IoU on, a detection has to do with an object."""


class PictureErrors(NamedTuple):
    """kinds: one word for each detection, in its order. missed: (k,) int64, the numbers of the true objects that
    nothing found."""

    kinds: list[str]
    missed: torch.Tensor


def picture_errors(found: Detections, truths: Objects, iou: float = IOU) -> PictureErrors:
    """What each detection of a picture is, after Hoiem et al. 2012 and TIDE (Bolya et al. 2020).

    `RIGHT`, by VOC's rule; `DUPLICATE`: on an object of its class that a surer one was right of; `CLASS`: on an object
    of another class, by ``iou``; `PLACE`: on one of its class, but only by `TOUCH`; again `CLASS`, by `TOUCH` on one of
    another class; else `BACKGROUND`. The first that holds counts. `IGNORED`: it overlaps an object that is ignored.

    Missed are all objects with no right detection, also those found with a wrong class or place. Give only detections
    that you would show: all, down to a score of 0, are mostly background.
    """
    kinds = np.full(len(found.boxes), BACKGROUND, dtype=object)
    if not len(truths.boxes) or not len(found.boxes):
        return PictureErrors(kinds.tolist(), truths.counted.nonzero().flatten())
    overlaps = iou_matrix(found.boxes, truths.boxes)
    same = found.labels[:, None] == truths.labels[None]
    own = overlaps.masked_fill(~same, 0).amax(1).numpy()
    other = overlaps.masked_fill(same, 0).amax(1).numpy()
    kinds[other >= TOUCH] = CLASS  # what holds first by the rule is written last
    kinds[own >= TOUCH] = PLACE
    kinds[other >= iou] = CLASS
    kinds[own >= iou] = DUPLICATE
    missed = truths.counted.clone()
    for label in found.labels.unique().tolist():
        mine, wanted = (found.labels == label).nonzero().flatten(), (truths.labels == label).nonzero().flatten()
        order = mine[found.scores[mine].argsort(descending=True, stable=True)]
        objects = objects_found(found.boxes[order], truths.boxes[wanted], truths.counted[wanted].numpy(), iou)
        kinds[order.numpy()[objects == IGNORED_OBJECT]] = IGNORED
        kinds[order.numpy()[objects >= 0]] = RIGHT
        missed[wanted[objects[objects >= 0]]] = False
    return PictureErrors(kinds.tolist(), missed.nonzero().flatten())


def count_errors(errors: Sequence[PictureErrors]) -> dict[str, int]:
    """How many there are of each kind over all pictures, ``missed`` the last."""
    counts = dict.fromkeys((RIGHT, DUPLICATE, CLASS, PLACE, BACKGROUND, IGNORED), 0)
    for each in errors:
        for kind in each.kinds:
            counts[kind] += 1
    return {**counts, "missed": sum(len(each.missed) for each in errors)}
