"""The task of clips: VGAN (Vondrick et al., NeurIPS 2016), from noise and from a still."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import l1_loss

from limner.adversarial.update import Term, Update, update_generator
from limner.generate.media.clips.measure import COLUMNS, measure
from limner.generate.media.clips.networks import CLIP_DISCRIMINATORS, CLIP_GENERATORS, ClipGenerator, shown
from limner.generate.media.clips.predictor import ClipMaker, load_clip_maker
from limner.generate.media.clips.reading import ClipSet, read_clips
from limner.generate.media.clips.recipe import ClipRecipe
from limner.generate.media.learning import MediaLearning
from limner.generate.media.sample import Condition, MediaSample
from limner.learning.loop.task import Stage, StageContext
from limner.learning.recipes.recipe import to_plain
from limner.learning.runs.rows_outcome import RowsOutcome, closing_line, finish_rows
from limner.learning.runs.run import Run
from limner.learning.runs.score_rows import MADE, ScoreRows

ROWS = 8
"""Clips that `picture` shows, always of the same latents."""


class ClipTask(MediaLearning):
    """A generator and a discriminator of clips."""

    name = "generate-clips"
    recipe_type = ClipRecipe
    recipe: ClipRecipe
    data: ClipSet
    columns = COLUMNS

    def __init__(self, recipe: ClipRecipe) -> None:
        self.recipe, self.seed = recipe, recipe.seed
        self.data = read_clips(recipe.data.paths, recipe.data.size_px)
        self.prepare(len(self.data), recipe.data.held_out, "clips")
        self.networks = self.build_networks(CLIP_GENERATORS, CLIP_DISCRIMINATORS, size_px=recipe.data.size_px)
        self.score = (f"{self.where}/frechet", -1)

    @property
    def true(self) -> Tensor:
        """(n, 3, T, S, S) uint8: the clips that scores compare with."""
        return self.data.clips[self.held_out if len(self.held_out) else self.training]

    @property
    def own_generator(self) -> ClipGenerator:
        """The generator as it is, without Fabric."""
        network = self.networks["generator"]
        assert isinstance(network, ClipGenerator)
        return network

    @property
    def from_stills(self) -> bool:
        """Whether clips go on from a first frame."""
        return self.own_generator.still

    def begin(self, stage: Stage, context: StageContext) -> None:
        """Bring clips and networks to the device."""
        super().begin(stage, context)
        self.clips = self.data.clips.to(self.device)
        made = self.generator
        self.streams = made
        self.generator = lambda *given: made(*given).clip

    def real(self, indices: Tensor, number: int) -> MediaSample:
        """Clips in [-1, 1], with their first frames where those are given."""
        clips = self.clips[indices].float() / 127.5 - 1
        return MediaSample(clips, Condition(previous=clips[:, :, 0] if self.from_stills else None))

    def teach_generator(self, real: MediaSample, number: int) -> dict[str, Tensor]:
        """An update of the generator, whose mask and first frame the terms look at."""
        latent = self.latent(len(real.made), "generator", number)
        streams = self.streams(latent, *real.condition.given())
        fake = MediaSample(streams.clip, real.condition)
        update: Update[Any] = Update(number, real, fake, latent, streams)
        return update_generator(
            self.discriminate, self.updaters["generator"], self.loss, update, self.generator_terms()
        )

    def generator_terms(self) -> Mapping[str, Term]:
        """The mean of the mask, and how far the first frame is from the still."""
        recipe = self.recipe
        terms: dict[str, Term] = {}
        if recipe.mask_penalty and self.own_generator.mask is not None:
            terms["mask_penalty"] = lambda update: recipe.mask_penalty * update.batch.mask.mean()
        if recipe.first_frame and self.from_stills:
            terms["first_frame_loss"] = lambda update: (
                recipe.first_frame * l1_loss(update.batch.clip[:, :, 0], update.real.condition.previous)
            )
        return terms

    def current_predictor(self) -> ClipMaker:
        """What makes clips, around the network as it is now."""
        return ClipMaker(self.maker.eval(), self.recipe.data.size_px, self.recipe.prior, self.device)

    def made(self, count: int, true: Tensor) -> Tensor:
        """(n, T, 3, S, S) in [0, 1]: what it makes of latents, or of the first frames of ``true`` (m, 3, T, S, S)."""
        predictor = self.current_predictor()
        if not self.from_stills:
            return predictor.generate(count)
        return predictor.go_on(true[:count, :, 0].float() / 255)

    def measure(self, paths: Sequence[Path] = (), *, bars: bool = True) -> ScoreRows:
        """How far what it makes is from clips that it did not learn from, or from those of other files."""
        true = read_clips(paths, self.recipe.data.size_px).clips if paths else self.true
        made = (self.made(self.recipe.scores.samples, true).transpose(1, 2) * 255).round().to(torch.uint8)
        return measure(made, self.data.clips[self.training], true, seed=self.seed, own=not paths, bars=bars)

    def evaluate(self) -> Mapping[str, float]:
        """Fréchet distance, histograms of motion, how much moves, copies."""
        return self.placed(self.measure(bars=False).rows[MADE])

    def picture(self) -> np.ndarray:
        """What it makes of the same latents, or stills, as ever: a row of frames each."""
        return self.current_predictor().pictures(self.made(ROWS, self.true))

    def summary(self) -> str:
        """Clips, steps and parameters in one line."""
        steps = sum(stage.total_steps for stage in self.stages())
        return (
            f"{self.data.summary()}; {len(self.held_out)} held out, {steps} steps of {self.recipe.batch} clips, "
            f"{self.recipe.generator.name} against {self.recipe.discriminator.name} of {self.sizes} parameters"
        )

    def facts(self) -> dict[str, Any]:
        """What making clips needs to know."""
        return {
            "task": self.name,
            "generator": to_plain(self.recipe.generator),
            "prior": to_plain(self.recipe.prior),
            "size_px": self.recipe.data.size_px,
        }

    def finish(self, run: Run) -> None:
        """Scores, pictures, card and report."""
        size_px = self.recipe.data.size_px
        true = shown(self.true[:ROWS].float() / 127.5 - 1)
        like = " --like STILL" if self.from_stills else " -n 16"
        finish_rows(
            RowsOutcome(
                recipe=self.recipe,
                what=f"Makes clips of {size_px // 2} frames of {size_px} px.",
                data=f"{self.data.summary()}; {len(self.held_out)} were held out",
                paths=self.recipe.data.paths,
                scores=self.measure(),
                pictures={
                    "made.png": (self.picture(), "made, not chosen: a row of frames each"),
                    "real.png": (self.current_predictor().pictures(true), "real ones"),
                },
                not_for="Passing made clips off as recordings.",
                commands=(f"generate RUN{like}", "evaluate RUN"),
            ),
            run,
        )

    @classmethod
    def predictor(cls, run: Run, device: str = "auto") -> ClipMaker:
        """What makes a run's clips."""
        return dataclasses.replace(load_clip_maker(run, device), score=closing_line(run))
