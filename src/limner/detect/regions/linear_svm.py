"""R-CNN's classifiers: a linear SVM for each class, taught by the regions that it wrongly takes for objects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from limner.detect.boxes.objects import Objects
from limner.detect.boxes.overlap import iou_matrix


@dataclass(frozen=True)
class SvmSettings:
    """The constants of R-CNN as released (``rcnn_train.m``).

    c: what a mistake costs. positive_weight: times that for a true object. bias: what is appended to the features.
    norm: the mean length that features are scaled to first; without it ``c`` means nothing. negative_iou: regions that
    overlap no object of the class by this much are negative; those between are left out, and positive are the true
    boxes alone. hard: negatives that score above it are kept to learn from. easy: those that score below it are
    forgotten. retrain: so many new ones, and all is learned again. epochs: passes over the pictures.
    """

    c: float = 1e-3
    positive_weight: float = 2.0
    bias: float = 10.0
    norm: float = 20.0
    negative_iou: float = 0.3
    hard: float = -1.0001
    easy: float = -1.2
    retrain: int = 2000
    epochs: int = 1


class RegionFeatures(NamedTuple):
    """A picture to learn from. features: (n, D) floating, of its proposals; boxes: (n, 4), these. truth_features:
    (m, D), of its true boxes; truths: these with their labels."""

    features: Tensor
    boxes: Tensor
    truth_features: Tensor
    truths: Objects


class LinearSvms(NamedTuple):
    """A score for each class. weights: (classes, D) float32. biases: (classes,) float32. scale: what features are
    multiplied by first."""

    weights: Tensor
    biases: Tensor
    scale: float

    def scores(self, features: Tensor) -> Tensor:
        """(n, D) -> (n, classes): distances from each class's border, about 1 and more for its objects, -1 and less for
        all else; no probabilities."""
        return features.float() * self.scale @ self.weights.T.to(features.device) + self.biases.to(features.device)


def feature_scale(pictures: Iterable[RegionFeatures], norm: float) -> float:
    """What brings the mean length of the features of proposals to ``norm``; 1 where there are none."""
    total, count = 0.0, 0
    for picture in pictures:
        total += float(picture.features.double().norm(dim=1).sum())
        count += len(picture.features)
    return norm * count / total if total else 1.0


def train_svms(
    pictures: Iterable[RegionFeatures], class_count: int, settings: SvmSettings = SvmSettings()
) -> LinearSvms:
    """One SVM for each class against all else, with hard negatives, as R-CNN's program finds them.

    The first picture gives all its negatives; each further one those that score above ``hard``. Once ``retrain`` have
    come together, the SVM is learned anew from all that are kept, and those that now score below ``easy`` are dropped.
    Hinge loss and an L2 penalty, by scikit-learn's liblinear; nothing depends on chance but the order of its descent,
    whose seed is fixed. A class without an object, or without a negative, gets weights of 0 and a bias of -1, so that
    nothing is ever found of it.

    pictures: can be gone through several times (a list, or an object that reads features from the disk).
    """
    scale = feature_scale(pictures, settings.norm)
    miners = [_Miner(settings) for _ in range(class_count)]
    for picture in pictures:
        wanted = picture.truths.counted
        for label in picture.truths.labels[wanted].unique().tolist():
            mine = wanted & (picture.truths.labels == label)
            miners[label].positives.append(_scaled(picture.truth_features[mine], scale))
    for _ in range(settings.epochs):
        for number, picture in enumerate(pictures):
            features = _scaled(picture.features, scale)
            overlaps = iou_matrix(picture.boxes, picture.truths.boxes) if len(picture.truths.boxes) else None
            for label, miner in enumerate(miners):
                mine = picture.truths.labels == label
                far = np.ones(len(features), bool)
                if overlaps is not None and mine.any():  # ignored objects of the class are no negatives either
                    far = (overlaps[:, mine].amax(1) < settings.negative_iou).numpy()
                miner.mine(number, features, far)
    for miner in miners:
        miner.learn()
    width = next((picture.features.shape[1] for picture in pictures), 0)
    weights = [miner.weights if miner.weights is not None else np.zeros(width) for miner in miners]
    return LinearSvms(
        torch.from_numpy(np.stack(weights)).float() if weights else torch.zeros(0, width),
        torch.tensor([miner.bias for miner in miners]).float(),
        scale,
    )


class _Miner:
    """The negatives of one class, and what was learned of them so far."""

    def __init__(self, settings: SvmSettings) -> None:
        self.settings = settings
        self.positives: list[np.ndarray] = []
        self.negatives: list[np.ndarray] = []
        self.keys: list[tuple[int, int]] = []  # (picture, region) of each kept negative
        self.new = 0
        self.weights: np.ndarray | None = None
        self.bias = -1.0

    def mine(self, picture: int, features: np.ndarray, far: np.ndarray) -> None:
        """Keep what of a picture's negatives is hard. far: (n,) bool, regions that are negative."""
        if not self.positives:
            return
        rows = np.flatnonzero(far)
        if self.weights is not None:
            rows = rows[features[rows] @ self.weights + self.bias > self.settings.hard]
        known = {row for number, row in self.keys if number == picture}
        rows = rows[[row not in known for row in rows.tolist()]]
        if not len(rows):
            return
        self.negatives.append(features[rows])
        self.keys += [(picture, row) for row in rows.tolist()]
        self.new += len(rows)
        if self.weights is None or self.new >= self.settings.retrain:
            self.learn()

    def learn(self) -> None:
        """Learn from all that is kept, and forget what has become easy."""
        if not self.positives or not self.negatives or not self.new:
            return
        from sklearn.svm import LinearSVC

        positive, negative = np.concatenate(self.positives), np.concatenate(self.negatives)
        svm = LinearSVC(
            C=self.settings.c, loss="hinge", intercept_scaling=self.settings.bias, dual=True, random_state=0,
            class_weight={1: self.settings.positive_weight, 0: 1.0}, max_iter=20000,
        )  # fmt: skip
        svm.fit(np.concatenate((positive, negative)), np.repeat([1, 0], [len(positive), len(negative)]))
        self.weights, self.bias = svm.coef_[0], float(svm.intercept_[0])
        kept = negative @ self.weights + self.bias >= self.settings.easy
        self.keys = [key for key, keep in zip(self.keys, kept, strict=True) if keep]
        self.negatives, self.new = [negative[kept]], 0


def _scaled(features: Tensor, scale: float) -> np.ndarray:
    return features.detach().cpu().double().numpy() * scale
