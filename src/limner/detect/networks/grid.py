"""YOLO v1 and its kin among the detectors that a recipe names: every cell of a grid answers, and nothing proposes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from limner.detect.boxes.objects import Objects
from limner.detect.networks.rcnn import Found, Lesson
from limner.detect.networks.reading import PictureReader
from limner.detect.yolo.detector import YoloDetector
from limner.detect.yolo.networks import DarknetYoloV1, SmallYolo, TinyYoloV1, YoloV1
from limner.foundation.errors import UserError

LEAST_SCORE = 0.01


class GridDetector(nn.Module):
    """A network of `limner.detect.yolo` as the room trains and uses detectors. Pictures are squeezed to its square."""

    outlines = False

    def __init__(self, channels: int, kind: type[nn.Module], options: dict[str, Any]) -> None:
        super().__init__()
        if channels != 3:
            raise UserError(f"detectors read red, green and blue, and channels is {channels}; give 3")
        try:
            self.whole = YoloDetector(kind(**options))
        except ValueError as error:
            raise UserError(str(error)) from None

    @property
    def reader(self) -> PictureReader:
        """What reads a picture: all of it."""
        return PictureReader(self.whole.network, self.whole.network.size_px)

    def losses(self, images: list[Tensor], targets: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        """The terms of YOLO's loss by name, as `RegionDetector.losses` takes pictures and targets."""
        found = self.whole.losses(images, [Objects(each["boxes"].cpu(), each["labels"].cpu()) for each in targets])
        return found._asdict()

    def forward(self, images: list[Tensor] | Lesson) -> Any:
        """`losses` of a lesson, or of pictures a list of `Found`."""
        if isinstance(images, Lesson):
            return self.losses(images.images, images.targets)
        with torch.autocast(images[0].device.type, enabled=False):
            found = self.whole.detect(images, threshold=LEAST_SCORE)
        return [Found(each.boxes, each.labels, each.scores, None) for each in found]


class PaperYolo(GridDetector):
    """YOLO v1: one network answers for all cells at once (Redmon et al. 2016); 271,703,550 parameters for 20 classes.

    channels: 3. classes: to find. boxes: of each cell. size_px: edge of the square that pictures are squeezed to, a
    multiple of 64. width: factor of all maps.
    """

    def __init__(
        self, channels: int = 3, classes: int = 20, boxes: int = 2, size_px: int = 448, width: float = 1.0
    ) -> None:
        super().__init__(channels, YoloV1, {"classes": classes, "boxes": boxes, "size_px": size_px, "width": width})


class DarknetYolo(GridDetector):
    """darknet's later YOLO v1, with batch normalization and a locally connected layer. Options as `PaperYolo`."""

    def __init__(
        self, channels: int = 3, classes: int = 20, boxes: int = 3, size_px: int = 448, width: float = 1.0
    ) -> None:
        options = {"classes": classes, "boxes": boxes, "size_px": size_px, "width": width}
        super().__init__(channels, DarknetYoloV1, options)


class TinyYolo(GridDetector):
    """darknet's tiny YOLO v1: eight convolutions and one fully connected layer. Options as `PaperYolo`."""

    def __init__(
        self, channels: int = 3, classes: int = 20, boxes: int = 2, size_px: int = 448, width: float = 1.0
    ) -> None:
        super().__init__(channels, TinyYoloV1, {"classes": classes, "boxes": boxes, "size_px": size_px, "width": width})


class LiteYolo(GridDetector):
    """A small YOLO on EfficientNet-Lite0 with ImageNet weights, for two cores.

    As `PaperYolo`; maps: of its head. pretrained: begin with ImageNet's weights, which come with limner. size_px: a
    multiple of 32; a cell is 16 px wide.
    """

    def __init__(
        self,
        channels: int = 3,
        classes: int = 20,
        boxes: int = 2,
        size_px: int = 224,
        maps: int = 128,
        pretrained: bool = True,
    ) -> None:
        options = {"classes": classes, "boxes": boxes, "size_px": size_px, "maps": maps, "pretrained": pretrained}
        super().__init__(channels, SmallYolo, options)
