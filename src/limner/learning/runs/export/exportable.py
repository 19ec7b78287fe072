"""What a room gives to be exported: a network that takes raw values, and how its answers are compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

Answers = Literal["classes", "probabilities", "pictures"]
LEAST_SAME = 0.999
"""Of a map: share of the pixels that must have the same class."""
MOST_APART = 1e-3
"""Of probabilities and pictures: the largest difference, as a share of their range."""
PIXEL_RANGE = 255.0


class Comparison(NamedTuple):
    """alike: whether answers agree well enough. line: how well, in words."""

    alike: bool
    line: str


@dataclass(frozen=True)
class Exportable:
    """A trained network around which nothing is left to do.

    module: takes one tensor for each of ``inputs`` and gives one. examples: inputs of several sizes; the first is what
    a graph is drawn with, on all answers are compared. dynamic: of each input and the output, the axes whose lengths
    may differ, and their names. answers: what the output is: probabilities of classes at each pixel of a map
    (compared by class), probabilities, or pictures in 0..255. metadata: kept in the file, JSON by name.
    """

    module: nn.Module
    inputs: tuple[str, ...]
    output: str
    examples: tuple[tuple[Tensor, ...], ...]
    dynamic: Mapping[str, Mapping[int, str]]
    answers: Answers
    metadata: Mapping[str, str]

    def compare(self, expected: Tensor, found: np.ndarray | Tensor) -> Comparison:
        """How near another program's answers come to torch's."""
        other = torch.as_tensor(found)
        if other.shape != expected.shape:
            return Comparison(False, f"shape {tuple(other.shape)} for {tuple(expected.shape)}")
        if self.answers == "classes":
            same = float((expected.argmax(1) == other.argmax(1)).float().mean())
            return Comparison(same >= LEAST_SAME, f"{int(same * 10_000) / 100:.2f}% of the pixels in the same class")
        apart = float((expected - other).abs().max()) / (PIXEL_RANGE if self.answers == "pictures" else 1)
        return Comparison(apart <= MOST_APART, f"at most {apart:.1e} apart")


def noise(*shape: int, mean: float = 127.0, std: float = 60.0, seed: int = 0) -> Tensor:
    """Examples where no picture is at hand: smooth noise with that mean and deviation, (B, C, H, W) float32."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(*shape[:2], -(-shape[2] // 8), -(-shape[3] // 8), generator=generator)
    smooth = nn.functional.interpolate(coarse, shape[2:], mode="bilinear")
    return mean + std * (smooth + 0.2 * torch.randn(*shape, generator=generator))
