"""R-CNN's view of a region: cut out with some context around it and warped to a square, whatever its shape."""

from collections.abc import Iterator

import torch
from torch import Tensor

CROP_PX, CONTEXT_PX = 227, 16
"""Of AlexNet, and of R-CNN as released."""


def with_context(boxes: Tensor, crop_px: int = CROP_PX, context_px: int = CONTEXT_PX) -> Tensor:
    """Boxes enlarged so that each has ``context_px`` around it once it is warped to ``crop_px``, in whole pixels.

    (n, 4) -> (n, 4), also beyond the picture: of a box far smaller than the crop, the context is less than a pixel.
    R-CNN's program counts pixels from 1 and takes the center half a pixel further, and its boxes a pixel wider.

    Raises `ValueError` where the context leaves nothing of the crop.
    """
    if not 0 <= 2 * context_px < crop_px:
        raise ValueError(f"{context_px} px of context in a crop of {crop_px}; needed: less than half of it")
    centers, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    half = half * (crop_px / (crop_px - 2 * context_px))
    return torch.cat((centers - half, centers + half), 1).round()


def warp_regions(image: Tensor, boxes: Tensor, crop_px: int = CROP_PX, context_px: int = CONTEXT_PX) -> Tensor:
    """The picture in each box and a little around it, warped to squares: (n, C, crop_px, crop_px).

    Bilinear at the middle of each pixel and without smoothing, also where it shrinks, as R-CNN was released. What lies
    beyond the picture is 0: the mean, of a standardized picture.

    image: (C, H, W) floating, standardized. boxes: (n, 4) in its pixels, with area.
    """
    from torchvision.ops import roi_align  # torchvision takes seconds to import: only now

    wide = with_context(boxes.to(image), crop_px, context_px)
    crops = roi_align(image[None], [wide], crop_px, sampling_ratio=1, aligned=True)
    # It repeats the outermost pixels a little beyond the picture: there must be nothing.
    steps = (torch.arange(crop_px, device=image.device, dtype=image.dtype) + 0.5) / crop_px
    places = wide[:, :2, None] + (wide[:, 2:] - wide[:, :2])[:, :, None] * steps  # (n, 2, crop_px): x, y
    height, width = image.shape[1:]
    inside = (places >= 0) & (places < image.new_tensor([width, height])[:, None])
    return crops * (inside[:, 1, :, None] & inside[:, 0, None, :])[:, None]


def warped_batches(
    image: Tensor, boxes: Tensor, batch: int = 64, crop_px: int = CROP_PX, context_px: int = CONTEXT_PX
) -> Iterator[Tensor]:
    """`warp_regions` a few boxes at a time: 2,000 crops of 227 px are 1.2 GB."""
    for part in boxes.split(batch):
        yield warp_regions(image, part, crop_px, context_px)
