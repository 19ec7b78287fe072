"""A trained generator of solids: what a run hands out, and what it writes."""

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
from limner.foundation.files.documents import as_record
from limner.foundation.files.schema import bounds
from limner.foundation.machine.device import choose_device
from limner.generate.media.loading import load_network, maker_prefix
from limner.generate.media.voxels.networks import SIDES, VOXEL_GENERATORS, VOXEL_GIVEN
from limner.generate.media.voxels.turntable import view_of
from limner.learning.recipes.recipe import Choice
from limner.learning.runs.described import described_choice
from limner.learning.runs.weights import DAMAGED
from limner.nn.finite import finite
from limner.reporting.card import card
from limner.reporting.grid import grid

if TYPE_CHECKING:
    from limner.learning.runs.run import Run

BATCH, SHOWN, SHOWN_PX = 32, 16, 64


@dataclass(frozen=True)
class VoxelFacts:
    """What making solids needs to know of a run: what its task writes into ``model.json``."""

    generator: Mapping[str, Any]
    prior: Mapping[str, Any]
    side: int = field(metadata=bounds(minimum=min(SIDES), maximum=max(SIDES)))
    filled_above: float = field(metadata=bounds(minimum=0.001, maximum=0.999))


@dataclass(frozen=True, repr=False)
class VoxelMaker:
    """Solids from a trained generator: solid 0, 1, 2, ... of a seed, each the same however many are asked for."""

    network: nn.Module
    side: int
    prior: Choice
    filled_above: float
    """From which likelihood on a voxel is filled."""
    device: torch.device
    digest: str = ""
    folder: Path | None = None
    score: str = ""

    def generate(self, n: int, *, seed: int = 0, truncation: float | None = None) -> Tensor:
        """Solids 0 to n - 1 of a seed: (n, side, side, side) float32 in [0, 1], indexed x, y, z, on the CPU.

        A number is how likely the voxel is filled; it is from ``filled_above`` on. Raises `ValueError` for
        less than one.
        """
        if n < 1:
            raise ValueError(f"{n} solids; needed: one or more")
        return self.decode(range(n), seed, truncation)

    def decode(self, numbers: Sequence[int], seed: int = 0, truncation: float | None = None) -> Tensor:
        """The solids of a seed with these numbers."""
        draws, size = Draws(seed, torch.device("cpu")), int(self.network.latent)  # type: ignore[arg-type]
        latents = torch.cat([draw(self.prior, 1, size, draws.of("solid", each), truncation) for each in numbers])
        parts = []
        for start in range(0, len(latents), BATCH):
            with torch.inference_mode():
                made = self.network(latents[start : start + BATCH].to(self.device))
                parts.append(finite(made.float(), "the generator").cpu())
        return torch.cat(parts)

    def pictures(self, solids: Tensor, size_px: int = SHOWN_PX) -> Tensor:
        """(n, 3, size_px, size_px) uint8: solids as seen from one side."""
        views = [view_of(solid.numpy(), size_px=size_px, level=self.filled_above) for solid in solids]
        return torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2)

    def __repr__(self) -> str:
        where = "" if self.folder is None else f" from {self.folder}"
        return f"VoxelMaker({self.side} voxels a side{where}, on {self.device})"

    def _repr_html_(self) -> str:
        facts = {"makes": f"solids of {self.side} x {self.side} x {self.side} voxels", "score": self.score}
        return card("limner generate", facts, self._repr_png_())

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(grid(self.pictures(self.generate(SHOWN)), 8)).save(buffer, "PNG")
        return buffer.getvalue()


def load_voxel_maker(run: Run, device: str = "auto") -> VoxelMaker:
    """What makes a run's solids: the running average of its generator where it kept one.

    Raises `UserError` for a run that is damaged, and for a device that is not here.
    """
    facts: VoxelFacts = as_record(run.facts, VoxelFacts, str(run.folder / "model.json"), DAMAGED)
    place, source = choose_device(device), run.folder / "model.json"
    described = described_choice(facts.generator, VOXEL_GENERATORS, VOXEL_GIVEN, source, "generator")
    prior = described_choice(facts.prior, PRIORS, (), source, "prior")
    network = load_network(run, lambda: described.build(VOXEL_GENERATORS, side=facts.side), maker_prefix(run))
    return VoxelMaker(
        network.to(place), facts.side, prior, facts.filled_above, place, digest=run.digest(), folder=run.folder
    )
