"""One step of a latent, by its gradient, and where latents are kept."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from limner.adversarial.latents.settings import Projection


def gradient_step(gradient: Tensor, rate: float | Tensor) -> Tensor:
    """alpha g: the step of gradient ascent. gradient: (B, latent). rate: alpha. Gives (B, latent)."""
    return rate * gradient


def natural_step(gradient: Tensor, rate: float | Tensor, damping: float) -> Tensor:
    """alpha / (beta + |g|^2) g, with the squared L2 norm of each sample's own gradient (Wu et al. 2019, eq. 13).

    It is alpha (g g^T + beta I)^-1 g, the natural gradient with a damped Fisher matrix of one sample, by the formula of
    Sherman and Morrison without a matrix. No step is longer than alpha / (2 sqrt(beta)), which is reached at |g| =
    sqrt(beta): a steep gradient gives a short step.

    gradient: (B, latent). rate: alpha. damping: beta, above 0. Gives (B, latent).
    """
    return rate / (damping + gradient.square().sum(dim=1, keepdim=True)) * gradient


def project(latent: Tensor, projection: Projection) -> Tensor:
    """``clip``: each number within -1..1; ``sphere``: each latent of length 1; ``none``: as it is."""
    if projection == "clip":
        return latent.clamp(-1, 1)
    if projection == "sphere":
        return normalize(latent, dim=1)
    return latent


class LearnedRate(torch.nn.Module):
    """alpha as something that is learned, by its logarithm, which keeps it above 0 (Wu et al., "Deep Compressed
    Sensing", ICML 2019, the authors' code).

    rate: what it is at the start.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.log_rate = torch.nn.Parameter(torch.tensor(float(rate)).log())

    def forward(self) -> Tensor:
        """alpha, 0-d."""
        return self.log_rate.exp()
