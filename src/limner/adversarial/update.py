"""The two updates that adversarial learning is made of: one of a discriminator, one of a generator.

A task's ``step`` calls them in the order of its paper and does all else itself, in plain sight: it draws latents, makes
the fakes, augments, exchanges fakes with a pool, lets averages follow. Nothing here asks what a sample is: a picture
with its class, a pair of pictures, a clip, voxels, notes. It goes from the task to its own ``discriminate`` and its own
terms.

    real, latent = self.real(next(batches)), self.latent(index)
    fake = self.generate(latent)
    shown = Update(index, real, fake, latent)
    values = update_discriminator(self.discriminate, self.updaters["discriminator"], self.loss, shown, {"r1": self.r1})
    values |= update_generator(self.discriminate, self.updaters["generator"], self.loss, shown)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from limner.adversarial.losses import AdversarialLoss
from limner.adversarial.tensors import map_tensors
from limner.adversarial.updater import Updater

Sample = TypeVar("Sample")


@dataclass(frozen=True)
class Update(Generic[Sample]):
    """What one update has at hand: its loss and every term beside it may look at all of it.

    Only ``number``, ``real`` and ``fake`` are needed everywhere; the rest is for the terms of whoever gives it.
    """

    number: int
    """How many updates of this network came before: for lazy terms, and for draws, see `place`."""
    real: Sample
    """As the discriminator sees it, that is after augmentation."""
    fake: Sample
    """Likewise. Only what the updater moves gets gradients: detaching it saves work and changes nothing."""
    latent: Any = None
    """What ``fake`` was made of."""
    batch: Any = None
    """What the fakes should be like: the answer of a pair, the class that was asked for."""
    real_output: Any = None
    """What the discriminator says of ``real``: put here by `update_discriminator`, None in a generator's update."""
    fake_output: Any = None
    """What it says of ``fake``."""
    part: int = 0
    """Which part of its batch this is, of an update that learns from more than memory holds
    (`limner.adversarial.updater.Updater.accumulate`); 0 of a whole one."""

    @property
    def place(self) -> tuple[int, ...]:
        """What draws are a pure function of: each part of a batch has its own, the first those of a whole batch."""
        return (self.number, self.part) if self.part else (self.number,)

    @property
    def real_logits(self) -> Any:
        """`logits` of ``real_output``."""
        return logits(self.real_output)

    @property
    def fake_logits(self) -> Any:
        """`logits` of ``fake_output``."""
        return logits(self.fake_output)


Discriminate = Callable[[Any], Any]
"""Says of a sample how real it looks: logits, (B,) or of any shape; several in a tuple, of several discriminators or
scales, whose losses are added up; or a named tuple whose ``logits`` are one of these, beside what else the terms want
to know (a head that tells classes)."""

Term = Callable[[Update[Any]], Tensor]
"""What is added to the adversarial loss of an update, with its weight: 0-d float32."""


def logits(output: Any) -> Any:
    """The logits in what `Discriminate` gives: a tensor, or a tuple of tensors."""
    return getattr(output, "logits", output)


def update_discriminator(
    discriminate: Discriminate,
    updater: Updater,
    loss: AdversarialLoss,
    update: Update[Sample],
    terms: Mapping[str, Term] | None = None,
    join: Callable[[Sample, Sample], Sample] | None = None,
) -> dict[str, Tensor]:
    """One step of the discriminator down the adversarial loss and the terms beside it.

    updater: moves the discriminator's weights, and those alone. join: makes one sample of ``real`` and ``fake``, which
    are then judged in one pass, so that batch normalization sees their mixture; without it in a pass each.

    Returns detached 0-d tensors that nobody has read: ``discriminator_loss`` with its terms, each term, and
    ``real_sign``, the mean sign of the logits of real samples (r_t of Karras et al. 2020a, eq. 1: near 1, it knows its
    samples by heart).
    """
    if join is None:
        real_output, fake_output = discriminate(update.real), discriminate(update.fake)
    else:
        both = discriminate(join(update.real, update.fake))
        real_output, fake_output = (map_tensors(lambda each, half=half: each.chunk(2)[half], both) for half in (0, 1))
    update = replace(update, real_output=real_output, fake_output=fake_output)
    pairs = list(zip(_several(update.real_logits), _several(update.fake_logits), strict=True))
    adversarial = _sum([loss.discriminator(real, fake) for real, fake in pairs])
    real_sign = torch.stack([real.detach().sign().mean() for real, _ in pairs]).mean()
    total, added = _step(updater, adversarial, update, terms)
    return {"discriminator_loss": total, "real_sign": real_sign, **added}


def update_generator(
    discriminate: Discriminate,
    updater: Updater,
    loss: AdversarialLoss,
    update: Update[Sample],
    terms: Mapping[str, Term] | None = None,
) -> dict[str, Tensor]:
    """One step of the generator down the adversarial loss and the terms beside it.

    updater: moves the weights that made ``fake``: of one network, or of several (two generators, an encoder too).

    Returns detached 0-d tensors that nobody has read: ``generator_loss`` with its terms, and each term.
    """
    update = replace(update, fake_output=discriminate(update.fake))
    adversarial = _sum([loss.generator(fake) for fake in _several(update.fake_logits)])
    total, added = _step(updater, adversarial, update, terms)
    return {"generator_loss": total, **added}


def means(parts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """What an update tells that learned from a batch in parts: the mean over what it told of each."""
    return {name: torch.stack([part[name] for part in parts]).mean() for name in parts[0]}


def _step(
    updater: Updater, adversarial: Tensor, update: Update[Any], terms: Mapping[str, Term] | None
) -> tuple[Tensor, dict[str, Tensor]]:
    added = {name: term(update) for name, term in (terms or {}).items()}
    total = _sum([adversarial, *added.values()])
    updater.step(total)
    return total.detach(), {name: term.detach() for name, term in added.items()}


def _several(given: Any) -> tuple[Tensor, ...]:
    return (given,) if isinstance(given, Tensor) else tuple(given)


def _sum(values: list[Tensor]) -> Tensor:
    return sum(values[1:], values[0])
