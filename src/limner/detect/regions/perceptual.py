"""Perceptual GAN (Li et al. 2017): features of small objects that resemble those of large ones."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from limner.detect.regions.fast_rcnn import FastHead
from limner.nn.initialize import he_initialize

BLOCKS = 6
"""The text says B; its authors published no program."""


class ResidualGenerator(nn.Module):
    """What is missing in the pooled features of a small object, from finer features of the same box.

    A 3 x 3 and a 1 x 1 convolution bring the fine features to the channels of the others, ``blocks`` residual blocks
    follow, and the result is added to the pooled features. The last convolution begins at 0, so that nothing is changed
    at first: what a detector learned before still holds.

    fine_channels: of the early layer. channels: of the layer that is pooled from. hidden: of the 3 x 3 convolution.
    """

    def __init__(self, fine_channels: int, channels: int, blocks: int = BLOCKS, hidden: int | None = None) -> None:
        super().__init__()
        hidden = hidden or channels
        self.enter = nn.Sequential(
            nn.Conv2d(fine_channels, hidden, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(hidden, channels, 1), nn.ReLU(inplace=True),
        )  # fmt: skip
        self.blocks = nn.ModuleList(_residual_block(channels) for _ in range(blocks))
        self.leave = nn.Conv2d(channels, channels, 1)
        he_initialize(self)
        nn.init.zeros_(self.leave.weight)

    def forward(self, pooled: Tensor, fine: Tensor) -> Tensor:
        """pooled: (n, channels, s, s). fine: (n, fine_channels, s, s), the same boxes. Gives (n, channels, s, s)."""
        missing = self.enter(fine)
        for block in self.blocks:
            missing = missing + block(missing)
        return pooled + self.leave(missing)


class PerceptualAnswer(NamedTuple):
    """large: (n,) logits that the features are a large object's. classes: (n, classes + 1) logits, background last.
    codes: (n, classes, 4)."""

    large: Tensor
    classes: Tensor
    codes: Tensor


class PerceptualDiscriminator(nn.Module):
    """Two branches: whether features are a large object's, and what they are and where.

    The first has three fully connected layers, the second is Fast R-CNN's head. It is trained on large objects first;
    then what the generator makes should pass for large, and be as good to detect with.

    channels, grid: of pooled regions. classes: without background. hidden: units of the first layer of the first
    branch, of which the second layer has a quarter; and of both layers of the head.
    """

    def __init__(self, channels: int, classes: int, grid: int = 7, hidden: int = 4096, dropout: float = 0.5) -> None:
        super().__init__()
        self.adversarial = nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels * grid**2, hidden), nn.ReLU(inplace=True),
            nn.Linear(hidden, max(1, hidden // 4)), nn.ReLU(inplace=True),
            nn.Linear(max(1, hidden // 4), 1),
        )  # fmt: skip
        self.perception = FastHead(channels, classes, grid, hidden, dropout)

    def forward(self, pooled: Tensor) -> PerceptualAnswer:
        """(n, channels, grid, grid) -> both branches' answers; their sigmoid is left to the loss."""
        return PerceptualAnswer(self.adversarial(pooled).flatten(), *self.perception(pooled))


def _residual_block(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True),
        nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels),
    )  # fmt: skip
