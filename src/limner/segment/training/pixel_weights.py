"""How much each pixel counts in a loss: by its class, or by how close it lies between two objects."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from limner.foundation.errors import UserError
from limner.reporting.pictures import IGNORE
from limner.segment.training.boundary import boundary_weights

ClassPixels = Callable[[], np.ndarray]
"""Counts when called: (pictures, classes) int64, the labelled pixels of each class on each picture."""


@dataclass(frozen=True)
class KnownClasses:
    """What the task knows of the classes. count: how many, None: any number. pixels: what counts theirs, None: nobody
    does. background: the class that is no object, None: there is none."""

    count: int | None = None
    pixels: ClassPixels | None = None
    background: int | None = 0


NOTHING_KNOWN = KnownClasses()

Weigh = Callable[[Tensor], Tensor]
"""mask (B, h, w) int64 -> the weight of each pixel (B, h, w) float32, 0 where ignored."""


@dataclass(frozen=True)
class ByClass:
    """The weight of each pixel's class. weights: one for each class, 0 or more."""

    weights: tuple[float, ...]

    def __call__(self, mask: Tensor) -> Tensor:
        """(B, h, w) float32, 0 where the mask is 255."""
        table = torch.zeros(IGNORE + 1, device=mask.device)
        table[: len(self.weights)] = torch.tensor(self.weights, device=mask.device)
        return table[mask]


@dataclass(frozen=True)
class ByBoundary:
    """U-Net's weights (Ronneberger et al. 2015, eq. 2): w(x) = w_c(x) + w0 exp(-(d1 + d2)^2 / (2 sigma^2)).

    weights: w_c, one for each class, or None: 1 everywhere. peak: w0. sigma_px: sigma, in pixels.
    """

    weights: tuple[float, ...] | None
    peak: float
    sigma_px: float

    def __call__(self, mask: Tensor) -> Tensor:
        """(B, h, w) float32, 0 where the mask is 255; computed on the processor."""
        crops = [boundary_weights(crop, self.peak, self.sigma_px) for crop in mask.cpu().numpy()]
        between = torch.from_numpy(np.stack(crops)).to(mask.device)
        return between + (ByClass(self.weights)(mask) if self.weights is not None else (mask != IGNORE).float())


def class_weights_of(
    how: Literal["none", "median-frequency"],
    weights: Sequence[float],
    known: KnownClasses,
) -> tuple[float, ...] | None:
    """The weight of each class that a recipe asks for, or None when it asks for none.

    how: a rule. weights: the weights themselves, instead of a rule. Raises `UserError` for both at once, a wrong count,
    and weights that are negative, without end, or all 0.
    """
    if weights and how != "none":
        raise UserError(f"a loss got both weights and class_weights {how}; give one of them")
    if how == "median-frequency":
        if known.pixels is None:
            raise UserError("class_weights median-frequency needs the counts of the training ground")
        return median_frequency(known.pixels())
    if not weights:
        return None
    text = ", ".join(f"{weight:g}" for weight in weights)
    if known.count is not None and len(weights) != known.count:
        raise UserError(f"a loss got weights [{text}] for {known.count} classes; give one weight for each class")
    if min(weights) < 0 or not 0 < sum(weights) < math.inf:
        raise UserError(f"a loss got weights [{text}]; each must be a number of 0 or more, and one above 0")
    return tuple(weights)


def median_frequency(counts: np.ndarray) -> tuple[float, ...]:
    """Median frequency balancing (Badrinarayanan et al. 2015, after Eigen and Fergus 2015): w_c = median(f) / f_c.

    f_c is the pixels of class c over all labelled pixels of the pictures that hold any of c; the median is taken over
    the classes that occur. A class that never occurs gets weight 0.

    counts: (pictures, classes), the labelled pixels of each class on each picture.

    >>> median_frequency(np.array([[90, 10, 0], [100, 0, 0]]))
    (0.55..., 5.25, 0.0)
    """
    of_class = counts.sum(0)
    of_pictures = np.array([counts[column > 0].sum() for column in counts.T])
    occurs = of_class > 0
    frequency = of_class[occurs] / of_pictures[occurs]
    weights = np.zeros(len(of_class))
    weights[occurs] = np.median(frequency) / frequency
    return tuple(weights.tolist())
