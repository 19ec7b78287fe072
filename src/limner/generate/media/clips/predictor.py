"""A trained generator of clips: what a run hands out."""

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
from limner.generate.media.clips.networks import CLIP_GENERATORS, CLIP_GIVEN, shown
from limner.generate.media.clips.sizes import SIZES_PX
from limner.generate.media.loading import load_network, maker_prefix
from limner.learning.recipes.recipe import Choice
from limner.learning.runs.described import described_choice
from limner.learning.runs.weights import DAMAGED
from limner.nn.finite import finite
from limner.reporting.card import card
from limner.reporting.grid import grid

if TYPE_CHECKING:
    from limner.learning.runs.run import Run

BATCH, SHOWN, STRIP = 16, 4, 8
"""Clips made at once; clips that it shows of itself; frames of a clip in a picture."""


@dataclass(frozen=True)
class ClipFacts:
    """What making clips needs to know of a run: what its task writes into ``model.json``."""

    generator: Mapping[str, Any]
    prior: Mapping[str, Any]
    size_px: int = field(metadata=bounds(minimum=min(SIZES_PX), maximum=max(SIZES_PX)))


@dataclass(frozen=True, repr=False)
class ClipMaker:
    """Clips from a trained generator: clip 0, 1, 2, ... of a seed, each the same however many are asked for."""

    network: nn.Module
    size_px: int
    prior: Choice
    device: torch.device
    digest: str = ""
    folder: Path | None = None
    score: str = ""

    @property
    def from_stills(self) -> bool:
        """Whether its clips go on from a given first frame."""
        return bool(self.network.still)

    def generate(self, n: int, *, seed: int = 0, truncation: float | None = None) -> Tensor:
        """Clips 0 to n - 1 of a seed: (n, frames, 3, size_px, size_px) float32 in [0, 1], on the CPU.

        Raises `ValueError` for less than one, `UserError` for a run whose clips go on from stills.
        """
        if n < 1:
            raise ValueError(f"{n} clips; needed: one or more")
        return self.decode(range(n), seed, truncation)

    def decode(self, numbers: Sequence[int], seed: int = 0, truncation: float | None = None) -> Tensor:
        """The clips of a seed with these numbers."""
        if self.from_stills:
            raise UserError("the run makes clips that go on from a still; give --like PICTURE")
        draws, size = Draws(seed, torch.device("cpu")), int(self.network.latent)  # type: ignore[arg-type]
        latents = torch.cat([draw(self.prior, 1, size, draws.of("clip", each), truncation) for each in numbers])
        return self._made(latents)

    def go_on(self, stills: Tensor) -> Tensor:
        """Clips that go on from first frames: (n, frames, 3, S, S) float32 in [0, 1], on the CPU.

        stills: (n, 3, S, S) float in [0, 1]. Raises `UserError` for a run that makes clips of latents alone.
        """
        if not self.from_stills:
            raise UserError(
                "the run makes clips of latents alone; leave --like out, or train generate/vgan-still-light"
            )
        size: int = self.network.latent  # type: ignore[assignment]
        return self._made(torch.zeros(len(stills), size), stills * 2 - 1)

    def _made(self, latents: Tensor, stills_pm1: Tensor | None = None) -> Tensor:
        parts = []
        for start in range(0, len(latents), BATCH):
            part = slice(start, start + BATCH)
            given = () if stills_pm1 is None else (stills_pm1[part].to(self.device),)
            with torch.inference_mode():
                made = self.network(latents[part].to(self.device), *given).clip
                parts.append(shown(finite(made, "the generator")).cpu())
        return torch.cat(parts)

    def pictures(self, clips: Tensor) -> np.ndarray:
        """A picture, (H, W, 3) uint8: a row of `STRIP` frames, evenly chosen, of each of clips (n, T, 3, S, S)."""
        chosen = torch.linspace(0, clips.shape[1] - 1, min(STRIP, clips.shape[1])).round().long()
        frames = (clips[:, chosen] * 255).round().to(torch.uint8)
        return grid(frames.flatten(0, 1), len(chosen))

    def __repr__(self) -> str:
        where = "" if self.folder is None else f" from {self.folder}"
        return f"ClipMaker({self.size_px // 2} frames of {self.size_px} px{where}, on {self.device})"

    def _repr_html_(self) -> str:
        facts = {"makes": f"clips of {self.size_px // 2} frames of {self.size_px} px", "score": self.score}
        return card("limner generate", facts, self._repr_png_())

    def _repr_png_(self) -> bytes | None:
        if self.from_stills:
            return None  # no still is at hand
        buffer = io.BytesIO()
        Image.fromarray(self.pictures(self.generate(SHOWN))).save(buffer, "PNG")
        return buffer.getvalue()


def load_clip_maker(run: Run, device: str = "auto") -> ClipMaker:
    """What makes a run's clips: the running average of its generator where it kept one.

    Raises `UserError` for a run that is damaged, and for a device that is not here.
    """
    facts: ClipFacts = as_record(run.facts, ClipFacts, str(run.folder / "model.json"), DAMAGED)
    place, source = choose_device(device), run.folder / "model.json"
    described = described_choice(facts.generator, CLIP_GENERATORS, CLIP_GIVEN, source, "generator")
    prior = described_choice(facts.prior, PRIORS, (), source, "prior")
    network = load_network(run, lambda: described.build(CLIP_GENERATORS, size_px=facts.size_px), maker_prefix(run))
    return ClipMaker(network.to(place), facts.size_px, prior, place, digest=run.digest(), folder=run.folder)
