"""Generators of a few weights, and runs of them made by hand, without a training."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from limner.learning.runs.run import Run

LATENT = 12


class TinyGenerator(nn.Module):
    """A latent becomes a 4 x 4 picture, and that, enlarged, the picture; labels enter as a color each."""

    def __init__(self, size_px: int, channels: int, classes: int, *, latent: int = LATENT, gain: float = 1.0) -> None:
        super().__init__()
        self.latent, self.size_px, self.channels, self.classes, self.gain = latent, size_px, channels, classes, gain
        self.layer = nn.Linear(latent, channels * 16)
        self.norm = nn.BatchNorm2d(channels)
        self.embedding = nn.Embedding(classes, channels) if classes else None

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        small = self.norm(self.layer(latent).view(len(latent), self.channels, 4, 4))
        if self.embedding is not None:
            assert label is not None
            small = small + 3 * self.embedding(label)[:, :, None, None]
        return torch.tanh(self.gain * nn.functional.interpolate(small, scale_factor=self.size_px / 4, mode="bilinear"))


def make_run(
    folder: Path,
    *,
    channels: int = 3,
    classes: tuple[str, ...] = (),
    average: bool = False,
    seed: int = 0,
    **facts: Any,
) -> Run:
    """A run of `TinyGenerator` at 32 px, with a discriminator that nobody needs,
    and with ``average`` another generator.
    """
    torch.manual_seed(seed)
    networks = {"generator": TinyGenerator(32, channels, len(classes)), "discriminator": nn.Linear(2, 2)}
    if average:
        networks["average"] = TinyGenerator(32, channels, len(classes))
    weights = {
        f"{name}.{key}": value for name, network in networks.items() for key, value in network.state_dict().items()
    }
    folder.mkdir(parents=True)
    run = Run(folder)
    known = {
        "task": "generate",
        "generator": {"name": "tiny"},
        "size_px": 32,
        "colors": {1: "gray", 3: "rgb", 4: "rgba"}[channels],
        "channels": channels,
        "class_names": list(classes),
        "latent": LATENT,
        "prior": {"name": "normal"},
    }
    run.save_model(weights, {**known, **facts})
    return run
