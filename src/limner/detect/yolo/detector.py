"""A YOLO on pictures of any size: what it learns from them, and what it finds in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.detect.boxes.objects import Detections, Objects
from limner.detect.yolo.decoding import decode_answer
from limner.detect.yolo.loss import YoloLoss, yolo_loss


class YoloDetector(nn.Module):
    """A network of `limner.detect.yolo.networks` with its pictures brought to the size it reads, and its loss.

    Pictures are squeezed to a square, as darknet does, whatever their shape: boxes are shares of the picture, and so
    need no correction.

    network: with ``layout`` and ``size_px``, reading photographs of 0 to 1.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network: Any = network

    def losses(self, images: Sequence[Tensor], truths: Sequence[Objects]) -> YoloLoss:
        """The terms to minimize the sum of. images: (3, H, W) float32 each, 0 to 1. truths: in their pixels."""
        layout = self.network.layout
        targets = layout.targets(truths, [_size(image) for image in images])
        answer = self.network(self.squares(images)).float()
        return yolo_loss(answer, targets.to(answer.device), layout)

    @torch.no_grad()
    def detect(
        self, images: Sequence[Tensor], threshold: float = 0.05, iou: float = 0.5, most: int = 100
    ) -> list[Detections]:
        """What is in each picture, in its own pixels; see `decode_answer`. Give it in evaluation mode."""
        answer = self.network(self.squares(images))
        return decode_answer(answer, self.network.layout, [_size(image) for image in images], threshold, iou, most)

    def squares(self, images: Sequence[Tensor]) -> Tensor:
        """(B, 3, size_px, size_px): pictures squeezed to what the network reads, smoothed where they shrink."""
        size = (self.network.size_px, self.network.size_px)
        device = next(self.network.parameters()).device
        return torch.cat(
            [
                functional.interpolate(
                    image[None].to(device), size, mode="bilinear", antialias=True, align_corners=False
                )
                for image in images
            ]
        )


def _size(image: Tensor) -> tuple[int, int]:
    return image.shape[1], image.shape[2]
