"""How a generator and a discriminator learn a medium: samples of any shape, with whatever condition."""

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from limner.adversarial.losses import LOSSES
from limner.adversarial.priors import draw
from limner.adversarial.update import Term, Update, update_discriminator, update_generator
from limner.adversarial.updater import Updater, set_up_network
from limner.adversarial.weights.initialize import INITIALIZATIONS
from limner.adversarial.weights.spectral import apply_spectral_norm
from limner.datasets.order import ShuffledOrder, draw_held_out
from limner.foundation.draws import Draws
from limner.foundation.errors import UserError
from limner.generate.media.recipe import MediaRecipe
from limner.generate.media.sample import Condition, MediaSample
from limner.learning.loop.average import AVERAGES, update_average
from limner.learning.loop.optimizers import OPTIMIZERS, SCHEDULES, set_learning_rate
from limner.learning.loop.task import Stage, StageContext, Task
from limner.learning.runs.rows_outcome import closing_line
from limner.learning.runs.run import Run
from limner.learning.runs.score_rows import MADE, Column, ScoreRows, told_by
from limner.nn.parameters import count_parameters

TRAIN = "train"
"""The name of the stage in which generator and discriminator learn."""
Shown = MediaSample | tuple[MediaSample, ...]
"""What a discriminator is shown: samples, or several groups, each in a pass of its own (batch normalization)."""


class MediaData(Protocol):
    """Samples that were read."""

    @property
    def fingerprint(self) -> str:
        """A digest of them."""


class MediaLearning(Task):
    """One update of the discriminator, then one of the generator (Goodfellow et al. 2014), on samples of any shape.

    A medium reads its data in `__init__`, calls `prepare` and `build_networks`, and says what a real sample is
    (`real`). It may also say what the discriminator is shown beside true samples (`as_fake`), what the generator is
    asked for (`asked`), and terms.
    """

    recipe: MediaRecipe
    data: MediaData
    columns: Mapping[str, Column]
    """Of the scores that `evaluate` gives, by their names."""
    learning_rate_options = "--generator-optimizer.learning-rate, --discriminator-optimizer.learning-rate"
    clip: float | None = None
    """The largest norm of a network's gradient."""
    updates: tuple[int, int] = (1, 1)
    """How often the discriminator and the generator move in a step; the former on a batch of its own each time."""

    def prepare(self, count: int, held_out: float, what: str) -> None:
        """Split ``count`` samples and make the order in which they are learned from. held_out: a share below 1, or how
        many. what: what samples are called. Raises `UserError` for fewer than a batch."""
        self.split(count, held_out)
        kept = len(self.held_out)
        if len(self.training) < self.recipe.batch:
            raise UserError(
                f"batch is {self.recipe.batch}, but there are {max(0, count - kept)} {what} to learn from ({kept} are "
                f"held out); give --batch {max(2, count - kept)} or less, or more {what}"
            )
        self.order = ShuffledOrder(len(self.training), self.recipe.batch, self.recipe.seed)

    def split(self, count: int, held_out: float) -> None:
        """Hold some of ``count`` back: a share below 1, or so many."""
        self.training, self.held_out = draw_held_out(count, held_out, self.seed)
        self.where = "validation" if len(self.held_out) else "training"
        self.optimizers, self.state = {}, {}
        self.device = torch.device("cpu")

    @classmethod
    def with_data(cls, recipe: Any, paths: Sequence[Path], options: None) -> Any:
        """The recipe with other files (``--data``)."""
        if not paths:
            return recipe
        return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, paths=tuple(paths)))

    @property
    def fingerprint(self) -> str:
        """A digest of the data."""
        return self.data.fingerprint

    def build_networks(
        self,
        generators: Mapping[str, Callable[..., nn.Module]],
        discriminators: Mapping[str, Callable[..., nn.Module]],
        others: Mapping[str, Callable[[], nn.Module]] | None = None,
        pair: Any = None,
        **given: Any,
    ) -> dict[str, nn.Module]:
        """The recipe's networks, with the weights that its seed and initialization give, and the generator's average.

        others: further networks, by name. pair: the settings that have the choices of generator and discriminator;
        None: the recipe. given: what both are told beside their settings.
        """
        recipe: Any = self.recipe
        pair = recipe if pair is None else pair
        draws = Draws(recipe.seed, torch.device("cpu"))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            networks = {
                "generator": pair.generator.build(generators, **given),
                "discriminator": pair.discriminator.build(discriminators, **given),
                **{name: build() for name, build in (others or {}).items()},
            }
        for name in ("generator", "discriminator"):
            recipe.initialization.build(INITIALIZATIONS, networks[name], draws.of(f"initialization of the {name}"))
        if recipe.spectral_norm == "discriminator":
            apply_spectral_norm(networks["discriminator"], draws.of("singular vectors of the discriminator"))
        if recipe.average.name != "none":
            networks["average"] = copy.deepcopy(networks["generator"]).requires_grad_(False)
        return networks

    @property
    def sizes(self) -> str:
        """Parameters of the generator and of the discriminator, for people: "1.20 M and 0.80 M"."""
        both = (self.networks[name] for name in ("generator", "discriminator"))
        return " and ".join(f"{count_parameters(network) / 1e6:.2f} M" for network in both)

    def closing_line(self, run: Run) -> str:
        """The scores of a finished run, beside those of its bars."""
        return closing_line(run)

    @property
    def maker(self) -> nn.Module:
        """The network that makes the samples."""
        return self.networks.get("average", self.networks["generator"])

    def stages(self) -> tuple[Stage, ...]:
        """One stage, whose epochs are the stretches between two evaluations."""
        return (self.stage_of(TRAIN, self.recipe.shown(len(self.training))),)

    def stage_of(self, name: str, shown: int) -> Stage:
        """A stage in which so many real samples are shown."""
        each = self.recipe.batch * self.updates[0]
        steps = max(1, round(shown / each))
        stretches = max(1, round(steps * each / (1000 * self.recipe.scores.every_kimg)))
        return Stage(name, stretches, -(-steps // stretches), unit="evaluation")

    def learner(self, name: str) -> str:
        """The name of the network that learns as ``generator`` or ``discriminator`` now, or is the ``average``."""
        return name

    def begin(self, stage: Stage, context: StageContext) -> None:
        """Bring the networks to the device, and make what moves them."""
        recipe, networks, fabric = self.recipe, self.networks, context.fabric
        self.stage, self.fabric, self.device = stage, fabric, fabric.device
        for network in networks.values():
            network.to(fabric.device)
        generator, discriminator = (networks[self.learner(name)] for name in ("generator", "discriminator"))
        self.generator = set_up_network(fabric, generator)
        self.discriminator = set_up_network(fabric, discriminator)
        self.optimizers = {
            "generator": recipe.generator_optimizer.build(OPTIMIZERS, generator.parameters()),
            "discriminator": recipe.discriminator_optimizer.build(OPTIMIZERS, discriminator.parameters()),
        }
        self.updaters = {name: Updater(fabric, optimizer, self.clip) for name, optimizer in self.optimizers.items()}
        self.learning_rate_factor = recipe.schedule.build(SCHEDULES)
        self.loss = recipe.loss.build(LOSSES)
        self.decay = recipe.average.build(AVERAGES)
        self.draws = Draws(recipe.seed, fabric.device)

    def batch(self, stage: Stage, number: int) -> Tensor:
        """(batch,) int64: which samples batch ``number`` shows."""
        return self.training[self.order.indices(number)]

    def step(self, batches: Iterator[Any], index: int) -> dict[str, Tensor]:
        """An update of the discriminator, and one of the generator, or several of each."""
        passes = self.recipe.batch * self.updates[0] / len(self.training)
        factor = self.learning_rate_factor(index * passes, self.stage.total_steps * passes)
        for optimizer in self.optimizers.values():
            set_learning_rate(optimizer, factor)
        for name in ("generator", "discriminator"):
            self.networks[self.learner(name)].train()
        values: dict[str, Tensor] = {}
        first, second = self.updates
        for number in range(index * first, (index + 1) * first):
            real = self.real(next(batches).to(self.device), number)
            values |= self.teach_discriminator(real, number)
        for number in range(index * second, (index + 1) * second):
            values |= self.teach_generator(real, number)
        if self.decay is not None:
            shown = self.recipe.batch * self.updates[0]
            average, learned = (self.networks[self.learner(name)] for name in ("average", "generator"))
            update_average(average, learned, self.decay((index + 1) * shown, shown))
        return values

    def teach_discriminator(self, real: MediaSample, number: int) -> dict[str, Tensor]:
        """An update of the discriminator on what is real and what is not."""
        latent = self.latent(len(real.made), "fake", number)
        with torch.no_grad():
            fake = MediaSample(self.generator(latent, *real.condition.given()), real.condition)
        update: Update[Any] = Update(number, real, self.as_fake(real, fake, number), latent)
        return update_discriminator(
            self.discriminate, self.updaters["discriminator"], self.loss, update, self.discriminator_terms()
        )

    def teach_generator(self, real: MediaSample, number: int) -> dict[str, Tensor]:
        """An update of the generator."""
        asked = self.asked(real, number)
        latent = self.latent(len(next(iter(asked.given()), real.made)), "generator", number)
        fake = MediaSample(self.generator(latent, *asked.given()), asked)
        update: Update[Any] = Update(number, real, fake, latent)
        return update_generator(
            self.discriminate, self.updaters["generator"], self.loss, update, self.generator_terms()
        )

    def latent(self, count: int, purpose: str, number: int) -> Tensor:
        """(count, latent) float32 from the recipe's prior."""
        size: int = self.networks["generator"].latent  # type: ignore[assignment]
        return draw(self.recipe.prior, count, size, self.draws.of(f"latent {purpose}", number))

    def discriminate(self, shown: Shown) -> Tensor:
        """(B,) float32 logits; of several groups one after the other."""
        if isinstance(shown, MediaSample):
            logits: Tensor = self.discriminator(shown.made, *shown.condition.given())
            return logits
        return torch.cat([self.discriminate(each) for each in shown])

    def real(self, indices: Tensor, number: int) -> MediaSample:
        """The true samples at ``indices``, (B,) int64 on the device, with what they are like."""
        raise NotImplementedError

    def as_fake(self, real: MediaSample, fake: MediaSample, number: int) -> Shown:
        """What the discriminator learns to refuse."""
        return fake

    def asked(self, real: MediaSample, number: int) -> Condition:
        """What the generator is asked for in its own update."""
        return real.condition

    def discriminator_terms(self) -> Mapping[str, Term]:
        """What is added to the discriminator's loss."""
        return {}

    def generator_terms(self) -> Mapping[str, Term]:
        """What is added to the generator's loss."""
        return {}

    def measure(self) -> ScoreRows:
        """How good what it makes is, beside the bars."""
        raise NotImplementedError

    def evaluate(self) -> Mapping[str, float]:
        """The scores of what it makes that are known."""
        return self.placed(self.measure().rows[MADE])

    def placed(self, scores: Mapping[str, float | None]) -> dict[str, float]:
        """Scores by name and by the samples that they compare with, those that are known."""
        return {f"{self.where}/{name}": value for name, value in scores.items() if value is not None}

    def told(self, scores: Mapping[str, float]) -> str:
        """The scores under the tables' heads."""
        return f"{self.where} {told_by(self.columns, scores)}"
