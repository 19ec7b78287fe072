"""What generator and discriminator minimize. All losses take logits, of any shape, and average over them.

They are computed in float32 at least, whatever autocast made of the logits: half precision rounds the small gradients
of a discriminator that is nearly sure to nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus


class AdversarialLoss(ABC):
    """A pair of losses: r are the discriminator's logits of real pictures, f those of generated ones."""

    @abstractmethod
    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """What the discriminator minimizes: 0-d float32 (float64 of float64). Both: (B,), or (B, h, w) of patches."""

    @abstractmethod
    def generator(self, fake_logits: Tensor) -> Tensor:
        """What the generator minimizes: 0-d float32 (float64 of float64).

        fake_logits: (B,), or (B, h, w) of patches.
        """

    def encoder(self, real_logits: Tensor) -> Tensor:
        """What an encoder minimizes whose pairs with real pictures are to pass for made ones: the generator's loss with
        both sides exchanged, 0-d float32. All but `LeastSquares` are the same for -r as for f.

        real_logits: (B,), or (B, h, w) of patches.
        """
        return self.generator(-real_logits)


class Minimax(AdversarialLoss):
    """The minimax game as it is proven (Goodfellow et al., NeurIPS 2014, eq. 1), with s the logistic function.

    D: mean -log s(r) + mean -log(1 - s(f)).   G: mean log(1 - s(f)).

    The generator's gradient, s(f), vanishes where the discriminator is sure: `NonSaturating` is what learns.
    """

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """See `AdversarialLoss`."""
        return softplus(-_precise(real_logits)).mean() + softplus(_precise(fake_logits)).mean()

    def generator(self, fake_logits: Tensor) -> Tensor:
        """See `AdversarialLoss`."""
        return -softplus(_precise(fake_logits)).mean()


class NonSaturating(Minimax):
    """`Minimax`, whose generator makes its pictures likely instead of not unlikely (Goodfellow et al. 2014, sec. 3).

    G: mean -log s(f), with a gradient that goes to -1 where the discriminator is sure.
    """

    def generator(self, fake_logits: Tensor) -> Tensor:
        """See `AdversarialLoss`."""
        return softplus(-_precise(fake_logits)).mean()


class Hinge(AdversarialLoss):
    """Only logits on the wrong side of the margin teach the discriminator (Lim and Ye 2017; Miyato et al., ICLR 2018).

    D: mean max(0, 1 - r) + mean max(0, 1 + f).   G: -mean f.
    """

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """See `AdversarialLoss`."""
        return relu(1 - _precise(real_logits)).mean() + relu(1 + _precise(fake_logits)).mean()

    def generator(self, fake_logits: Tensor) -> Tensor:
        """See `AdversarialLoss`."""
        return -_precise(fake_logits).mean()


class Wasserstein(AdversarialLoss):
    """The distance that a critic with gradients of norm 1 sees (Arjovsky et al., ICML 2017, eq. 2).

    D: mean f - mean r.   G: -mean f.

    It has no lower bound by itself: something must bound the gradient, such as the gradient penalty or spectral
    normalization.
    """

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """See `AdversarialLoss`."""
        return _precise(fake_logits).mean() - _precise(real_logits).mean()

    def generator(self, fake_logits: Tensor) -> Tensor:
        """See `AdversarialLoss`."""
        return -_precise(fake_logits).mean()


class LeastSquares(AdversarialLoss):
    """Logits are drawn to 1 for real and 0 for generated pictures (Mao et al., ICCV 2017, eq. 9).

    D: mean (r - 1)^2 / 2 + mean f^2 / 2.   G: mean (f - 1)^2 / 2.
    """

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """See `AdversarialLoss`."""
        return (_precise(real_logits) - 1).square().mean() / 2 + _precise(fake_logits).square().mean() / 2

    def generator(self, fake_logits: Tensor) -> Tensor:
        """See `AdversarialLoss`."""
        return (_precise(fake_logits) - 1).square().mean() / 2

    def encoder(self, real_logits: Tensor) -> Tensor:
        """See `AdversarialLoss`: G's with r drawn to 0, mean r^2 / 2."""
        return _precise(real_logits).square().mean() / 2


LOSSES: dict[str, Callable[..., AdversarialLoss]] = {
    "minimax": Minimax,
    "non-saturating": NonSaturating,
    "hinge": Hinge,
    "wasserstein": Wasserstein,
    "least-squares": LeastSquares,
}


def _precise(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
