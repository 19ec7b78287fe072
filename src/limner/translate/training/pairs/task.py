"""The task of making one picture of another, learned from pairs: its scores and alarms, and what it says of itself."""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from limner.foundation.progress import say
from limner.learning.alarms import ringing
from limner.learning.recipes.recipe import to_plain
from limner.learning.runs.run import Run
from limner.nn.parameters import count_parameters
from limner.translate.data.crops import Whole, whole_pair
from limner.translate.measures.bars import Known, known_of
from limner.translate.measures.measure import counted_pixels, measure
from limner.translate.measures.result import PairScores
from limner.translate.measures.similarity import psnr, ssim
from limner.translate.training.pairs.alarms import ALARMS, alarms_of
from limner.translate.training.pairs.learning import PairLearning
from limner.translate.training.pairs.outcome import Outcome, before_and_after, closing_line, finish_training
from limner.translate.training.pairs.reading import bars_of, protocol_of
from limner.translate.training.pairs.recipe import PairRecipe
from limner.translate.translating.predictor import PictureTranslator, load_translator, make_translator

SHOWN = 6
"""Pairs that `picture` shows."""


class PairTask(PairLearning):
    """Pictures made of pictures, learned from pairs: pix2pix, SRGAN, DeblurGAN, context encoders, and the same networks
    by content alone.
    """

    name = "translate-pairs"
    recipe_type = PairRecipe
    learning_rate_options = "--generator-optimizer.learning-rate, --discriminator-optimizer.learning-rate"

    def __init__(self, recipe: PairRecipe) -> None:
        super().__init__(recipe)
        self.where = "validation" if len(self.held_out) else "training"
        self.score = ("", 1) if recipe.scores.keep_by == "none" else (f"{self.where}/psnr", 1)
        self.protocol = protocol_of(recipe)
        self.bars = bars_of(recipe, self.pairs.scale, (self.inputs, self.outputs))
        self.rung: set[str] = set()

    @classmethod
    def with_data(cls, recipe: PairRecipe, paths: Sequence[Path], options: None) -> PairRecipe:
        """The recipe with other folders (``--data``)."""
        if not paths:
            return recipe
        return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, paths=tuple(paths)))

    @property
    def fingerprint(self) -> str:
        """A digest of the pictures."""
        return self.pairs.fingerprint

    def current_predictor(self) -> PictureTranslator:
        """What translates, around the network as it is now."""
        facts = self.facts()
        options = {name: value for name, value in facts["degrade"].items() if name != "name"}
        return make_translator(
            self.networks["generator"], inputs=self.inputs, outputs=self.outputs, scale=self.pairs.scale,
            colors=facts["colors"], source_colors=facts["source_colors"], degrade_name=facts["degrade"]["name"],
            degrade_options=options, see_mask=facts["see_mask"], picture_statistics=facts["picture_statistics"],
            dropout=facts["dropout"], device=self.device, frames=facts.get("frames", 0),
            frame=self.recipe.data.frame,
        )  # fmt: skip

    def scored(self) -> Tensor:
        """(n,) int64: the pairs that are scored: the held-out ones, or without such those that are learned from."""
        return self.held_out if len(self.held_out) else self.training

    def whole(self, index: int) -> Whole:
        """A pair as it is scored."""
        return whole_pair(self.pairs, index, self.degradation, self.seed)

    def looked_at(self) -> list[int]:
        """Some of the scored pairs, evenly, which are looked at while it learns."""
        scored = self.scored()
        count = min(len(scored), self.recipe.scores.pairs)
        return [int(scored[int(place)]) for place in torch.linspace(0, len(scored) - 1, count).long()]

    def evaluate(self) -> Mapping[str, float]:
        """PSNR and SSIM on some held-out pairs, and numbers of the alarms; says which begin to ring."""
        translator = self.current_predictor()
        pairs = [self.whole(index) for index in self.looked_at()]
        made = [self.translated(translator, pair) for pair in pairs]
        psnrs = [
            psnr(one, pair.target, self.protocol, counted_pixels(pair, self.protocol))
            for one, pair in zip(made, pairs, strict=True)
        ]
        scores = {f"{self.where}/psnr": float(np.mean(psnrs))}
        if self.protocol.region == "picture" and min(min(pair.target.shape[1:]) for pair in pairs) >= 24:
            ssims = [ssim(one, pair.target, self.protocol) for one, pair in zip(made, pairs, strict=True)]
            scores[f"{self.where}/ssim"] = float(np.mean(ssims))
        alarms = self.alarms(pairs, made)
        now = ringing(ALARMS, alarms)
        for name in now.keys() - self.rung:
            say(now[name])
        self.rung = set(now)
        return {**scores, **alarms}

    def translated(self, translator: PictureTranslator, pair: Whole) -> Tensor:
        """What is made of a pair's source, in one pass; dropout that is kept draws the same each time."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return translator.translate(pair.source, pair.mask)

    def alarms(self, pairs: Sequence[Whole], made: Sequence[Tensor]) -> dict[str, float]:
        """The alarms' numbers of pairs and what was made of them."""
        found = alarms_of([pair.source for pair in pairs], [pair.target for pair in pairs], made)
        if self.adversarial and self.recipe.loss.name in ("non-saturating", "minimax", "hinge"):
            found["alarm/discriminator"] = self._told_apart()
        return found

    @torch.no_grad()
    def _told_apart(self) -> float:
        """Share of right answers of the discriminator on crops of scored pairs."""
        network = self.networks["discriminator"].eval()
        chosen = torch.tensor(self.looked_at()[: 2 * max(4, self.recipe.batch)])
        right = []
        for number, part in enumerate(chosen.split(8)):
            pair = self.on_device(self.crops.batch(part, number))
            self.networks["generator"].eval()
            made = self.networks["generator"](pair.source)
            for image, sign in ((pair.target, 1), (made, -1)):
                right.append((network(self.seen(self.shown(image, pair))).float().sign() == sign).float().mean())
        return float(torch.stack(right).mean())

    def told(self, scores: Mapping[str, float]) -> str:
        """PSNR with its protocol, and SSIM."""
        found = f"{self.where} PSNR {scores[f'{self.where}/psnr']:.2f} dB ({self.protocol.label()})"
        value = scores.get(f"{self.where}/ssim")
        return found if value is None else f"{found}, SSIM {value:.3f}"

    def closing_line(self, run: Run) -> str:
        """The PSNR of what it makes, and that of the best bar."""
        return closing_line(run)

    def picture(self) -> np.ndarray:
        """Some held-out pairs: given, made, true."""
        translator = self.current_predictor()
        pairs = [self.whole(index) for index in self.looked_at()[:SHOWN]]
        shown = [(pair, self.translated(translator, pair)) for pair in pairs]
        return before_and_after(shown, frame=self.recipe.data.frame if self.recipe.data.frames else None)

    def summary(self) -> str:
        """Pairs, steps and parameters in one line."""
        steps = sum(stage.total_steps for stage in self.stages())
        against = ""
        if self.adversarial:
            count = count_parameters(self.networks["discriminator"]) / 1e6
            against = f" against {self.recipe.discriminator.name} of {count:.2f} M"
        made = f", sources made by {self.recipe.degrade.name}" if self.degradation is not None else ""
        return (
            f"{self.pairs.summary()}{made}; {len(self.held_out)} held out, {steps} steps of {self.recipe.batch}, "
            f"{self.recipe.generator.name} of {count_parameters(self.networks['generator']) / 1e6:.2f} M "
            f"parameters{against}"
        )

    def facts(self) -> dict[str, Any]:
        """What translating needs to know of the trained network."""
        recipe = self.recipe
        made_gray = self.degradation is not None and self.degradation.channels(3) == 1
        return {
            "task": self.name,
            "generator": to_plain(recipe.generator),
            "inputs": self.inputs,
            "outputs": self.outputs,
            "scale": self.pairs.scale,
            "colors": recipe.data.colors,
            "source_colors": "gray"
            if made_gray
            else recipe.data.colors
            if self.degradation or recipe.data.frames
            else recipe.data.source_colors,
            "degrade": to_plain(recipe.degrade),
            "see_mask": recipe.see_mask,
            "picture_statistics": recipe.statistics == "picture",
            "dropout": recipe.dropout_in_use,
            **({"frames": recipe.data.frames, "frame": recipe.data.frame} if recipe.data.frames else {}),
        }

    @cached_property
    def known(self) -> Known:
        """What bars may know of the training pairs."""
        places = self.training.tolist()
        sources = tuple(self.pairs.sources[place] for place in places) if self.pairs.sources else ()
        return known_of(sources, tuple(self.pairs.targets[place] for place in places))

    def scores_now(self) -> PairScores:
        """All scores of what it makes now, beside the bars."""
        translator = self.current_predictor()
        pairs = [self.whole(int(index)) for index in self.scored()]
        return measure(
            pairs, lambda source, mask: self.translated(translator, Whole(source, source, mask)), self.bars, self.known,
            self.protocol, on="held out" if len(self.held_out) else "pairs that it learned from; none were held out",
        )  # fmt: skip

    def finish(self, run: Run) -> None:
        """Scores, curves, card and report."""
        translator = self.current_predictor()
        pairs = [self.whole(index) for index in self.looked_at()]
        made = [self.translated(translator, pair) for pair in pairs]
        outcome = Outcome(
            recipe=self.recipe,
            data=self.pairs.summary(),
            learned=len(self.training),
            held_out=len(self.held_out),
            parameters=count_parameters(self.networks["generator"]),
            scored=self.scores_now(),
            alarms=self.alarms(pairs, made),
            shown=list(zip(pairs, made, strict=True))[:SHOWN],
            bars=self.bars,
            known=self.known,
        )
        finish_training(outcome, run)

    @classmethod
    def predictor(cls, run: Run, device: str = "auto") -> PictureTranslator:
        """What translates with a run's network."""
        return dataclasses.replace(load_translator(run, device), score=closing_line(run))
