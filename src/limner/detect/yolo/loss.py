"""The loss of YOLO v1: squared errors of everything that a cell says."""

from typing import NamedTuple

import torch
from torch import Tensor

from limner.detect.yolo.layout import GridLayout, GridTargets

PLACE_WEIGHT, BACKGROUND_WEIGHT = 5.0, 0.5
"""The paper's lambda of coordinates, and that of boxes without an object."""


class YoloLoss(NamedTuple):
    """The terms of eq. 3 with their weights, each 0-d and the mean over pictures. place: where and how large.
    object: the confidence of responsible boxes. background: that of all others. classes: which one."""

    place: Tensor
    object: Tensor
    background: Tensor
    classes: Tensor

    @property
    def total(self) -> Tensor:
        return self.place + self.object + self.background + self.classes


def yolo_loss(
    answer: Tensor,
    targets: GridTargets,
    layout: GridLayout,
    place_weight: float = PLACE_WEIGHT,
    background_weight: float = BACKGROUND_WEIGHT,
) -> YoloLoss:
    """Eq. 3 of Redmon et al. 2016, as darknet computes it.

        5 sum [(x - x')^2 + (y - y')^2 + (sqrt w - sqrt w')^2 + (sqrt h - sqrt h')^2]   of responsible boxes
        + sum (C - IoU)^2 of responsible boxes + 0.5 sum C^2 of all others
        + sum (p(c) - p'(c))^2 of cells with an object

    Of the boxes in a cell with an object, the one that overlaps it most is responsible, or where none does, the one
    whose center and sides are nearest. Its confidence should be its present IoU, through which nothing is learned. The
    network's own numbers are the square roots, so that no root is drawn of a negative width.

    answer: (B, S, S, 5 b + C) floating, of a network with this ``layout``.
    """
    said = layout.split(answer)
    responsible, overlap = responsible_boxes(said.boxes.detach(), targets, layout)
    misplaced = (said.boxes - targets.boxes[..., None, :].to(answer)).square().sum(-1)
    wanted = torch.nn.functional.one_hot(targets.labels, layout.classes).to(answer)
    misnamed = (said.classes - wanted).square().sum(-1)
    return YoloLoss(
        place_weight * _share(misplaced, responsible),
        _share((said.confidences - overlap).square(), responsible),
        background_weight * _share(said.confidences.square(), ~responsible),
        _share(misnamed, targets.objects),
    )


def responsible_boxes(boxes: Tensor, targets: GridTargets, layout: GridLayout) -> tuple[Tensor, Tensor]:
    """((B, S, S, b) bool, at most one a cell; (B, S, S, b) the IoU of each box with its cell's object)."""
    said = layout.corners(boxes)
    there = layout.corners(targets.boxes[..., None, :].to(boxes))
    sides = (torch.minimum(said[..., 2:], there[..., 2:]) - torch.maximum(said[..., :2], there[..., :2])).clamp(min=0)
    both = sides.prod(-1)
    areas = (said[..., 2:] - said[..., :2]).prod(-1) + (there[..., 2:] - there[..., :2]).prod(-1)
    overlap = both / (areas - both).clamp(min=torch.finfo(boxes.dtype).tiny)
    apart = (_centers_and_sides(said) - _centers_and_sides(there)).square().sum(-1)
    none = (overlap <= 0).all(-1, keepdim=True)
    chosen = torch.where(none, -apart, overlap).argmax(-1, keepdim=True)
    responsible = torch.zeros_like(overlap, dtype=torch.bool).scatter(-1, chosen, True)
    return responsible & targets.objects[..., None], overlap


def _centers_and_sides(corners: Tensor) -> Tensor:
    return torch.cat(((corners[..., :2] + corners[..., 2:]) / 2, corners[..., 2:] - corners[..., :2]), -1)


def _share(values: Tensor, where: Tensor) -> Tensor:
    """The sum of the values there, over the number of pictures."""
    return (values * where).sum() / len(values)
