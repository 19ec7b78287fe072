"""Fast R-CNN's head: a class and a better box for each region at once, and the loss that teaches both."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from limner.detect.boxes.box_code import FAST_WEIGHTS, decode_boxes, smooth_l1
from limner.detect.boxes.objects import Detections
from limner.detect.boxes.overlap import box_areas, clip_boxes, suppress


class FastHead(nn.Module):
    """Two fully connected layers, and two answers (Girshick 2015, section 2.1).

    channels, grid: of the pooled regions. classes: without background. hidden: units of both layers, 4,096 in the paper
    (VGG-16's own). dropout: after each. The answers begin with deviations of 0.01 and 0.001, as in the paper.
    """

    def __init__(self, channels: int, classes: int, grid: int = 7, hidden: int = 4096, dropout: float = 0.5) -> None:
        super().__init__()
        self.class_count = classes
        self.body = nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels * grid**2, hidden), nn.ReLU(inplace=True), nn.Dropout(dropout),
            nn.Linear(hidden, hidden), nn.ReLU(inplace=True), nn.Dropout(dropout),
        )  # fmt: skip
        self.classes, self.boxes = nn.Linear(hidden, classes + 1), nn.Linear(hidden, 4 * classes)
        for layer, deviation in ((self.classes, 0.01), (self.boxes, 0.001)):
            nn.init.normal_(layer.weight, std=deviation)
            nn.init.zeros_(layer.bias)

    def forward(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """(n, channels, grid, grid) -> logits (n, classes + 1), background last, and codes (n, classes, 4)."""
        found = self.body(pooled)
        return self.classes(found), self.boxes(found).unflatten(1, (self.class_count, 4))


class RegionLoss(NamedTuple):
    """Both 0-d. classes: cross-entropy, mean over regions. boxes: smooth L1, summed over a code and all objects, by the
    number of all regions."""

    classes: Tensor
    boxes: Tensor

    @property
    def total(self) -> Tensor:
        return self.classes + self.boxes


def region_loss(logits: Tensor, codes: Tensor, labels: Tensor, wanted: Tensor, beta: float = 1.0) -> RegionLoss:
    """The multi-task loss, eqs. 1-3: -log p_u + [u is no background] sum smooth_l1(t_u - v).

    logits: (n, classes + 1). codes: (n, classes, 4). labels: (n,) int64, ``classes`` for background. wanted: (n, 4).
    0 where there is no region.
    """
    count = max(1, len(labels))
    objects = (labels < codes.shape[1]).nonzero().flatten()
    differences = codes[objects, labels[objects]] - wanted[objects]
    return RegionLoss(
        nn.functional.cross_entropy(logits.float(), labels, reduction="sum") / count,
        smooth_l1(differences.float(), beta).sum() / count,
    )


def decode_regions(
    logits: Tensor,
    codes: Tensor,
    boxes: Tensor,
    size: tuple[int, int],
    threshold: float = 0.05,
    iou: float = 0.3,
    most: int = 100,
    weights: tuple[float, float, float, float] = FAST_WEIGHTS,
) -> Detections:
    """What the head found in one picture of ``size`` (height, width), the surest first, on the CPU.

    Each region gives each class a box of its own with its probability as the score; of at least ``threshold``; of
    those of a class that overlap by more than ``iou`` the surest; of all the ``most`` surest.

    logits: (n, classes + 1). codes: (n, classes, 4). boxes: (n, 4). weights: as the codes were learned.
    """
    scores = logits.detach().float().softmax(1)[:, :-1].cpu()
    placed = decode_boxes(codes.detach().float().cpu(), boxes.float().cpu(), weights)
    rows, labels = (scores >= threshold).nonzero(as_tuple=True)
    found = clip_boxes(placed[rows, labels], size)
    solid = box_areas(found) > 0
    found, sure, labels = found[solid], scores[rows, labels][solid], labels[solid]
    kept = suppress(found, sure, labels, iou, most)
    return Detections(found[kept], labels[kept], sure[kept])


def standardize_codes(codes: Tensor) -> tuple[Tensor, Tensor]:
    """((4,) mean, (4,) deviation) of the codes of objects in a data set, which Fast R-CNN measures; `FAST_WEIGHTS` is
    what one takes without. codes: (n, 4), without weights; n of 2 or more."""
    return codes.mean(0), codes.std(0, correction=0).clamp(min=torch.finfo(codes.dtype).eps)
