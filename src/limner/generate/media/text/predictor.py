"""A trained generator that makes pictures of sentences: what a run hands out."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from torch import Tensor, nn

from limner.adversarial.priors import PRIORS, draw
from limner.datasets.pictures.quantized import quantized
from limner.foundation.draws import Draws
from limner.foundation.errors import UserError
from limner.foundation.files.documents import as_record
from limner.foundation.files.schema import bounds
from limner.foundation.machine.device import choose_device
from limner.generate.media.loading import load_network, maker_prefix
from limner.generate.media.text.encoder import TextEncoder, Vocabulary
from limner.generate.media.text.enlarging import Stacked
from limner.generate.media.text.networks import TEXT_ENLARGERS, TEXT_GENERATORS, TEXT_GIVEN
from limner.generate.networks.arguments import SIZES_PX
from limner.learning.recipes.recipe import Choice
from limner.learning.runs.described import described_choice
from limner.learning.runs.weights import DAMAGED
from limner.nn.finite import finite
from limner.reporting.card import card
from limner.reporting.grid import grid

if TYPE_CHECKING:
    from limner.learning.runs.run import Run

BATCH, SHOWN = 64, 16


@dataclass(frozen=True)
class TextFacts:
    """What making pictures of sentences needs to know of a run: what its task writes into ``model.json``."""

    generator: Mapping[str, Any]
    prior: Mapping[str, Any]
    size_px: int = field(metadata=bounds(minimum=min(SIZES_PX), maximum=max(SIZES_PX)))
    channels: int = field(metadata=bounds(minimum=1, maximum=4))
    code: int = field(metadata=bounds(minimum=1, maximum=1 << 16))
    word_width: int = field(metadata=bounds(minimum=1, maximum=1 << 16))
    words: tuple[str, ...] = field(metadata=bounds(maximum=1 << 20))
    sentences: tuple[str, ...] = field(metadata=bounds(maximum=1 << 12))
    first_px: int | None = field(default=None, metadata=bounds(minimum=8, maximum=max(SIZES_PX)))
    """Edge of what ``generator`` makes; None: ``size_px``, as in runs of before."""
    second: Mapping[str, Any] | None = None
    """What enlarges that; None: nothing, or nothing that has learned yet."""


@dataclass(frozen=True, repr=False)
class TextPictureGenerator:
    """Pictures of sentences: picture 0, 1, 2, ... of a seed, each the same however many are asked for.

    sentences: which it makes pictures of where none are given; some of what it did not learn from.
    """

    network: nn.Module
    text: TextEncoder
    vocabulary: Vocabulary
    size_px: int
    channels: int
    prior: Choice
    sentences: tuple[str, ...]
    device: torch.device
    digest: str = ""
    folder: Path | None = None
    score: str = ""

    def generate(
        self, sentences: str | Sequence[str], n: int | None = None, *, seed: int = 0, truncation: float | None = None
    ) -> Tensor:
        """Pictures of sentences, which they get in turn: (n, channels, size_px, size_px) float32 in [0, 1], on the CPU.

        n: how many; None: one of each sentence. Raises `UserError` for a sentence without words, and for a word that
        the run has never seen.
        """
        given = [sentences] if isinstance(sentences, str) else list(sentences)
        for sentence in given:
            self.vocabulary.check(sentence)
        count = len(given) if n is None else n
        if count < 1:
            raise ValueError(f"{count} pictures; needed: one or more")
        return self.decode(range(count), [given[number % len(given)] for number in range(count)], seed, truncation)

    def decode(
        self, numbers: Sequence[int], sentences: Sequence[str], seed: int = 0, truncation: float | None = None
    ) -> Tensor:
        """Pictures with these numbers of a seed, each of its sentence, whose words that are not known are left out."""
        draws = Draws(seed, torch.device("cpu"))
        size: int = self.network.latent  # type: ignore[assignment]
        latents = torch.cat([draw(self.prior, 1, size, draws.of("picture", each), truncation) for each in numbers])
        codes = self.codes(sentences)
        parts = []
        for start in range(0, len(latents), BATCH):
            part = slice(start, start + BATCH)
            with torch.inference_mode():
                made = self.network(latents[part].to(self.device), codes[part].to(self.device))
                parts.append(((finite(made.float(), "the generator") + 1) / 2).clamp(0, 1).cpu())
        return torch.cat(parts)

    def codes(self, sentences: Sequence[str]) -> Tensor:
        """(n, code) float32 on the CPU: what the encoder makes of sentences."""
        with torch.inference_mode():
            parts = [
                self.text(self.vocabulary.encode(sentences[start : start + 512]).to(self.device)).float().cpu()
                for start in range(0, len(sentences), 512)
            ]
        return torch.cat(parts)

    def __repr__(self) -> str:
        where = "" if self.folder is None else f" from {self.folder}"
        return f"TextPictureGenerator({self.size_px} px, {len(self.vocabulary)} words{where}, on {self.device})"

    def _repr_html_(self) -> str:
        facts = {
            "makes": f"{self.size_px} x {self.size_px} px of sentences", "words": ", ".join(self.vocabulary.words[:50]),
            "such as": self.sentences[0], "score": self.score,
        }  # fmt: skip
        return card("limner generate", facts, self._repr_png_())

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(grid(quantized(self.generate(self.sentences[:1], SHOWN)), 8)).save(buffer, "PNG")
        return buffer.getvalue()


def load_text_generator(run: Run, device: str = "auto") -> TextPictureGenerator:
    """What makes a run's pictures of sentences: the running average of its generator where it kept one.

    Raises `UserError` for a run that is damaged, and for a device that is not here.
    """
    facts: TextFacts = as_record(run.facts, TextFacts, str(run.folder / "model.json"), DAMAGED)
    place = choose_device(device)
    source = run.folder / "model.json"
    if not facts.words or not facts.sentences:
        raise UserError(f"{source}: knows no words or no sentences; {DAMAGED}")
    described = described_choice(facts.generator, TEXT_GENERATORS, TEXT_GIVEN, source, "generator")
    prior = described_choice(facts.prior, PRIORS, (), source, "prior")
    given = {"channels": facts.channels, "code": facts.code}
    first_px = facts.first_px or facts.size_px
    network = load_network(
        run, lambda: described.build(TEXT_GENERATORS, size_px=first_px, **given), maker_prefix(run)
    )  # fmt: skip
    if facts.second is not None or first_px < facts.size_px:
        network = Stacked(network, _second(run, facts, {**given, "size_px": facts.size_px}), facts.size_px)
    text: Any = load_network(run, lambda: TextEncoder(len(facts.words), facts.code, facts.word_width), "text.")
    return TextPictureGenerator(
        network=network.to(place), text=text.to(place), vocabulary=Vocabulary(facts.words), size_px=facts.size_px,
        channels=facts.channels, prior=prior, sentences=facts.sentences, device=place, digest=run.digest(),
        folder=run.folder,
    )  # fmt: skip


def _second(run: Run, facts: TextFacts, given: Mapping[str, Any]) -> nn.Module | None:
    """What enlarges the pictures of a run's first generator, with its weights; None where it has not learned yet."""
    if facts.second is None:
        return None
    described = described_choice(facts.second, TEXT_ENLARGERS, TEXT_GIVEN, run.folder / "model.json", "second")
    if described.name == "none":
        raise UserError(f"{run.folder / 'model.json'}: second is none; {DAMAGED}")
    prefix = maker_prefix(run, "second_")
    return load_network(run, lambda: described.build(TEXT_ENLARGERS, **given), prefix)
