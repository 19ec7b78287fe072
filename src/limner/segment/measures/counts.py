"""Pixels counted exactly, and what follows from the counts: precision, recall, F1, IoU and accuracy, per class.

This file imports no torch: `limner score` stays light.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from limner.reporting.pictures import IGNORE

PIXELS_A_COUNT = 1 << 18  # small enough for the indices to stay in the processor's cache
VALUES = 256


class Scores(NamedTuple):
    """Fractions 0..1 of one class (or their mean); None where undefined.

    precision is undefined when the class was never predicted, recall when it is nowhere in the truth, f1 and iou when
    it is in neither, accuracy when no pixel was counted.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    iou: float | None
    accuracy: float | None


@dataclass(frozen=True, eq=False)
class Counts:
    """Pixels counted exactly. matrix: (classes, classes) int64, [truth, prediction]. Counts of areas add up.

    >>> counts = Counts.of(np.array([0, 0, 1, 1, 255]), np.array([0, 1, 1, 1, 1]), classes=2)
    >>> counts.matrix.tolist(), counts.f1()
    ([[1, 1], [0, 2]], 0.8)
    """

    matrix: np.ndarray

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.shape[0] < 2:
            raise ValueError(f"counts of shape {matrix.shape}; needed: (classes, classes) with 2 classes or more")
        if not np.issubdtype(matrix.dtype, np.integer) or (matrix < 0).any():
            raise ValueError("counts must be whole numbers, none below 0")
        matrix = matrix.astype(np.int64)
        matrix.setflags(write=False)
        object.__setattr__(self, "matrix", matrix)

    @classmethod
    def zero(cls, classes: int) -> "Counts":
        """No pixel counted yet."""
        return cls(np.zeros((classes, classes), np.int64))

    @classmethod
    def of(cls, truth: np.ndarray, prediction: np.ndarray, classes: int = 2, ignore: int = IGNORE) -> "Counts":
        """Count two masks of one shape, integers 0..classes-1; a pixel that is ``ignore`` in either is left out.

        Raises `ValueError` when the shapes differ or a value is no class.
        """
        if truth.shape != prediction.shape:
            raise ValueError(f"truth of shape {truth.shape}, prediction of shape {prediction.shape}: must agree")
        for name, mask in (("truth", truth), ("prediction", prediction)):
            if mask.dtype != np.uint8 and mask.size and (mask.min() < 0 or mask.max() >= VALUES):
                raise ValueError(f"{name} holds {mask.min()}..{mask.max()}; needed: 0..{classes - 1} or {ignore}")
        joint = _joint_counts(truth, prediction)
        joint[ignore] = joint[:, ignore] = 0
        if joint[classes:].any() or joint[:, classes:].any():
            strange = np.flatnonzero(joint.sum(0) + joint.sum(1))[-1]
            raise ValueError(f"class {strange} among the pixels; needed: 0..{classes - 1}, or {ignore} = ignore")
        return cls(joint[:classes, :classes])

    def __add__(self, other: "Counts") -> "Counts":
        if self.classes != other.classes:
            raise ValueError(f"counts of {self.classes} and of {other.classes} classes do not add up")
        return Counts(self.matrix + other.matrix)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counts) and np.array_equal(self.matrix, other.matrix)

    __hash__ = None  # type: ignore[assignment]

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.matrix)

    @property
    def pixels(self) -> int:
        """How many pixels were counted."""
        return int(self.matrix.sum())

    @property
    def truth_pixels(self) -> tuple[int, ...]:
        """How many pixels of each class the truth has."""
        return tuple(self.matrix.sum(axis=1).tolist())

    def cells(self, number: int = 1) -> tuple[int, int, int, int]:
        """(TP, FP, FN, TN) of class ``number`` against all others."""
        positive = int(self.matrix[number, number])
        predicted, there = int(self.matrix[:, number].sum()), int(self.matrix[number].sum())
        return positive, predicted - positive, there - positive, self.pixels - predicted - there + positive

    def precision(self, number: int = 1) -> float | None:
        """TP / (TP + FP); None when nothing was predicted as the class."""
        positive, false_positive, _, _ = self.cells(number)
        return _fraction(positive, positive + false_positive)

    def recall(self, number: int = 1) -> float | None:
        """TP / (TP + FN); None when the truth has none of the class."""
        positive, _, missed, _ = self.cells(number)
        return _fraction(positive, positive + missed)

    def f1(self, number: int = 1) -> float | None:
        """2 TP / (2 TP + FP + FN); 0 when all is missed, None when neither truth nor prediction has the class."""
        positive, false_positive, missed, _ = self.cells(number)
        return _fraction(2 * positive, 2 * positive + false_positive + missed)

    def iou(self, number: int = 1) -> float | None:
        """TP / (TP + FP + FN) = F1 / (2 - F1); None where `f1` is."""
        positive, false_positive, missed, _ = self.cells(number)
        return _fraction(positive, positive + false_positive + missed)

    @property
    def accuracy(self) -> float | None:
        """The share of pixels called rightly, over all classes; None without pixels."""
        return _fraction(int(np.trace(self.matrix)), self.pixels)

    def share(self, number: int = 1) -> float | None:
        """The share of the truth that is class ``number``; None without pixels."""
        return _fraction(self.truth_pixels[number], self.pixels)

    def scores(self, number: int | None = None) -> Scores:
        """The scores of class ``number``. None: of class 1 of two, of more classes the mean over the classes."""
        if number is None and self.classes > 2:
            return mean_scores(self.scores(each) for each in range(self.classes))
        number = 1 if number is None else number
        ratios = (self.precision(number), self.recall(number), self.f1(number), self.iou(number))
        return Scores(*ratios, self.accuracy)

    def constant(self, number: int) -> "Counts":
        """What a map that calls every pixel class ``number`` would count on the same pixels."""
        matrix = np.zeros_like(self.matrix)
        matrix[:, number] = self.truth_pixels
        return Counts(matrix)


def mean_scores(scores: Iterable[Scores]) -> Scores:
    """The plain mean of each score, over those that are defined; None where none is."""
    columns = zip(*scores, strict=True)
    defined = ([value for value in column if value is not None] for column in columns)
    return Scores(*(sum(values) / len(values) if values else None for values in defined))


def _joint_counts(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """(256, 256) int64: how often each value 0..255 of the truth meets each value of the prediction."""
    truth, prediction = truth.reshape(-1), prediction.reshape(-1)
    total = np.zeros(VALUES * VALUES, np.int64)
    for start in range(0, truth.size, PIXELS_A_COUNT):
        chunk = slice(start, start + PIXELS_A_COUNT)
        index = truth[chunk].astype(np.intp) * VALUES + prediction[chunk]
        total += np.bincount(index, minlength=total.size)
    return total.reshape(VALUES, VALUES)


def _fraction(part: int, whole: int) -> float | None:
    return part / whole if whole else None
