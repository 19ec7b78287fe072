"""The task of learning to make pictures: its scores and alarms, and what a training says of itself."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from limner.datasets.pictures.quantized import quantized
from limner.fidelity.score import score_pictures
from limner.foundation.progress import say
from limner.generate.making.predictor import PictureGenerator, load_generator
from limner.generate.training.alarms import ALARMS
from limner.generate.training.learning import PictureLearning
from limner.generate.training.monitor import PROBED, EvaluationSamples
from limner.generate.training.outcome import Outcome, Reconstructions, closing_line, evaluation_line, finish_training
from limner.generate.training.picture_pool import Sample
from limner.generate.training.recipe import GenerateRecipe
from limner.learning.alarms import ringing
from limner.learning.loop.average import settle_statistics
from limner.learning.recipes.recipe import to_plain
from limner.learning.runs.run import Run
from limner.nn.parameters import count_parameters
from limner.reporting.grid import grid

STATISTICS_SEED = 1
"""Of the pictures by which an average's batch normalization is settled: not those that are scored, of seed 0."""
RECONSTRUCTED = 32
"""Pictures whose reconstructions a report shows."""
GRID = 64
"""Pictures that `picture` shows, always of the same latents."""


class GenerateTask(PictureLearning):
    """Adversarial learning of pictures (Goodfellow et al. 2014)."""

    name = "generate"
    recipe_type = GenerateRecipe
    learning_rate_options = "--generator-optimizer.learning-rate, --discriminator-optimizer.learning-rate"

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
            discriminator=self.networks["discriminator"].eval(),
            encoder=self.networks["encoder"].eval() if "encoder" in self.networks else None,
            latent_optimization=self.recipe.latent_optimization,
            fit=self.pictures.fit,
        )

    def make(self, count: int) -> Tensor:
        """(count, C, S, S) uint8: the pictures that `limner generate` would make now, of seed 0."""
        return quantized(self.current_predictor().generate(count))

    def evaluation_samples(self) -> EvaluationSamples:
        """The pictures that it is scored by, as it makes them now."""
        return self.monitor.samples(self.current_predictor())

    def evaluate(self) -> Mapping[str, float]:
        """Scores of what it makes against held-out pictures, and numbers of the alarms; says which begin to ring."""
        if "average" in self.networks:
            predictor = self.current_predictor()
            count = self.recipe.scores.samples
            settle_statistics(predictor.network, lambda: predictor.generate(count, seed=STATISTICS_SEED))
        made = self.evaluation_samples()
        alarms = self.alarms(made)
        ringing_now = ringing(ALARMS, alarms)
        for name in ringing_now.keys() - self.rung:
            say(ringing_now[name])
        self.rung = set(ringing_now)
        return {**{f"{self.where}/{name}": value for name, value in self.monitor.scores(made).items()}, **alarms}

    def told(self, scores: Mapping[str, float]) -> str:
        """KID and FID with their features, precision and recall."""
        return evaluation_line(scores, self.recipe.scores.features)

    def closing_line(self, run: Run) -> str:
        """The KID of what it makes, and that of flat pictures."""
        return closing_line(run)

    def alarms(self, made: EvaluationSamples) -> dict[str, float]:
        """The alarms' numbers of made pictures."""
        for name in self.learning:
            self.networks[name].eval()
        pictures = made.pictures[:PROBED]
        labels = self.current_predictor().labels(range(len(pictures)))
        logits = self.monitor.probe(lambda sample: self.discriminate(self.encoded(sample)), Sample(pictures, labels))
        return self.monitor.alarms(made, logits, signed=self.recipe.loss.name != "wasserstein")

    def picture(self) -> np.ndarray:
        """What it makes of the same latents as ever, in a grid."""
        return grid(self.make(GRID), 8)

    def summary(self) -> str:
        """Pictures, steps and parameters in one line."""
        steps = sum(stage.total_steps for stage in self.stages())
        sizes = [f"{count_parameters(self.networks[name]) / 1e6:.2f} M" for name in ("generator", "discriminator")]
        return (
            f"{self.pictures.summary()}; {len(self.held_out)} held out, {steps} steps of "
            f"{self.recipe.images_per_update} pictures, {self.recipe.generator.name} against "
            f"{self.recipe.discriminator.name} of {' and '.join(sizes)} parameters"
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
            "encoder": to_plain(self.recipe.encoder),
            "latent_optimization": to_plain(self.recipe.latent_optimization),
            "fit": self.pictures.fit,
        }

    def finish(self, run: Run) -> None:
        """Scores, curves, card and report."""
        made = self.evaluation_samples()
        outcome = Outcome(
            recipe=self.recipe,
            data=self.pictures.summary(),
            class_names=self.pictures.class_names,
            parameters=count_parameters(self.maker),
            learned=self.monitor.learned,
            held_out=self.monitor.held_out,
            made=made.pictures,
            scored=score_pictures(self.monitor.real, made.described, self.monitor.extractor),
            alarms=self.alarms(made),
            reconstructions=self.reconstructions(made),
        )
        finish_training(outcome, run)

    def reconstructions(self, made: EvaluationSamples) -> Reconstructions | None:
        """Of the first pictures that scores compare with; None without an encoder."""
        predictor = self.current_predictor()
        if predictor.encoder is None:
            return None
        given = self.monitor.against[:RECONSTRUCTED]
        labels = (
            None if self.pictures.labels is None else self.pictures.labels[self.monitor.places_against[:RECONSTRUCTED]]
        )
        found = predictor.decode(predictor.encode(given.float() / 255), labels, as_they_are=True)
        return Reconstructions.of(given, quantized(found), made.pictures)

    @classmethod
    def predictor(cls, run: Run, device: str = "auto") -> PictureGenerator:
        """What makes a run's pictures."""
        return dataclasses.replace(load_generator(run, device), score=closing_line(run))
