"""Changes of pictures that leave their class alone: one resampling of a whole batch, then colors."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.learning.recipes.recipe import setting


@dataclass(frozen=True)
class AugmentSettings:
    """What is done to pictures while they are learned from. As they are by default."""

    flip: bool = setting(False, "mirror half of the pictures, left to right; not for digits or letters")
    area: tuple[float, float] = setting((1.0, 1.0), "share of the picture that a crop of it shows, drawn between these")
    aspect: float = setting(1.0, "the most by which a crop is wider than high, or higher than wide", minimum=1)
    shift: float = setting(0.0, "the most that a picture is moved, of its edge", minimum=0, maximum=0.5)
    rotate_deg: float = setting(0.0, "the most that it is turned either way", unit="degrees", minimum=0, maximum=180)
    jitter: float = setting(0.0, "the most that brightness and contrast change, of themselves", minimum=0, maximum=1)
    pca: float = setting(
        0.0, "deviation of a change of color along the axes in which colors vary; 0.1 as AlexNet", minimum=0
    )

    def __post_init__(self) -> None:
        low, high = self.area
        if not 0 < low <= high <= 1:
            raise UserError(
                f"augment.area is {low:g}, {high:g}; needed: two shares above 0, the smaller first, at most 1"
            )


def augmented(
    pictures: Tensor,
    settings: AugmentSettings,
    crop_px: int,
    generator: torch.Generator,
    color_axes: Tensor | None = None,
) -> Tensor:
    """Crops of pictures, changed: (B, C, crop_px, crop_px) float32 in [0, 1], a little beyond where colors change.

    Without ``area`` a crop of a larger picture lies anywhere in it, on whole pixels. What moves in from outside repeats
    the border. Resampling is bilinear and does not smooth, so pictures should be no more than twice as large as crops.

    pictures: (B, C, S, S) uint8. color_axes: (C, C) float32 for ``pca``: each column an axis of the colors times the
    deviation along it (`color_axes_of`).
    """
    count, channels, size_px, _ = pictures.shape
    image01 = pictures.float() / 255
    if (crop_px, settings) != (size_px, AugmentSettings()):
        grid = functional.affine_grid(
            _transforms(count, size_px, crop_px, settings, generator), [count, channels, crop_px, crop_px],
            align_corners=False,
        )  # fmt: skip
        image01 = functional.grid_sample(image01, grid, "bilinear", "border", align_corners=False)
    if settings.jitter:
        gain, contrast = 1 + settings.jitter * (2 * torch.rand(2, count, 1, 1, 1, generator=generator) - 1)
        mean = image01.mean(dim=(1, 2, 3), keepdim=True)
        image01 = ((image01 - mean) * contrast + mean) * gain
    if settings.pca and color_axes is not None:
        strength = settings.pca * torch.randn(count, channels, generator=generator)
        image01 = image01 + (strength @ color_axes.T)[:, :, None, None]
    return image01


def _transforms(
    count: int, size_px: int, crop_px: int, settings: AugmentSettings, generator: torch.Generator
) -> Tensor:
    """(B, 2, 3) float32: where in the picture each place of the crop lies, both in -1..1, as `affine_grid` takes it."""

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=generator)

    if settings.area == (1.0, 1.0) and settings.aspect == 1.0:
        share = crop_px / size_px
        wide = high = torch.full((count,), share)
        room = size_px - crop_px
        x, y = (
            (2 * torch.randint(0, room + 1, (count,), generator=generator) - room) / size_px for _ in range(2)
        )  # whole pixels
    else:
        area, aspect = uniform(*settings.area), math.log(settings.aspect)
        ratio = uniform(-aspect, aspect).exp()
        wide, high = ((area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1))
        x, y = (1 - wide) * uniform(-1, 1), (1 - high) * uniform(-1, 1)
    if settings.shift:
        x, y = x + 2 * uniform(-settings.shift, settings.shift), y + 2 * uniform(-settings.shift, settings.shift)
    angle = uniform(-settings.rotate_deg, settings.rotate_deg) * (math.pi / 180)
    mirror = torch.ones(count)
    if settings.flip:
        mirror = 1 - 2 * (torch.rand(count, generator=generator) < 0.5).float()
    cosine, sine = angle.cos(), angle.sin()
    rows = [
        torch.stack([cosine * wide * mirror, -sine * high, x], dim=1),
        torch.stack([sine * wide * mirror, cosine * high, y], dim=1),
    ]
    return torch.stack(rows, dim=1)


def color_axes_of(pictures: Tensor) -> Tensor:
    """(C, C) float32: the axes along which colors of pictures vary, each column times the deviation along it, of values
    in 0..1.

    Krizhevsky et al. 2012, section 4.1, where the factor is called the eigenvalue of the covariance; that has the
    squared unit of a color, so the deviation is taken here.

    pictures: (n, C, S, S) uint8.
    """
    pixels = pictures.permute(1, 0, 2, 3).flatten(1).double() / 255
    values, axes = torch.linalg.eigh(torch.cov(pixels).reshape(len(pixels), len(pixels)))
    return (axes * values.clamp(min=0).sqrt()).float()
