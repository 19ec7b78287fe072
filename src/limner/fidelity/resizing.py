"""How a picture of any size comes to the size that a network of features takes.

The filter is part of a score's protocol. Parmar et al. 2022 ("On aliased resizing and surprising subtleties in GAN
evaluation") measured that one without antialiasing moves FID by more than most improvements do.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x


def bicubic(image: Tensor, size_px: int) -> Tensor:
    """As Pillow's bicubic filter on each channel as float: antialiased, not rounded, clipped to 0..255.

    image: (B, 3, H, W) float32 0..255 -> (B, 3, size_px, size_px). As clean-fid does, on the image's device.
    """
    return _antialiased(image, size_px, "bicubic").clamp(0, 255)


def bilinear(image: Tensor, size_px: int) -> Tensor:
    """As Pillow's bilinear filter on each channel as float: antialiased, not rounded. Shapes as of `bicubic`."""
    return _antialiased(image, size_px, "bilinear")


def tensorflow(image: Tensor, size_px: int) -> Tensor:
    """As TensorFlow 1 did when FID was published: bilinear from the upper left corner, without antialiasing."""
    return interpolate_bilinear_2d_like_tensorflow1x(image, size=(size_px, size_px), align_corners=False)


def _antialiased(image: Tensor, size_px: int, mode: str) -> Tensor:
    if image.shape[-2:] == (size_px, size_px):
        return image
    return functional.interpolate(image, size=(size_px, size_px), mode=mode, antialias=True)


RESIZERS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "bicubic": bicubic,
    "bilinear": bilinear,
    "tensorflow": tensorflow,
}
"""By the names that a protocol gives them."""
