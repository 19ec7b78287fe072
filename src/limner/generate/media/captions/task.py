"""The task of sentences for clips: LSTM-GAN (Yang et al. 2018), maximum likelihood first."""

import copy
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from limner.adversarial.update import Term
from limner.foundation.draws import Draws
from limner.generate.media.captions.measure import COLUMNS, exact, score_captions
from limner.generate.media.captions.networks import CAPTION_DISCRIMINATORS, CAPTION_GENERATORS
from limner.generate.media.captions.predictor import ClipCaptioner, load_captioner
from limner.generate.media.captions.reading import CaptionedClips, read_clips
from limner.generate.media.captions.recipe import CaptionRecipe
from limner.generate.media.learning import TRAIN, MediaLearning
from limner.generate.media.sample import Condition, MediaSample
from limner.generate.media.text.encoder import Vocabulary
from limner.learning.loop.optimizers import adam
from limner.learning.loop.task import Stage, StageContext
from limner.learning.recipes.recipe import to_plain
from limner.learning.runs.rows_outcome import RowsOutcome, closing_line, finish_rows
from limner.learning.runs.run import Run
from limner.learning.runs.score_rows import ScoreRows
from limner.reporting.grid import grid

WORDS = "likelihood"
"""The name of the stage in which the generator learns by maximum likelihood."""
SHOWN = 8


class CaptionTask(MediaLearning):
    """First the generator learns words by maximum likelihood; then also from a discriminator that refuses made
    sentences, and true ones of other clips, half each."""

    name = "generate-captions"
    recipe_type = CaptionRecipe
    recipe: CaptionRecipe
    data: CaptionedClips
    columns = COLUMNS

    def __init__(self, recipe: CaptionRecipe) -> None:
        self.recipe, self.seed = recipe, recipe.seed
        data = recipe.data
        self.data = read_clips(data.paths, frames=data.frames, size_px=data.size_px)
        self.prepare(len(self.data), data.held_out, "clips")
        learned = [sentence for place in self.training.tolist() for sentence in self.data.captions[place]]
        self.vocabulary = Vocabulary.of(learned)
        counts = [len(captions) for captions in self.data.captions]
        self.counts = torch.tensor(counts)
        self.starts = self.counts.cumsum(0) - self.counts
        encoded = self.vocabulary.encode([sentence for captions in self.data.captions for sentence in captions])
        self.length = encoded.shape[1] + 1
        self.encoded = functional.pad(encoded, (0, 1))
        given: dict[str, Any] = {"words": len(self.vocabulary) + 1, "length": self.length, "size_px": data.size_px}
        self.networks = self.build_networks(CAPTION_GENERATORS, CAPTION_DISCRIMINATORS, **given)
        self.networks["likely"] = copy.deepcopy(self.networks["generator"]).requires_grad_(False)
        held = self.held_out if len(self.held_out) else self.training
        self.scored = held[: recipe.scores.samples]
        self.score = (f"{self.where}/exact", 1)

    def stages(self) -> tuple[Stage, ...]:
        """Maximum likelihood, then both networks."""
        return (Stage(WORDS, 1, self.recipe.likelihood, unit="evaluation"), *super().stages())

    def begin(self, stage: Stage, context: StageContext) -> None:
        """Bring clips and networks to the device."""
        super().begin(stage, context)
        self.clips = self.data.clips.to(self.device)
        if stage.name == WORDS:
            parameters = self.networks["generator"].parameters()
            self.optimizers = {WORDS: adam(parameters, learning_rate=self.recipe.likelihood_rate)}

    def step(self, batches: Iterator[Any], index: int) -> dict[str, Tensor]:
        """Of the first stage: towards the true next word."""
        if self.stage.name == TRAIN:
            if index == 0:
                self.networks["likely"].load_state_dict(self.networks["generator"].state_dict())
            return super().step(batches, index)
        self.networks["generator"].train()
        loss = self._unlikelihood(
            self.real(next(batches).to(self.device), index), self.latent(self.recipe.batch, WORDS, index)
        )
        optimizer = self.optimizers[WORDS]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if "average" in self.networks:  # which makes the sentences
            self.networks["average"].load_state_dict(self.networks["generator"].state_dict())
        return {"unlikelihood": loss.detach()}

    def real(self, indices: Tensor, number: int) -> MediaSample:
        """Sentences, each one of its clip's, one-hot, with the clips."""
        places = indices.cpu()
        drawn = torch.rand(len(places), generator=Draws(self.seed, torch.device("cpu")).of("captions", number))
        which = (drawn * self.counts[places]).long() + self.starts[places]
        words = functional.one_hot(self.encoded[which], len(self.vocabulary) + 1).float().to(self.device)
        return MediaSample(words, Condition(previous=self.clips[indices].float() / 127.5 - 1))

    def as_fake(self, real: MediaSample, fake: MediaSample, number: int) -> tuple[MediaSample, ...]:
        """Made sentences, and true ones of other clips."""
        return (fake, MediaSample(real.made.roll(1, 0), real.condition))

    def generator_terms(self) -> Mapping[str, Term]:
        """What maximum likelihood keeps."""
        if not self.recipe.anchor:
            return {}
        return {"anchor": lambda update: self.recipe.anchor * self._unlikelihood(update.real, update.latent)}

    def _unlikelihood(self, real: MediaSample, latent: Tensor) -> Tensor:
        """0-d: how unlikely the true words are, a word and in nats; after the end only the first ending counts."""
        network: Any = self.networks["generator"]
        with self.fabric.autocast():
            logits, _ = network.logits(latent, *real.condition.given(), told=real.made)
        true = real.made.argmax(2)
        counted = torch.cat([torch.ones_like(true[:, :1]), (true[:, :-1] > 0).long()], 1)
        lost = functional.cross_entropy(logits.flatten(0, 1), true.flatten(), reduction="none").unflatten(0, true.shape)
        return (lost * counted).sum() / counted.sum()

    def current_predictor(self, name: str | None = None) -> ClipCaptioner:
        """What captions clips, around a network as it is now."""
        network = self.maker if name is None else self.networks[name]
        data = self.recipe.data
        return ClipCaptioner(network.eval(), self.vocabulary.words, data.size_px, data.frames, self.device)

    def measure(self, paths: Sequence[Path] = ()) -> ScoreRows:
        """How right its sentences are on clips that it did not learn from, or on those of other folders."""
        data = self.recipe.data
        clips, true = self.data.clips[self.scored], [self.data.captions[place] for place in self.scored.tolist()]
        if paths:
            other = read_clips(paths, frames=data.frames, size_px=data.size_px)
            clips, true = other.clips, list(other.captions)
        return score_captions(
            self.current_predictor().caption_all(clips), self.current_predictor("likely").caption_all(clips), clips,
            true, self.data.clips[self.training], [self.data.captions[place] for place in self.training.tolist()],
            own=not paths,
        )  # fmt: skip

    def evaluate(self) -> Mapping[str, float]:
        """The share of exact matches."""
        if self.stage.name == WORDS:  # what is kept from here is maximum likelihood alone
            self.networks["likely"].load_state_dict(self.networks["generator"].state_dict())
        said = self.current_predictor().caption_all(self.data.clips[self.scored])
        true = [self.data.captions[place] for place in self.scored.tolist()]
        return self.placed({"exact": float(np.mean(exact(said, true)))})

    def picture(self) -> np.ndarray:
        """The middle frames of the first clips that it is scored by."""
        frames = self.data.clips[self.scored[:SHOWN]]
        return grid(frames[:, frames.shape[1] // 2], 8)

    def summary(self) -> str:
        """Clips, words, steps and parameters in one line."""
        steps = next(stage.total_steps for stage in self.stages() if stage.name == TRAIN)
        return (
            f"{self.data.summary()} of {len(self.vocabulary)} words; {len(self.held_out)} held out, "
            f"{self.recipe.likelihood} steps of likelihood and {steps} of {self.recipe.batch} clips, "
            f"{self.recipe.generator.name} against {self.recipe.discriminator.name} of {self.sizes} parameters"
        )

    def facts(self) -> dict[str, Any]:
        """What captioning needs to know."""
        return {
            "task": self.name, "generator": to_plain(self.recipe.generator), "words": list(self.vocabulary.words),
            "length": self.length, "size_px": self.recipe.data.size_px, "frames": self.recipe.data.frames,
        }  # fmt: skip

    def finish(self, run: Run) -> None:
        """Scores, card and report."""
        said = self.current_predictor().caption_all(self.data.clips[self.scored[:SHOWN]])
        finish_rows(
            RowsOutcome(
                recipe=self.recipe,
                what=f"Tells clips in sentences of {len(self.vocabulary)} words.",
                data=f"{self.data.summary()}; {len(self.held_out)} clips were held out",
                paths=self.recipe.data.paths,
                scores=self.measure(),
                pictures={"clips.png": (self.picture(), "; ".join(said))},
                not_for="Clips that show anything else than those that it learned from.",
                commands=("caption RUN CLIP.mp4", "evaluate RUN"),
            ),
            run,
        )

    @classmethod
    def predictor(cls, run: Run, device: str = "auto") -> ClipCaptioner:
        """What captions clips by a run."""
        return dataclasses.replace(load_captioner(run, device), score=closing_line(run))
