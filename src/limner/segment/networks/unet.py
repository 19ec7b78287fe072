"""The U-Net of Ronneberger, Fischer and Brox (MICCAI 2015),
in the two depths that Ghassemi et al. 2018 compare with.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.nn.initialize import he_initialize
from limner.nn.receptive_field import receptive_field
from limner.segment.networks.map_network import MapNetwork

CONVOLUTIONS: dict[int, int] = {19: 2, 35: 4}
"""depth -> 3 x 3 convolutions in each level of the encoder and of the decoder. The bottom has two in both."""
MAPS = (64, 128, 256, 512)  # of the levels, at 1, 1/2, 1/4 and 1/8 of the picture's size
BOTTOM_MAPS = 1024


class UNet(MapNetwork):
    """Plain convolutions down and up again, each level joined with its mirror (Ronneberger et al. 2015).

    Four levels of 64, 128, 256 and 512 maps, each followed by 2 x 2 max pooling; 1024 maps at the bottom; then four
    levels of 2 x 2 transposed convolutions that halve the maps, joined with the level of the same size and convolved.
    A 1 x 1 convolution on the last 64 maps gives the logits. Every 3 x 3 convolution is followed by ReLU.

    channels: bands of the picture.
    classes: classes of the map, background included.
    depth: convolutions counted without the four transposed ones, as Table II of Ghassemi et al. 2018 counts: 19 is the
        network of 2015, two in each level (10 + 8 + 1); 35 has four in each level but the bottom (16 + 2 + 16 + 1).
    batch_norm: follow each 3 x 3 convolution by BN, which then has no bias; neither paper has it.

    Where this differs from the paper: convolutions are padded, so that the map is as large as the picture (there: 572
    pixels in, 388 out); no dropout, which the paper places "at the end of the contracting path" without a rate.
    Weights begin as N(0, sqrt(2 / N)), the paper's section 3; biases at 0, of which it says nothing. Depth 35 is
    defined nowhere: this is the reading that gives 35.

    Raises `UserError` for another depth.
    """

    stride: ClassVar[int] = 16

    def __init__(self, channels: int = 4, classes: int = 2, depth: int = 19, batch_norm: bool = False) -> None:
        super().__init__()
        if depth not in CONVOLUTIONS:
            raise UserError(f"unet has no depth {depth}; choose one of {', '.join(map(str, CONVOLUTIONS))}")
        self.channels = channels
        self.encoder = UNetEncoder(channels, CONVOLUTIONS[depth], batch_norm)
        inputs = [BOTTOM_MAPS, *MAPS[:0:-1]]
        self.decoder = nn.ModuleList(
            _DecoderLevel(from_below, maps, CONVOLUTIONS[depth], batch_norm)
            for from_below, maps in zip(inputs, reversed(MAPS), strict=True)
        )
        self.head = nn.Conv2d(MAPS[0], classes, 1)
        he_initialize(self)

    def logits(self, image: Tensor) -> Tensor:
        """(B, channels, H, W) with H and W multiples of 16 -> (B, classes, H, W)."""
        *skips, x = self.encoder(image)  # x: (B, 1024, H/16, W/16)
        for level, skip in zip(self.decoder, reversed(skips), strict=True):
            x = level(x, skip)
        return self.head(x)

    def receptive_field(self) -> int:
        """How many pixels in a row can change one pixel's logits."""
        return receptive_field([self.encoder, self.decoder, self.head])


class UNetEncoder(nn.Module):
    """The contracting path and the bottom."""

    def __init__(self, channels: int, convolutions: int, batch_norm: bool) -> None:
        super().__init__()
        inputs = [channels, *MAPS]
        levels = [_convolutions(*maps, convolutions, batch_norm) for maps in zip(inputs, MAPS, strict=False)]
        levels.append(_convolutions(MAPS[-1], BOTTOM_MAPS, 2, batch_norm))
        for level in levels[1:]:
            level.insert(0, nn.MaxPool2d(2))
        self.levels = nn.ModuleList(levels)

    def forward(self, image: Tensor) -> list[Tensor]:
        """image: (B, channels, H, W). Gives 64 to 1024 maps at 1, 1/2, 1/4, 1/8 and 1/16 of its size."""
        maps = [image]
        for level in self.levels:
            maps.append(level(maps[-1]))
        return maps[1:]


class _DecoderLevel(nn.Module):
    """Twice the size, half the maps; joined with the skip and convolved."""

    def __init__(self, inputs: int, maps: int, convolutions: int, batch_norm: bool) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, maps, 2, stride=2)
        self.convolutions = _convolutions(2 * maps, maps, convolutions, batch_norm)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """x: (B, 2 maps, h, w), skip: (B, maps, 2h, 2w). Gives (B, maps, 2h, 2w)."""
        return self.convolutions(torch.cat([skip, self.up(x)], dim=1))


def _convolutions(inputs: int, maps: int, count: int, batch_norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for number in range(count):
        layers.append(nn.Conv2d(inputs if number == 0 else maps, maps, 3, padding=1, bias=not batch_norm))
        if batch_norm:
            layers.append(nn.BatchNorm2d(maps))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)
