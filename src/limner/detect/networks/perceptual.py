"""Perceptual GAN as a detector of this room: small objects get features like those of large ones."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.detect.boxes.objects import Objects
from limner.detect.boxes.overlap import box_areas
from limner.detect.networks.fast_rcnn import drawn_generator
from limner.detect.networks.rcnn import Found, Lesson
from limner.detect.networks.reading import PictureReader
from limner.detect.networks.searching import Search
from limner.detect.regions.fast_detector import fitted
from limner.detect.regions.fast_rcnn import decode_regions, region_loss
from limner.detect.regions.lite_features import LiteFeatures
from limner.detect.regions.perceptual import PerceptualDiscriminator, ResidualGenerator
from limner.detect.regions.pooling import RegionPooling
from limner.detect.regions.sampling import SamplingSettings, sample_regions
from limner.foundation.errors import UserError

LEAST_SCORE = 0.01
FINE_STRIDE = 4


class PerceptualNetwork(nn.Module):
    """Fast R-CNN whose small regions go through a generator first (Li et al. 2017), on EfficientNet-Lite0.

    The generator adds to the pooled features of a small region what finer features of the same box tell; the head then
    detects with them, and a discriminator that knows the features of large objects is to take them for such. The
    paper's two networks learn in turn; here they learn in one step, the generator against the turned gradient of the
    discriminator's loss, which is the minimax game itself. Large regions go to the head as they are.

    As `FastRcnnNetwork`; small_px: regions of less than its square are small, in the picture as it is read. blocks: of
    the generator. adversarial: what the discriminator's loss counts beside detection; 0: without it, and with the
    generator's features all the same.
    """

    outlines = False

    def __init__(
        self,
        channels: int = 3,
        classes: int = 1,
        maps: int = 128,
        hidden: int = 512,
        dropout: float = 0.0,
        small_px: int = 32,
        blocks: int = 2,
        adversarial: float = 0.1,
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
        for name, number in (("maps", maps), ("hidden", hidden), ("regions", regions), ("small_px", small_px),
                             ("blocks", blocks)):  # fmt: skip
            if number < 1:
                raise UserError(f"{name} is {number}; needed: 1 or more")
        if adversarial < 0:
            raise UserError(f"adversarial is {adversarial:g}; needed: 0 or more")
        self.proposals = Search(search, search_px, smallest_px, proposals)
        self.sampling, self.class_count = SamplingSettings(count=regions), classes
        self.small_px, self.adversarial = small_px, adversarial
        self.features = LiteFeatures(maps, pretrained, fine=True)
        self.pooling, self.fine_pooling = RegionPooling(self.features.stride), RegionPooling(FINE_STRIDE)
        self.generator = ResidualGenerator(self.features.fine_channels, maps, blocks)
        self.discriminator = PerceptualDiscriminator(maps, classes, hidden=hidden, dropout=dropout)

    @property
    def reader(self) -> PictureReader:
        """What reads a picture, before regions are pooled."""
        return PictureReader(self.features)

    def losses(self, images: list[Tensor], targets: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        """``classes`` and ``boxes`` of detection, ``large``: of the discriminator and, turned, of the generator; each
        the mean over pictures. As `FastRcnnNetwork.losses` takes pictures and targets."""
        draws = drawn_generator()
        found: dict[str, list[Tensor]] = {"classes": [], "boxes": [], "large": []}
        for image, each in zip(images, targets, strict=True):
            objects = Objects(each["boxes"].cpu(), each["labels"].cpu())
            regions = sample_regions(self.proposals(image), objects, self.class_count, draws, self.sampling)
            pooled, fine, small = self._pooled(image, regions.boxes)
            answer = self.discriminator(self._resembling(pooled, fine, small))
            labels = regions.labels.to(pooled.device)
            loss = region_loss(answer.classes.float(), answer.codes.float(), labels, regions.codes.to(pooled.device))
            found["classes"].append(loss.classes)
            found["boxes"].append(loss.boxes)
            found["large"].append(self._game(pooled, fine, small, labels < self.class_count))
        return {name: torch.stack(values).mean() for name, values in found.items()}

    def forward(self, images: list[Tensor] | Lesson) -> Any:
        """`losses` of a lesson, or of pictures a list of `Found`."""
        if isinstance(images, Lesson):
            return self.losses(images.images, images.targets)
        answers = []
        for image in images:
            boxes = self.proposals(image)
            pooled, fine, small = self._pooled(image, boxes)
            answer = self.discriminator(self._resembling(pooled, fine, small))
            size = (image.shape[1], image.shape[2])
            each = decode_regions(answer.classes.float(), answer.codes.float(), boxes, size, LEAST_SCORE)
            answers.append(Found(each.boxes, each.labels, each.scores, None))
        return answers

    def _pooled(self, image: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(n, maps, 7, 7) features of regions, (n, fine, 7, 7) finer ones, and (n,) bool, which are small."""
        edges = image.shape[1:]
        scaled, factor = fitted(image, min(edges), max(edges))  # at its own size, filled up to whole strides
        placed = boxes.to(image.device).float() * factor
        coarse, fine = self.features.with_fine(scaled[None])
        small = box_areas(placed) < self.small_px**2
        return self.pooling(coarse, [placed]), self.fine_pooling(fine, [placed]), small

    def _resembling(self, pooled: Tensor, fine: Tensor, small: Tensor) -> Tensor:
        """The features that the head reads: of small regions what the generator makes of them."""
        if not small.any():
            return pooled
        made = pooled.clone()
        made[small] = self.generator(pooled[small], fine[small]).to(made)
        return made

    def _game(self, pooled: Tensor, fine: Tensor, small: Tensor, objects: Tensor) -> Tensor:
        """The discriminator's loss on large objects and on what is made of small ones; to the generator it is turned.

        The features themselves are not to learn from it: they would make small and large alike by telling nothing.
        """
        if self.adversarial == 0:
            return pooled.sum() * 0
        large, tiny = objects & ~small, objects & small
        terms = []
        if large.any():
            logits = self.discriminator.adversarial(pooled[large].detach()).float()
            terms.append(functional.binary_cross_entropy_with_logits(logits, torch.ones_like(logits)))
        if tiny.any():
            made = self.generator(pooled[tiny].detach(), fine[tiny].detach())
            logits = self.discriminator.adversarial(_Turned.apply(made)).float()
            terms.append(functional.binary_cross_entropy_with_logits(logits, torch.zeros_like(logits)))
        return self.adversarial * torch.stack(terms).mean() if terms else pooled.sum() * 0


class _Turned(torch.autograd.Function):
    """The same values, with the gradient's sign turned (Ganin and Lempitsky 2015)."""

    @staticmethod
    def forward(_: Any, values: Tensor) -> Tensor:
        return values.view_as(values)

    @staticmethod
    def backward(_: Any, *gradients: Tensor) -> Tensor:
        return -gradients[0]
