"""One round of the adversarial game, readable from top to bottom.

`play_round` takes the discriminator through its updates and the generator through one. What a method does otherwise it
brings as a small callable of the `Game`: how a latent becomes a picture (`imagine`; a method that optimizes latents
moves them there first), how a sample is judged (`judge`; one that encodes judges pairs), what is added to a loss
(terms).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from limner.adversarial.weights.clip import clip_gradients

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Loss(Protocol):
    """An adversarial loss: `limner.adversarial.losses.LOSSES` has them."""

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """What the discriminator minimizes, 0-d float32."""

    def generator(self, fake_logits: Tensor) -> Tensor:
        """What the generator minimizes, 0-d float32."""


class Sample(NamedTuple):
    """What the discriminator is shown.

    image: (B, C, S, S) float in -1..1. label: (B,) int64, or None without classes.
    """

    image: Tensor
    label: Tensor | None = None

    def detach(self) -> "Sample":
        """The same pictures, with no way back to whoever made them."""
        return Sample(self.image.detach(), self.label)


class Turn(NamedTuple):
    """One update of the discriminator, as far as it has come: what further terms of its loss may look at.

    number: updates of the discriminator before this one. real, fake: as judged, that is after augmentation; ``fake``
    leads back to no generator. real_logits, fake_logits: (B,) float32.
    """

    number: int
    real: Sample
    fake: Sample
    real_logits: Tensor
    fake_logits: Tensor


Judge = Callable[[Sample], Tensor]
"""Says how real the pictures of a sample look: (B,) float32 logits."""

Term = Callable[[Turn], Tensor]
"""A term of the discriminator's loss beside the adversarial one: a penalty, 0-d float32, weighted."""


@dataclass
class Player:
    """One side of the game: what it moves, with what, and how far at once.

    clip: the gradient's L2 norm over all its parameters is at most this; None: as it comes.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    clip: float | None = None

    def move(self, fabric: "Fabric", loss: Tensor) -> None:
        """One step down ``loss``."""
        parameters = list(self.network.parameters())
        self.optimizer.zero_grad(set_to_none=True)
        # With inputs named, the other side's weights get no gradient, and none is computed for them.
        fabric.backward(loss, inputs=parameters)
        if self.clip is not None:
            clip_gradients(parameters, self.clip)
        self.optimizer.step()


@dataclass
class Game:
    """The two players and the rules between them.

    real: (what `batches` gave, number) -> the real sample. latent: (count, side, number) -> (count, d) float32; side is
    "fake" or "generator". imagine: (latent, label) -> the fake sample. augment: (sample, side, number) -> what the
    discriminator sees of it; side is "real", "fake" or "generator", so that each has draws of its own. judge: sample ->
    (B,) float32 logits. discriminator_terms, generator_terms: by the names that their values are logged under.
    together: judge real and fake in one pass, so that BatchNorm sees their mixture (half as many passes); apart as in
    Radford et al. 2016 otherwise. fresh: the generator learns from pictures of its own; otherwise from those that the
    discriminator saw last, as in the reference code of Radford et al. 2016, which saves a pass (not where `imagine`
    asks the discriminator, which has moved since). after: is called once a round with its number and the last turn,
    when both have moved (averages, the strength of an augmentation).
    """

    fabric: "Fabric"
    generator: Player
    discriminator: Player
    loss: Loss
    real: Callable[[Any, int], Sample]
    latent: Callable[[int, str, int], Tensor]
    imagine: Callable[[Tensor, Tensor | None], Sample]
    judge: Judge
    augment: Callable[[Sample, str, int], Sample]
    after: Callable[[int, Turn], None]
    discriminator_steps: int = 1
    together: bool = False
    fresh: bool = False
    discriminator_terms: Mapping[str, Term] = field(default_factory=dict)
    generator_terms: Mapping[str, Callable[[], Tensor]] = field(default_factory=dict)


def play_round(game: Game, batches: Iterator[Any], index: int) -> dict[str, Tensor]:
    """So many updates of the discriminator as the game says, then one of the generator.

    index: the round's number, from 0. Returns detached 0-d tensors that nobody has read: both losses (with their
    terms), each term, and ``real_sign``, the mean sign of the logits of real pictures (r_t of Karras et al. 2020a, eq.
    1: near 1, the discriminator knows its pictures by heart).
    """
    values: dict[str, Tensor] = {}
    for turn_number in range(game.discriminator_steps):
        number = index * game.discriminator_steps + turn_number
        real = game.real(next(batches), number)
        latent = game.latent(len(real.image), "fake", number)
        serves_both = not game.fresh and turn_number + 1 == game.discriminator_steps
        with torch.set_grad_enabled(serves_both):
            fake = game.imagine(latent, real.label)
        turn = judge_both(game, number, real, fake.detach())
        loss = game.loss.discriminator(turn.real_logits, turn.fake_logits)
        terms = {name: term(turn) for name, term in game.discriminator_terms.items()}
        loss = sum(terms.values(), loss)
        game.discriminator.move(game.fabric, loss)
        values |= {"discriminator_loss": loss, "real_sign": turn.real_logits.sign().mean(), **terms}

    if game.fresh:
        fake = game.imagine(game.latent(len(real.image), "generator", index), real.label)
    loss = game.loss.generator(game.judge(game.augment(fake, "generator", index)))
    terms = {name: term() for name, term in game.generator_terms.items()}
    loss = sum(terms.values(), loss)
    game.generator.move(game.fabric, loss)
    values |= {"generator_loss": loss, **terms}

    game.after(index, turn)
    return {name: value.detach() for name, value in values.items()}


def judge_both(game: Game, number: int, real: Sample, fake: Sample) -> Turn:
    """Augment and judge a real and a fake sample of equally many pictures."""
    real, fake = game.augment(real, "real", number), game.augment(fake, "fake", number)
    if not game.together:
        return Turn(number, real, fake, game.judge(real), game.judge(fake))
    label = None if real.label is None or fake.label is None else torch.cat([real.label, fake.label])
    logits = game.judge(Sample(torch.cat([real.image, fake.image]), label))
    return Turn(number, real, fake, *logits.chunk(2))
