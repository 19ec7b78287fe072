"""How two networks learn to make pictures: one makes them, the other tells them from real ones."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from limner.adversarial.pool import Order, Pool
from limner.adversarial.step import Sample, play_round
from limner.datasets.pictures.quantized import quantized
from limner.fidelity.described import Described
from limner.fidelity.features import weights_digest
from limner.fidelity.score import LEAST_PICTURES
from limner.foundation.errors import UserError
from limner.foundation.progress import say
from limner.generate.making.predictor import PictureGenerator, load_generator
from limner.generate.training.alarms import ringing
from limner.generate.training.game import Play, make_networks
from limner.generate.training.recipe import GenerateRecipe
from limner.generate.training.recipe_data import load_pictures, split_pictures
from limner.generate.training.watching import Watch
from limner.learning.optimizers import OPTIMIZERS, SCHEDULES, set_learning_rate
from limner.learning.recipe import to_plain
from limner.learning.run import Run
from limner.learning.task import Stage, Task
from limner.reporting.grid import grid

if TYPE_CHECKING:
    from lightning_fabric import Fabric

GRID = 64
"""Pictures that `picture` shows, always of the same latents."""
ASKED = 256
"""Pictures of each kind that the discriminator is asked about: more would hardly change a mean."""


class Seen(NamedTuple):
    """What the weights of one digest made: (n, C, S, S) uint8, and the same as the scores' network sees it."""

    digest: str
    pictures: Tensor
    described: Described


class GenerateTask(Task):
    """Adversarial learning of pictures (Goodfellow et al. 2014), with every switch that the recipe has.

    Networks: ``generator``, ``discriminator``, and, where the recipe averages, ``average``: the generator that makes
    the pictures.
    """

    name = "generate"
    recipe_type = GenerateRecipe
    learning_rate_options = "--generator-optimizer.learning-rate, --discriminator-optimizer.learning-rate"

    def __init__(self, recipe: GenerateRecipe) -> None:
        self.recipe = recipe
        self.pictures = load_pictures(recipe)
        self.training, self.held_out = split_pictures(recipe, self.pictures)
        self._check_counts()
        self.order = Order(len(self.training), recipe.batch, recipe.seed)
        self.networks = make_networks(recipe, len(self.pictures.class_names))
        self.where = "validation" if len(self.held_out) else "training"
        keep_by = recipe.scores.keep_by
        self.score = ("", -1) if keep_by == "none" else (f"{self.where}/{keep_by}", -1)
        self.optimizers, self.state = {}, {}
        self.device = torch.device("cpu")
        self.rung: set[str] = set()
        self.seen: Seen | None = None

    def _check_counts(self) -> None:
        learned, held_out = len(self.training), len(self.held_out)
        if self.recipe.batch > learned:
            besides = f" ({held_out} are held out)" if held_out else ""
            raise UserError(
                f"batch is {self.recipe.batch}, but there are {learned} pictures to learn from{besides}; "
                f"give --batch {learned} or less, or more pictures"
            )
        if 0 < held_out < LEAST_PICTURES:
            raise UserError(
                f"data.held_out keeps {held_out} of {len(self.pictures)} pictures, and scores need {LEAST_PICTURES}; "
                f"give --data.held-out {LEAST_PICTURES} or more, or 0 to score against what it learns from"
            )

    @classmethod
    def with_data(cls, recipe: GenerateRecipe, paths: Sequence[Path], options: None) -> GenerateRecipe:
        """The recipe with other folders of pictures (``--data``)."""
        if not paths:
            return recipe
        return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, paths=tuple(paths)))

    @property
    def fingerprint(self) -> str:
        """A digest of the pictures."""
        return self.pictures.fingerprint

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

    def begin(self, stage: Stage, fabric: "Fabric") -> None:
        """Bring pictures and networks to the device and make the game between them."""
        self.stage, self.device = stage, fabric.device
        for network in self.networks.values():
            network.to(fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        learning = {
            "generator": self.recipe.generator_optimizer,
            "discriminator": self.recipe.discriminator_optimizer,
        }
        self.optimizers = {
            name: chosen.build(OPTIMIZERS, self.networks[name].parameters()) for name, chosen in learning.items()
        }
        self.learning_rate_factor = self.recipe.schedule.build(SCHEDULES)
        labels = None if self.pictures.labels is None else self.pictures.labels[self.training]
        pool = Pool(self.learned, labels, flip=self.recipe.data.flip, device=fabric.device)
        self.play = Play(self.recipe, self.networks, self.optimizers, pool, fabric)
        self.state = self.play.state

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Put `state_dict` back, on the device."""
        super().load_state_dict(saved)
        self.play.state.update({name: value.to(self.device) for name, value in self.state.items()})
        self.state = self.play.state

    def batch(self, stage: Stage, number: int) -> Tensor:
        """(batch,) int64: which training pictures batch ``number`` shows; the pictures themselves are on the device."""
        return self.order.indices(number)

    def step(self, batches: Iterator[Any], index: int) -> dict[str, Tensor]:
        """A round of the game: the discriminator's updates, then the generator's."""
        factor = self.learning_rate_factor(index / self.stage.steps, self.stage.epochs)
        for name, optimizer in self.optimizers.items():
            set_learning_rate(optimizer, factor)
            self.networks[name].train()
        values = play_round(self.play.game, batches, index)
        if self.recipe.augment.name == "ada":
            values["augment_strength"] = self.state["strength"]
        return values

    @property
    def learned(self) -> Tensor:
        """(n, C, S, S) uint8: what it learns from."""
        return self.pictures.pictures[self.training]

    @cached_property
    def watch(self) -> Watch:
        """What measures it."""
        held_out = self.pictures.pictures[self.held_out]
        return Watch(self.learned, held_out, self.recipe.scores.features, self.device)

    def current_predictor(self) -> PictureGenerator:
        """What makes pictures, around the network as it is now."""
        facts = self.facts()
        return PictureGenerator(
            network=self.maker.eval(),
            size_px=facts["size_px"],
            colors=facts["colors"],
            channels=facts["channels"],
            class_names=self.pictures.class_names,
            class_counts=tuple(facts["class_counts"]),
            latent=facts["latent"],
            prior=self.recipe.prior,
            truncation=None,
            device=self.device,
        )

    def make(self, count: int) -> Tensor:
        """(count, C, S, S) uint8: the pictures that `limner generate` would make now, of seed 0."""
        return quantized(self.current_predictor().generate(count))

    def look(self) -> Seen:
        """The pictures that it is scored by, as it makes them now: the same as at the last call while the weights are,
        for what the last evaluation saw is most often what the training concludes with."""
        digest = weights_digest(self.maker)
        if self.seen is None or self.seen.digest != digest:
            pictures = self.make(self.recipe.scores.samples)
            self.seen = Seen(digest, pictures, self.watch.see(pictures))
        return self.seen

    def evaluate(self) -> Mapping[str, float]:
        """Scores of what it makes against held-out pictures, and the numbers of the alarms;
        tells which begin to ring.
        """
        _, pictures, made = self.look()
        alarms = self.alarms(pictures, made)
        ringing_now = ringing(alarms)
        for name in ringing_now.keys() - self.rung:
            say(ringing_now[name])
        self.rung = set(ringing_now)
        return {**{f"{self.where}/{name}": value for name, value in self.watch.scores(made).items()}, **alarms}

    def alarms(self, pictures: Tensor, made: Described) -> dict[str, float]:
        """The alarms' numbers of made pictures, (n, C, S, S) uint8, and the same as the scores' network sees them."""
        signed = self.recipe.loss.name != "wasserstein"
        return self.watch.alarms(pictures, made, self.opinions(pictures), signed=signed)

    @torch.no_grad()
    def opinions(self, made: Tensor) -> dict[str, Tensor]:
        """(n,) float32 logits on the CPU: what the discriminator says of some learned, held-out and made pictures."""
        self.networks["discriminator"].eval()
        labels = self.pictures.labels
        asked = {"learned": self.training, "held out": self.held_out}
        found = {}
        for side, places in asked.items():
            chosen = places[torch.linspace(0, len(places) - 1, min(ASKED, len(places))).long()]
            found[side] = self._logits(self.pictures.pictures[chosen], None if labels is None else labels[chosen])
        made = made[:ASKED]
        found["made"] = self._logits(made, self.current_predictor().labels(range(len(made))))
        return found

    def _logits(self, pictures: Tensor, labels: Tensor | None) -> Tensor:
        image_pm1 = pictures.to(self.device).float() / 127.5 - 1
        return self.play.judge(Sample(image_pm1, None if labels is None else labels.to(self.device))).cpu()

    def picture(self) -> np.ndarray:
        """What it makes of the same latents as ever, in a grid."""
        return grid(self.make(GRID), 8)

    def summary(self) -> str:
        """Pictures, rounds and parameters in one line."""
        steps = sum(stage.total_steps for stage in self.stages())
        sizes = [
            f"{sum(each.numel() for each in self.networks[name].parameters()) / 1e6:.2f} M"
            for name in ("generator", "discriminator")
        ]
        return (
            f"{self.pictures.summary()}; {len(self.held_out)} held out, {steps} rounds of {self.recipe.batch} "
            "pictures, "
            f"{self.recipe.generator.name} against {self.recipe.discriminator.name} of {' and '.join(sizes)} parameters"
        )

    def facts(self) -> dict[str, Any]:
        """What making pictures needs to know of the trained networks."""
        data, labels = self.recipe.data, self.pictures.labels
        classes = len(self.pictures.class_names)
        counts = [] if labels is None else torch.bincount(labels[self.training], minlength=classes).tolist()
        return {
            "task": self.name,
            "generator": to_plain(self.recipe.generator),
            "discriminator": to_plain(self.recipe.discriminator),
            "spectral_norm": self.recipe.spectral_norm,
            "size_px": data.size_px,
            "colors": data.colors,
            "channels": data.channels,
            "class_names": list(self.pictures.class_names),
            "class_counts": counts,
            "latent": self.networks["generator"].latent,
            "prior": to_plain(self.recipe.prior),
            "fit": self.pictures.fit,
        }

    def finish(self, run: Run) -> None:
        """Scores, curves, card and report."""
        from limner.generate.training.outcome import finish_training

        finish_training(self, run)

    @classmethod
    def predictor(cls, run: Run, device: str = "auto") -> PictureGenerator:
        """What makes a run's pictures."""
        return load_generator(run, device)
