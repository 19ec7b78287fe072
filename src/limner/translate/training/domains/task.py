"""What all learning from domains without pairs shares: the data, the scores beside the bars, the alarms, the
outcome."""

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from limner.colors.classic.clouds import AffineMap
from limner.foundation.errors import UserError
from limner.foundation.progress import say
from limner.learning.alarms import ringing
from limner.learning.recipes.recipe import to_plain
from limner.learning.runs.run import Run
from limner.nn.parameters import count_parameters
from limner.translate.data.domain_crops import DomainCrops
from limner.translate.data.domains import DomainSet, find_domains, hold_out_domains, read_domains
from limner.translate.data.reading import as_float
from limner.translate.measures.domain_measure import Edit, map_to_domain, measure_domains
from limner.translate.measures.domain_result import DomainScores
from limner.translate.measures.judge import some_of_each
from limner.translate.training.domains.alarms import ALARMS, domain_alarms, worst
from limner.translate.training.domains.learning import DomainLearning
from limner.translate.training.domains.outcome import DomainOutcome, closing_line, finish_domains, given_and_made
from limner.translate.translating.domains import DomainTranslator, load_domains

SHOWN = 3
"""Pictures of each direction that `picture` shows."""
LEAST_HELD_OUT = 2
TOLD_APART = 16
"""Pictures of each kind that the discriminators are asked about."""


class DomainTask(DomainLearning):
    """Pictures of domains made into each other without pairs. A subclass makes the networks, and steps.

    It sets ``networks`` and writes `network_to`, `discriminators_right`, `begin`, `batch` and `step`.
    """

    learning_rate_options = "--generator-optimizer.learning-rate, --discriminator-optimizer.learning-rate"
    batch_of_each = True
    """Whether a batch holds so many pictures of each domain, or of all together."""
    restores = True
    """Whether what was made can be translated back: to its own domain."""
    into: tuple[int, ...] | None = None
    """The domains that pictures are made into, by their numbers; None: all."""

    def __init__(self, recipe: Any) -> None:
        self.recipe, self.seed = recipe, recipe.seed
        data = recipe.data
        self.domains = self.read()
        self.training, self.held_out = hold_out_domains(self.domains, data.held_out, recipe.seed)
        self.learned_of = [self.domains.of(number, self.training) for number in range(len(self.domains.domains))]
        self._check_counts()
        self.crops = DomainCrops(
            self.domains, crop_px=data.crop_px, jitter_px=data.jitter_px, flip=data.flip, seed=recipe.seed
        )
        self.channels = self.domains.channels
        self.networks = self.make_networks()
        self._try()
        self.where = "validation" if len(self.held_out) else "training"
        self.score = ("", -1) if recipe.scores.keep_by == "none" else (f"{self.where}/kid", -1)
        self.optimizers, self.state = {}, {}
        self.device = torch.device("cpu")
        self.rung: set[str] = set()
        self.colors_of = cache(self._colors_of)

    def _check_counts(self) -> None:
        for number, name in enumerate(self.domains.domains):
            learned, held = len(self.learned_of[number]), len(self.domains.of(number, self.held_out))
            if len(self.held_out) > 0 and held < LEAST_HELD_OUT:
                raise UserError(
                    f"of the domain {name} {held} pictures are held out, and scores need {LEAST_HELD_OUT}; give a "
                    "larger --data.held-out, or 0 to score on what it learns from"
                )
            if self.batch_of_each and self.recipe.batch > learned:
                raise UserError(
                    f"batch is {self.recipe.batch}, but the domain {name} has {learned} pictures to learn from; give "
                    f"--batch {learned} or less, or more pictures"
                )

    def _try(self) -> None:
        """Raise `UserError` where a network cannot take the crops, before anything is written."""
        (height, width), recipe = self.crops.crop_px, self.recipe
        generator: Any = self.network_to(0)
        if height % generator.stride or width % generator.stride or min(height, width) < generator.least_px:
            raise UserError(
                f"the generator takes sides that are multiples of {generator.stride}, {generator.least_px} px or more, "
                f"and learns from {width} x {height} px; give another --data.crop-px, or --data.size-px"
            )
        for name, network in self.networks.items():
            least = getattr(network, "least_px", 1) if name.startswith("discriminator") else 1
            if min(height, width) < least:
                raise UserError(
                    f"the discriminator needs {least} px, and learns from {min(height, width)}; give a larger "
                    "--data.crop-px or fewer --discriminator.layers"
                )
            if name.startswith("discriminator") and hasattr(network, "size_px") and height != width:
                raise UserError(
                    f"the {recipe.discriminator.name} discriminator takes squares, and pictures are {width} x {height} "
                    "px; give --data.crop-px"
                )

    def read(self) -> DomainSet:
        """The pictures that the recipe names, in memory."""
        data = self.recipe.data
        return read_domains(find_domains(data.paths, data.domains), colors=data.colors, size_px=data.size_px)

    @abstractmethod
    def make_networks(self) -> dict[str, nn.Module]:
        """The networks that the recipe names, with the weights that they begin with."""

    @abstractmethod
    def network_to(self, domain: int) -> nn.Module:
        """What makes pictures into a domain: a `limner.translate.networks.Translator`, or one like it."""

    @abstractmethod
    def discriminators_right(self, domain: int, true: Tensor, made: Tensor) -> float:
        """Share of true and made pictures of a domain, (n, C, h, w) in [-1, 1], that are told apart."""

    @classmethod
    def with_data(cls, recipe: Any, paths: Sequence[Path], options: None) -> Any:
        """The recipe with other folders (``--data``)."""
        if not paths:
            return recipe
        return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, paths=tuple(paths)))

    @property
    def fingerprint(self) -> str:
        """A digest of the pictures."""
        return self.domains.fingerprint

    def translator(self) -> DomainTranslator:
        """What translates, around the networks as they are now."""
        from limner.translate.translating.domains import domain_translator

        names = self.domains.domains
        into = self.into or range(len(names))
        return domain_translator(
            tuple(names[number] for number in into), lambda place: self.network_to(into[place]),
            channels=self.channels, colors=self.recipe.data.colors, device=self.device,
        )  # fmt: skip

    def edits(self, most: int | None = None, *, back: bool = False) -> list[Edit]:
        """What is made in every direction of held-out pictures, or without such of learned ones. most: of a domain."""
        every = self.held_out if len(self.held_out) else self.training
        translator, found = self.translator(), []
        ways = [translator.to(name) for name in translator.domains]
        for number, name in enumerate(self.domains.domains):
            places = [place for place in every.tolist() if int(self.domains.labels[place]) != number]
            places = evenly(places, most)
            true = evenly(self.domains.of(number, every).tolist(), most)
            sources = [self.domains.picture(place) for place in places]
            made = [ways[number].translate(each) for each in sources]
            restored = [
                ways[int(self.domains.labels[place])].translate(each)
                for place, each in zip(places, made, strict=True)
                if back and self.restores
            ]
            found.append(Edit(name, sources, made, [self.domains.picture(place) for place in true], restored))
        return found

    def _colors_of(self, name: str) -> AffineMap:
        """The map of colors from all other domains to this one, measured on what was learned from."""
        number = self.domains.domains.index(name)
        others = [place for place in self.training.tolist() if int(self.domains.labels[place]) != number]
        return map_to_domain(
            [self.domains.picture(place) for place in others],
            [self.domains.picture(place) for place in self.learned_of[number].tolist()],
        )

    def evaluate(self) -> Mapping[str, float]:
        """KID of every direction and their mean, and the alarms."""
        edits = self.edits(self.recipe.scores.pictures)
        scores = measure_domains(edits, None, on=self.where, intervals=False).rows["translated"].scores
        alarms = self.alarms(edits)
        now = ringing(ALARMS, alarms)
        for name in now.keys() - self.rung:
            say(now[name])
        self.rung = set(now)
        kids = {f"{self.where}/{name}": value for name, value in scores.items() if name.startswith("kid")}
        return {**kids, **alarms}

    def alarms(self, edits: Sequence[Edit]) -> dict[str, float]:
        """The alarms' numbers, each of the direction where it is nearest to ringing."""
        found = []
        for edit in edits:
            number = self.domains.domains.index(edit.name)
            learned = [self.domains.pictures[place] for place in self.learned_of[number].tolist()]
            found.append(domain_alarms(edit.sources, edit.made, learned))
            true, made = (self.middles_of(pictures[:TOLD_APART]) for pictures in (edit.true, edit.made))
            if len(true) and len(made):
                found[-1]["alarm/discriminator"] = self.discriminators_right(number, true, made)
        return worst(found)

    def middles_of(self, pictures: Sequence[Tensor]) -> Tensor:
        """(n, C, h, w) in [-1, 1]: the middles of those that are as large as crops."""
        height, width = self.crops.crop_px
        kept = []
        for each in pictures:
            top, left = (each.shape[1] - height) // 2, (each.shape[2] - width) // 2
            if min(top, left) >= 0:
                kept.append(each[:, top : top + height, left : left + width] * 2 - 1)
        return torch.stack(kept).to(self.device) if kept else torch.empty(0)

    def told(self, scores: Mapping[str, float]) -> str:
        """KID to each domain."""
        parts = [
            f"{name.removeprefix(f'{self.where}/').replace('kid', 'KID')} {value:.4f}"
            for name, value in scores.items()
            if name.startswith(f"{self.where}/kid to ")
        ]
        return f"{self.where} {', '.join(parts)}"

    def picture(self) -> np.ndarray:
        """Some pictures of each direction: given, made, and back again."""
        return given_and_made(self.edits(SHOWN, back=True), SHOWN)

    def summary(self) -> str:
        """Pictures, steps and parameters in one line."""
        recipe, steps = self.recipe, sum(stage.total_steps for stage in self.stages())
        counts = {name: count_parameters(network) / 1e6 for name, network in self.networks.items()}
        of = "of each" if self.batch_of_each else "of all together"
        told = ", ".join(f"{name.replace('_', ' ')} of {count:.2f} M" for name, count in counts.items())
        return (
            f"{self.domains.summary()}; {len(self.held_out)} held out, {steps} steps of {recipe.batch} {of}; "
            f"{told} parameters"
        )

    def facts(self) -> dict[str, Any]:
        """What translating needs to know of the trained networks."""
        return {
            "task": self.name,
            "generator": to_plain(self.recipe.generator),
            "domains": list(self.domains.domains),
            "channels": self.channels,
            "colors": self.recipe.data.colors,
        }

    def finish(self, run: Run) -> None:
        """Scores, curves, card and report."""
        edits = self.edits(back=True)
        on = "held out" if len(self.held_out) else "pictures that it learned from; none were held out"
        outcome = DomainOutcome(
            recipe=self.recipe,
            data=self.domains.summary(),
            domains=self.domains.domains,
            batch=f"{self.recipe.batch} pictures of {'each domain' if self.batch_of_each else 'all domains together'}",
            learned=len(self.training),
            held_out=len(self.held_out),
            parameters=count_parameters(self.network_to(0)),
            scored=self.scored(edits, on),
            alarms=self.alarms(edits),
            edits=edits,
            colors={edit.name: self.colors_of(edit.name) for edit in edits},
            nearest={edit.name: self._nearest(edit) for edit in edits},
        )
        finish_domains(outcome, run)

    def scored(self, edits: Sequence[Edit], on: str) -> DomainScores:
        """The scores of what was made, beside the bars. on: which pictures."""
        return measure_domains(edits, self.colors_of, on=on, learned=self._judged())

    def _judged(self) -> tuple[list[Tensor], Tensor]:
        """What a judge of domains is fitted to: pictures that were learned from, and their domains."""
        places = some_of_each(self.learned_of)
        return [self.domains.picture(place) for place in places.tolist()], self.domains.labels[places]

    def _nearest(self, edit: Edit) -> list[Tensor]:
        """Of the first made pictures, those learned from that look most like them."""
        from limner.datasets.pictures.duplicates import nearest_pictures
        from limner.translate.data.thumbnails import thumbnails

        number = self.domains.domains.index(edit.name)
        learned = [self.domains.pictures[place] for place in self.learned_of[number].tolist()]
        found = nearest_pictures(thumbnails(edit.made[:6]), thumbnails(learned)).indices[:, 0]
        return [as_float(learned[place]) for place in found.tolist()]

    def closing_line(self, run: Run) -> str:
        """The KID of what it makes, and that of the best bar."""
        return closing_line(run)

    @classmethod
    def predictor(cls, run: Run, device: str = "auto") -> DomainTranslator:
        """What translates with a run's networks."""
        return dataclasses.replace(load_domains(run, device), score=closing_line(run))


def evenly(places: Sequence[int], most: int | None) -> list[int]:
    """At most so many of these, spread evenly."""
    if most is None or len(places) <= most:
        return list(places)
    return [places[number * len(places) // most] for number in range(most)]
