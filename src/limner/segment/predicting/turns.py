"""A network that looks at every picture flipped and turned, too: test-time augmentation."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from limner.segment.predicting.predictor import SegmentPredictor

TURNS = tuple((quarters, mirrored) for mirrored in (False, True) for quarters in range(4))
"""The eight ways a square can lie: (quarter turns, whether mirrored first)."""


class TurnedNetwork(nn.Module):
    """A network's mean answer over four quarter turns of a picture and of its mirror image.

    Seen from above nothing has a right way up, so each of the eight is as good a picture as the given one; what the
    network makes of them differs by chance, and the mean of its probabilities is nearer to the truth than one. It
    takes eight times as long.

    Takes (B, C, H, W) and gives (B, classes, H, W), the logarithms of the mean probabilities: softmax gives these back.

    >>> turned = TurnedNetwork(nn.Conv2d(1, 2, 3, padding=1))
    >>> turned(torch.zeros(1, 1, 4, 6)).shape
    torch.Size([1, 2, 4, 6])
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    @property
    def stride(self) -> Any:
        """Of the network, which says by not having one that nothing is known."""
        return self.network.stride

    def forward(self, image: Tensor) -> Tensor:
        total: Tensor | None = None
        for quarters, mirrored in TURNS:
            turned = torch.rot90(image.flip(3) if mirrored else image, quarters, (2, 3))
            logits = self.network(turned.contiguous(memory_format=torch.channels_last))
            answer = torch.rot90(logits.float().softmax(1), -quarters, (2, 3))
            answer = answer.flip(3) if mirrored else answer
            total = answer if total is None else total + answer
        assert total is not None
        return (total / len(TURNS)).clamp_min(torch.finfo(total.dtype).tiny).log()


def turned(predictor: SegmentPredictor) -> SegmentPredictor:
    """The same predictor looking at every picture flipped and turned, too."""
    return replace(predictor, network=TurnedNetwork(predictor.network).eval(), digest=f"{predictor.digest} turned")
