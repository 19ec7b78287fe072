"""The color spaces that selective search groups in, each on the scale of 8 bits."""

import torch
from torch import Tensor

from limner.colors.spaces import srgb_to_lab

GRAY = (0.2989, 0.587, 0.114)
"""MATLAB's weights of red, green and blue."""


def color_channels(image01: Tensor, space: str) -> Tensor:
    """A picture in a color space: (C, H, W) float32, 0 to 255.

    image01: (3, H, W) floating sRGB, 0 to 1. space: ``hsv``; ``lab`` (CIELAB: L times 2.55, a and b plus 128); ``rgi``
    (the shares of red and green, and gray); ``hue`` alone, or ``gray`` alone, each of one channel.

    Raises `ValueError` for another space.
    """
    image = image01.float().clamp(0, 1)
    if space == "lab":
        light, a, b = srgb_to_lab(image)
        return torch.stack((light * 2.55, a + 128, b + 128)).clamp(0, 255)
    if space == "hsv":
        return 255 * _hsv(image)
    if space == "hue":
        return 255 * _hsv(image)[:1]
    gray = (image * image.new_tensor(GRAY)[:, None, None]).sum(0, keepdim=True)
    if space == "gray":
        return 255 * gray
    if space == "rgi":
        return 255 * torch.cat((image[:2] / image.sum(0).clamp(min=1e-6), gray))
    raise ValueError(f"no color space is called {space!r}; needed: hsv, lab, rgi, hue or gray")


def _hsv(image: Tensor) -> Tensor:
    """(3, H, W), each 0 to 1: hue as a share of the circle from red over green and blue (0 for grays), saturation,
    value. The circle is cut at red, as in the paper's program: two reds may be far apart."""
    red, green, blue = image
    value, low = image.amax(0), image.amin(0)
    chroma = value - low
    safe = torch.where(chroma > 0, chroma, torch.ones_like(chroma))
    hue = torch.where(
        value == red,
        (green - blue) / safe % 6,
        torch.where(value == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    return torch.stack((hue / 6 * (chroma > 0), chroma / value.clamp(min=1e-6), value))
