"""A judge of domains that has nothing to do with the networks that translate: a logistic regression on the features of
EfficientNet-Lite0, fitted to the pictures that were learned from."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

MOST = 200
"""Pictures of each domain that it is fitted to."""


class Judge:
    """Says of pictures' features, (n, d), which domain they are taken for.

    features: (n, d) of pictures that were learned from. labels: (n,) int64, their domains, two or more.
    """

    def __init__(self, features: Tensor, labels: Tensor) -> None:
        self._fitted: Any = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
        self._fitted.fit(features.double().numpy(), labels.numpy())

    def share(self, features: Tensor, domain: int) -> float:
        """Of these pictures, (n, d), how many it takes for that domain, in %."""
        return 100 * float(np.mean(self.answers(features) == domain))

    def answers(self, features: Tensor) -> np.ndarray:
        """(n,) int64: what it takes each of these pictures, (n, d), for."""
        answers: np.ndarray = self._fitted.predict(features.double().numpy())
        return answers


def some_of_each(places: Sequence[Tensor]) -> Tensor:
    """At most `MOST` of the places of each domain, spread evenly, in one tensor."""
    kept = []
    for each in places:
        count = min(MOST, len(each))
        kept.append(each[torch.linspace(0, len(each) - 1, count).round().long()])
    return torch.cat(kept)
