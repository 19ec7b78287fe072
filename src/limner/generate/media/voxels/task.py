"""The task of solids of voxels: 3D-GAN (Wu et al., NeurIPS 2016)."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from limner.generate.media.learning import MediaLearning
from limner.generate.media.sample import MediaSample
from limner.generate.media.voxels.measure import COLUMNS, measure
from limner.generate.media.voxels.networks import VOXEL_DISCRIMINATORS, VOXEL_GENERATORS
from limner.generate.media.voxels.predictor import VoxelMaker, load_voxel_maker
from limner.generate.media.voxels.reading import VoxelSet, read_voxels
from limner.generate.media.voxels.recipe import VoxelRecipe
from limner.learning.loop.task import Stage, StageContext
from limner.learning.recipes.recipe import to_plain
from limner.learning.runs.rows_outcome import RowsOutcome, closing_line, finish_rows
from limner.learning.runs.run import Run
from limner.learning.runs.score_rows import ScoreRows
from limner.reporting.grid import grid

GRID = 32
"""Solids that `picture` shows, always of the same latents."""

ROUNDING = 1e-6
"""0.8 in float32 is a little more than 0.8."""


class VoxelTask(MediaLearning):
    """A generator and a discriminator of solids. The latter learns only while it told no more than ``rest_above`` of
    its last batch apart: solids are easier to tell than to make (sec. 3.2)."""

    name = "generate-voxels"
    recipe_type = VoxelRecipe
    recipe: VoxelRecipe
    data: VoxelSet
    columns = COLUMNS

    def __init__(self, recipe: VoxelRecipe) -> None:
        self.recipe, self.seed = recipe, recipe.seed
        self.data = read_voxels(recipe.data.paths, recipe.data.side)
        self.prepare(len(self.data), recipe.data.held_out, "solids")
        self.networks = self.build_networks(VOXEL_GENERATORS, VOXEL_DISCRIMINATORS, side=recipe.data.side)
        self.score = (f"{self.where}/matching", 1)

    @property
    def true(self) -> Tensor:
        """(n, side, side, side) uint8: the solids that scores compare with."""
        return self.data.voxels[self.held_out if len(self.held_out) else self.training]

    def begin(self, stage: Stage, context: StageContext) -> None:
        """Bring solids and networks to the device."""
        super().begin(stage, context)
        self.solids = self.data.voxels.to(self.device)
        self.state = {"accuracy": torch.zeros((), device=self.device)}

    def real(self, indices: Tensor, number: int) -> MediaSample:
        """Solids of 0 and 1."""
        return MediaSample(self.solids[indices].float())

    def teach_discriminator(self, real: MediaSample, number: int) -> dict[str, Tensor]:
        """An update of the discriminator, unless it told more than ``rest_above`` of its last batch apart.

        Whether it did is read from the device in each step, for the rule hangs on it.
        """
        learns = float(self.state["accuracy"]) <= self.recipe.rest_above + ROUNDING
        if learns:
            values = super().teach_discriminator(real, number)
        with torch.no_grad():
            made = MediaSample(self.generator(self.latent(len(real.made), "fake", number)))
            said = self.discriminate(real), self.discriminate(made)
        right = ((said[0] > 0).float().mean() + (said[1] < 0).float().mean()) / 2
        if not learns:
            loss = self.loss.discriminator(*said)
            values = {"discriminator_loss": loss, "real_sign": said[0].sign().mean()}
        self.state["accuracy"] = right
        return {**values, "told_apart": right}

    def current_predictor(self) -> VoxelMaker:
        """What makes solids, around the network as it is now."""
        return VoxelMaker(
            self.maker.eval(), self.recipe.data.side, self.recipe.prior, self.recipe.filled_above, self.device
        )

    def measure(self, paths: Sequence[Path] = ()) -> ScoreRows:
        """How well what it makes stands for solids that it did not learn from, or for those of other files."""
        made = self.current_predictor().generate(self.recipe.scores.samples) >= self.recipe.filled_above
        true = read_voxels(paths, self.recipe.data.side).voxels if paths else self.true
        return measure(
            made.to(torch.uint8), self.data.voxels[self.training], true, seed=self.seed, own=not paths
        )  # fmt: skip

    def picture(self) -> np.ndarray:
        """What it makes of the same latents as ever."""
        predictor = self.current_predictor()
        return grid(predictor.pictures(predictor.generate(GRID)), 8)

    def summary(self) -> str:
        """Solids, steps and parameters in one line."""
        steps = sum(stage.total_steps for stage in self.stages())
        return (
            f"{self.data.summary()}; {len(self.held_out)} held out, {steps} steps of {self.recipe.batch} solids, "
            f"{self.recipe.generator.name} against {self.recipe.discriminator.name} of {self.sizes} parameters"
        )

    def facts(self) -> dict[str, Any]:
        """What making solids needs to know."""
        return {
            "task": self.name,
            "generator": to_plain(self.recipe.generator),
            "prior": to_plain(self.recipe.prior),
            "side": self.recipe.data.side,
            "filled_above": self.recipe.filled_above,
        }

    def finish(self, run: Run) -> None:
        """Scores, pictures, card and report."""
        predictor = self.current_predictor()
        finish_rows(
            RowsOutcome(
                recipe=self.recipe,
                what=f"Makes solids of {self.recipe.data.side} voxels a side.",
                data=f"{self.data.summary()}; {len(self.held_out)} were held out",
                paths=self.recipe.data.paths,
                scores=self.measure(),
                pictures={
                    "made.png": (self.picture(), "made, not chosen"),
                    "real.png": (grid(predictor.pictures(self.true[:GRID].float()), 8), "real ones"),
                },
                not_for="Parts that must bear or fit: nothing here knows of strength or of measures.",
                commands=("generate RUN -n 16", "evaluate RUN"),
            ),
            run,
        )

    @classmethod
    def predictor(cls, run: Run, device: str = "auto") -> VoxelMaker:
        """What makes a run's solids."""
        return dataclasses.replace(load_voxel_maker(run, device), score=closing_line(run))
