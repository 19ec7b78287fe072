"""Color spaces: sRGB, linear light, CIELAB and the lab of Ruderman that Reinhard's transfer works in.

All take and give (3, ...) tensors, float32 or float64, on any device, and each pair of functions is inverse to each
other for every number, also outside [0, 1]: a transfer's colors are clipped once, at the end, not here.
"""

import math

import torch
from torch import Tensor

from limner.colors.blocks import by_blocks

LUMINANCE = (0.2126, 0.7152, 0.0722)
"""Of red, green and blue in luminance (ITU-R BT.709)."""

# Linear sRGB to XYZ and the white D65 of the 2 degree observer, as scikit-image has them.
XYZ_FROM_RGB = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
WHITE_D65 = (0.95047, 1.0, 1.08883)

# CIELAB's cube root has a straight foot below this share of white.
LAB_FOOT = 0.008856
LAB_FOOT_SLOPE = 7.787
LAB_FOOT_OFFSET = 16 / 116

# Reinhard et al. 2001, eq. 4: linear RGB to the responses of the eye's cones. Its inverse is computed: the printed one
# is rounded.
LMS_FROM_RGB = ((0.3811, 0.5783, 0.0402), (0.1967, 0.7244, 0.0782), (0.0241, 0.1288, 0.8444))
# Eq. 6: lightness, yellow against blue, red against green.
RUDERMAN_FROM_LOG_LMS = (
    (1 / math.sqrt(3), 1 / math.sqrt(3), 1 / math.sqrt(3)),
    (1 / math.sqrt(6), 1 / math.sqrt(6), -2 / math.sqrt(6)),
    (1 / math.sqrt(2), -1 / math.sqrt(2), 0.0),
)
LOG_FOOT = 1 / (255 * 12.92)  # the linear light of the first step above black in 8 bits


def srgb_to_linear(colors: Tensor) -> Tensor:
    """Linear light of gamma-encoded sRGB; negative numbers mirror the positive ones (IEC 61966-2-1)."""
    return by_blocks(_decode, colors)


def linear_to_srgb(colors: Tensor) -> Tensor:
    """Gamma-encoded sRGB of linear light; negative numbers mirror the positive ones."""
    return by_blocks(_encode, colors)


def srgb_to_lab(colors: Tensor) -> Tensor:
    """CIELAB of sRGB: L from 0 (black) to 100 (white), a and b about -100 to 100; scikit-image's `rgb2lab`."""
    return by_blocks(lambda block: _lab_of_linear(_decode(block)), colors)


def lab_to_srgb(colors: Tensor) -> Tensor:
    """sRGB of CIELAB, not clipped: colors that sRGB cannot show fall outside [0, 1]."""
    return by_blocks(lambda block: _encode(_linear_of_lab(block)), colors)


def srgb_to_ruderman(colors: Tensor) -> Tensor:
    """The lab space of Ruderman et al. 1998 as Reinhard et al. 2001, eqs. 4-6, take it, of linear light.

    The logarithm has no value at black. Below the first step of 8 bits it goes on as the straight line that touches it
    there, so that black and negative colors keep distinct places and come back unharmed.
    """
    return by_blocks(lambda block: _ruderman_of_linear(_decode(block)), colors)


def ruderman_to_srgb(colors: Tensor) -> Tensor:
    """Inverse of `srgb_to_ruderman`."""
    return by_blocks(lambda block: _encode(_linear_of_ruderman(block)), colors)


def _decode(colors: Tensor) -> Tensor:
    size = colors.abs()
    light = torch.where(size > 0.04045, ((size + 0.055) / 1.055) ** 2.4, size / 12.92)
    return torch.copysign(light, colors)


def _encode(colors: Tensor) -> Tensor:
    size = colors.abs()
    encoded = torch.where(size > 0.0031308, 1.055 * size ** (1 / 2.4) - 0.055, 12.92 * size)
    return torch.copysign(encoded, colors)


def _lab_of_linear(colors: Tensor) -> Tensor:
    ratio = _product(_xyz_of_white(colors), colors)  # XYZ over white's
    root = ratio.clamp(min=LAB_FOOT) ** (1 / 3)
    x, y, z = torch.where(ratio > LAB_FOOT, root, LAB_FOOT_SLOPE * ratio + LAB_FOOT_OFFSET)
    return torch.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)))


def _linear_of_lab(colors: Tensor) -> Tensor:
    lightness, a, b = colors
    y = (lightness + 16) / 116
    root = torch.stack((y + a / 500, y, y - b / 200))
    foot = LAB_FOOT ** (1 / 3)
    ratio = torch.where(root > foot, root**3, (root - LAB_FOOT_OFFSET) / LAB_FOOT_SLOPE)
    return _product(torch.linalg.inv(_xyz_of_white(colors)), ratio)


def _xyz_of_white(like: Tensor) -> Tensor:
    """(3, 3) float64: XYZ, as shares of white's, from linear sRGB."""
    return like.new_tensor(XYZ_FROM_RGB, dtype=torch.float64) / like.new_tensor(WHITE_D65, dtype=torch.float64)[:, None]


def _ruderman_of_linear(colors: Tensor) -> Tensor:
    lms = _product(_lms_from_rgb(colors), colors)
    slope = 1 / (LOG_FOOT * math.log(10))
    foot = math.log10(LOG_FOOT) + (lms - LOG_FOOT) * slope
    logarithm = torch.where(lms > LOG_FOOT, lms.clamp(min=LOG_FOOT).log10(), foot)
    return _product(colors.new_tensor(RUDERMAN_FROM_LOG_LMS, dtype=torch.float64), logarithm)


def _linear_of_ruderman(colors: Tensor) -> Tensor:
    # The rows of the matrix are orthonormal: its inverse is its transpose.
    logarithm = _product(colors.new_tensor(RUDERMAN_FROM_LOG_LMS, dtype=torch.float64).T, colors)
    foot = math.log10(LOG_FOOT)
    slope = 1 / (LOG_FOOT * math.log(10))
    lms = torch.where(logarithm > foot, (logarithm * math.log(10)).exp(), LOG_FOOT + (logarithm - foot) / slope)
    return _product(torch.linalg.inv(_lms_from_rgb(colors)), lms)


def _lms_from_rgb(like: Tensor) -> Tensor:
    """(3, 3) float64, each row divided by its sum, so that no gray has a color.

    The printed rows sum to 0.9973 and more. The division moves all of lab by a constant, which cancels in a transfer.
    """
    matrix = like.new_tensor(LMS_FROM_RGB, dtype=torch.float64)
    return matrix / matrix.sum(1, keepdim=True)


def _product(matrix: Tensor, colors: Tensor) -> Tensor:
    return matrix.to(colors.dtype) @ colors
