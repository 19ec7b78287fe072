"""What a training minimizes: of logits and classes, a number for each picture."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from limner.foundation.errors import UserError

Loss = Callable[[Tensor, Tensor], Tensor]
"""((B, classes) float32 logits, (B,) int64 classes) -> (B,) float32."""


def cross_entropy(smoothing: float = 0.0) -> Loss:
    """Cross-entropy; ``smoothing`` is the share of the truth that is spread over all classes (Szegedy et al. 2016)."""
    if not 0 <= smoothing < 1:
        raise UserError(f"cross-entropy got smoothing {smoothing:g}; needed: a share from 0 to below 1")
    return lambda logits, labels: functional.cross_entropy(
        logits, labels, label_smoothing=smoothing, reduction="none"
    )  # fmt: skip


def squared_distance() -> Loss:
    """The squared distance to the code of the true class (LeCun et al. 1998, eq. 8); for ``lenet-1998``, whose logits
    are minus these."""
    return lambda logits, labels: -logits.gather(1, labels[:, None])[:, 0]


def maximum_a_posteriori(rubbish: float = 0.1) -> Loss:
    """The squared distance y to the code of the true class D and, pushing the others away, the logarithm of all:
    y_D + log(exp(-j) + sum_i exp(-y_i)) (LeCun et al. 1998, eq. 9); for ``lenet-1998``.

    rubbish: j, how far the class of what is no character lies; it keeps classes from being pushed ever further.
    """

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        others = torch.cat([logits, logits.new_full((len(logits), 1), -rubbish)], dim=1)
        return torch.logsumexp(others, dim=1) - logits.gather(1, labels[:, None])[:, 0]

    return loss


LOSSES: dict[str, Callable[..., Loss]] = {
    "cross-entropy": cross_entropy,
    "squared-distance": squared_distance,
    "maximum-a-posteriori": maximum_a_posteriori,
}


def class_weights(counts: Tensor) -> Tensor:
    """(classes,) float32, of mean 1 over the pictures: each class counts as much as any other, however many there are.

    counts: (classes,) pictures of each.
    """
    counts = counts.float()
    return counts.sum() / (len(counts) * counts.clamp(min=1))
