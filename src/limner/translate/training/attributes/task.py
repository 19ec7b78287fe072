"""IcGAN (Perarnau, van de Weijer, Raducanu and Alvarez 2016): a generator that is told attributes, and encoders that
read them and the rest back from a picture, which then is drawn again with other ones."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from limner.adversarial.losses import LOSSES
from limner.adversarial.priors import draw
from limner.adversarial.update import Update, update_discriminator, update_generator
from limner.adversarial.updater import average_buffers
from limner.datasets.order import ShuffledOrder
from limner.datasets.pictures.quantized import quantized
from limner.foundation.draws import Draws
from limner.foundation.errors import UserError
from limner.learning.loop.task import Stage, StageContext
from limner.learning.recipes.recipe import to_plain
from limner.learning.runs.rows_outcome import closing_line, finish_rows
from limner.learning.runs.run import Run
from limner.learning.runs.score_rows import MADE, Column, ScoreRows, told_by
from limner.nn.parameters import count_parameters
from limner.translate.data.attributes import hold_out_attributes, read_attributes
from limner.translate.measures.attribute_measure import COLUMNS, AttributeJudge, measure_attributes
from limner.translate.networks.icgan import Redrawing
from limner.translate.training.attributes.networks import ADVERSARIES, READERS, make_networks
from limner.translate.training.attributes.outcome import LATENTS, attribute_outcome, edits_grid
from limner.translate.training.attributes.recipe import AttributeRecipe
from limner.translate.training.domains.learning import MovedNetworks
from limner.translate.translating.attributes import ATTRIBUTES, AttributeEditor, load_editor

GAN, ENCODERS = "gan", "encoders"
"""The stages: generator and discriminator, then the encoders."""
DRAWN = "drawn"
TOLD = {DRAWN: Column("attributes drawn as asked, %", share=True), **COLUMNS}
LEAST_HELD_OUT, SHOWN = 2, 8


class Labeled(NamedTuple):
    """Pictures, (B, C, S, S) in [-1, 1], their attributes, (B, k), -1 or 1, and wrong ones."""

    image: Tensor
    attributes: Tensor
    wrong: Tensor


class Shown(NamedTuple):
    """What the discriminator is shown: pictures and what is said of them."""

    image: Tensor
    attributes: Tensor


class AttributeTask(MovedNetworks):
    """Networks: ``generator`` and ``discriminator``, which are told attributes and learn first; then
    ``latent_encoder``, which learns on what the generator draws, and ``attribute_encoder``, which does on real
    pictures, both by squared error."""

    name = ATTRIBUTES
    recipe_type = AttributeRecipe
    recipe: AttributeRecipe
    learning_rate_options = (
        "--generator-optimizer.learning-rate, --discriminator-optimizer.learning-rate, "
        "--encoder-optimizer.learning-rate"
    )

    def __init__(self, recipe: AttributeRecipe) -> None:
        self.recipe, self.seed = recipe, recipe.seed
        data = recipe.data
        self.data = read_attributes(
            data.paths, table=data.table, wanted=data.attributes, colors=data.colors, size_px=data.size_px
        )
        self.training, self.held_out = hold_out_attributes(self.data, data.held_out, recipe.seed)
        if 0 < len(self.held_out) < LEAST_HELD_OUT:
            raise UserError(
                f"{len(self.held_out)} picture is held out, and scores need {LEAST_HELD_OUT}; give a larger "
                "--data.held-out, or 0 to score on what it learns from"
            )
        if recipe.batch > len(self.training):
            raise UserError(
                f"batch is {recipe.batch}, but there are {len(self.training)} pictures to learn from; give --batch "
                f"{len(self.training)} or less, or more pictures"
            )
        self.channels = self.data.pictures.shape[1]
        self.networks = make_networks(recipe, self.channels, len(self.data.names))
        self.where = "validation" if len(self.held_out) else "training"
        self.scored = self.held_out if len(self.held_out) else self.training
        self.score = ("", 1) if recipe.scores.keep_by == "none" else (f"{self.where}/psnr", 1)
        self.optimizers, self.state = {}, {}
        self.device = torch.device("cpu")

    @classmethod
    def with_data(cls, recipe: Any, paths: Sequence[Path], options: None) -> Any:
        """The recipe with other folders (``--data``)."""
        if not paths:
            return recipe
        return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, paths=tuple(paths)))

    @property
    def fingerprint(self) -> str:
        """A digest of the pictures and of their table."""
        return self.data.fingerprint

    def stages(self) -> tuple[Stage, ...]:
        """Generator and discriminator, then the encoders."""
        recipe = self.recipe
        steps = recipe.steps_per_epoch or -(-len(self.training) // (recipe.batch * recipe.loop.devices))
        return Stage(GAN, recipe.epochs, steps), Stage(ENCODERS, recipe.encoder_epochs, steps)

    def begin(self, stage: Stage, context: StageContext) -> None:
        """Bring the networks to the device, and make what moves those that learn in the stage."""
        recipe = self.recipe
        self.learning = ADVERSARIES if stage.name == GAN else READERS
        moved = {name: [name] for name in ADVERSARIES} if stage.name == GAN else {"encoder": READERS}
        self.begin_moving(stage, context, moved)
        self.draws = Draws(recipe.seed, self.device, self.fabric.global_rank)
        self.loss = recipe.loss.build(LOSSES)
        self.order = ShuffledOrder(len(self.training), recipe.batch, recipe.seed + 1000 * stage.index)

    def batch(self, stage: Stage, number: int) -> Labeled:
        """Pictures with their attributes and with wrong ones: those of another picture of the batch, or where these are
        the same, one of them the opposite."""
        draws = Draws(self.seed, torch.device("cpu"))
        places = self.training[self.order.indices(number)]
        image, attributes = self.data.images(places), self.data.attributes[places]
        if self.recipe.data.flip:
            mirrored = torch.rand(len(places), generator=draws.of("flip", stage.index, number)) < 0.5
            image = torch.where(mirrored[:, None, None, None], image.flip(3), image)
        wrong = attributes.roll(1, 0)
        same = (wrong == attributes).all(1)
        which = torch.randint(attributes.shape[1], (len(places),), generator=draws.of("wrong", stage.index, number))
        opposite = same[:, None] & (torch.arange(attributes.shape[1]) == which[:, None])
        return Labeled(image, attributes, torch.where(opposite, -wrong, wrong))

    def step(self, batches: Iterator[Any], index: int) -> dict[str, Tensor]:
        """An update of each network that learns in the stage."""
        self.begin_step(index)
        for name in self.networks.keys() - set(self.learning):
            self.networks[name].eval()
        batch = Labeled(*(each.to(self.device, non_blocking=True) for each in next(batches)))
        latent = self.latents(len(batch.image), self.draws.of(f"latent {self.stage.name}", index))
        values = (self.teach_adversaries if self.stage.name == GAN else self.teach_readers)(batch, latent, index)
        average_buffers(self.fabric, [self.networks[name] for name in self.learning])
        return values

    def teach_adversaries(self, batch: Labeled, latent: Tensor, index: int) -> dict[str, Tensor]:
        """The discriminator is to accept real pictures with their attributes alone; the generator is to be accepted."""
        real = Shown(batch.image, batch.attributes)
        fake = Shown(self.call["generator"](latent, batch.attributes), batch.attributes)
        refused: tuple[Shown, ...] = (Shown(fake.image.detach(), batch.attributes),)
        if self.recipe.wrong_attributes:
            refused += (Shown(batch.image, batch.wrong),)
        shown: Update[Any] = Update(index, real, refused)
        values = update_discriminator(self.discriminate, self.updaters["discriminator"], self.loss, shown)
        made: Update[Any] = Update(index, real, fake)
        return values | update_generator(self.discriminate, self.updaters["generator"], self.loss, made)

    def discriminate(self, shown: Shown | tuple[Shown, ...]) -> Tensor:
        """(B,) logits; of several groups one after the other, each in a pass of its own (batch normalization)."""
        if isinstance(shown, Shown):
            logits: Tensor = self.call["discriminator"](*shown)
            return logits
        return torch.cat([self.discriminate(each) for each in shown])

    def teach_readers(self, batch: Labeled, latent: Tensor, index: int) -> dict[str, Tensor]:
        """Squared errors of the latents of drawn pictures, and of the attributes of real ones."""
        with torch.no_grad():
            drawn = self.call["generator"](latent, batch.attributes)
        losses = {
            "latent_loss": mse_loss(self.call["latent_encoder"](drawn), latent),
            "attribute_loss": mse_loss(self.call["attribute_encoder"](batch.image), batch.attributes),
        }
        self.updaters["encoder"].step(losses["latent_loss"] + losses["attribute_loss"])
        return {name: loss.detach() for name, loss in losses.items()}

    def latents(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, latent) float32 from the recipe's prior."""
        size: int = self.networks["generator"].latent  # type: ignore[assignment]
        return draw(self.recipe.prior, count, size, generator)

    def redrawing(self) -> Redrawing:
        """What draws again, around the networks as they are now."""
        made = Redrawing(
            *(self.networks[name] for name in ("generator", *READERS)), size_px=self.recipe.data.size_px,
            channels=self.channels,
        )  # fmt: skip
        return made.eval()

    @cached_property
    def judge(self) -> AttributeJudge:
        """Tells attributes, fitted to what is learned from."""
        return AttributeJudge(self.data, self.training)

    def measure(self, places: Tensor) -> ScoreRows:
        """Scores of some pictures drawn again, beside the bars."""
        on = "held out" if len(self.held_out) else "that it learned from; none were held out"
        learned = self.data.pictures[self.training]
        return measure_attributes(self.redrawing(), self.data, places, learned, self.judge, on=on)

    def evaluate(self) -> Mapping[str, float]:
        """In the first stage, how many attributes of pictures drawn of latents are as asked; then the scores of
        pictures drawn again."""
        places = self.scored[: self.recipe.scores.pictures]
        if self.stage.name == ENCODERS:
            found = self.measure(places).rows[MADE]
            return {f"{self.where}/{name}": value for name, value in found.items() if value is not None}
        asked = self.data.attributes[places]
        right = self.judge.answers(self.drawn(asked)) == (asked.numpy() > 0)
        return {f"{self.where}/{DRAWN}": float(right.mean())}

    @torch.no_grad()
    def drawn(self, attributes: Tensor) -> Tensor:
        """(n, C, S, S) uint8: pictures drawn of the same latents as ever, with attributes (n, k)."""
        generator = self.networks["generator"].eval()
        latent = self.latents(len(attributes), Draws(self.seed, torch.device("cpu")).of("scores"))
        made: Tensor = generator(latent.to(self.device), attributes.to(self.device))
        return quantized((made.cpu() + 1) / 2)

    def told(self, scores: Mapping[str, float]) -> str:
        """The scores under the tables' heads."""
        return f"{self.where} {told_by(TOLD, scores)}"

    def picture(self) -> np.ndarray:
        """Some held-out pictures: as they are, drawn again, and with each attribute changed; in the first stage what is
        drawn of latents with their attributes."""
        places = self.scored[:SHOWN]
        if self.stage.name == GAN:
            return edits_grid(self.data, places, [(LATENTS, self.drawn(self.data.attributes[places]))])
        return edits_grid(self.data, places, network=self.redrawing())

    def summary(self) -> str:
        """Pictures, steps and parameters in one line."""
        steps = " and ".join(f"{stage.total_steps} steps of {stage.name}" for stage in self.stages())
        told = ", ".join(
            f"{name.replace('_', ' ')} of {count_parameters(network) / 1e6:.2f} M"
            for name, network in self.networks.items()
        )
        return (
            f"{self.data.summary()}; {len(self.held_out)} held out, {steps}, {self.recipe.batch} pictures each; {told} "
            "parameters"
        )

    def facts(self) -> dict[str, Any]:
        """What drawing again needs to know of the trained networks."""
        return {
            "task": self.name,
            **{name: to_plain(getattr(self.recipe, name)) for name in ("generator", *READERS)},
            "attributes": list(self.data.names),
            "size_px": self.recipe.data.size_px,
            "channels": self.channels,
            "colors": self.recipe.data.colors,
        }

    def finish(self, run: Run) -> None:
        """Scores, pictures, curves, card and report."""
        drawn = self.drawn(self.data.attributes[self.scored[:SHOWN]])
        scores = self.measure(self.scored)
        finish_rows(
            attribute_outcome(
                self.recipe,
                self.data,
                self.scored[:SHOWN],
                self.redrawing(),
                drawn,
                scores,
                held_out=len(self.held_out),
            ),
            run,
        )

    def closing_line(self, run: Run) -> str:
        """The scores of what it draws again, beside untouched pictures'."""
        return closing_line(run)

    @classmethod
    def predictor(cls, run: Run, device: str = "auto") -> AttributeEditor:
        """What draws again with a run's networks."""
        return dataclasses.replace(load_editor(run, device), score=closing_line(run))
