"""Fast R-CNN on pictures of any size: features once, regions from any proposals."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.detect.boxes.objects import Detections, Objects
from limner.detect.regions.fast_rcnn import FastHead, RegionLoss, decode_regions, region_loss
from limner.detect.regions.lite_features import LiteFeatures
from limner.detect.regions.pooling import ALIGN, RegionPooling
from limner.detect.regions.sampling import SamplingSettings, sample_regions

PAPER = SamplingSettings()


class FastRcnn(nn.Module):
    """Features of the whole picture, pooled in each region, and the head (Girshick 2015), on the small backbone.

    Pictures are brought to a short side of ``short_px``, but to no longer side than ``long_px``, and filled up to a
    multiple of 32 with mid-gray; None for as they are. The paper's are 600 and 1,000 with VGG-16.

    classes: without background. way: how regions are pooled, see `limner.detect.regions.pooling.pool_regions`. hidden,
    dropout: of the head.
    """

    def __init__(
        self,
        classes: int,
        short_px: int | None = 320,
        long_px: int | None = 512,
        way: str = ALIGN,
        maps: int = 128,
        hidden: int = 512,
        dropout: float = 0.0,
        pretrained: bool = True,
    ) -> None:
        super().__init__()
        self.class_count, self.short_px, self.long_px = classes, short_px, long_px
        self.features = LiteFeatures(maps, pretrained)
        self.pooling = RegionPooling(self.features.stride, way=way)
        self.head = FastHead(maps, classes, hidden=hidden, dropout=dropout)

    def losses(
        self,
        images: Sequence[Tensor],
        truths: Sequence[Objects],
        proposals: Sequence[Tensor],
        generator: torch.Generator,
        sampling: SamplingSettings = PAPER,
    ) -> RegionLoss:
        """The terms to minimize the sum of, mean over pictures.

        images: (3, H, W) float32 each, 0 to 1. truths, proposals: in their pixels. generator: of the draw of regions.
        """
        classes, boxes = [], []
        for image, objects, there in zip(images, truths, proposals, strict=True):
            drawn = sample_regions(there, objects, self.class_count, generator, sampling)
            logits, codes = self._answers(image, drawn.boxes)
            loss = region_loss(logits, codes, drawn.labels.to(logits.device), drawn.codes.to(logits.device))
            classes.append(loss.classes)
            boxes.append(loss.boxes)
        return RegionLoss(torch.stack(classes).mean(), torch.stack(boxes).mean())

    @torch.no_grad()
    def detect(
        self,
        images: Sequence[Tensor],
        proposals: Sequence[Tensor],
        threshold: float = 0.05,
        iou: float = 0.3,
        most: int = 100,
    ) -> list[Detections]:
        """What is in each picture, in its own pixels; see `decode_regions`. Give it in evaluation mode."""
        found = []
        for image, there in zip(images, proposals, strict=True):
            logits, codes = self._answers(image, there)
            size = (image.shape[1], image.shape[2])
            found.append(decode_regions(logits, codes, there, size, threshold, iou, most))
        return found

    def _answers(self, image: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        device = next(self.parameters()).device
        edges = image.shape[1:]
        scaled, factor = fitted(image.to(device), self.short_px or min(edges), self.long_px or max(edges))
        pooled = self.pooling(self.features(scaled[None]), [boxes.to(device).float() * factor])
        logits, codes = self.head(pooled)
        return logits.float(), codes.float()


def fitted(image01: Tensor, short_px: int, long_px: int, multiple: int = 32) -> tuple[Tensor, Tensor]:
    """A picture whose short side is ``short_px``, or whose long side is ``long_px`` if that is smaller, filled up to
    the right and below to a multiple with mid-gray; and the (4,) factors that bring boxes there.

    image01: (3, H, W) floating.
    """
    height, width = image01.shape[1:]
    factor = min(short_px / min(height, width), long_px / max(height, width))
    size = (max(1, round(height * factor)), max(1, round(width * factor)))
    scaled = functional.interpolate(image01[None], size, mode="bilinear", antialias=True, align_corners=False)[0]
    below, right = (-each % multiple for each in size)
    factors = image01.new_tensor([size[1] / width, size[0] / height]).repeat(2)
    return functional.pad(scaled, (0, right, 0, below), value=0.5), factors
