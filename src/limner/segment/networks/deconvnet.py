"""DeconvNet (Noh, Hong and Han, ICCV 2015): a deep mirror of transposed convolutions and unpooling."""

from typing import ClassVar

from torch import Tensor, nn

from limner.nn.initialize import he_initialize
from limner.nn.layers.unpooling import Unpool
from limner.segment.networks.map_network import MapNetwork
from limner.segment.networks.vgg import VggEncoder, scaled

DECONVOLUTIONS = ((512, 512, 512), (512, 512, 256), (256, 256, 128), (128, 64), (64, 64))
"""Maps that each block's transposed convolutions give, behind each unpooling."""


class DeconvNet(MapNetwork):
    """VGG-16 with its wide layers, mirrored by unpooling and transposed convolutions (Noh et al. 2015).

    VGG-16's convolutions and its two fully connected layers as a 7 x 7 and a 1 x 1 convolution to 4096 maps; a 7 x 7
    transposed convolution back to 512; five blocks that each put values back to where the maxima had stood and convolve
    them (transposed, 3 x 3). A 1 x 1 convolution on the last 64 maps gives the logits. BN and ReLU behind each layer.

    channels: bands of the picture.
    classes: classes of the map, background included.
    switches: put values back where the maxima stood, else in a corner of their cell.
    width: of every layer, as a share of the paper's: 0.125 for a CPU.

    Where this differs from the paper: pictures of any size. There it takes 224 x 224, which the unpadded 7 x 7
    convolution brings to 1 x 1; here that convolution is padded by 3 and keeps the size. The paper begins with VGG-16's
    weights, learns cut-outs of single objects first, and adds up the maps of proposals; here it learns crops.

    Raises `UserError` for a width out of range.
    """

    stride: ClassVar[int] = 32
    encoder: VggEncoder

    def __init__(self, channels: int = 3, classes: int = 2, switches: bool = True, width: float = 1.0) -> None:
        super().__init__()
        self.channels = channels
        self.encoder = VggEncoder(channels, width, batch_norm=True, switches=True)
        top, wide = scaled(512, width), scaled(4096, width)
        self.bottom = nn.Sequential(
            *_with_norm(nn.Conv2d(top, wide, 7, padding=3), wide),
            *_with_norm(nn.Conv2d(wide, wide, 1), wide),
            *_with_norm(nn.ConvTranspose2d(wide, top, 7, padding=3), top),
        )
        self.unpools = nn.ModuleList(Unpool(switches=switches) for _ in DECONVOLUTIONS)
        self.decoder = nn.ModuleList()
        inputs = top
        for block in DECONVOLUTIONS:
            layers: list[nn.Module] = []
            for maps in block:
                outputs = scaled(maps, width)
                layers += _with_norm(nn.ConvTranspose2d(inputs, outputs, 3, padding=1), outputs)
                inputs = outputs
            self.decoder.append(nn.Sequential(*layers))
        self.head = nn.Conv2d(inputs, classes, 1)
        he_initialize(self)

    def logits(self, image: Tensor) -> Tensor:
        """(B, channels, H, W) with H and W multiples of 32 -> (B, classes, H, W)."""
        x, switches = self.encoder.with_switches(image)
        x = self.bottom(x)  # (B, 512 width, H/32, W/32)
        for unpool, block, switch in zip(self.unpools, self.decoder, reversed(switches), strict=True):
            x = block(unpool(x, switch))
        return self.head(x)


def _with_norm(layer: nn.Module, maps: int) -> list[nn.Module]:
    return [layer, nn.BatchNorm2d(maps), nn.ReLU(inplace=True)]
