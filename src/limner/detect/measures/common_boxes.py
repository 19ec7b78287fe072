"""What scores without learning: the commonest boxes of the training, said of every picture."""

import torch

from limner.detect.boxes.objects import Detections, Objects
from limner.detect.boxes.overlap import iou_matrix

BOXES = 10
"""Of each class."""
MOST = 2000
"""Boxes of a class that are looked at, evenly over them."""


def common_boxes(truths: list[Objects], sizes: list[tuple[int, int]], class_count: int) -> Detections:
    """Boxes in shares of a picture: of each class one after the other that of the training which covers most of those
    that none covers yet (IoU 0.5), with the share of pictures' objects that it covers as its score.

    truths: of the training. sizes: (width, height) of its pictures.
    """
    boxes, labels, scores = [], [], []
    for label in range(class_count):
        shares = [
            each.boxes[(each.labels == label) & each.counted] / torch.tensor([*size, *size])
            for each, size in zip(truths, sizes, strict=True)
        ]
        every = torch.cat([torch.zeros(0, 4), *shares])
        every = every[torch.linspace(0, max(0, len(every) - 1), min(MOST, len(every))).long()]
        covers = iou_matrix(every, every) >= 0.5
        open_ = torch.ones(len(every), dtype=torch.bool)
        for _ in range(min(BOXES, len(every))):
            counts = (covers & open_).sum(dim=1)
            best = int(counts.argmax())
            if not counts[best]:
                break
            boxes.append(every[best])
            labels.append(label)
            scores.append(int(counts[best]) / len(truths))
            open_ &= ~covers[best]
    if not boxes:
        return Detections(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(0))
    return Detections(torch.stack(boxes), torch.tensor(labels), torch.tensor(scores).clamp(max=1.0))


def in_pictures(common: Detections, sizes: list[tuple[int, int]]) -> list[Detections]:
    """The same boxes in each picture of (width, height)."""
    return [common._replace(boxes=common.boxes * torch.tensor([*size, *size])) for size in sizes]
