"""Faster and Mask R-CNN: torchvision's, on a small backbone of limner's."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection import FasterRCNN, MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.ops import MultiScaleRoIAlign

from limner.detect.networks.pyramid import LitePyramid, standardized
from limner.detect.networks.reading import PictureReader
from limner.foundation.errors import UserError

LEVELS = ["0", "1", "2"]
"""The maps that regions are taken from; anchors stand on one more."""
DIVISIBLE = 32


class Found(NamedTuple):
    """What is in a picture. boxes: (n, 4) float32 in its pixels. labels: (n,) int64 from 0. scores: (n,) float32.
    masks: (n, 1, 28, 28) float32 in 0..1, each over its box, or None."""

    boxes: Tensor
    labels: Tensor
    scores: Tensor
    masks: Tensor | None


class Lesson:
    """Pictures with what is in them, as `RegionDetector.losses` takes them.

    A plain object, into which Fabric does not look: boxes in bf16 would lie pixels off.
    """

    def __init__(self, images: list[Tensor], targets: list[dict[str, Tensor]]) -> None:
        self.images, self.targets = images, targets


class RegionDetector(nn.Module):
    """Torchvision's two stages behind a pyramid, with labels from 0: the background's number stays in here.

    Features are computed in the precision that is asked for; regions, boxes and losses always in float32.
    """

    outlines = False

    def __init__(self, whole: FasterRCNN) -> None:
        super().__init__()
        self.backbone, self.proposals, self.heads = whole.backbone, whole.rpn, whole.roi_heads

    @property
    def reader(self) -> PictureReader:
        """What reads a picture: the body and the pyramid on it."""
        return PictureReader(self.backbone, standardized=True)

    def losses(self, images: list[Tensor], targets: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        """The losses by name. images: (3, H, W) float32 in 0..1 each, of any sizes. targets: ``boxes`` (n, 4) float32,
        ``labels`` (n,) int64 from 0, with masks ``masks`` (n, H, W) uint8; n may be 0."""
        batch, maps = self._maps(images)
        shifted = [{**each, "labels": each["labels"] + 1} for each in targets]
        with torch.autocast(images[0].device.type, enabled=False):
            regions, first = self.proposals(batch, maps, shifted)
            _, second = self.heads(maps, regions, batch.image_sizes, shifted)
        return {name.removeprefix("loss_"): value for name, value in {**first, **second}.items()}

    def forward(self, images: list[Tensor] | Lesson) -> Any:
        """`losses` of a lesson, or of pictures a list of `Found`."""
        if isinstance(images, Lesson):
            return self.losses(images.images, images.targets)
        batch, maps = self._maps(images)
        with torch.autocast(images[0].device.type, enabled=False):
            regions, _ = self.proposals(batch, maps, None)
            results, _ = self.heads(maps, regions, batch.image_sizes, None)
        return [
            Found(each["boxes"], each["labels"] - 1, each["scores"], each.get("masks") if self.outlines else None)
            for each in results
        ]

    def _maps(self, images: list[Tensor]) -> tuple[ImageList, dict[str, Tensor]]:
        sizes = [(image.shape[1], image.shape[2]) for image in images]
        # ONNX cuts quotients toward 0: no negative number is divided.
        height, width = ((max(edges) + DIVISIBLE - 1) // DIVISIBLE * DIVISIBLE for edges in zip(*sizes, strict=True))
        batch = torch.stack(
            [
                functional.pad(standardized(image), (0, width - image.shape[2], 0, height - image.shape[1]))
                for image in images
            ]
        )
        maps = self.backbone(batch.contiguous(memory_format=torch.channels_last))
        return ImageList(batch, sizes), {name: each.float() for name, each in maps.items()}


class FasterRcnn(RegionDetector):
    """Faster R-CNN: boxes are proposed from maps, then told apart and corrected (Ren et al. 2015; torchvision's).

    channels: 3. classes: to find, without the background. size, pretrained, frozen_stages: of `LitePyramid`. width:
    maps of the pyramid. hidden: units of each of the head's two layers. anchor_px: side of the smallest anchor, on maps
    at 1/8; each coarser map has twice as large ones. proposals: regions that are looked at of each picture. regions:
    of these, those that a picture is learned from.
    """

    def __init__(
        self,
        channels: int = 3,
        classes: int = 1,
        size: int = 0,
        width: int = 128,
        hidden: int = 512,
        pretrained: bool = True,
        frozen_stages: int = 2,
        anchor_px: int = 32,
        proposals: int = 300,
        regions: int = 128,
    ) -> None:
        super().__init__(FasterRCNN(**_parts(channels, classes, size, width, hidden, pretrained, frozen_stages,
                                             anchor_px, proposals, regions)))  # fmt: skip


class MaskRcnn(RegionDetector):
    """Mask R-CNN: Faster R-CNN that draws the outline of each object, too (He et al. 2017; torchvision's).

    As `FasterRcnn`; mask_width: maps of the four layers that draw the outlines, 28 x 28 over each box.
    """

    outlines = True

    def __init__(
        self,
        channels: int = 3,
        classes: int = 1,
        size: int = 0,
        width: int = 128,
        hidden: int = 512,
        pretrained: bool = True,
        frozen_stages: int = 2,
        anchor_px: int = 32,
        proposals: int = 300,
        regions: int = 128,
        mask_width: int = 64,
    ) -> None:
        parts = _parts(channels, classes, size, width, hidden, pretrained, frozen_stages, anchor_px, proposals, regions)
        drawing = {
            "mask_roi_pool": MultiScaleRoIAlign(LEVELS, 14, 2),
            "mask_head": MaskRCNNHeads(width, (mask_width,) * 4, 1),
            "mask_predictor": MaskRCNNPredictor(mask_width, mask_width, classes + 1),
        }
        super().__init__(MaskRCNN(**parts, **drawing))


def _parts(
    channels: int, classes: int, size: int, width: int, hidden: int, pretrained: bool, frozen_stages: int,
    anchor_px: int, proposals: int, regions: int,
) -> dict[str, Any]:  # fmt: skip
    if channels != 3:
        raise UserError(f"detectors read red, green and blue, and channels is {channels}; give 3")
    for name, value in (("width", width), ("hidden", hidden), ("anchor_px", anchor_px), ("regions", regions),
                        ("proposals", proposals)):  # fmt: skip
        if value < 1:
            raise UserError(f"{name} is {value}; needed: 1 or more")
    sides = tuple((anchor_px * 2**level,) for level in range(len(LEVELS) + 1))
    return {
        "backbone": LitePyramid(size, width, pretrained, frozen_stages),
        "rpn_anchor_generator": AnchorGenerator(sides, ((0.5, 1.0, 2.0),) * len(sides)),
        "rpn_pre_nms_top_n_train": 2 * proposals, "rpn_pre_nms_top_n_test": 2 * proposals,
        "rpn_post_nms_top_n_train": proposals, "rpn_post_nms_top_n_test": proposals,
        "box_roi_pool": MultiScaleRoIAlign(LEVELS, 7, 2),
        "box_head": TwoMLPHead(width * 49, hidden), "box_predictor": FastRCNNPredictor(hidden, classes + 1),
        "box_batch_size_per_image": regions, "box_score_thresh": 0.01,
    }  # fmt: skip
