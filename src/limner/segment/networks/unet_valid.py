"""U-Net as it was published (Ronneberger, Fischer and Brox 2015): unpadded convolutions, mirrored borders."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from limner.nn.initialize import he_initialize
from limner.segment.networks.map_network import MapNetwork
from limner.segment.networks.vgg import scaled

MAPS = (64, 128, 256, 512, 1024)
MARGIN = 92
"""Pixels around the map that it is made from, on each side: 572 in, 388 out."""


class ValidUNet(MapNetwork):
    """U-Net of unpadded convolutions: a map smaller than the picture, whose surroundings are mirrored (2015).

    Four levels of two 3 x 3 convolutions and 2 x 2 max pooling down to 1024 maps, and four up again, each by a 2 x 2
    transposed convolution that halves the maps, joined with the middle of the encoder's maps. No convolution is padded:
    no zero is ever seen, and a map of 388 px is made from a picture of 572. What lies around the picture is its mirror
    image, so that the map is as large as the picture (the paper's overlap-tile strategy).

    channels: bands of the picture.
    classes: classes of the map, background included.
    width: of every layer, as a share of the paper's: 0.125 for a CPU.

    The paper's loss is `cross-entropy-boundary`. Weights begin as N(0, sqrt(2 / N)); no dropout, for which the paper
    gives no rate.
    """

    stride: ClassVar[int] = 16

    def __init__(self, channels: int = 3, classes: int = 2, width: float = 1.0) -> None:
        super().__init__()
        self.channels = channels
        maps = [scaled(each, width) for each in MAPS]
        self.encoder = _Down(channels, maps)
        ups = zip(reversed(maps[1:]), reversed(maps[:-1]), strict=True)
        self.decoder = nn.ModuleList(_Up(below, above) for below, above in ups)
        self.head = nn.Conv2d(maps[0], classes, 1)
        he_initialize(self)

    def logits(self, image: Tensor) -> Tensor:
        """(B, channels, H, W), H and W multiples of 16, -> (B, classes, H, W), of the picture and its mirror image."""
        height, width = image.shape[2:]
        # Sizes that pool evenly four times are 16 k + 12; H + 184 is 16 k + 8.
        around = mirror(mirror(image, MARGIN, MARGIN + 4, 2), MARGIN, MARGIN + 4, 3)
        return self.valid_logits(around)[..., :height, :width]

    def valid_logits(self, image: Tensor) -> Tensor:
        """(B, channels, H, W) with H and W of 16 k + 12, from 188 on -> (B, classes, H - 184, W - 184): the map of the
        middle, with nothing mirrored."""
        *skips, x = self.encoder(image)
        for level, skip in zip(self.decoder, reversed(skips), strict=True):
            x = level(x, skip)
        return self.head(x)


class _Down(nn.Module):
    def __init__(self, channels: int, maps: list[int]) -> None:
        super().__init__()
        inputs = [channels, *maps]
        self.levels = nn.ModuleList(_two_convolutions(*pair) for pair in zip(inputs, maps, strict=False))
        self.pool = nn.MaxPool2d(2)

    def forward(self, image: Tensor) -> list[Tensor]:
        """image: (B, channels, H, W). Gives the maps of each level before it is pooled."""
        found: list[Tensor] = []
        x = image
        for number, level in enumerate(self.levels):
            x = level(self.pool(x) if number else x)
            found.append(x)
        return found


class _Up(nn.Module):
    """Twice the size, half the maps; joined with the middle of the skip and convolved."""

    def __init__(self, below: int, above: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(below, above, 2, stride=2)
        self.convolutions = _two_convolutions(2 * above, above)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """x: (B, below, h, w), skip: (B, above, H, W), larger than 2h x 2w. Gives (B, above, 2h - 4, 2w - 4)."""
        x = self.up(x)
        return self.convolutions(torch.cat([_middle(skip, x.shape[2], x.shape[3]), x], dim=1))


def _two_convolutions(inputs: int, maps: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, maps, 3), nn.ReLU(inplace=True), nn.Conv2d(maps, maps, 3), nn.ReLU(inplace=True)
    )


def _middle(maps: Tensor, height: int, width: int) -> Tensor:
    top, left = (maps.shape[2] - height) // 2, (maps.shape[3] - width) // 2
    return maps[..., top : top + height, left : left + width]


def mirror(image: Tensor, before: int, after: int, axis: int) -> Tensor:
    """An axis of n values with its mirror image before and behind, without repeating the border; mirrored again and
    again where n is small, and 1 value repeated.

    >>> mirror(torch.tensor([1, 2, 3]), 3, 2, 0).tolist()
    [2, 3, 2, 1, 2, 3, 2, 1]
    """
    size = image.shape[axis]
    period = max(1, 2 * (size - 1))
    places = torch.arange(-before, size + after, device=image.device).remainder(period)
    return image.index_select(axis, torch.where(places < size, places, period - places))
