"""R-CNN's correction of boxes: a ridge regression from a region's features to the code of its object's box."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from limner.detect.boxes.box_code import decode_boxes, encode_boxes
from limner.detect.boxes.overlap import iou_matrix
from limner.detect.regions.linear_svm import RegionFeatures

LAMBDA, CLOSE_IOU, WHITENING_FLOOR = 1000.0, 0.6, 0.001
"""As released: the penalty, the overlap from which a proposal teaches, and what is added to each variance."""


class BoxRidge(NamedTuple):
    """weights: (classes, D, 4) float32. biases: (classes, 4) float32. scale: what features are multiplied by first."""

    weights: Tensor
    biases: Tensor
    scale: float

    def correct(self, features: Tensor, boxes: Tensor, labels: Tensor) -> Tensor:
        """(n, 4): boxes moved and stretched as their features tell, each by the regression of its class.

        features: (n, D). boxes: (n, 4), with area. labels: (n,) int64.
        """
        codes = torch.zeros_like(boxes)
        for label in labels.unique().tolist():
            own = labels == label
            codes[own] = features[own].float() * self.scale @ self.weights[label] + self.biases[label]
        return decode_boxes(codes, boxes)


def train_box_ridge(
    pictures: Iterable[RegionFeatures], class_count: int, scale: float = 1.0, penalty: float = LAMBDA
) -> BoxRidge:
    """One regression for each class, from the proposals that overlap one of its objects by more than `CLOSE_IOU`.

    The four numbers of the code are whitened first, learned one by one, and brought back. The constant is a feature of
    1 that is penalized like the others. A class without such a proposal changes no box.

    pictures: as `limner.detect.regions.linear_svm.train_svms` takes them; scale: as its ``scale`` is, so that the
    penalty means what it meant in the release.
    """
    gathered: list[list[tuple[Tensor, Tensor]]] = [[] for _ in range(class_count)]
    width = 0
    for picture in pictures:
        width = picture.features.shape[1]
        for label in picture.truths.labels[picture.truths.counted].unique().tolist():
            truths = picture.truths.boxes[picture.truths.counted & (picture.truths.labels == label)]
            overlap, nearest = iou_matrix(picture.boxes, truths).max(1) if len(picture.boxes) else (torch.zeros(0),) * 2
            close = overlap > CLOSE_IOU
            if close.any():
                codes = encode_boxes(truths[nearest[close]].double(), picture.boxes[close].double())
                gathered[label].append((picture.features[close].cpu().double() * scale, codes))
    weights, biases = torch.zeros(class_count, width, 4), torch.zeros(class_count, 4)
    for label, parts in enumerate(gathered):
        if parts:
            features, codes = (torch.cat(each) for each in zip(*parts, strict=True))
            weights[label], biases[label] = ridge(features, codes, penalty)
    return BoxRidge(weights, biases, scale)


def ridge(features: Tensor, codes: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
    """((D, 4), (4,)): weights and constant of the whitened ridge regression from (n, D) to (n, 4), both float64.

    With fewer rows than features the equations are solved for the rows: w = X' (X X' + penalty)^-1 y is the same.
    """
    mean = codes.mean(0)
    centered = codes - mean
    values, vectors = torch.linalg.eigh(centered.T @ centered / len(codes))
    root = (values.clamp(min=0) + WHITENING_FLOOR).sqrt()
    white, back = vectors @ torch.diag(1 / root) @ vectors.T, vectors @ torch.diag(root) @ vectors.T
    columns = torch.cat((features, torch.ones(len(features), 1, dtype=features.dtype)), 1)
    wanted = centered @ white
    count, width = columns.shape
    if count < width:
        gram = columns @ columns.T + penalty * torch.eye(count, dtype=columns.dtype)
        solved = columns.T @ torch.linalg.solve(gram, wanted)
    else:
        gram = columns.T @ columns + penalty * torch.eye(width, dtype=columns.dtype)
        solved = torch.linalg.solve(gram, columns.T @ wanted)
    solved = solved @ back
    return solved[:-1], solved[-1] + mean
