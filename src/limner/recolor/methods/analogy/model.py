"""A trained network of histogram analogy at work: from pictures to a grid of changes of color."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from limner.colors.spaces import srgb_to_lab
from limner.foundation.errors import UserError
from limner.foundation.machine.device import choose_device
from limner.learning.runs.described import build_fitting, described_choice
from limner.recolor.methods.analogy import ANALOGY, NETWORKS
from limner.recolor.methods.analogy.grid import ColorGrid, scaled
from limner.recolor.methods.analogy.histograms import soft_histogram

if TYPE_CHECKING:
    from limner.learning.runs.run import Run

SEEN_PX = 160
"""Longest edge at which the network sees a picture, and its histogram is counted."""


@dataclass(frozen=True)
class SmallPicture:
    """A picture as the network sees it. lab: (1, 3, h, w) CIELAB. histogram: (1, 8, 32, 32)."""

    lab: Tensor
    histogram: Tensor


def small_picture(picture: Tensor, mask: Tensor | None = None, seen_px: int = SEEN_PX) -> SmallPicture:
    """A picture (3, H, W) of 0..1 brought down to ``seen_px`` by means over areas. mask: (H, W), what counts in its
    histogram. Raises `UserError` for a mask that leaves nothing."""
    scale = seen_px / max(picture.shape[1:])
    size = [min(edge, max(1, round(edge * scale))) for edge in picture.shape[1:]]
    small = interpolate(picture[None].clamp(0, 1), size, mode="area")[0]
    lab = srgb_to_lab(small)[None]
    if mask is None:
        return SmallPicture(lab, soft_histogram(lab.flatten(2)))
    weights = interpolate(mask[None, None].to(lab), size, mode="area").flatten(1)
    if not bool((weights > 0).any()):
        raise UserError(
            "a mask leaves no visible pixel; needed: some white in it, where the picture is not transparent"
        )
    return SmallPicture(lab, soft_histogram(lab.flatten(2), weights))


@dataclass(frozen=True)
class AnalogyModel:
    """Gives pictures the colors of references by a trained network. digest: of the run. score: what it reached."""

    network: nn.Module
    device: torch.device
    digest: str = ""
    score: str = ""

    @torch.no_grad()
    def grid(
        self,
        target: Tensor,
        references: Sequence[tuple[Tensor, Tensor | None]],
        mask: Tensor | None = None,
        shares: Sequence[float] = (),
    ) -> ColorGrid:
        """How the target's colors change. target: (3, H, W) float32, gamma-encoded 0..1. references: such pictures with
        masks of what counts. mask: likewise of the target. shares: of each reference, 1 in all; none: alike."""
        own = small_picture(target.to(self.device), None if mask is None else mask.to(self.device))
        shares = shares or [1 / len(references)] * len(references)
        wanted = torch.zeros_like(own.histogram)
        for share, (picture, where) in zip(shares, references, strict=True):
            found = small_picture(picture.to(self.device), None if where is None else where.to(self.device))
            wanted += share * found.histogram
        return ColorGrid(self.network(scaled(own.lab), own.histogram, wanted))

    def recolor(self, target: Tensor, reference: Tensor) -> Tensor:
        """The target (3, H, W) in the colors of one reference, not clipped."""
        return self.grid(target, [(reference, None)])(target)


def load_model(run: Run, device: str | torch.device = "auto") -> AnalogyModel:
    """What recolors with a run's network. Raises `UserError` for a run of another task, or a damaged one."""
    facts = run.facts
    if facts["task"] != ANALOGY:
        raise UserError(f"{run.folder}: a run of {facts['task']}; needed: one of {ANALOGY}")
    place = device if isinstance(device, torch.device) else choose_device(device)
    chosen = described_choice(facts.get("network", {}), NETWORKS, (), run.folder / "model.json", "network")
    shapes = {name.removeprefix("network."): shape for name, shape in run.weight_shapes().items()}
    network = build_fitting(lambda: chosen.build(NETWORKS), shapes, run.folder)
    weights = run.weights()
    network.load_state_dict({name: weights[f"network.{name}"] for name in shapes})
    return AnalogyModel(network.eval().to(place), place, run.digest())
