"""Which regions Fast R-CNN learns from, and what it should say of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from limner.detect.boxes.box_code import FAST_WEIGHTS, encode_boxes
from limner.detect.boxes.objects import Objects
from limner.detect.boxes.overlap import iou_matrix


@dataclass(frozen=True)
class SamplingSettings:
    """Fast R-CNN's (Girshick 2015, section 2.3). count: regions of a picture. positive_share: of these, at most so many
    are objects. positive_iou: from this overlap on, a region is its object. background: and from the first to below
    the second it is background; the floor makes for hard ones, and Faster R-CNN's training end to end takes 0."""

    count: int = 64
    positive_share: float = 0.25
    positive_iou: float = 0.5
    background: tuple[float, float] = (0.1, 0.5)


class SampledRegions(NamedTuple):
    """boxes: (k, 4) float32, the objects first. labels: (k,) int64, ``class_count`` for background. codes: (k, 4)
    float32, of the objects' boxes beside ``boxes``, 0 for background."""

    boxes: Tensor
    labels: Tensor
    codes: Tensor


def sample_regions(
    proposals: Tensor,
    truths: Objects,
    class_count: int,
    generator: torch.Generator,
    settings: SamplingSettings = SamplingSettings(),
    weights: tuple[float, float, float, float] = FAST_WEIGHTS,
) -> SampledRegions:
    """Draw the regions of one picture that are learned from; the true boxes are proposals, too.

    Where no region lies within ``background``, as in a picture without objects, any that is no object is taken. Regions
    on an object that is ignored are neither. Proposals without area are left out.

    proposals: (n, 4) floating. class_count: without background. weights: of the code.
    """
    true_boxes, true_labels = truths.boxes[truths.counted], truths.labels[truths.counted]
    boxes = torch.cat((true_boxes.float(), proposals.float()))
    boxes = boxes[(boxes[:, 2:] > boxes[:, :2]).all(1)]
    overlap, nearest = torch.zeros(len(boxes)), torch.zeros(len(boxes), dtype=torch.int64)
    if len(true_boxes) and len(boxes):
        overlap, nearest = iou_matrix(boxes, true_boxes.float()).max(1)
    allowed = torch.ones(len(boxes), dtype=torch.bool)
    if truths.ignored is not None and truths.ignored.any() and len(boxes):
        allowed = iou_matrix(boxes, truths.boxes[truths.ignored].float()).amax(1) < settings.positive_iou
    positive = (overlap >= settings.positive_iou) & (len(true_boxes) > 0)
    low, high = settings.background
    hard = allowed & ~positive & (overlap >= low) & (overlap < high)
    negative = hard if hard.any() else allowed & ~positive & (overlap < high)
    objects = _drawn(positive, round(settings.count * settings.positive_share), generator)
    grounds = _drawn(negative, settings.count - len(objects), generator)
    chosen = torch.cat((objects, grounds))
    labels = torch.full((len(chosen),), class_count)
    codes = torch.zeros(len(chosen), 4)
    if len(objects):
        labels[: len(objects)] = true_labels[nearest[objects]]
        codes[: len(objects)] = encode_boxes(true_boxes[nearest[objects]].float(), boxes[objects], weights)
    return SampledRegions(boxes[chosen], labels, codes)


def _drawn(which: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """(k,) int64: at most so many of those, in a drawn order."""
    numbers = which.nonzero().flatten()
    return numbers[torch.randperm(len(numbers), generator=generator)[:most]]
