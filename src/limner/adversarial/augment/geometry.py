"""Geometric transforms of ADA as matrices: random ones, one a picture, joined before any pixel is touched.

A matrix (B, 3, 3) takes a place of the result to where it comes from in the picture, (x, y, 1) in pixels from the
middle, so that the first transform done to a picture is the leftmost factor.
"""

from math import pi

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

SHIFT = 0.125
"""Whole pixels: uniform up to this share of the side. Fractions of them: the deviation, as a share."""
LOG2_SCALE = 0.2
"""Deviation of the binary logarithm of scales."""


def draw_geometry(count: int, height: int, width: int, strength: Tensor, generator: torch.Generator) -> Tensor:
    """(count, 3, 3) float32: x-flip, 90 degrees, whole pixels, scale, turn, stretch, turn, fractions of pixels.

    Karras et al. 2020a, app. B. Each is done with probability ``strength``, a 0-d tensor; a turn so often that one of
    the two is.
    """
    device = strength.device
    chance = torch.rand(8, count, generator=generator, device=generator.device).to(device)
    even = torch.rand(6, count, generator=generator, device=generator.device).to(device)
    bell = torch.randn(4, count, generator=generator, device=generator.device).to(device)
    done, turned = chance < strength, chance < 1 - (1 - strength).sqrt()
    one, zero = torch.ones_like(chance[0]), torch.zeros_like(chance[0])

    flip = torch.where(done[0] & (even[0] < 0.5), -one, one)
    quarters = torch.where(done[1], (even[1] * 4).floor(), zero)
    right = torch.where(done[2], ((2 * even[2] - 1) * SHIFT * width).round(), zero)
    down = torch.where(done[2], ((2 * even[3] - 1) * SHIFT * height).round(), zero)
    scale = torch.where(done[3], torch.exp2(bell[0] * LOG2_SCALE), one)
    first = torch.where(turned[4], (2 * even[4] - 1) * pi, zero)
    stretch = torch.where(done[5], torch.exp2(bell[1] * LOG2_SCALE), one)
    second = torch.where(turned[6], (2 * even[5] - 1) * pi, zero)
    a_little_right = torch.where(done[7], bell[2] * SHIFT * width, zero)
    a_little_down = torch.where(done[7], bell[3] * SHIFT * height, zero)
    return (
        _scaling(flip, one)
        @ _quarter_turn(quarters)
        @ _shift(-right, -down)
        @ _scaling(1 / scale, 1 / scale)
        @ _turn(-first)
        @ _scaling(1 / stretch, stretch)
        @ _turn(-second)
        @ _shift(-a_little_right, -a_little_down)
    )


def transform(image: Tensor, matrix: Tensor) -> Tensor:
    """The pictures with every pixel taken, bilinearly, from where ``matrix`` says; outside, they continue reflected.

    image: (B, C, H, W) and matrix: (B, 3, 3), see above, of one float type, at least float32. Returns (B, C, H, W).
    """
    height, width = image.shape[2:]
    x = torch.arange(width, device=matrix.device, dtype=matrix.dtype) + (1 - width) / 2
    y = torch.arange(height, device=matrix.device, dtype=matrix.dtype)[:, None] + (1 - height) / 2
    factors = matrix[:, :2, :, None, None]
    places = factors[:, :, 0] * x + factors[:, :, 1] * y + factors[:, :, 2]  # (B, 2, H, W), pixels from the middle
    horizontal, vertical = places[:, 0] * (2 / width), places[:, 1] * (2 / height)  # -1 .. 1, as grid_sample has them
    places = torch.stack([horizontal, vertical], dim=-1)
    return grid_sample(image, places, padding_mode="reflection", align_corners=False)


def _matrices(*rows: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    one, zero = torch.ones_like(rows[0][0]), torch.zeros_like(rows[0][0])
    return torch.stack([torch.stack(row, dim=-1) for row in (*rows, (zero, zero, one))], dim=-2)


def _scaling(x: Tensor, y: Tensor) -> Tensor:
    zero = torch.zeros_like(x)
    return _matrices((x, zero, zero), (zero, y, zero))


def _shift(x: Tensor, y: Tensor) -> Tensor:
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    return _matrices((one, zero, x), (zero, one, y))


def _turn(angle: Tensor) -> Tensor:
    zero = torch.zeros_like(angle)
    return _matrices((angle.cos(), -angle.sin(), zero), (angle.sin(), angle.cos(), zero))


def _quarter_turn(quarters: Tensor) -> Tensor:
    """Exact in float32, unlike a turn by multiples of pi / 2."""
    cosine = (quarters == 0).float() - (quarters == 2).float()
    sine = (quarters == 1).float() - (quarters == 3).float()
    zero = torch.zeros_like(cosine)
    return _matrices((cosine, -sine, zero), (sine, cosine, zero))
