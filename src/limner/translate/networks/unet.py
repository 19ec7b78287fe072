"""The U-Net of pix2pix (Isola, Zhu, Zhou and Efros, CVPR 2017, sec. 6.1.1): an encoder-decoder with skips."""

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, relu

from limner.foundation.errors import UserError
from limner.translate.networks.translator import (
    Norm,
    Translator,
    Upsampling,
    bounded,
    check_norm,
    check_upsampling,
    doubled,
    normalization,
    only_same_size,
)

SLOPE = 0.2
MOST = 8
"""Times the width: the channels of the deep levels."""
WITHOUT_DROPOUT = 4
"""Levels from the top whose decoder has none."""


class UNet(Translator):
    """pix2pix' U-Net: 4 x 4 convolutions halve the picture level by level, transposed ones double it, beside skips.

    The encoder's channels are 64, 128, 256 and then 512; leaky ReLU 0.2, normalization on all levels but the first and
    the last. With 8 levels a picture of 256 px comes down to one pixel, and the network has 54,413,955 parameters (of
    the PyTorch version; the Lua original also has biases that its normalizations cancel, 54,419,459). It is
    convolutional: any multiple of 2^levels is taken.

    levels: how often the side is halved: 8 at 256 px, 7 at 128, 6 at 64.
    width: channels of the first level.
    norm: ``batch``, ``instance`` or ``none``.
    dropout: share of the values that the decoder's deep levels drop, 0.5 in the paper: its only noise.
    upsample: ``transposed`` as in the paper, or ``resize``.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        scale: int = 1,
        *,
        levels: int = 8,
        width: int = 64,
        norm: Norm = "batch",
        dropout: float = 0.5,
        upsample: Upsampling = "transposed",
    ) -> None:
        super().__init__(inputs, outputs, scale)
        only_same_size(scale, "unet")
        check_norm(norm)
        check_upsampling(upsample)
        if not 2 <= levels <= 10 or width < 1 or not 0 <= dropout < 1:
            raise UserError(
                f"the unet got levels {levels}, width {width}, dropout {dropout}; needed: 2 to 10, 1 or more, 0 to "
                "below 1"
            )
        self.stride = 2**levels
        self.reach_px = 4 * 2**levels  # encoder and decoder, level by level: 2 (2^levels - 1) each at most
        bias = norm != "batch"
        channels = [width * min(2**level, MOST) for level in range(levels)]
        before = [inputs, *channels[:-1]]
        self.down = nn.ModuleList(
            nn.Conv2d(one, other, 4, stride=2, padding=1, bias=bias)
            for one, other in zip(before, channels, strict=True)
        )
        self.down_norms = nn.ModuleList(
            nn.Identity() if level in (0, levels - 1) else normalization(norm, count)
            for level, count in enumerate(channels)
        )
        up, norms, drops = [], [], []
        for level, count in enumerate(channels):
            deepest = level == levels - 1
            after = outputs if level == 0 else before[level]
            up.append(doubled(count if deepest else 2 * count, after, upsample, kernel=4, bias=bias or level == 0))
            norms.append(nn.Identity() if level == 0 else normalization(norm, after))
            drops.append(nn.Dropout(dropout if WITHOUT_DROPOUT <= level < levels - 1 else 0.0))
        self.up, self.up_norms, self.drops = nn.ModuleList(up), nn.ModuleList(norms), nn.ModuleList(drops)

    def translate(self, image_pm1: Tensor) -> Tensor:
        """See `Translator.forward`."""
        x, kept = image_pm1, []
        for level, (halve, norm) in enumerate(zip(self.down, self.down_norms, strict=True)):
            x = norm(halve(x if level == 0 else leaky_relu(x, SLOPE)))  # (B, 64 .. 512, H / 2^(level + 1), ...)
            kept.append(x)
        x = kept.pop()
        for level in reversed(range(len(self.up))):
            x = self.drops[level](self.up_norms[level](self.up[level](relu(x))))
            if level:
                x = torch.cat([kept.pop(), x], dim=1)
        return bounded(x)
