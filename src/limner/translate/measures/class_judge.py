"""A judge of a target's classes that has nothing to do with the networks that translate: a support vector machine on
histograms of gradients (Dalal and Triggs, CVPR 2005), fitted to targets that were learned from."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from skimage.feature import hog
from sklearn.svm import SVC
from torch import Tensor

from limner.fidelity.kernel import draw_resamples
from limner.translate.degrading.looks import luma

CELLS = 8
"""Along each side of a picture."""
RESAMPLES = 1000


class ClassJudge:
    """Says which class a picture is taken for, by its shapes alone: colors count as their luma.

    pictures: (C, h, w) in [0, 1], all of one size of `CELLS` px or more. labels: (n,) int64, two classes or more.
    """

    def __init__(self, pictures: Sequence[Tensor], labels: Tensor) -> None:
        self._fitted: Any = SVC(C=10).fit(_shapes(pictures), labels.numpy())

    def right(self, pictures: Sequence[Tensor], labels: Tensor) -> np.ndarray:
        """(n,) bool: which of these pictures it takes for their classes, (n,) int64."""
        found: np.ndarray = self._fitted.predict(_shapes(pictures)) == labels.numpy()
        return found


def share_with_interval(right: np.ndarray) -> tuple[float, tuple[float, float]]:
    """The share of true ones among (n,) bool in %, and its 95 % interval over pictures drawn with replacement."""
    weights = draw_resamples(len(right), RESAMPLES, torch.Generator().manual_seed(0)).numpy()
    low, high = np.quantile(100 * weights @ right / len(right), (0.025, 0.975))
    return 100 * float(right.mean()), (float(low), float(high))


def _shapes(pictures: Sequence[Tensor]) -> np.ndarray:
    """(n, d) histograms of nine directions in 8 x 8 cells, normalized in blocks of 2 x 2."""
    height, width = pictures[0].shape[1:]
    cell = (height // CELLS, width // CELLS)
    return np.stack([hog(luma(each)[0].numpy(), 9, pixels_per_cell=cell, cells_per_block=(2, 2)) for each in pictures])
