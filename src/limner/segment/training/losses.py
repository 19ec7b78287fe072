"""Losses of the segment room. All take logits (B, classes, H, W) and masks (B, H, W) int64 with 255 = ignore."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.reporting.pictures import IGNORE
from limner.segment.training.pixel_weights import (
    NOTHING_KNOWN,
    ByBoundary,
    ByClass,
    KnownClasses,
    Weigh,
    class_weights_of,
)

ClassWeights = Literal["none", "median-frequency"]


class Whole(NamedTuple):
    """The batch of which a loss sees one of ``parts`` equal parts. counted: what `Loss.counted` gives for all of it."""

    counted: Tensor
    parts: int


class Loss(ABC):
    """What is minimized; the same object serves several threads."""

    @abstractmethod
    def __call__(
        self, logits: Tensor, mask: Tensor, weight: Tensor | None = None, *, whole: Whole | None = None
    ) -> Tensor:
        """The loss of a batch: a 0-d tensor in float32, 0 without a labelled pixel.

        logits: (B, classes, H, W), any float type. mask: (B, H, W) int64, 255 = ignore. weight: what `pixel_weight`
        gives for this mask, on its device; None: it is computed here, which is slow for some losses. whole: the batch
        that this is a part of: the parts' losses then add up to the whole's (of soft Dice: to the mean over the parts).
        """

    def counted(self, mask: Tensor, weight: Tensor | None = None) -> Tensor:
        """What a mean over the labelled pixels divides by, 0-d: how many they are, or the sum of their weights."""
        return (mask != IGNORE).sum() if weight is None else weight.sum()

    def pixel_weight(self, mask: Tensor) -> Tensor | None:
        """How much each pixel counts, (B, H, W) float32, or None where all count alike. For the thread that draws the
        batches: it may take a while."""
        return None


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Cross-entropy: the mean over the labelled pixels, or their weighted mean sum(w l) / sum(w), as torch's.

    label_smoothing: share of the truth that is spread evenly over all classes. weigh: gives the weights. With both,
    a pixel's smoothed loss is weighted as a whole (torch weighs the smoothing's terms by their own classes).
    """

    label_smoothing: float = 0.0
    weigh: Weigh | None = None

    def pixel_weight(self, mask: Tensor) -> Tensor | None:
        """What ``weigh`` gives."""
        return None if self.weigh is None else self.weigh(mask)

    def __call__(
        self, logits: Tensor, mask: Tensor, weight: Tensor | None = None, *, whole: Whole | None = None
    ) -> Tensor:
        """See `Loss`."""
        weight = self.pixel_weight(mask) if weight is None else weight
        counted = self.counted(mask, weight) if whole is None else whole.counted.to(mask.device)
        # A batch without a labelled pixel, or with weights of 0 only, has loss 0, not 0/0.
        if weight is None:
            return self._compared(logits, mask, "sum") / counted.clamp(min=1)
        return (self._compared(logits, mask, "none") * weight).sum() / torch.where(counted > 0, counted, 1.0)

    def _compared(self, logits: Tensor, mask: Tensor, reduction: str) -> Tensor:
        return functional.cross_entropy(
            logits.float(), mask, ignore_index=IGNORE, reduction=reduction, label_smoothing=self.label_smoothing
        )


@dataclass(frozen=True)
class Dice(Loss):
    """Soft Dice of the classes other than the background, see `dice`. background: its number, None: there is none."""

    background: int | None = 0

    def __call__(
        self, logits: Tensor, mask: Tensor, weight: Tensor | None = None, *, whole: Whole | None = None
    ) -> Tensor:
        """See `Loss`; all labelled pixels count alike."""
        counted = [number for number in range(logits.shape[1]) if number != self.background]
        labelled = (mask != IGNORE).unsqueeze(1)
        probability = logits.float().softmax(1)[:, counted] * labelled
        truth = functional.one_hot(torch.where(mask == IGNORE, 0, mask), logits.shape[1])
        truth = truth.movedim(-1, 1)[:, counted] * labelled
        overlap = (probability * truth).sum(dim=(0, 2, 3))
        total = probability.sum(dim=(0, 2, 3)) + truth.sum(dim=(0, 2, 3))
        loss = (1 - (2 * overlap + 1) / (total + 1)).mean()
        return loss if whole is None else loss / whole.parts


@dataclass(frozen=True)
class CrossEntropyDice(Loss):
    """Cross-entropy plus ``dice_weight`` times soft Dice."""

    cross_entropy: CrossEntropy
    dice: Dice
    dice_weight: float

    def pixel_weight(self, mask: Tensor) -> Tensor | None:
        """The weights of the cross-entropy."""
        return self.cross_entropy.pixel_weight(mask)

    def __call__(
        self, logits: Tensor, mask: Tensor, weight: Tensor | None = None, *, whole: Whole | None = None
    ) -> Tensor:
        """See `Loss`."""
        dice = self.dice(logits, mask, whole=whole)
        return self.cross_entropy(logits, mask, weight, whole=whole) + self.dice_weight * dice


def cross_entropy(
    label_smoothing: float = 0.0,
    class_weights: ClassWeights = "none",
    weights: tuple[float, ...] = (),
    *,
    known: KnownClasses = NOTHING_KNOWN,
) -> Loss:
    """Cross-entropy, mean over the labelled pixels (Ghassemi et al. 2018, eq. 1 as a mean; their printed sum would
    diverge at their learning rate).

    With class weights it is the weighted mean that torch uses, sum(w l) / sum(w), w being the weight of a pixel's true
    class.

    Args:
        class_weights: ``median-frequency``: the weights that `median_frequency` gives for the training ground.
        weights: a weight for each class, instead.
        known: given by the task.
    """
    if not 0 <= label_smoothing <= 1:
        raise UserError(f"cross-entropy got label_smoothing {label_smoothing}; it must be between 0 and 1")
    chosen = class_weights_of(class_weights, weights, known)
    return CrossEntropy(label_smoothing, None if chosen is None else ByClass(chosen))


def cross_entropy_dice(
    dice_weight: float = 1.0,
    class_weights: ClassWeights = "none",
    weights: tuple[float, ...] = (),
    *,
    known: KnownClasses = NOTHING_KNOWN,
) -> Loss:
    """Cross-entropy, its classes weighted as in `cross_entropy`, plus ``dice_weight`` times `dice`."""
    if not 0 <= dice_weight < math.inf:
        raise UserError(f"cross-entropy-dice got dice_weight {dice_weight}; it must be a number of 0 or more")
    chosen = class_weights_of(class_weights, weights, known)
    weighed = CrossEntropy(weigh=None if chosen is None else ByClass(chosen))
    return CrossEntropyDice(weighed, Dice(known.background), dice_weight)


def cross_entropy_boundary(
    boundary_weight: float = 10.0,
    sigma_px: float = 5.0,
    class_weights: ClassWeights = "none",
    weights: tuple[float, ...] = (),
    *,
    known: KnownClasses = NOTHING_KNOWN,
) -> Loss:
    """Cross-entropy with U-Net's weights, which part objects that nearly touch (Ronneberger et al. 2015, eqs. 1, 2).

    The weighted mean sum(w l) / sum(w) with w(x) = w_c(x) + boundary_weight * exp(-(d1 + d2)^2 / (2 sigma_px^2)), see
    `limner.segment.training.boundary.boundary_weights`; w_c is 1 without class weights. The paper prints a sum; the
    mean keeps the learning rates of `cross_entropy`.
    """
    if not 0 <= boundary_weight < math.inf:
        raise UserError(
            f"cross-entropy-boundary got boundary_weight {boundary_weight}; it must be a number of 0 or more"
        )
    if not 0 < sigma_px <= 100:
        raise UserError(f"cross-entropy-boundary got sigma_px {sigma_px}; it must be above 0 and at most 100 px")
    chosen = class_weights_of(class_weights, weights, known)
    return CrossEntropy(weigh=ByBoundary(chosen, boundary_weight, sigma_px))


def dice(*, known: KnownClasses = NOTHING_KNOWN) -> Loss:
    """Soft Dice: 1 - (2 sum(p t) + 1) / (sum(p) + sum(t) + 1), the mean over the classes other than the background.

    Milletari et al. 2016 with plain sums in the denominator (theirs are squared), pooled over the batch, and with a
    1 above and below, so that crops without the class do no harm.
    """
    return Dice(known.background)


LOSSES: dict[str, Callable[..., Loss]] = {
    "cross-entropy": cross_entropy,
    "cross-entropy-dice": cross_entropy_dice,
    "cross-entropy-boundary": cross_entropy_boundary,
    "dice": dice,
}
