"""Losses of the segment room. All take logits (B, classes, H, W) and masks (B, H, W) int64 with 255 = ignore."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from limner.errors import UserError
from limner.pictures import IGNORE

Loss = Callable[[Tensor, Tensor], Tensor]
"""(logits, mask) -> a 0-d tensor in float32."""


def cross_entropy(label_smoothing: float = 0.0) -> Loss:
    """Cross-entropy, mean over the labelled pixels (Ghassemi et al. 2018, eq. 1 as a mean; their printed sum would
    diverge at their learning rate)."""
    if not 0 <= label_smoothing <= 1:
        raise UserError(f"cross-entropy got label_smoothing {label_smoothing}; it must be between 0 and 1")

    def loss(logits: Tensor, mask: Tensor) -> Tensor:
        return _mean_cross_entropy(logits.float(), mask, label_smoothing)

    return loss


def cross_entropy_dice(dice_weight: float = 1.0) -> Loss:
    """Cross-entropy plus the soft Dice loss of the classes other than the background (Milletari et al. 2016, eq. 1
    with plain sums in the denominator), pooled over the batch so that crops without the class do no harm."""

    def loss(logits: Tensor, mask: Tensor) -> Tensor:
        logits = logits.float()
        labelled = (mask != IGNORE).unsqueeze(1)
        probability = logits.softmax(1)[:, 1:] * labelled
        truth = functional.one_hot(torch.where(mask == IGNORE, 0, mask), logits.shape[1])
        truth = truth.movedim(-1, 1)[:, 1:] * labelled
        overlap = (probability * truth).sum(dim=(0, 2, 3))
        total = probability.sum(dim=(0, 2, 3)) + truth.sum(dim=(0, 2, 3))
        dice = 1 - (2 * overlap + 1) / (total + 1)
        return _mean_cross_entropy(logits, mask, 0.0) + dice_weight * dice.mean()

    return loss


def _mean_cross_entropy(logits: Tensor, mask: Tensor, label_smoothing: float) -> Tensor:
    total = functional.cross_entropy(
        logits, mask, ignore_index=IGNORE, reduction="sum", label_smoothing=label_smoothing
    )
    # A batch without a labelled pixel has loss 0, not 0/0.
    return total / (mask != IGNORE).sum().clamp(min=1)


LOSSES: dict[str, Callable[..., Loss]] = {"cross-entropy": cross_entropy, "cross-entropy-dice": cross_entropy_dice}
