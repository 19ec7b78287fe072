"""Changes of pictures that leave their objects what they are: mirrored, larger or smaller, moved, other light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from limner.detect.boxes.jitter import JitterSettings, jittered
from limner.detect.boxes.objects import Objects
from limner.detect.data.found import ObjectPicture
from limner.detect.data.pictures import Sizing, mask_in, scaled_boxes
from limner.foundation.errors import UserError
from limner.learning.recipes.recipe import setting

LEAST_PX = 1.0
"""Side below which an object of a changed picture is ignored: nothing of it is left to see."""


@dataclass(frozen=True)
class AugmentSettings:
    """What is done to pictures while they are learned from."""

    flip: bool = setting(True, "mirror half of the pictures, left to right; not where left and right are classes")
    flip_rows: bool = setting(False, "mirror half of them top to bottom, too; for pictures from above")
    scale: tuple[float, float] = setting((1.0, 1.0), "factor of a picture's size, drawn between these")
    jitter: float = setting(0.0, "the most that brightness and contrast change, of themselves", minimum=0, maximum=1)
    move: float = setting(
        0.0, "each side of a picture moves in or out by at most this share of it (YOLO: 0.2); not for outlines",
        minimum=0, maximum=0.4,
    )  # fmt: skip
    exposure: float = setting(
        1.0, "brightness is multiplied or divided by at most this (YOLO: 1.5)", minimum=1, maximum=4
    )
    saturation: float = setting(
        1.0, "colorfulness is multiplied or divided by at most this (YOLO: 1.5)", minimum=1, maximum=4
    )

    @property
    def moves(self) -> JitterSettings | None:
        """What YOLO does to its pictures, beside mirroring; None where nothing of it is asked for."""
        if self.move == 0 and self.exposure == self.saturation == 1:
            return None
        return JitterSettings(move=self.move, flip=False, light=self.exposure, color=self.saturation)

    def __post_init__(self) -> None:
        low, high = self.scale
        if not 0.1 <= low <= high <= 4:
            raise UserError(f"augment.scale is {low:g}, {high:g}; needed: two factors from 0.1 to 4, the smaller first")


@dataclass(frozen=True)
class Example:
    """A picture as it is learned from. image01: (3, H, W) float32, about 0 to 1. boxes: (n, 4) float32 in its pixels.
    labels: (n,) int64 from 0. masks: (n, H, W) uint8, or None. None of the objects is an ignored one."""

    image01: Tensor
    boxes: Tensor
    labels: Tensor
    masks: Tensor | None


def example_of(
    picture: ObjectPicture,
    pixels: Tensor,
    sizing: Sizing,
    settings: AugmentSettings,
    generator: torch.Generator,
    *,
    masks: bool = False,
) -> Example:
    """A picture changed as the generator draws it. pixels: (3, H, W) uint8, at the size of ``sizing``.

    An object of which less than 30 % stays in a picture that is moved is not learned from.

    Raises `ValueError` for masks where pictures are moved: they would not follow.
    """
    if masks and settings.move:
        raise ValueError("masks do not follow augment.move")
    low, high = settings.scale
    factor = low + (high - low) * float(torch.rand((), generator=generator))
    flips = torch.rand(2, generator=generator) < 0.5
    light = 2 * torch.rand(2, generator=generator) - 1
    image01 = pixels.float() / 255
    size = sizing.size(*picture.size, factor)
    if sizing.square:  # a square stays one: it is shown in part or with a wider margin
        size = sizing.size(*picture.size)
    if size != (image01.shape[2], image01.shape[1]):
        image01 = functional.interpolate(
            image01[None], (size[1], size[0]), mode="bilinear", align_corners=False, antialias=factor < 1
        )[0]
    kept = ~picture.ignored
    boxes = scaled_boxes(picture.boxes[kept], picture.size, size)
    if settings.flip and flips[0]:
        image01 = image01.flip(2)
    if settings.flip_rows and flips[1]:
        image01 = image01.flip(1)
    drawn = _masks(picture, boxes, kept, size) if masks else None
    if settings.flip and flips[0]:
        boxes = np.stack([size[0] - boxes[:, 2], boxes[:, 1], size[0] - boxes[:, 0], boxes[:, 3]], axis=1)
        drawn = None if drawn is None else drawn.flip(2)
    if settings.flip_rows and flips[1]:
        boxes = np.stack([boxes[:, 0], size[1] - boxes[:, 3], boxes[:, 2], size[1] - boxes[:, 1]], axis=1)
        drawn = None if drawn is None else drawn.flip(1)
    if settings.jitter:
        mean = image01.mean()
        image01 = ((image01 - mean) * (1 + settings.jitter * light[0]) + mean) * (1 + settings.jitter * light[1])
    labels = torch.from_numpy(picture.labels[kept])
    if settings.moves is not None:
        there = Objects(torch.from_numpy(np.ascontiguousarray(boxes, np.float32)), labels)
        image01, there = jittered(image01.clamp(0, 1), there, generator, settings.moves)
        if settings.move:  # it loses what it moves out of sight
            boxes, labels = there.boxes[there.counted].numpy(), there.labels[there.counted]
    seen = torch.from_numpy(((boxes[:, 2:] - boxes[:, :2]) >= LEAST_PX).all(axis=1))
    return Example(
        image01=image01.contiguous(),
        boxes=torch.from_numpy(np.ascontiguousarray(boxes, np.float32))[seen],
        labels=labels[seen],
        masks=None if drawn is None else drawn[seen].contiguous(),
    )


def as_read(picture: ObjectPicture, image01: Tensor) -> Objects:
    """The objects of a picture in pixels of it as a detector reads it, without masks. image01: (3, H, W)."""
    boxes = scaled_boxes(picture.boxes, picture.size, (image01.shape[2], image01.shape[1]))
    return Objects(torch.from_numpy(boxes), torch.from_numpy(picture.labels), torch.from_numpy(picture.ignored))


def _masks(picture: ObjectPicture, boxes: np.ndarray, kept: np.ndarray, size: tuple[int, int]) -> Tensor:
    places = np.flatnonzero(kept)
    drawn = [
        mask_in(picture.masks[place], picture.boxes[place], to, size) for place, to in zip(places, boxes, strict=True)
    ]
    return torch.from_numpy(np.stack(drawn)) if drawn else torch.zeros((0, size[1], size[0]), dtype=torch.uint8)
