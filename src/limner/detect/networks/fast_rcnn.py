"""Fast R-CNN as a detector of this room: selective search says where to look."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from limner.detect.boxes.objects import Objects
from limner.detect.networks.rcnn import Found, Lesson
from limner.detect.networks.reading import PictureReader
from limner.detect.networks.searching import Search
from limner.detect.regions.fast_detector import FastRcnn
from limner.detect.regions.pooling import ALIGN, WAYS
from limner.detect.regions.sampling import SamplingSettings
from limner.foundation.errors import UserError
from limner.foundation.nearest import did_you_mean

LEAST_SCORE = 0.01


class FastRcnnNetwork(nn.Module):
    """Fast R-CNN (Girshick 2015) on EfficientNet-Lite0, with a selective search of each picture as it is shown.

    channels: 3. classes: to find. pooling: ``align``, ``pool`` (the paper's, which rounds), or ``align-shifted``. maps:
    of the features. hidden: units of each of the head's two layers. dropout: after each. search, search_px,
    smallest_px, proposals: as `Search` has them. regions: of the proposals, those that a picture is learned from.
    pretrained: begin with ImageNet's weights.
    """

    outlines = False

    def __init__(
        self,
        channels: int = 3,
        classes: int = 1,
        pooling: str = ALIGN,
        maps: int = 128,
        hidden: int = 512,
        dropout: float = 0.0,
        search: str = "fast",
        search_px: int = 250,
        smallest_px: int = 12,
        proposals: int = 1000,
        regions: int = 64,
        pretrained: bool = True,
    ) -> None:
        super().__init__()
        if channels != 3:
            raise UserError(f"detectors read red, green and blue, and channels is {channels}; give 3")
        if pooling not in WAYS:
            raise UserError(f"pooling is {pooling!r}; {did_you_mean(pooling, WAYS)}")
        for name, number in (("maps", maps), ("hidden", hidden), ("regions", regions)):
            if number < 1:
                raise UserError(f"{name} is {number}; needed: 1 or more")
        self.detector = FastRcnn(classes, None, None, pooling, maps, hidden, dropout, pretrained)
        self.proposals, self.sampling = (
            Search(search, search_px, smallest_px, proposals),
            SamplingSettings(count=regions),
        )

    @property
    def reader(self) -> PictureReader:
        """What reads a picture, before regions are pooled."""
        return PictureReader(self.detector.features)

    def losses(self, images: list[Tensor], targets: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        """The losses by name. images: (3, H, W) float32 in 0..1 each, of any sizes. targets: ``boxes`` (n, 4) float32,
        ``labels`` (n,) int64 from 0; n may be 0."""
        truths = [Objects(each["boxes"].cpu(), each["labels"].cpu()) for each in targets]
        there = [self.proposals(image) for image in images]
        return self.detector.losses(images, truths, there, drawn_generator(), self.sampling)._asdict()

    def forward(self, images: list[Tensor] | Lesson) -> Any:
        """`losses` of a lesson, or of pictures a list of `Found`."""
        if isinstance(images, Lesson):
            return self.losses(images.images, images.targets)
        there = [self.proposals(image) for image in images]
        return [
            Found(each.boxes, each.labels, each.scores, None)
            for each in self.detector.detect(images, there, LEAST_SCORE)
        ]


def drawn_generator() -> torch.Generator:
    """A generator whose seed is drawn from torch's own, which the loop of learning seeds for each step."""
    return torch.Generator().manual_seed(int(torch.randint(2**31, ())))
