"""What a room gives to be exported: a network that takes raw values, and how its answers are compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

Answers = Literal["classes", "probabilities", "pictures", "objects"]
LEAST_SAME = 0.999
"""Of a map: share of the pixels that must have the same class."""
MOST_APART = 1e-3
"""Of probabilities and pictures: the largest difference, as a share of their range."""
LEAST_SAME_OBJECTS = 0.98
"""Of objects: share that both find. Of very unsure ones another is suppressed where two scores are nearly equal."""
SAME_BOX_PX, SAME_SCORE = 0.5, 1e-3
"""An object is the same where no side of its box lies further off, nor its score."""
OBJECT_COLUMNS = 6
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
    (compared by class), probabilities, pictures in 0..255, or objects, (n, 6 or more) rows of a box's four sides, score
    and class. metadata: kept in the file, JSON by name.
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
        if self.answers == "objects":
            if not len(expected) and not len(other):
                return Comparison(True, "neither finds an object")
            same = same_objects(expected, other)
            return Comparison(same >= LEAST_SAME_OBJECTS, f"{int(same * 1000) / 10}% of the objects the same")
        if other.shape != expected.shape:
            return Comparison(False, f"shape {tuple(other.shape)} for {tuple(expected.shape)}")
        if self.answers == "classes":
            same = float((expected.argmax(1) == other.argmax(1)).float().mean())
            return Comparison(same >= LEAST_SAME, f"{int(same * 10_000) / 100:.2f}% of the pixels in the same class")
        apart = float((expected - other).abs().max()) / (PIXEL_RANGE if self.answers == "pictures" else 1)
        return Comparison(apart <= MOST_APART, f"at most {apart:.1e} apart")


def same_objects(expected: Tensor, found: Tensor) -> float:
    """Share of the objects of two tables, not both empty, that stand in both, 0..1.

    expected: (n, 6 or more), found: (m, as many) floating: left, top, right, bottom in pixels, score, class, and the
    values of an outline in 0..1, which may be 0.001 apart in the mean.

    >>> boxes = torch.tensor([[0., 0., 9., 9., 0.5, 1.], [2., 2., 5., 5., 0.25, 0.]])
    >>> same_objects(boxes, boxes.flip(0)), same_objects(boxes, boxes[:1])
    (1.0, 0.5)
    """
    apart = (expected[:, None] - found[None]).abs()
    same = (apart[..., :4].amax(2) <= SAME_BOX_PX) & (apart[..., 4] <= SAME_SCORE) & (apart[..., 5] == 0)
    if apart.shape[2] > OBJECT_COLUMNS:
        same &= apart[..., OBJECT_COLUMNS:].mean(2) <= SAME_SCORE
    return min(int(same.any(1).sum()), int(same.any(0).sum())) / max(len(expected), len(found))


def noise(*shape: int, mean: float = 127.0, std: float = 60.0, seed: int = 0) -> Tensor:
    """Examples where no picture is at hand: smooth noise with that mean and deviation, (B, C, H, W) float32."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(*shape[:2], -(-shape[2] // 8), -(-shape[3] // 8), generator=generator)
    smooth = nn.functional.interpolate(coarse, shape[2:], mode="bilinear")
    return mean + std * (smooth + 0.2 * torch.randn(*shape, generator=generator))
