"""The task of pictures of sentences: GAN-CLS with interpolation (Reed et al., ICML 2016), in a stage or two."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.adversarial.update import Term
from limner.datasets.pictures.quantized import quantized
from limner.foundation.draws import Draws
from limner.foundation.errors import UserError
from limner.generate.media.learning import TRAIN, MediaLearning
from limner.generate.media.sample import Condition, MediaSample
from limner.generate.media.text.captions import CaptionedPictures, read_captioned
from limner.generate.media.text.codes import SentenceCodes
from limner.generate.media.text.encoder import PictureEncoder, TextEncoder, Vocabulary, matching_loss
from limner.generate.media.text.enlarging import Stacked
from limner.generate.media.text.measure import ATTRIBUTES, COLUMNS, MATCHED, measure
from limner.generate.media.text.networks import TEXT_DISCRIMINATORS, TEXT_ENLARGERS, TEXT_GENERATORS
from limner.generate.media.text.predictor import TextPictureGenerator, load_text_generator
from limner.generate.media.text.recipe import TextRecipe
from limner.learning.loop.optimizers import SCHEDULES, adam
from limner.learning.loop.task import Stage, StageContext
from limner.learning.recipes.recipe import to_plain
from limner.learning.runs.rows_outcome import RowsOutcome, closing_line, finish_rows
from limner.learning.runs.run import Run
from limner.learning.runs.score_rows import MADE, ScoreRows
from limner.reporting.grid import grid

WORDS = "words"
"""The name of the stage in which the encoders learn."""
SECOND = "second"
"""The stage in which a second pair learns to enlarge what the first makes; names of its networks begin so."""
LEAST_HELD_OUT = 2
FIRST = "first_"
"""How scores of small pictures begin, where a second stage is to come."""
KEPT = 64
"""Sentences that a run keeps: what it makes pictures of where none are given."""


class TextTask(MediaLearning):
    """First two encoders learn which sentence belongs to which picture (`limner.generate.media.text.encoder`); then,
    with these frozen, a generator and a discriminator that is told pairs of picture and sentence.

    The discriminator refuses made pictures with right sentences and real ones with wrong sentences, half each
    (Reed et al., algorithm 1). The generator is asked for sentences, and with ``interpolate`` half as often for what
    lies in the middle between two (sec. 4.3, beta 0.5).

    With a second pair (Zhang et al. 2017) the first learns from small pictures; then, frozen, it makes what the second
    one's generator enlarges, by the same losses.
    """

    name = "generate-text"
    recipe_type = TextRecipe
    recipe: TextRecipe
    data: CaptionedPictures
    columns = COLUMNS

    def __init__(self, recipe: TextRecipe) -> None:
        self.recipe, self.seed = recipe, recipe.seed
        data = recipe.data
        self.data = read_captioned(data.paths, size_px=data.size_px, colors=data.colors, fit=data.fit)
        self.prepare(len(self.data), data.held_out, "pictures")
        if recipe.words.batch > len(self.training):
            raise UserError(
                f"words.batch is {recipe.words.batch}, but there are {len(self.training)} pictures to learn from; give "
                f"--words.batch {len(self.training)} or less"
            )
        learned = [sentence for place in self.training.tolist() for sentence in self.data.captions[place]]
        self.vocabulary = Vocabulary.of(learned)
        given = {"size_px": data.size_px, "channels": data.channels, "code": recipe.words.code}
        encoders: dict[str, Callable[[], nn.Module]] = {
            "text": lambda: TextEncoder(len(self.vocabulary), recipe.words.code, recipe.words.width),
            "eyes": lambda: PictureEncoder(data.size_px, data.channels, recipe.words.code),
        }
        times = getattr(TEXT_ENLARGERS[recipe.second.generator.name], "times", 1)
        self.first_px = data.size_px // times
        small = {**given, "size_px": self.first_px}
        self.networks = self.build_networks(TEXT_GENERATORS, TEXT_DISCRIMINATORS, encoders, **small)
        if self.in_two:
            second = self.build_networks(TEXT_ENLARGERS, TEXT_DISCRIMINATORS, None, recipe.second, **given)
            self.networks |= {f"{SECOND}_{name}": network for name, network in second.items()}
        told = self.held_out if len(self.held_out) >= LEAST_HELD_OUT else self.training
        self.scored = told[: recipe.scores.samples]
        self.sentences = [self.data.captions[place][0] for place in self.scored.tolist()]
        self.score = (f"{self.where}/fitting", 1)
        self._codes: SentenceCodes | None = None
        self.at = SECOND if self.in_two else TRAIN  # the stage; of a finished run the last

    @property
    def in_two(self) -> bool:
        """Whether a second pair learns behind the first."""
        return self.recipe.second.generator.name != "none"

    def stages(self) -> tuple[Stage, ...]:
        """The encoders, then generator and discriminator, and what enlarges."""
        stages = (Stage(WORDS, 1, self.recipe.words.steps, unit="evaluation"), *super().stages())
        if not self.in_two:
            return stages
        kimg = self.recipe.second.kimg
        shown = self.recipe.shown(len(self.training)) if kimg is None else round(1000 * kimg)
        return (*stages, self.stage_of(SECOND, shown))

    def learner(self, name: str) -> str:
        """See `MediaLearning`."""
        return f"{SECOND}_{name}" if self.at == SECOND else name

    def begin(self, stage: Stage, context: StageContext) -> None:
        """Make what moves the networks of a stage."""
        self.at = stage.name
        super().begin(stage, context)
        if stage.name == SECOND:
            self.learning_rate_factor = self.recipe.second.schedule.build(SCHEDULES)
            first, enlarge = self.maker.eval(), self.generator

            def generator(latent: Tensor, code: Tensor) -> Tensor:
                with torch.no_grad(), self.fabric.autocast():
                    small = first(latent, code).float()
                enlarged: Tensor = enlarge(small, code)
                return enlarged

            self.generator = generator
        self._codes = None  # the encoder may have learned
        self.pixels = self.data.pictures.to(self.device)
        if stage.name == WORDS:
            parameters = [*self.networks["text"].parameters(), *self.networks["eyes"].parameters()]
            rate = self.recipe.words.learning_rate
            self.optimizers = {WORDS: adam(parameters, learning_rate=rate)}

    def batch(self, stage: Stage, number: int) -> Tensor:
        """(batch,) int64: which pictures batch ``number`` shows."""
        if stage.name != WORDS:
            return super().batch(stage, number)
        drawn = torch.randperm(len(self.training), generator=Draws(self.seed, torch.device("cpu")).of("words", number))
        return self.training[drawn[: self.recipe.words.batch]]

    def step(self, batches: Iterator[Any], index: int) -> dict[str, Tensor]:
        """Of the encoders: tell which of the batch's sentences belong to which of its pictures."""
        if self.stage.name != WORDS:
            self.codes()  # before the networks are set to learn
            return super().step(batches, index)
        indices = next(batches)
        which = self.draws.of("sentence", index)
        sentences = [_one_of(self.data.captions[place], which) for place in indices.tolist()]
        for name in ("text", "eyes"):
            self.networks[name].train()
        codes = self.networks["text"](self.vocabulary.encode(sentences).to(self.device))
        loss = matching_loss(self.networks["eyes"](self._images(indices.to(self.device))), codes)
        optimizer = self.optimizers[WORDS]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return {"matching_loss": loss.detach()}

    def codes(self) -> SentenceCodes:
        """Of all sentences, by the encoder as it has learned."""
        if self._codes is None:
            self._codes = SentenceCodes.of(self.data.captions, self.current_predictor().codes, self.device)
        return self._codes

    def real(self, indices: Tensor, number: int) -> MediaSample:
        """Pictures, each with the mean code of some of its sentences."""
        code = self.codes().drawn(indices, self.recipe.words.averaged, self.draws.of("captions", number))
        images = self._images(indices)
        if self.at == TRAIN and self.in_two:
            images = functional.adaptive_avg_pool2d(images, self.first_px)
        return MediaSample(images, Condition(vector=code))

    def as_fake(self, real: MediaSample, fake: MediaSample, number: int) -> tuple[MediaSample, ...]:
        """Made pictures with right sentences, and real ones with those of others."""
        codes = real.condition.vector
        assert codes is not None
        return (fake, MediaSample(real.made, Condition(vector=codes.roll(1, 0))))

    def asked(self, real: MediaSample, number: int) -> Condition:
        """The sentences of the batch, and what lies between every other two of them."""
        codes = real.condition.vector
        assert codes is not None
        if not self.recipe.interpolate:
            return real.condition
        half = len(codes) // 2
        return Condition(vector=torch.cat([codes, (codes[:half] + codes[half : 2 * half]) / 2]))

    def generator_terms(self) -> Mapping[str, Term]:
        """Of a generator that augments codes: their divergence from N(0, 1)."""
        augment = getattr(self.networks[self.learner("generator")], "augment", None)
        if augment is None or not self.recipe.divergence:
            return {}
        return {"divergence": lambda update: self.recipe.divergence * augment.divergence()}

    def _images(self, indices: Tensor) -> Tensor:
        return self.pixels[indices].float() / 127.5 - 1

    def current_predictor(self) -> TextPictureGenerator:
        """What makes pictures of sentences, around the networks as they are now."""
        text: Any = self.networks["text"]
        network = self.maker
        if self.in_two:
            second = self.networks.get(f"{SECOND}_average", self.networks[f"{SECOND}_generator"])
            network = Stacked(network, second if self.at == SECOND else None, self.recipe.data.size_px)
        return TextPictureGenerator(
            network=network.eval(), text=text.eval(), vocabulary=self.vocabulary, size_px=self.recipe.data.size_px,
            channels=self.recipe.data.channels, prior=self.recipe.prior, sentences=tuple(self.sentences[:KEPT]),
            device=self.device,
        )  # fmt: skip

    def make(self, count: int) -> Tensor:
        """(n, C, S, S) uint8: a picture of each of the first sentences that it is scored by."""
        sentences = self.sentences[:count]
        return quantized(self.current_predictor().decode(range(len(sentences)), sentences))

    def measure(self, paths: Sequence[Path] = ()) -> ScoreRows:
        """How well what it makes fits the sentences of pictures that it did not learn from, or of other folders'."""
        predictor, data = self.current_predictor(), self.recipe.data
        pictures, sentences = self.data.pictures[self.scored], self.sentences
        if paths:
            other = read_captioned(paths, size_px=data.size_px, colors=data.colors, fit=data.fit)
            pictures, sentences = other.pictures, [captions[0] for captions in other.captions]
        made = quantized(predictor.decode(range(len(sentences)), sentences))
        eyes = self.networks["eyes"].eval()

        @torch.inference_mode()
        def encode(pictures: Tensor) -> Tensor:
            code: Tensor = eyes(pictures.to(self.device).float() / 127.5 - 1)
            return code.float().cpu()

        return measure(made, pictures, sentences, encode, predictor.codes(sentences), seed=self.seed, own=not paths)

    def evaluate(self) -> Mapping[str, float]:
        """Shares of made pictures that fit their sentences; ``fitting`` is the mean over color and shape, or of what
        else there is."""
        scores = self.measure()
        made = {name: value for name, value in scores.rows[MADE].items() if value is not None}
        leading = [made[name] for name in ATTRIBUTES[:2] if name in made] or [made[MATCHED]]
        found = {"fitting": float(np.mean(leading)), **made}
        if self.in_two and self.at != SECOND:  # its pictures, interpolated, are not what is to be the best
            return self.placed({f"{FIRST}{name}": value for name, value in found.items()})
        return self.placed(found)

    def told(self, scores: Mapping[str, float]) -> str:
        """The scores under the tables' heads; of a first stage said so."""
        first = any(name.startswith(f"{self.where}/{FIRST}") for name in scores)
        said = super().told({name.replace(f"/{FIRST}", "/"): value for name, value in scores.items()})
        return f"{said} (small pictures, interpolated)" if first else said

    def picture(self) -> np.ndarray:
        """What it makes of the same sentences and latents as ever."""
        return grid(self.make(KEPT), 8)

    def summary(self) -> str:
        """Pictures, words, steps and parameters in one line."""
        steps = next(stage.total_steps for stage in self.stages() if stage.name == TRAIN)
        return (
            f"{self.data.summary()} of {len(self.vocabulary)} words; {len(self.held_out)} held out, "
            f"{self.recipe.words.steps} steps of the encoders and {steps} of {self.recipe.batch} pictures, "
            f"{self.recipe.generator.name} against {self.recipe.discriminator.name} of {self.sizes} parameters"
            + (f", then {self.recipe.second.generator.name} enlarges {self.first_px} px" if self.in_two else "")
        )

    def facts(self) -> dict[str, Any]:
        """What making pictures of sentences needs to know."""
        return {
            "task": self.name,
            "generator": to_plain(self.recipe.generator),
            "prior": to_plain(self.recipe.prior),
            "size_px": self.recipe.data.size_px,
            "first_px": self.first_px,
            "second": to_plain(self.recipe.second.generator) if self.in_two and self.at == SECOND else None,
            "channels": self.recipe.data.channels,
            "code": self.recipe.words.code,
            "word_width": self.recipe.words.width,
            "words": list(self.vocabulary.words),
            "sentences": self.sentences[:KEPT],
        }

    def finish(self, run: Run) -> None:
        """Scores, pictures, card and report."""
        first = self.sentences[:8]
        finish_rows(
            RowsOutcome(
                recipe=self.recipe,
                what=f"Makes pictures of {self.recipe.data.size_px} px of sentences of {len(self.vocabulary)} words.",
                data=f"{self.data.summary()}; {len(self.held_out)} pictures were held out",
                paths=self.recipe.data.paths,
                scores=self.measure(),
                pictures={
                    "made.png": (self.picture(), f"made; the first row: {'; '.join(first)}"),
                    "real.png": (grid(self.data.pictures[self.scored[:KEPT]], 8), "the pictures of these sentences"),
                },
                not_for="Words that are not in its list, and anything that its pictures did not show.",
                commands=(f'generate RUN --text "{first[0]}"', "evaluate RUN"),
            ),
            run,
        )

    @classmethod
    def predictor(cls, run: Run, device: str = "auto") -> TextPictureGenerator:
        """What makes a run's pictures."""
        return dataclasses.replace(load_text_generator(run, device), score=closing_line(run))


def _one_of(captions: Sequence[str], generator: torch.Generator) -> str:
    return captions[int(torch.randint(len(captions), (), generator=generator, device=generator.device))]
