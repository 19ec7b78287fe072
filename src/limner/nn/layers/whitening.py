"""ZCA whitening: features of mean 0, variance 1 and no correlation that stay as near to what they were as can be."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Whitening:
    """A linear map fitted to data: y = (x - mean) matrix, with matrix = V (D + regularizer)^(-1/2) V^T.

    V D V^T is the covariance of the data (n - 1 in its denominator). Coates, Ng and Lee 2011 take regularizer 0.1 for
    patches that `normalize_global` has seen. mean: (d,); matrix, inverse: (d, d), symmetric; floating.
    """

    mean: Tensor
    matrix: Tensor
    inverse: Tensor

    @classmethod
    def fit(cls, data: Tensor, regularizer: float = 0.1) -> Self:
        """Fit to data (n, d) floating, n at least 2; computed in float64, kept in the data's type."""
        if data.dim() != 2 or len(data) < 2:
            raise ValueError(f"data of shape {tuple(data.shape)}; needed: (n, d) with n at least 2")
        exact = data.double()
        mean = exact.mean(0)
        values, vectors = torch.linalg.eigh(torch.cov(exact.T).reshape(data.shape[1], data.shape[1]))
        spread = (values.clamp_min(0) + regularizer).sqrt()
        if not bool((spread > 0).all()):
            raise ValueError("some direction of the data does not vary; give a regularizer above 0, such as 0.1")
        return cls(
            mean.to(data.dtype),
            ((vectors / spread) @ vectors.T).to(data.dtype),
            ((vectors * spread) @ vectors.T).to(data.dtype),
        )

    def __call__(self, data: Tensor) -> Tensor:
        """Whiten data (..., d)."""
        return (data - self.mean) @ self.matrix

    def to(self, device: torch.device | str) -> Self:
        """The same map on another device."""
        return type(self)(self.mean.to(device), self.matrix.to(device), self.inverse.to(device))

    def undo(self, white: Tensor) -> Tensor:
        """Back from (..., d) to the data's own space."""
        return white @ self.inverse + self.mean
