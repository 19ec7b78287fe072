"""Augmentation of all that the discriminator sees, real and generated alike, which lets it learn from few pictures."""

from collections.abc import Callable

from limner.adversarial.augment.ada import AdaptiveAugmentation
from limner.adversarial.augment.augmentation import Augmentation, Unchanged
from limner.adversarial.augment.diffaugment import DiffAugment

AUGMENTATIONS: dict[str, Callable[..., Augmentation]] = {
    "none": Unchanged,
    "diffaugment": DiffAugment,
    "ada": AdaptiveAugmentation,
}
