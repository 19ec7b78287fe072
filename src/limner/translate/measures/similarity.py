"""How near a picture comes to the true one: PSNR and SSIM as papers print them, each with its protocol.

A number means something only with its protocol: the same pictures score about 2 dB more on luma than on red, green and
blue, and a border that is not counted changes the last digits.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from limner.foundation.errors import UserError

Channel = Literal["y", "rgb"]
"""y: luma of ITU-R BT.601 in 16 to 235, as MATLAB's rgb2ycbcr gives it and papers on super-resolution use; rgb: all "
"channels as they are."""
Region = Literal["picture", "hole", "moving", "between"]
LUMA = (65.481, 128.553, 24.966)
SSIM_PX, SSIM_STD = 11, 1.5
SAME_PSNR = 100.0
"""Of equal pictures, whose PSNR is infinite: so that a mean over many exists."""


@dataclass(frozen=True)
class Protocol:
    """How pictures are compared.

    channel: ``y`` or ``rgb``; pictures that are not of three channels are compared as they are. border_px: cut off all
    around. region: ``picture``, or the ``hole``, the pixels that are ``moving`` since the frame before, or those that
    differ from the frames ``between`` which a made one stands, alone (PSNR there; no SSIM, whose windows see beyond).
    """

    channel: Channel = "y"
    border_px: int = 0
    region: Region = "picture"

    def sentence(self) -> str:
        """For people."""
        told = {"y": "luma (BT.601, 16 to 235)", "rgb": "all channels"}[self.channel]
        border = f"{self.border_px} px cut off all around" if self.border_px else "no border cut off"
        where = {
            "picture": "",
            "hole": ", inside the hole alone",
            "moving": ", of the pixels that move alone",
            "between": ", of the pixels that move before or after alone",
        }[self.region]
        return (
            f"PSNR and SSIM of {told}, 8 bits, {border}{where}; SSIM: Gaussian window of {SSIM_PX} px, std {SSIM_STD}."
        )

    def label(self) -> str:
        """In short, for the heads of tables: "Y, 4 px cut"."""
        border = f", {self.border_px} px cut" if self.border_px else ""
        where = {
            "picture": "",
            "hole": ", in the hole",
            "moving": ", moving pixels",
            "between": ", pixels moving before or after",
        }[self.region]
        return f"{self.channel.upper()}{border}{where}"


def compared(picture01: Tensor, protocol: Protocol) -> np.ndarray:
    """(C, H, W) float64 in levels of 255, as PSNR and SSIM see it: in 8 bits, of the channel, without the border."""
    levels = (picture01 * 255).round().clamp(0, 255).double().numpy()
    if protocol.channel == "y" and len(levels) == 3:
        levels = 16 + np.tensordot(np.array(LUMA) / 255, levels, 1)[None]
    border = protocol.border_px
    return levels[:, border : levels.shape[1] - border, border : levels.shape[2] - border]


def psnr(made01: Tensor, true01: Tensor, protocol: Protocol = Protocol(), mask: Tensor | None = None) -> float:
    """Peak signal-to-noise ratio in dB, 10 log10(255^2 / mean squared difference); `SAME_PSNR` of equal pictures.

    made01, true01: (C, H, W) float in [0, 1]. mask: (1, H, W), 1 in the region, for another than ``picture``.

    Raises `UserError` for pictures of two sizes, and for a border that leaves nothing.
    """
    one, other = _both(made01, true01, protocol)
    squares = (one - other) ** 2
    if protocol.region != "picture":
        assert mask is not None
        border = protocol.border_px
        inside = mask[0, border : mask.shape[1] - border, border : mask.shape[2] - border].numpy() > 0.5
        squares = squares[:, inside]
    error = float(squares.mean())
    return SAME_PSNR if error == 0 else min(SAME_PSNR, 10 * math.log10(255**2 / error))


def ssim(made01: Tensor, true01: Tensor, protocol: Protocol = Protocol()) -> float:
    """Structural similarity, from -1 to 1 (Wang et al., IEEE TIP 13, 2004), by scikit-image; the mean over channels.

    As `psnr`; the smallest side must have 11 px.
    """
    one, other = _both(made01, true01, protocol)
    if min(one.shape[1:]) < SSIM_PX:
        raise UserError(f"pictures of {one.shape[2]} x {one.shape[1]} px; SSIM needs {SSIM_PX} px beside the border")
    value = structural_similarity(
        one, other, data_range=255, channel_axis=0, gaussian_weights=True, sigma=SSIM_STD, use_sample_covariance=False
    )
    return float(value)


def sharpness(picture01: Tensor) -> float:
    """How strong edges are: the mean size of the gradient of the channels' mean, in levels of 255 a pixel."""
    rows, columns = np.gradient((picture01.mean(0) * 255).double().numpy())
    return float(np.hypot(rows, columns).mean())


def seam(picture01: Tensor, mask: Tensor) -> float:
    """How much a picture changes across the border of a hole: the mean difference of neighboring pixels of which one is
    in the hole, in levels of 255. A true picture's own tells what it should be.

    picture01: (C, H, W) in [0, 1]. mask: (1, H, W), 1 in the hole, which has a border within the picture.
    """
    levels, hole = (picture01 * 255).double().numpy(), mask[0].numpy() > 0.5
    jumps = []
    for axis in (0, 1):
        crosses = np.diff(hole, axis=axis)
        jumps.append(np.abs(np.diff(levels, axis=axis + 1)).mean(0)[crosses])
    return float(np.concatenate(jumps).mean())


def _both(made01: Tensor, true01: Tensor, protocol: Protocol) -> tuple[np.ndarray, np.ndarray]:
    if made01.shape != true01.shape:
        shapes = [f"{each.shape[2]} x {each.shape[1]} px, {len(each)} channels" for each in (made01, true01)]
        raise UserError(
            f"pictures of {shapes[0]} and {shapes[1]} cannot be compared; needed: the same size and channels"
        )
    if 2 * protocol.border_px >= min(true01.shape[1:]):
        raise UserError(
            f"a border of {protocol.border_px} px leaves nothing of {true01.shape[2]} x {true01.shape[1]} px"
        )
    made01 = torch.nan_to_num(made01)
    return compared(made01, protocol), compared(true01, protocol)
