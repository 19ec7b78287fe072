"""What no detector can exceed: the recall of its proposals, and of the cells of YOLO's grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from limner.detect.boxes.coco_scores import LARGE_PX2, SMALL_PX2
from limner.detect.boxes.objects import Objects
from limner.detect.boxes.overlap import box_areas, iou_matrix

SIZES = ("small", "medium", "large")


class ProposalRecall(NamedTuple):
    """How well proposals cover the objects. best: (n,) float32, the highest IoU that any proposal has with each
    object. labels: (n,) int64, its class. sizes: (n,) int64, 0 small, 1 medium, 2 large (COCO's)."""

    best: Tensor
    labels: Tensor
    sizes: Tensor

    def recall(self, iou: float = 0.5) -> float:
        """The share of objects that a proposal overlaps by ``iou`` at least; NaN without objects."""
        return float((self.best >= iou).float().mean())

    def mean_best_overlap(self) -> float:
        """Mean over the classes of each one's mean of ``best``: MABO (Uijlings et al. 2013, eq. 7); NaN without
        objects."""
        return float(
            torch.tensor([float(self.best[self.labels == label].mean()) for label in self.labels.unique()]).mean()
        )

    def recall_by_size(self, iou: float = 0.5) -> dict[str, float]:
        """The recall of small, medium and large objects, NaN where there is none."""
        return {name: float((self.best[self.sizes == size] >= iou).float().mean()) for size, name in enumerate(SIZES)}


def proposal_recall(proposals: Sequence[Tensor], truths: Sequence[Objects]) -> ProposalRecall:
    """proposals: (k, 4) floating for each picture; truths: its objects, of which ignored ones do not count."""
    best, labels, sizes = [torch.zeros(0)], [torch.zeros(0, dtype=torch.int64)], [torch.zeros(0, dtype=torch.int64)]
    for boxes, objects in zip(proposals, truths, strict=True):
        wanted = objects.boxes[objects.counted]
        none = torch.zeros(len(wanted))
        best.append(iou_matrix(wanted, boxes.to(wanted)).amax(1) if len(boxes) and len(wanted) else none)
        labels.append(objects.labels[objects.counted])
        sizes.append(size_of(wanted))
    return ProposalRecall(torch.cat(best), torch.cat(labels), torch.cat(sizes))


class GridCeiling(NamedTuple):
    """The most that a detector of a few boxes a cell can find. kept: (n,) bool, whether each object gets one. sizes:
    (n,) int64, as in `ProposalRecall`."""

    kept: Tensor
    sizes: Tensor

    @property
    def recall(self) -> float:
        """The share of objects that get a box; NaN without objects."""
        return float(self.kept.float().mean())

    def recall_by_size(self) -> dict[str, float]:
        return {name: float(self.kept[self.sizes == size].float().mean()) for size, name in enumerate(SIZES)}


def grid_ceiling(
    truths: Sequence[Objects], picture_sizes: Sequence[tuple[int, int]], grid: int = 7, boxes: int = 1
) -> GridCeiling:
    """Which objects a grid of ``grid`` x ``grid`` cells can hold at all, from the labels' geometry alone.

    An object belongs to the cell that its center lies in. A cell has ``boxes`` boxes and, as YOLO v1's, one class: that
    of which it can keep the most, and of several such the largest object's. It keeps the largest ones. Learning keeps
    one object a cell, so 1 is what YOLO v1's loss teaches, and 2 what its output could say. picture_sizes: (height,
    width) of each picture.
    """
    kept, sizes = [torch.zeros(0, dtype=torch.bool)], [torch.zeros(0, dtype=torch.int64)]
    for objects, (height, width) in zip(truths, picture_sizes, strict=True):
        wanted, labels = objects.boxes[objects.counted], objects.labels[objects.counted]
        cells = cells_of(wanted, (height, width), grid)
        keeps = torch.zeros(len(wanted), dtype=torch.bool)
        held: dict[int, dict[int, list[int]]] = {}  # of each cell and class, the largest objects
        for place in box_areas(wanted).argsort(descending=True, stable=True).tolist():
            held.setdefault(int(cells[place]), {}).setdefault(int(labels[place]), []).append(place)
        for classes in held.values():
            keeps[max((each[:boxes] for each in classes.values()), key=len)] = True  # of equals, the first: the largest
        kept.append(keeps)
        sizes.append(size_of(wanted))
    return GridCeiling(torch.cat(kept), torch.cat(sizes))


def cells_of(boxes: Tensor, size: tuple[int, int], grid: int) -> Tensor:
    """(n,) int64: the cell, row by row, that the center of each of (n, 4) boxes lies in; a center on the picture's last
    edge belongs to the last cell. size: (height, width)."""
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    columns = (centers[:, 0] / size[1] * grid).long().clamp(0, grid - 1)
    rows = (centers[:, 1] / size[0] * grid).long().clamp(0, grid - 1)
    return rows * grid + columns


def size_of(boxes: Tensor) -> Tensor:
    """(n,) int64: 0, 1 or 2 for COCO's small, medium and large."""
    areas = box_areas(boxes)
    return (areas >= SMALL_PX2).long() + (areas >= LARGE_PX2).long()
