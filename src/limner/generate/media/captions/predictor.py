"""A trained generator of sentences for clips: what a run hands out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.foundation.files.documents import as_record
from limner.foundation.files.schema import bounds
from limner.foundation.machine.device import choose_device
from limner.generate.media.captions.measure import as_words
from limner.generate.media.captions.networks import CAPTION_GENERATORS, CAPTION_GIVEN
from limner.generate.media.captions.reading import fitted_clip
from limner.generate.media.loading import load_network, maker_prefix
from limner.learning.runs.described import described_choice
from limner.learning.runs.weights import DAMAGED
from limner.reporting.card import card

if TYPE_CHECKING:
    from limner.learning.runs.run import Run

BATCH = 64


@dataclass(frozen=True)
class CaptionFacts:
    """What captioning needs to know of a run: what its task writes into ``model.json``."""

    generator: Mapping[str, Any]
    words: tuple[str, ...] = field(metadata=bounds(maximum=1 << 20))
    length: int = field(metadata=bounds(minimum=1, maximum=256))
    size_px: int = field(metadata=bounds(minimum=16, maximum=128))
    frames: int = field(metadata=bounds(minimum=2, maximum=64))


@dataclass(frozen=True, repr=False)
class ClipCaptioner:
    """Says a sentence of each clip: the likeliest words, of a latent of zeros."""

    network: nn.Module
    words: tuple[str, ...]
    size_px: int
    frames: int
    device: torch.device
    folder: Path | None = None
    score: str = ""

    def caption(self, clip: Tensor) -> str:
        """clip: (T, 3, H, W) uint8, two frames or more. Gives a sentence; frames are taken evenly in time, and of each
        the middle square. Raises `UserError` for a clip of one frame."""
        if clip.ndim != 4 or clip.shape[1] != 3 or len(clip) < 2:
            raise UserError(f"a clip of shape {tuple(clip.shape)}; needed: (frames, 3, H, W), two frames or more")
        return self.caption_all(fitted_clip(clip, self.frames, self.size_px)[None])[0]

    def caption_all(self, clips: Tensor) -> list[str]:
        """clips: (B, frames, 3, size_px, size_px) uint8. Gives a sentence of each."""
        latent = int(self.network.latent)  # type: ignore[arg-type]
        said = []
        for part in clips.split(BATCH):
            with torch.inference_mode():
                chosen = self.network(
                    torch.zeros(len(part), latent, device=self.device), part.to(self.device).float() / 127.5 - 1
                )
                said += as_words(chosen.argmax(2).cpu(), self.words)
        return said

    def __repr__(self) -> str:
        where = "" if self.folder is None else f" from {self.folder}"
        return f"ClipCaptioner({len(self.words)} words, {self.frames} frames of {self.size_px} px{where})"

    def _repr_html_(self) -> str:
        facts = {"says": "sentences of clips", "words": ", ".join(self.words[:50]), "score": self.score}
        return card("limner caption", facts, b"")


def load_captioner(run: Run, device: str = "auto") -> ClipCaptioner:
    """What captions clips by a run. Raises `UserError` for a run that is damaged, and for a device that is not here."""
    source = run.folder / "model.json"
    facts: CaptionFacts = as_record(run.facts, CaptionFacts, str(source), DAMAGED)
    place = choose_device(device)
    described = described_choice(facts.generator, CAPTION_GENERATORS, CAPTION_GIVEN, source, "generator")
    given = {"words": len(facts.words) + 1, "length": facts.length, "size_px": facts.size_px}
    network = load_network(run, lambda: described.build(CAPTION_GENERATORS, **given), maker_prefix(run))
    return ClipCaptioner(network.to(place), facts.words, facts.size_px, facts.frames, place, folder=run.folder)
