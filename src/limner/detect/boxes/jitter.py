"""Changes of a picture that its boxes follow: moved, enlarged, mirrored, lighter, more colorful."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from limner.detect.boxes.objects import Objects
from limner.detect.boxes.overlap import box_areas, clip_boxes

GRAY = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class JitterSettings:
    """How far pictures are changed while they are learned from. As YOLO v1 has it.

    move: each side of the picture is moved in or out by at most this share of it. flip: mirror half of them, left to
    right. light, color: brightness and saturation are multiplied by up to this, or divided by it. visible: objects of
    which less than this share stays in the picture are no longer learned from.
    """

    move: float = 0.2
    flip: bool = True
    light: float = 1.5
    color: float = 1.5
    visible: float = 0.3


def jittered(
    image01: Tensor, objects: Objects, generator: torch.Generator, settings: JitterSettings = JitterSettings()
) -> tuple[Tensor, Objects]:
    """A changed picture of the same size, and its objects where they are now.

    What comes in from outside is mid-gray. An object of which little is left, but not nothing, is ignored from then on,
    rather than learned as background.

    image01: (3, H, W) floating, 0 to 1. objects: without masks, which would not follow.
    """
    height, width = image01.shape[1:]
    draws = torch.rand(7, generator=generator).tolist()
    left, right, top, bottom = (settings.move * (2 * draw - 1) for draw in draws[:4])
    x0, x1, y0, y1 = left * width, (1 + right) * width, top * height, (1 + bottom) * height  # the window that is seen
    mirror = settings.flip and draws[4] < 0.5
    changed, boxes = image01, objects.boxes.float()
    if settings.move:
        changed = _window(image01, (x0, y0, x1, y1))
        scale = boxes.new_tensor([width / (x1 - x0), height / (y1 - y0)]).repeat(2)
        boxes = (boxes - boxes.new_tensor([x0, y0, x0, y0])) * scale
    if mirror:
        changed = changed.flip(2)
        boxes = torch.stack((width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]), 1)
    light, color = (
        factor ** (2 * draw - 1) for factor, draw in zip((settings.light, settings.color), draws[5:], strict=True)
    )
    gray = (changed * changed.new_tensor(GRAY)[:, None, None]).sum(0, keepdim=True)
    changed = ((gray + color * (changed - gray)) * light).clamp(0, 1)
    whole, boxes = box_areas(boxes), clip_boxes(boxes, (height, width))
    seen = box_areas(boxes) / whole.clamp(min=1e-9)
    kept = box_areas(boxes) >= 1  # square pixels
    ignored = ~objects.counted | (seen < settings.visible)
    return changed, Objects(boxes[kept], objects.labels[kept], ignored[kept])


def _window(image: Tensor, window: tuple[float, float, float, float]) -> Tensor:
    """The part of a picture in x0, y0, x1, y1 (pixels, also beyond it), at the picture's own size."""
    height, width = image.shape[1:]
    x0, y0, x1, y1 = window
    turn = image.new_tensor(
        [[(x1 - x0) / width, 0, (x0 + x1) / width - 1], [0, (y1 - y0) / height, (y0 + y1) / height - 1]]
    )
    grid = functional.affine_grid(turn[None], [1, 3, height, width], align_corners=False)
    return functional.grid_sample(image[None] - 0.5, grid, "bilinear", "zeros", align_corners=False)[0] + 0.5
