"""An adversarial loss with weights."""

from torch import Tensor

from limner.adversarial.losses import AdversarialLoss


class Weighed(AdversarialLoss):
    """An adversarial loss whose two sides have weights."""

    def __init__(self, loss: AdversarialLoss, discriminator: float, generator: float) -> None:
        self.loss, self.weights = loss, (discriminator, generator)

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """See `AdversarialLoss`."""
        return self.weights[0] * self.loss.discriminator(real_logits, fake_logits)

    def generator(self, fake_logits: Tensor) -> Tensor:
        """See `AdversarialLoss`."""
        return self.weights[1] * self.loss.generator(fake_logits)
