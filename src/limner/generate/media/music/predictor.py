"""A trained generator of music: what a run hands out."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from limner.adversarial.priors import PRIORS, draw
from limner.foundation.draws import Draws
from limner.foundation.errors import UserError
from limner.foundation.files.documents import as_record
from limner.foundation.files.schema import bounds
from limner.foundation.machine.device import choose_device
from limner.generate.media.loading import load_network, maker_prefix
from limner.generate.media.music.data.notes import begun
from limner.generate.media.music.networks.forms import FORMS, Form, MusicShape
from limner.generate.media.music.networks.listing import MUSIC_GENERATORS, MUSIC_GIVEN
from limner.generate.media.music.roll import roll_picture
from limner.learning.recipes.recipe import Choice
from limner.learning.runs.described import described_choice
from limner.learning.runs.weights import DAMAGED
from limner.nn.finite import finite
from limner.reporting.card import card

if TYPE_CHECKING:
    from limner.learning.runs.run import Run

BATCH, SHOWN = 64, 8


@dataclass(frozen=True)
class MusicFacts:
    """What making music needs to know of a run: what its task writes into ``model.json``."""

    generator: Mapping[str, Any]
    prior: Mapping[str, Any]
    phrase: int = field(metadata=bounds(minimum=1, maximum=64))
    voices: int = field(metadata=bounds(minimum=1, maximum=16))
    bars: int = field(metadata=bounds(minimum=1, maximum=64))
    bar: int = field(metadata=bounds(minimum=1, maximum=64))
    lowest: int = field(metadata=bounds(minimum=0, maximum=127))
    highest: int = field(metadata=bounds(minimum=0, maximum=127))


@dataclass(frozen=True, repr=False)
class MusicMaker:
    """Phrases from a trained generator: phrase 0, 1, 2, ... of a seed, each the same however many are asked for.

    bars: of a phrase.
    """

    network: nn.Module
    shape: MusicShape
    bars: int
    prior: Choice
    device: torch.device
    digest: str = ""
    folder: Path | None = None
    score: str = ""

    def generate(self, n: int, *, seed: int = 0, truncation: float | None = None) -> Tensor:
        """Phrases 0 to n - 1 of a seed: (n, voices, steps) int64 on the CPU, in each step the pitch (0 to 127) that
        begins, 128 where the note before is held, 129 where nothing sounds.

        A step is a sixteenth note. Raises `ValueError` for less than one.
        """
        if n < 1:
            raise ValueError(f"{n} phrases; needed: one or more")
        return self.decode(range(n), seed, truncation)

    def decode(self, numbers: Sequence[int], seed: int = 0, truncation: float | None = None) -> Tensor:
        """The phrases of a seed with these numbers."""
        parts = [
            self._decode(numbers[start : start + BATCH], seed, truncation) for start in range(0, len(numbers), BATCH)
        ]
        return torch.from_numpy(begun(torch.cat(parts).numpy()))

    @torch.inference_mode()
    def _decode(self, numbers: Sequence[int], seed: int, truncation: float | None) -> Tensor:
        form = self.form
        draws, size = Draws(seed, torch.device("cpu")), int(self.network.latent)  # type: ignore[arg-type]

        def latents(*place: int) -> Tensor:
            drawn = [draw(self.prior, 1, size, draws.of("phrase", each, *place), truncation) for each in numbers]
            return torch.cat(drawn).to(self.device)

        def made(*given: Tensor) -> Tensor:
            return form.decode(finite(self.network(*given).float(), "the generator").cpu())

        if not self.network.by_bars:
            return made(latents())
        found: list[Tensor] = []
        empty = torch.full((len(numbers), self.shape.voices, self.shape.bar), 129)
        before = torch.zeros_like(form.encode(empty))
        for bar in range(self.bars):
            found.append(made(latents(bar), before.to(self.device)))
            before = form.encode(found[-1])
        return torch.cat(found, 2)

    @property
    def form(self) -> Form:
        """How notes stand in what the network gives."""
        name = str(self.network.form)
        options = {"events": int(self.network.events)} if name == "events" else {}  # type: ignore[arg-type]
        return FORMS[name](self.shape, **options)

    def __repr__(self) -> str:
        where = "" if self.folder is None else f" from {self.folder}"
        return f"MusicMaker({self.bars} bars of {self.shape.voices} voices{where}, on {self.device})"

    def _repr_html_(self) -> str:
        facts = {"makes": f"{self.bars} bars for {self.shape.voices} voices", "score": self.score}
        return card("limner generate", facts, self._repr_png_())

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(roll_picture(np.asarray(self.generate(SHOWN)), self.shape.bar)).save(buffer, "PNG")
        return buffer.getvalue()


def load_music_maker(run: Run, device: str = "auto") -> MusicMaker:
    """What makes a run's music: the running average of its generator where it kept one.

    Raises `UserError` for a run that is damaged, and for a device that is not here.
    """
    source = run.folder / "model.json"
    facts: MusicFacts = as_record(run.facts, MusicFacts, str(source), DAMAGED)
    if facts.highest < facts.lowest:
        raise UserError(f"{source}: pitches from {facts.lowest} to {facts.highest}; {DAMAGED}")
    place = choose_device(device)
    described = described_choice(facts.generator, MUSIC_GENERATORS, MUSIC_GIVEN, source, "generator")
    prior = described_choice(facts.prior, PRIORS, (), source, "prior")
    shape = MusicShape(facts.voices, facts.bars, facts.bar, facts.lowest, facts.highest)
    network = load_network(run, lambda: described.build(MUSIC_GENERATORS, shape=shape), maker_prefix(run))
    return MusicMaker(network.to(place), shape, facts.phrase, prior, place, digest=run.digest(), folder=run.folder)
