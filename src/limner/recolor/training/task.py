"""The task of histogram analogy: a network learns from single photos to give one picture the colors of another."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from limner.adversarial.updater import Updater, set_up_network
from limner.datasets.order import ShuffledOrder, draw_held_out
from limner.datasets.pictures.quantized import quantized
from limner.foundation.draws import Draws
from limner.foundation.errors import UserError
from limner.learning.loop.optimizers import OPTIMIZERS, SCHEDULES, set_learning_rate
from limner.learning.loop.task import Stage, StageContext, Task
from limner.learning.recipes.recipe import to_plain
from limner.learning.runs.rows_outcome import RowsOutcome, closing_line, finish_rows
from limner.learning.runs.run import Run
from limner.learning.runs.score_rows import MADE, ScoreRows, told_by
from limner.nn.parameters import count_parameters
from limner.recolor.methods.analogy import ANALOGY, NETWORKS
from limner.recolor.methods.analogy.grid import changed, scaled
from limner.recolor.methods.analogy.histograms import soft_histogram
from limner.recolor.methods.analogy.model import AnalogyModel, load_model
from limner.recolor.training import losses
from limner.recolor.training.measure import COLUMNS, lab_of, measure_analogy, recolored
from limner.recolor.training.pairs import Analogies, AnalogyPairs
from limner.recolor.training.photos import read_photo_set
from limner.recolor.training.recipe import AnalogyRecipe
from limner.reporting.grid import grid as picture_grid

SHOWN = 6
THINNED = 2
"""Losses look at every second pixel of every second row: the network sees all of them."""
CLIP = 1.0
"""The largest norm of a step's gradient."""
SMALL = 0.3
"""The head begins so much smaller than torch begins it: first changes are slight."""


class AnalogyTask(Task):
    """Network: ``network``. Half of a batch are pairs of one photo, whose true change is known; the other half have
    another photo's colors for a reference, and are held to those colors and to their own structure."""

    name = ANALOGY
    recipe_type = AnalogyRecipe

    def __init__(self, recipe: AnalogyRecipe) -> None:
        self.recipe, self.seed = recipe, recipe.seed
        data = recipe.data
        self.data = read_photo_set(data.paths, data.longest_px)
        training, held_out = draw_held_out(len(self.data), data.held_out, recipe.seed)
        if len(training) == 0:
            raise UserError(f"all {len(self.data)} photos are held out; give a smaller --data.held-out")
        self.training = [self.data.photos[place] for place in training.tolist()]
        self.held_out = [self.data.photos[place] for place in held_out.tolist()]
        self.where = "validation" if self.held_out else "training"
        self.score = (f"{self.where}/delta_e", -1)
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(recipe.seed)
            network = recipe.network.build(NETWORKS)
            for parameter in network.head.parameters():
                parameter *= SMALL
        self.networks, self.optimizers, self.state = {"network": network}, {}, {}
        self.pairs = AnalogyPairs(self.training, data.crop_px, data.unlike, recipe.seed)

    @classmethod
    def with_data(cls, recipe: Any, paths: Sequence[Path], options: None) -> Any:
        """The recipe with other folders (``--data``)."""
        if not paths:
            return recipe
        return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, paths=tuple(paths)))

    def stages(self) -> tuple[Stage, ...]:
        """One stage."""
        return (Stage("train", self.recipe.epochs, self.recipe.steps_per_epoch),)

    def begin(self, stage: Stage, context: StageContext) -> None:
        """Bring the network to the device, and make what moves it."""
        self.stage, self.fabric, self.device = stage, context.fabric, context.fabric.device
        network = self.networks["network"].to(self.device)
        self.call = set_up_network(self.fabric, network)
        optimizer = self.recipe.optimizer.build(OPTIMIZERS, network.parameters())
        self.optimizers = {"network": optimizer}
        self.updater = Updater(self.fabric, optimizer, clip=CLIP)
        self.learning_rate_factor = self.recipe.schedule.build(SCHEDULES)
        self.draws = Draws(self.seed, torch.device("cpu"), self.fabric.global_rank)

    def batch(self, stage: Stage, number: int) -> Analogies:
        """Pairs of photos in an order that each pass draws anew; a small set stands in a batch several times."""
        count = len(self.training)
        order = ShuffledOrder(count, 1, self.seed)
        first = number * self.recipe.batch
        places = torch.cat([order.indices(first + row) for row in range(self.recipe.batch)])
        return self.pairs.batch(places, number)

    def step(self, batches: Iterator[Any], index: int) -> dict[str, Tensor]:
        """One update."""
        self.networks["network"].train()
        set_learning_rate(
            self.optimizers["network"], self.learning_rate_factor(index / self.stage.steps, self.stage.epochs)
        )
        pairs = next(batches)
        whole = lab_of(pairs.source.to(self.device))
        source, reference, target = (
            each[:, :, ::THINNED, ::THINNED]
            for each in (whole, lab_of(pairs.reference.to(self.device)), lab_of(pairs.target.to(self.device)))
        )
        own, wanted = soft_histogram(source.flatten(2)), soft_histogram(reference.flatten(2))
        change = self.call(scaled(whole), own, wanted)
        source, reference, target = (scaled(each) for each in (source, reference, target))
        made = changed(source, change)
        terms = self.losses(made, source, reference, target, pairs.like, self.draws.of("colors", index))
        terms["roughness"] = self.recipe.roughness_weight * losses.roughness(change)
        total = torch.stack(list(terms.values())).sum()
        self.updater.step(total)
        return {"loss": total.detach(), **{name: term.detach() for name, term in terms.items()}}

    def losses(
        self, made: Tensor, source: Tensor, reference: Tensor, target: Tensor, like: int, draw: torch.Generator
    ) -> dict[str, Tensor]:
        """What is minimized, weighed. like: so many of the pictures have a target; the rest have a reference alone."""
        recipe = self.recipe
        terms = {"range": recipe.range_weight * losses.out_of_range(made)}
        if like:
            colors = losses.color_loss(made[:like], target[:like], draw)
            terms["image"] = losses.image_loss(made[:like], target[:like]) + 0.5 * recipe.color_weight * colors
        if like < len(made):
            terms["color"] = recipe.color_weight * losses.color_loss(made[like:], reference[like:], draw)
            terms["structure"] = recipe.structure_weight * losses.structure_loss(made[like:], source[like:])
        return terms

    def measure(self, photos: Sequence[Tensor], on: str) -> ScoreRows:
        """Scores on photos, beside the bars."""
        return measure_analogy(
            self.networks["network"].eval(), photos, self.recipe.data.crop_px, seed=self.seed + 1, on=on
        )

    @property
    def scored(self) -> tuple[list[Tensor], str]:
        """The photos of the scores, and what they are."""
        if self.held_out:
            return self.held_out, "held out"
        return self.training, "that it learned from; none were held out"

    def evaluate(self) -> Mapping[str, float]:
        """The scores of what it makes."""
        found = self.measure(*self.scored).rows[MADE]
        return {f"{self.where}/{name}": value for name, value in found.items() if value is not None}

    def told(self, scores: Mapping[str, float]) -> str:
        """The scores under the tables' heads."""
        return f"{self.where} {told_by(COLUMNS, scores)}"

    def picture(self) -> np.ndarray:
        """Sources, references and what is made, in rows of three."""
        photos = self.scored[0][:SHOWN]
        drawn = AnalogyPairs(photos, self.recipe.data.crop_px, 0.5, self.seed + 1).batch(torch.arange(len(photos)), 0)
        made = recolored(self.networks["network"].eval(), drawn)
        rows = torch.stack([drawn.source, drawn.reference, made.clamp(0, 1)], dim=1).flatten(0, 1)
        return picture_grid(quantized(rows), 3)

    @property
    def fingerprint(self) -> str:
        """A digest of the photos."""
        return self.data.fingerprint

    def summary(self) -> str:
        """Photos, steps and parameters in one line."""
        recipe = self.recipe
        return (
            f"{len(self.data)} photos of at most {recipe.data.longest_px} px; {len(self.held_out)} held out, "
            f"{recipe.epochs * recipe.steps_per_epoch} steps of {recipe.batch} crops of {recipe.data.crop_px} px, "
            f"{recipe.network.name} of {count_parameters(self.networks['network']) / 1e6:.2f} M parameters"
        )

    def facts(self) -> dict[str, Any]:
        """What recoloring needs to know."""
        return {"task": self.name, "network": to_plain(self.recipe.network)}

    def finish(self, run: Run) -> None:
        """Scores, pictures, card and report."""
        finish_rows(
            RowsOutcome(
                recipe=self.recipe,
                what="Gives a photo the colors of another, by the histograms of both.",
                data=f"{len(self.data)} photos; {len(self.held_out)} were held out",
                paths=self.recipe.data.paths,
                scores=self.measure(*self.scored),
                pictures={"recolored.png": (self.picture(), "source, reference and result, in rows of three")},
                not_for="Colors that must be true: a reference says nothing of what things really look like.",
                commands=(
                    "recolor PHOTO --like REFERENCE --method histogram-analogy --model RUN", "evaluate RUN",
                ),
            ),
            run,
        )  # fmt: skip

    def closing_line(self, run: Run) -> str:
        """The scores beside the bar."""
        return closing_line(run)

    @classmethod
    def predictor(cls, run: Run, device: str = "auto") -> AnalogyModel:
        """What recolors with a run's network."""
        return dataclasses.replace(load_model(run, device), score=closing_line(run))
