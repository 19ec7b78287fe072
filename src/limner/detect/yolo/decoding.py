"""A YOLO's answer as boxes with classes and scores."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from limner.detect.boxes.objects import Detections
from limner.detect.boxes.overlap import box_areas, clip_boxes, suppress
from limner.detect.yolo.layout import GridLayout


def decode_answer(
    answer: Tensor,
    layout: GridLayout,
    sizes: Sequence[tuple[int, int]],
    threshold: float | Tensor = 0.05,
    iou: float = 0.5,
    most: int = 100,
) -> list[Detections]:
    """What a network saw in each picture, the surest first, on the CPU.

    A box's score for a class is its confidence times its cell's probability of it (eq. 1), taken as between 0 and 1;
    each of at least ``threshold`` is a detection. Of those of a class that overlap by more than ``iou`` the surest
    stays (darknet's 0.5), of all the ``most`` surest. Boxes are cut to the picture, and what has no area is left out.

    answer: (B, S, S, 5 b + C) floating. sizes: (height, width) of each picture in pixels.
    """
    said = layout.split(answer.detach().float().cpu())
    corners = layout.corners(said.boxes)
    scores = (said.confidences[..., None] * said.classes[..., None, :].clamp(0, 1)).clamp(0, 1)  # (B, S, S, b, C)
    found = []
    for each, sure, (height, width) in zip(corners, scores, sizes, strict=True):
        boxes = clip_boxes(each.reshape(-1, 4) * torch.tensor([width, height, width, height]), (height, width))
        table = sure.reshape(-1, layout.classes) * (box_areas(boxes) > 0)[:, None]
        rows, labels = ((table >= threshold) & (table > 0)).nonzero(as_tuple=True)
        kept = suppress(boxes[rows], table[rows, labels], labels, iou, most)
        found.append(Detections(boxes[rows][kept], labels[kept], table[rows, labels][kept]))
    return found
