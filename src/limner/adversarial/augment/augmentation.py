"""What an augmentation is to adversarial learning."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor


class Augmentation(ABC):
    """What is done to every picture before the discriminator sees it, real and generated, in both networks' updates.

    state: tensors of a training that an augmentation reads and follows, for `Task.state`; ``strength`` among them.
    """

    def begin(self, device: torch.device) -> dict[str, Tensor]:
        """The state before the first step: ``strength`` is 1 for what does not adapt."""
        return {"strength": torch.ones((), device=device)}

    @abstractmethod
    def __call__(self, image: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
        """The augmented pictures, each by draws of its own; differentiable by ``image``, twice too.

        image: (B, C, H, W) float in [-1, 1] with 1, 3 or 4 channels (gray, RGB, RGBA). strength: 0-d, in [0, 1].
        Returns the same shape; may leave [-1, 1].
        """

    def follow(self, state: Mapping[str, Tensor], real_sign: Tensor, number: int, batch: int) -> dict[str, Tensor]:
        """The state after step ``number``, from 0; unchanged for what does not adapt.

        real_sign: 0-d, the mean sign of the discriminator's logits of real pictures. batch: pictures in a step, of all
        processes together.
        """
        return dict(state)


class Unchanged(Augmentation):
    """Pictures as they are."""

    def __call__(self, image: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
        """``image`` itself."""
        return image


def colors_and_alpha(image: Tensor) -> tuple[Tensor, Tensor | None]:
    """Views of the color channels and, of RGBA, of alpha, whose numbers are no colors."""
    return (image[:, :3], image[:, 3:]) if image.shape[1] == 4 else (image, None)
