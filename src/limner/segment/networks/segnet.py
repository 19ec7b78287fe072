"""SegNet and SegNet-basic (Badrinarayanan, Kendall and Cipolla, PAMI 2017): pooling remembered, and undone."""

from typing import ClassVar

from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.nn.initialize import he_initialize
from limner.nn.layers.unpooling import MaxPoolWithSwitches, Switches, Unpool
from limner.segment.networks.map_network import MapNetwork
from limner.segment.networks.vgg import BLOCKS, VggEncoder, refuse_narrow_weights, scaled

BASIC_MAPS, BASIC_LEVELS, BASIC_KERNEL = 64, 4, 7


class SegNet(MapNetwork):
    """Encoder and mirrored decoder, joined by nothing but where each maximum stood (Badrinarayanan et al. 2017).

    The convolutions of VGG-16 with BN, each block ending with 2 x 2 max pooling, whose switches are kept. The decoder
    mirrors it: each block begins by putting its values where the maxima had stood, zeros elsewhere, and convolves. 26
    convolutions of 3 x 3, 25 of them with BN and ReLU; the last one gives the logits.

    channels: bands of the picture.
    classes: classes of the map, background included.
    basic: SegNet-basic: local response normalization of the picture, four convolutions of 7 x 7 to 64 maps with BN,
        ReLU and pooling; four with BN and without ReLU in the decoder; a 1 x 1 convolution gives the logits.
    switches: put values back where the maxima stood, else in a corner of their cell: what the memory is worth.
    pretrained: begin with ImageNet's VGG-16 (its convolutions only; fresh BN); not bundled.
    width: of every layer, as a share of the paper's: 0.125 for a CPU.

    Odd sizes need no padding of their own: switches remember the size. BN uses running means, where the release
    computes its statistics over the training set anew before use.

    Raises `UserError` for a width out of range, and ImageNet's weights in another width or in SegNet-basic.
    """

    stride: ClassVar[int] = 32

    def __init__(
        self,
        channels: int = 3,
        classes: int = 2,
        basic: bool = False,
        switches: bool = True,
        pretrained: bool = False,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.encoder: nn.Module = BasicEncoder(channels, width) if basic else _vgg(channels, width)
        self.decoder = nn.ModuleList(_basic_decoder(width) if basic else _mirrored_decoder(classes, width))
        self.unpools = nn.ModuleList(Unpool(switches=switches) for _ in self.decoder)
        self.head: nn.Module = nn.Conv2d(scaled(BASIC_MAPS, width), classes, 1) if basic else nn.Identity()
        he_initialize(self)
        if pretrained:
            if basic:
                raise UserError("segnet-basic got pretrained; ImageNet's weights of VGG-16 fit the full SegNet only")
            refuse_narrow_weights("segnet", pretrained, width)
            _load_convolutions(self.encoder, channels)

    def logits(self, image: Tensor) -> Tensor:
        """(B, channels, H, W) with H and W multiples of 32 -> (B, classes, H, W)."""
        x, switches = self.encoder.with_switches(image)  # type: ignore[operator]
        for unpool, block, switch in zip(self.unpools, self.decoder, reversed(switches), strict=True):
            x = block(unpool(x, switch))
        return self.head(x)


class BasicEncoder(nn.Module):
    """SegNet-basic's encoder: four convolutions of 7 x 7, each with BN, ReLU and pooling."""

    def __init__(self, channels: int, width: float) -> None:
        super().__init__()
        maps = scaled(BASIC_MAPS, width)
        self.normalize = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75)
        self.levels = nn.ModuleList(
            nn.Sequential(*_convolution(channels if level == 0 else maps, maps, BASIC_KERNEL), nn.ReLU(inplace=True))
            for level in range(BASIC_LEVELS)
        )
        self.pools = nn.ModuleList(MaxPoolWithSwitches() for _ in self.levels)

    def with_switches(self, image: Tensor) -> tuple[Tensor, list[Switches]]:
        """image: (B, channels, H, W). Gives (B, 64 width, H/16, W/16), and the switches of the four poolings."""
        x, found = self.normalize(image), []
        for level, pool in zip(self.levels, self.pools, strict=True):
            x, switches = pool(level(x))
            found.append(switches)
        return x, found


def _vgg(channels: int, width: float) -> VggEncoder:
    return VggEncoder(channels, width, batch_norm=True, switches=True)


def _mirrored_decoder(classes: int, width: float) -> list[nn.Module]:
    """VGG-16's blocks from the last to the first; each block's last convolution gives the maps of the one above."""
    blocks: list[nn.Module] = []
    above = [None, *(maps for maps, _ in BLOCKS[:-1])]
    for (maps, count), outputs in zip(reversed(BLOCKS), reversed(above), strict=True):
        layers: list[nn.Module] = []
        inside = scaled(maps, width)
        for _ in range(count - 1):
            layers += [*_convolution(inside, inside, 3), nn.ReLU(inplace=True)]
        if outputs is None:
            layers.append(nn.Conv2d(inside, classes, 3, padding=1))
        else:
            layers += [*_convolution(inside, scaled(outputs, width), 3), nn.ReLU(inplace=True)]
        blocks.append(nn.Sequential(*layers))
    return blocks


def _basic_decoder(width: float) -> list[nn.Module]:
    maps = scaled(BASIC_MAPS, width)
    return [nn.Sequential(*_convolution(maps, maps, BASIC_KERNEL)) for _ in range(BASIC_LEVELS)]


def _convolution(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), nn.BatchNorm2d(outputs)]


def _load_convolutions(encoder: nn.Module, channels: int) -> None:
    """ImageNet's convolutions, in their order; the batch normalizations begin fresh."""
    plain = VggEncoder(channels)
    plain.load_imagenet()
    theirs = [layer for layer in plain.modules() if isinstance(layer, nn.Conv2d)]
    ours = [layer for layer in encoder.modules() if isinstance(layer, nn.Conv2d)]
    for layer, loaded in zip(ours, theirs, strict=True):
        layer.load_state_dict(loaded.state_dict())
