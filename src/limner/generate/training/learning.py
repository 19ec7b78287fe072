"""How two networks learn: one makes pictures, the other tells them from real ones."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from limner.adversarial.augment import AUGMENTATIONS
from limner.adversarial.augment.augmentation import Unchanged
from limner.adversarial.latents.optimize import OptimizedLatents, optimize_latents
from limner.adversarial.losses import LOSSES
from limner.adversarial.priors import draw
from limner.adversarial.update import Update, means, update_discriminator, update_generator
from limner.adversarial.updater import Updater, average, average_buffers, set_up_network
from limner.datasets.order import ShuffledOrder
from limner.fidelity.score import LEAST_PICTURES
from limner.foundation.draws import Draws
from limner.foundation.errors import UserError
from limner.generate.making.latents import score_of_latents
from limner.generate.training.monitor import Monitor
from limner.generate.training.networks import make_networks
from limner.generate.training.picture_pool import PicturePool, Sample
from limner.generate.training.recipe import GenerateRecipe
from limner.generate.training.recipe_data import load_pictures, split_pictures
from limner.generate.training.regularizers import discriminator_terms, encoder_term, generator_terms, latent_terms
from limner.learning.loop.average import AVERAGES, update_average
from limner.learning.loop.optimizers import OPTIMIZERS, SCHEDULES, set_learning_rate
from limner.learning.loop.task import Stage, StageContext, Task

Made = tuple[Sample, OptimizedLatents]
"""Fakes, and what their latents became."""


class PictureLearning(Task):
    """How two networks learn (Goodfellow et al. 2014), with every switch that the recipe has;
    `limner.generate.training.task.GenerateTask` adds how it is scored and what it says of itself.

    Networks: ``generator``, ``discriminator``, and, where the recipe averages, ``average``: the generator that makes
    the pictures.
    """

    recipe: GenerateRecipe

    def __init__(self, recipe: GenerateRecipe) -> None:
        self.recipe, self.seed = recipe, recipe.seed
        self.pictures = load_pictures(recipe)
        self.training, self.held_out = split_pictures(recipe, self.pictures)
        self._check_counts()
        self.order = ShuffledOrder(len(self.training), recipe.images_per_update, recipe.seed)
        self.networks = make_networks(recipe, len(self.pictures.class_names))
        self.where = "validation" if len(self.held_out) else "training"
        keep_by = recipe.scores.keep_by
        self.score = ("", -1) if keep_by == "none" else (f"{self.where}/{keep_by}", -1)
        self.optimizers, self.state = {}, {}
        self.device = torch.device("cpu")
        self.rung: set[str] = set()

    def _check_counts(self) -> None:
        learned, held_out = len(self.training), len(self.held_out)
        parts = self.recipe.loop.accumulate
        if self.recipe.images_per_update > learned:
            besides = f" ({held_out} are held out)" if held_out else ""
            times = f" times loop.accumulate {parts}" if parts > 1 else ""
            raise UserError(
                f"batch is {self.recipe.batch}{times}, but there are {learned} pictures to learn from{besides}; "
                f"give --batch {max(2, learned // parts)} or less, or more pictures"
            )
        if 0 < held_out < LEAST_PICTURES:
            raise UserError(
                f"data.held_out keeps {held_out} of {len(self.pictures)} pictures, and scores need {LEAST_PICTURES}; "
                f"give --data.held-out {LEAST_PICTURES} or more, or 0 to score against what it learns from"
            )

    @property
    def learning(self) -> list[str]:
        """The names of the networks that learn."""
        return [name for name in ("generator", "discriminator", "encoder") if name in self.networks]

    @property
    def maker(self) -> nn.Module:
        """The network that makes the pictures."""
        return self.networks.get("average", self.networks["generator"])

    def stages(self) -> tuple[Stage, ...]:
        """One stage, whose epochs are the stretches between two evaluations."""
        recipe = self.recipe
        steps = max(1, round(recipe.images(len(self.training)) / recipe.images_per_step))
        wanted = 1000 * recipe.scores.every_kimg / recipe.images_per_step
        stretches = max(1, round(steps / max(1.0, wanted)))
        return (Stage("train", stretches, -(-steps // stretches), unit="evaluation"),)

    def begin(self, stage: Stage, context: StageContext) -> None:
        """Bring pictures and networks to the device, and make what moves the networks."""
        recipe, networks, fabric = self.recipe, self.networks, context.fabric
        self.stage, self.fabric, self.device = stage, fabric, fabric.device
        for network in networks.values():
            network.to(fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.generator = set_up_network(fabric, networks["generator"])
        self.discriminator = set_up_network(fabric, networks["discriminator"])
        self.encoder = set_up_network(fabric, networks["encoder"]) if "encoder" in networks else None
        self.optimizers = {
            "generator": recipe.generator_optimizer.build(OPTIMIZERS, self._moved_with_the_generator()),
            "discriminator": recipe.discriminator_optimizer.build(OPTIMIZERS, networks["discriminator"].parameters()),
        }
        self.updaters = {
            name: Updater(fabric, optimizer, recipe.clip_gradients) for name, optimizer in self.optimizers.items()
        }
        self.learning_rate_factor = recipe.schedule.build(SCHEDULES)
        self.draws = Draws(recipe.seed, fabric.device, fabric.global_rank)
        labels = None if self.pictures.labels is None else self.pictures.labels[self.training]
        self.pool = PicturePool(self.monitor.learned, labels, flip=recipe.data.flip, device=fabric.device)
        self.loss = recipe.loss.build(LOSSES)
        self.augmentation = recipe.augment.build(AUGMENTATIONS)
        self.decay = recipe.average.build(AVERAGES)
        self.state = self.augmentation.begin(fabric.device)
        self.terms = {
            "generator": generator_terms(recipe.penalties, networks["generator"], self.draws, self.state)
            | latent_terms(recipe.latent_optimization, "generator")
            | (encoder_term(self.loss, self.discriminate) if self.encoder else {}),
            "discriminator": discriminator_terms(
                recipe.penalties, networks["discriminator"], self.discriminate, self.draws, self.state
            )
            | latent_terms(recipe.latent_optimization, "discriminator"),
        }

    def _moved_with_the_generator(self) -> list[nn.Parameter]:
        """What its optimizer moves: its weights, those of an encoder, and a rate of latent steps that is learned."""
        names = ("generator", "encoder", "latent_rate")
        return [each for name in names if name in self.networks for each in self.networks[name].parameters()]

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Put `state_dict` back, on the device."""
        begun = self.state  # the terms hold this very dictionary
        super().load_state_dict(saved)
        begun.update({name: value.to(self.device) for name, value in self.state.items()})
        self.state = begun

    def batch(self, stage: Stage, number: int) -> Tensor:
        """(batch,) int64: which training pictures batch ``number`` shows; the pictures themselves are on the device."""
        return self.order.indices(number)

    def step(self, batches: Iterator[Any], index: int) -> dict[str, Tensor]:
        """Algorithm 1 of Goodfellow et al. 2014: so many updates of the discriminator, then one of the generator."""
        recipe = self.recipe
        self.set_learning_rates(index)
        first, last = index * recipe.discriminator_steps, (index + 1) * recipe.discriminator_steps - 1
        for number in range(first, last + 1):
            real = self.real(next(batches), number)
            latent = self.latent(len(real.image), "fake", number)
            shared = recipe.generator_batch == "shared" and number == last
            values, made = self.teach_discriminator(real, latent, number, keep=shared)
        if not shared:
            latent = self.latent(len(real.image), "generator", index)
        values |= self.teach_generator(real, latent, index, made)
        return self.follow(index, values)

    def teach_discriminator(
        self, real: Sample, latent: Tensor, number: int, *, keep: bool
    ) -> tuple[dict[str, Tensor], Made | None]:
        """An update of the discriminator, and what it saw, where the generator shall learn from that too (``keep``).

        Where latents are optimized (Wu et al. 2019), each update moves its own, by both networks as they then are; and
        where the recipe accumulates, memory holds one part. Both then make fakes anew.
        """
        moving, parts = self.recipe.latent_optimization.step != "none", self.recipe.loop.accumulate
        keep = keep and not moving and parts == 1
        join = Sample.join if self.recipe.discriminate == "together" else None
        found = []
        with self.updaters["discriminator"].accumulate(parts):
            for part, (shown, drawn) in enumerate(zip(real.parts(parts), latent.chunk(parts), strict=True)):
                with torch.set_grad_enabled(keep or moving):
                    fake, moved = self.make_fake(drawn, shown.label)
                update = Update(
                    number,
                    self.augment(self.encoded(shown), "real", number, part),
                    self.augment(fake if moving else fake.detach(), "fake", number, part),
                    moved,
                    part=part,
                )
                found.append(
                    update_discriminator(
                        self.discriminate, self.updaters["discriminator"], self.loss, update,
                        self.terms["discriminator"], join=join,
                    )
                )  # fmt: skip
        return means(found), (fake, moved) if keep else None

    def teach_generator(self, real: Sample, latent: Tensor, index: int, made: Made | None) -> dict[str, Tensor]:
        """An update of the generator, and of the encoder beside it. made: fakes of ``latent`` that are there."""
        parts, found = self.recipe.loop.accumulate, []
        with self.updaters["generator"].accumulate(parts):
            for part, (shown, drawn) in enumerate(zip(real.parts(parts), latent.chunk(parts), strict=True)):
                fake, moved = made or self.make_fake(drawn, shown.label)
                if self.encoder is not None:
                    shown = self.augment(self.encoded(shown, learns=True), "encoder", index, part)
                update = Update(index, shown, self.augment(fake, "generator", index, part), moved, part=part)
                found.append(
                    update_generator(
                        self.discriminate, self.updaters["generator"], self.loss, update, self.terms["generator"]
                    )
                )
        return means(found)

    def set_learning_rates(self, index: int) -> None:
        """Those of a step."""
        factor = self.learning_rate_factor(index / self.stage.steps, self.stage.epochs)
        for optimizer in self.optimizers.values():
            set_learning_rate(optimizer, factor)
        for name in self.learning:
            self.networks[name].train()

    def real(self, indices: Tensor, number: int) -> Sample:
        """The pictures at ``indices``, some of them mirrored."""
        return self.pool.sample(indices.to(self.device, non_blocking=True), self.draws.of("flip", number))

    def latent(self, count: int, purpose: str, number: int) -> Tensor:
        """(count, latent) float32 from the recipe's prior: this process's part of what all of them draw."""
        rank, size = self.fabric.global_rank, self.networks["generator"].latent
        generator = Draws(self.recipe.seed, self.device).of(f"latent {purpose}", number)
        drawn = draw(self.recipe.prior, count * self.fabric.world_size, size, generator)  # type: ignore[arg-type]
        return drawn[count * rank : count * (rank + 1)]

    def make_fake(self, latent: Tensor, label: Tensor | None) -> tuple[Sample, OptimizedLatents]:
        """The pictures of latents, which are moved before if the recipe says so, and what the latents became."""
        settings = self.recipe.latent_optimization
        moved = OptimizedLatents(latent, latent.new_zeros(()))
        if settings.step != "none":
            rate = self.networks["latent_rate"]() if "latent_rate" in self.networks else None
            score = score_of_latents(self.networks["generator"], self.networks["discriminator"], label)
            moved = optimize_latents(score, latent, settings, rate=rate)
        image = self.generator(moved.latent, label)
        return Sample(image, label, None if self.encoder is None else moved.latent), moved

    def encoded(self, sample: Sample, *, learns: bool = False) -> Sample:
        """A sample with what the encoder makes of its pictures; as it is, without an encoder.

        learns: whether the encoder gets a gradient.
        """
        if self.encoder is None:
            return sample
        with torch.set_grad_enabled(learns):
            return sample._replace(latent=self.encoder(sample.image))

    def augment(self, sample: Sample, purpose: str, number: int, part: int = 0) -> Sample:
        """What the discriminator sees of a sample; each purpose, and each part of a batch, has draws of its own."""
        if isinstance(self.augmentation, Unchanged):
            return sample
        generator = self.draws.of(f"augment {purpose}", number, *([part] if part else []))
        return sample._replace(image=self.augmentation(sample.image, self.state["strength"], generator))

    def discriminate(self, sample: Sample) -> Tensor:
        """(B,) float32 logits, or (B, n) of a discriminator that gives several."""
        pair = () if self.encoder is None else (sample.latent,)
        logits: Tensor = self.discriminator(sample.image, sample.label, *pair)
        return logits

    def follow(self, index: int, values: dict[str, Tensor]) -> dict[str, Tensor]:
        """The running average follows the generator, the augmentation's strength the discriminator."""
        average(self.fabric, [values["real_sign"]])
        average_buffers(self.fabric, [self.networks[name] for name in self.learning])
        shown = self.recipe.images_per_step
        if self.decay is not None:
            update_average(self.networks["average"], self.networks["generator"], self.decay((index + 1) * shown, shown))
        self.state.update(self.augmentation.follow(self.state, values["real_sign"], index, shown))
        average(self.fabric, self.state.values())
        return {**values, "augment_strength": self.state["strength"]} if self.recipe.augment.name == "ada" else values

    @cached_property
    def monitor(self) -> Monitor:
        """What measures it."""
        return Monitor(self.pictures, self.training, self.held_out, self.recipe.scores, self.device)
