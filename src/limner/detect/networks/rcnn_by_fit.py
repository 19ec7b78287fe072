"""R-CNN as a detector of this room: every region is read by itself, and nothing is learned by steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from limner.detect.boxes.objects import Objects
from limner.detect.boxes.overlap import iou_matrix
from limner.detect.networks.rcnn import Found, Lesson
from limner.detect.networks.reading import PictureReader
from limner.detect.networks.searching import Search
from limner.detect.regions.box_ridge import CLOSE_IOU
from limner.detect.regions.linear_svm import RegionFeatures
from limner.detect.regions.rcnn_detector import Rcnn
from limner.foundation.errors import UserError
from limner.foundation.files.writing import replacing

LEAST_DISTANCE = -1.0
"""From an SVM's border; what lies farther on the wrong side is not told of."""
STEEPNESS = 2.0
"""Of the curve that brings distances from the border to scores: 0.5 on it, 0.88 where objects should lie."""
CLOSE_SHARE = 0.25
"""Of the regions that are learned from, those that lie well on an object, at most."""


class RcnnNetwork(nn.Module):
    """R-CNN (Girshick et al. 2014): selective search, each region warped and read by EfficientNet-Lite0, a linear SVM
    and a ridge regression a class.

    The network keeps ImageNet's weights (the paper's learned on 21 classes for 70,000 steps); SVMs and regressions are
    learned with the released constants. A score is a distance from an SVM's border through a sigmoid, no probability.

    channels: 3. classes: to find. crop_px: side that regions are warped to, 227 in the paper. context_px: of these,
    what shows the region's surroundings, 16 in the paper. search, search_px, smallest_px, proposals: as `Search` has
    them. regions: of the proposals of a picture, those that it is learned from, drawn by chance; what lies well on an
    object first. pretrained: begin with ImageNet's weights, without which regions say nothing.
    """

    outlines = False
    by_fit = True

    def __init__(
        self,
        channels: int = 3,
        classes: int = 1,
        crop_px: int = 112,
        context_px: int = 8,
        search: str = "fast",
        search_px: int = 250,
        smallest_px: int = 12,
        proposals: int = 300,
        regions: int = 150,
        pretrained: bool = True,
    ) -> None:
        super().__init__()
        if channels != 3:
            raise UserError(f"detectors read red, green and blue, and channels is {channels}; give 3")
        if crop_px < 32 or not 0 <= 2 * context_px < crop_px:
            raise UserError(
                f"crop_px is {crop_px} and context_px {context_px}; needed: crops of 32 px or more, of which less than "
                "half is context on either side"
            )
        if regions < 1:
            raise UserError(f"regions is {regions}; needed: 1 or more")
        self.search, self.regions = Search(search, search_px, smallest_px, proposals), regions
        self.detector = Rcnn(classes, crop_px, context_px, pretrained=pretrained)

    @property
    def reader(self) -> PictureReader:
        """What reads a region: the network that describes it, here with a picture in the region's place."""
        return PictureReader(self.detector.body, self.detector.crop_px, standardized=True)

    def learned_regions(self, image01: Tensor, objects: Objects, generator: torch.Generator) -> Tensor:
        """(n, 4) float32: the proposals of a picture that it is learned from."""
        boxes = self.search(image01).float()
        order = boxes[torch.randperm(len(boxes), generator=generator)]
        if not len(objects.boxes) or not len(order):
            return order[: self.regions]
        close = iou_matrix(order, objects.boxes.float()).amax(1) > CLOSE_IOU
        first = order[close][: max(1, round(CLOSE_SHARE * self.regions))]
        return torch.cat((first, order[~close][: self.regions - len(first)]))

    def described(self, image01: Tensor, objects: Objects, generator: torch.Generator, kept: Path) -> RegionFeatures:
        """What `fit` learns from of a picture, kept in a file where it is found the next time."""
        if kept.exists():
            boxes, features, own = torch.load(kept, weights_only=True)
            return RegionFeatures(features, boxes, own, objects)
        boxes = self.learned_regions(image01, objects, generator)
        features, own = self.detector.describe(image01, boxes), self.detector.describe(image01, objects.boxes.float())
        with replacing(kept) as temporary:
            torch.save((boxes, features, own), temporary)
        return RegionFeatures(features, boxes, own, objects)

    def fit(self, pictures: Sequence[RegionFeatures]) -> None:
        """Learn SVMs and ridge regressions from described pictures."""
        self.detector.fit(pictures)

    def forward(self, images: list[Tensor] | Lesson) -> Any:
        """A list of `Found`. Raises `TypeError` for a lesson: nothing is learned by steps."""
        if isinstance(images, Lesson):
            raise TypeError("R-CNN learns by fit(), not by steps")
        with torch.autocast(images[0].device.type, enabled=False):
            found = self.detector.detect(images, [self.search(each) for each in images], LEAST_DISTANCE)
        return [Found(each.boxes, each.labels, torch.sigmoid(STEEPNESS * each.scores), None) for each in found]


class DescribedPictures(Sequence[RegionFeatures]):
    """Pictures whose features lie in files: gone through several times without all of them in memory.

    describe: gives those of a number.
    """

    def __init__(self, count: int, describe: Callable[[int], RegionFeatures]) -> None:
        self.total, self.describe = count, describe

    def __len__(self) -> int:
        return self.total

    def __getitem__(self, number: Any) -> Any:
        if not 0 <= number < self.total:
            raise IndexError(number)
        return self.describe(number)
