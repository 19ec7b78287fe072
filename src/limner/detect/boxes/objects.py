"""What is in a picture, and what was found in it; and the known traps of such data, each with its line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from limner.foundation.errors import UserError


class Objects(NamedTuple):
    """The true objects of one picture.

    boxes: (n, 4) float32. labels: (n,) int64. ignored: (n,) bool, objects that need not be found and are no mistake
    where they are (VOC's difficult ones, COCO's crowds); None for none. masks: a run-length code of pycocotools each,
    or None.
    """

    boxes: Tensor
    labels: Tensor
    ignored: Tensor | None = None
    masks: Sequence[dict[str, Any]] | None = None

    @property
    def counted(self) -> Tensor:
        """(n,) bool: those to be found."""
        return torch.ones(len(self.boxes), dtype=torch.bool) if self.ignored is None else ~self.ignored


class Detections(NamedTuple):
    """What a detector found in one picture. boxes: (n, 4) float32. labels: (n,) int64. scores: (n,) float32, the
    larger, the surer. masks: a run-length code of pycocotools each, or None."""

    boxes: Tensor
    labels: Tensor
    scores: Tensor
    masks: Sequence[dict[str, Any]] | None = None


def no_objects() -> Objects:
    """A picture without any object, which is a picture to learn from like any other."""
    return Objects(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))


def no_detections() -> Detections:
    """Nothing found."""
    return Detections(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(0))


def check_objects(objects: Objects, class_count: int, size: tuple[int, int], where: str) -> None:
    """Refuse what a detector would learn nonsense from, or break on an hour later.

    size: (height, width) of the picture in pixels. where: the picture, as the line shall call it.

    Raises `UserError` for a label that is no class (detectors elsewhere keep 0 for the background: here it is a class),
    a box without area, one that is no number, and one that leaves its picture.
    """
    boxes, labels = objects.boxes, objects.labels
    if boxes.shape != (len(labels), 4):
        raise UserError(
            f"{where}: boxes of shape {tuple(boxes.shape)} for {len(labels)} labels; needed: x0, y0, x1, y1 for each"
        )
    height, width = size
    wrong = (labels < 0) | (labels >= class_count)
    if wrong.any():
        raise UserError(
            f"{where}: the label {int(labels[wrong][0])} of {class_count} classes; needed: 0 to {class_count - 1}, "
            "without a number for the background"
        )
    for place in (~boxes.isfinite().all(1)).nonzero().flatten()[:1].tolist():
        raise UserError(f"{where}: the box {written(boxes[place])} is no place; correct or remove it")
    for place in (boxes[:, 2:] <= boxes[:, :2]).any(1).nonzero().flatten()[:1].tolist():
        raise UserError(
            f"{where}: the box {written(boxes[place])} has no area; needed: x0 < x1 and y0 < y1; correct or remove it"
        )
    outside = (boxes[:, :2] < 0).any(1) | (boxes[:, 2] > width) | (boxes[:, 3] > height)
    for place in outside.nonzero().flatten()[:1].tolist():
        raise UserError(
            f"{where}: the box {written(boxes[place])} leaves its picture of {width} x {height} px; clip it to the "
            "picture"
        )


def written(box: Tensor) -> str:
    """A box as people read it: (4,) -> ``(10, 20, 30.5, 40)``."""
    return f"({', '.join(f'{value:g}' for value in box.tolist())})"
