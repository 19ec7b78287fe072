"""IS: whether a classifier is sure of each picture, and of many classes over all of them.

Salimans et al. 2016: IS = exp E KL(p(y|x) ‖ p(y)), from 1 to the number of classes. It looks at generated pictures only
and says nothing where they are all of one class: real cars score low because they are all cars.
"""

from __future__ import annotations

import torch
from torch import Tensor

SPLITS = 10


def weighted_scores(logits: Tensor, weights: Tensor) -> Tensor:
    """IS under each of R weightings of the pictures: (R,) float64.

    logits: (n, classes), any float type. weights: (R, n), at least 0, no row all zeros.

    With H the entropy, E KL(p(y|x) ‖ p(y)) = H(p(y)) - E H(p(y|x)), so that all weightings share the second term.
    """
    log_probabilities = logits.double().log_softmax(dim=1)
    probabilities = log_probabilities.exp()
    shares = weights.double() / weights.double().sum(dim=1, keepdim=True)
    entropies = -(probabilities * log_probabilities).sum(dim=1)
    overall = shares @ probabilities
    return (-torch.xlogy(overall, overall).sum(dim=1) - shares @ entropies).exp()


def split_weights(count: int, splits: int, generator: torch.Generator) -> Tensor:
    """(splits, count) float64 of zeros and ones: the pictures in an order drawn anew, cut into equal parts."""
    if not 1 <= splits <= count:
        raise ValueError(f"{splits} splits of {count} pictures; needed: 1 or more, at most as many as pictures")
    order = torch.randperm(count, generator=generator, device=generator.device)
    part = torch.empty_like(order)
    part[order] = torch.arange(count, device=order.device) * splits // count
    return torch.nn.functional.one_hot(part, splits).T.double()
