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
    Of a network that learned borders, ``classes`` says how many of its outputs are classes; the mean of the sigmoids
    of the others is given as its logits.

    >>> turned = TurnedNetwork(nn.Conv2d(1, 2, 3, padding=1))
    >>> turned(torch.zeros(1, 1, 4, 6)).shape
    torch.Size([1, 2, 4, 6])
    """

    def __init__(self, network: nn.Module, classes: int | None = None) -> None:
        super().__init__()
        self.network, self.classes = network, classes

    @property
    def stride(self) -> Any:
        """Of the network, which says by not having one that nothing is known."""
        return self.network.stride

    def forward(self, image: Tensor) -> Tensor:
        total: Tensor | None = None
        for quarters, mirrored in TURNS:
            turned = torch.rot90(image.flip(3) if mirrored else image, quarters, (2, 3))
            logits = self.network(turned.contiguous(memory_format=torch.channels_last))
            known = logits.shape[1] if self.classes is None else self.classes
            planes = torch.cat([logits.float()[:, :known].softmax(1), logits.float()[:, known:].sigmoid()], dim=1)
            answer = torch.rot90(planes, -quarters, (2, 3))
            answer = answer.flip(3) if mirrored else answer
            total = answer if total is None else total + answer
        assert total is not None
        mean = total / len(TURNS)
        logarithms = mean[:, :known].clamp_min(torch.finfo(total.dtype).tiny).log()
        return torch.cat([logarithms, torch.logit(mean[:, known:], eps=1e-6)], dim=1)


def turned(predictor: SegmentPredictor) -> SegmentPredictor:
    """The same predictor looking at every picture flipped and turned, too."""
    network = TurnedNetwork(predictor.network, len(predictor.class_names)).eval()
    return replace(predictor, network=network, digest=f"{predictor.digest} turned")
