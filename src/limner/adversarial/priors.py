"""What latents are drawn from, and truncation: fewer, more typical latents (Brock et al. 2019, sec. 3.1)."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from math import erf, sqrt

import torch
from torch import Tensor
from torch.nn.functional import normalize

from limner.foundation.errors import UserError
from limner.learning.recipes.recipe import Choice


class Prior(ABC):
    """A distribution of latents whose numbers are independent."""

    @abstractmethod
    def draw(self, count: int, size: int, generator: torch.Generator, truncation: float | None = None) -> Tensor:
        """Latents, (count, size) float32 on the generator's device.

        truncation: numbers z with |z| above it are drawn again; None: none are.
        """


class Normal(Prior):
    """N(0, 1)."""

    def draw(self, count: int, size: int, generator: torch.Generator, truncation: float | None = None) -> Tensor:
        """See `Prior`.

        What is drawn again until it fits comes at once from the inverse of the normal distribution between the limits:
        the same distribution, without waiting for the device to know whether all fit.
        """
        if truncation is None:
            return torch.randn(count, size, generator=generator, device=generator.device)
        # In float64: float32 has no numbers between the last quantiles of a wide limit and 1.
        share = torch.rand(count, size, generator=generator, device=generator.device, dtype=torch.float64)
        within = erf(truncation / sqrt(2))
        return (sqrt(2) * torch.erfinv((2 * share - 1) * within)).float().clamp(-truncation, truncation)


class Uniform(Prior):
    """Uniform in [-1, 1)."""

    def draw(self, count: int, size: int, generator: torch.Generator, truncation: float | None = None) -> Tensor:
        """See `Prior`."""
        edge = 1.0 if truncation is None else min(truncation, 1.0)
        return edge * (2 * torch.rand(count, size, generator=generator, device=generator.device) - 1)


class Unit(Prior):
    """Uniform in [0, 1), the prior of 3D-GAN (Wu et al. 2016, by the released demo)."""

    def draw(self, count: int, size: int, generator: torch.Generator, truncation: float | None = None) -> Tensor:
        """See `Prior`."""
        edge = 1.0 if truncation is None else min(truncation, 1.0)
        return edge * torch.rand(count, size, generator=generator, device=generator.device)


@dataclass(frozen=True)
class Truncated(Normal):
    """N(0, 1) without what lies beyond ``limit``, in training too."""

    limit: float = 2.0

    def __post_init__(self) -> None:
        if not self.limit > 0:
            raise UserError(f"prior.limit is {self.limit:g}; it must be above 0, such as 2")

    def draw(self, count: int, size: int, generator: torch.Generator, truncation: float | None = None) -> Tensor:
        """See `Prior`; the smaller of both limits holds."""
        smaller = self.limit if truncation is None else min(self.limit, truncation)
        return super().draw(count, size, generator, smaller)


class Sphere(Prior):
    """Uniform on the unit sphere: N(0, 1) brought to length 1. Its numbers are not quite independent."""

    def draw(self, count: int, size: int, generator: torch.Generator, truncation: float | None = None) -> Tensor:
        """See `Prior`. Raises `UserError` for a truncation: all latents are of one length."""
        if truncation is not None:
            raise UserError("truncation means nothing to latents on a sphere, all of length 1; leave it out")
        return normalize(torch.randn(count, size, generator=generator, device=generator.device), dim=1)


PRIORS: dict[str, Callable[..., Prior]] = {
    "normal": Normal, "uniform": Uniform, "truncated": Truncated, "sphere": Sphere, "unit": Unit,
}  # fmt: skip


def draw(prior: Choice, count: int, size: int, generator: torch.Generator, truncation: float | None = None) -> Tensor:
    """Latents from the prior that a recipe names: (count, size) float32 on the generator's device.

    truncation: the largest number wanted for: smaller gives more typical pictures that differ less. None: all numbers.

    Raises `UserError` for a truncation that leaves nothing to draw.
    """
    if truncation is not None and not truncation > 0:
        raise UserError(f"truncation is {truncation:g}; it must be above 0, such as 1")
    latents: Tensor = prior.build(PRIORS).draw(count, size, generator, truncation)
    return latents
