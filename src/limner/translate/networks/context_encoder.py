"""The context encoder (Pathak et al., CVPR 2016), which paints what is missing from what is around it."""

import itertools

from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.translate.networks.translator import Translator, bounded, only_same_size

SIDE_PX = 128


class ContextEncoder(Translator):
    """Context encoder for the middle of 128 px: down to a bottleneck, up to the 64 px that are missing.

    Five halvings by 4 x 4 convolutions (64, 64, 128, 256 and 512 channels, batch normalization behind all but the
    first, leaky ReLU 0.2), a 4 x 4 convolution to the bottleneck, and the generator of DCGAN from there. 71,130,531
    parameters with a bottleneck of 4,000. (The authors' code zeroes all biases of convolutions at each step; they stand
    in front of normalizations, but for the last.)

    bottleneck: numbers that all must go through: 4,000 in the authors' README, 100 in their script by default.
    width: channels of the first level.
    """

    stride = SIDE_PX
    takes_center = True

    def __init__(self, inputs: int, outputs: int, scale: int = 1, *, bottleneck: int = 4000, width: int = 64) -> None:
        super().__init__(inputs, outputs, scale)
        only_same_size(scale, "context-encoder")
        if bottleneck < 1 or width < 1:
            raise UserError(
                f"the context encoder got bottleneck {bottleneck}, width {width}; needed: 1 or more of both"
            )
        widths = [width, width, 2 * width, 4 * width, 8 * width]
        layers: list[nn.Module] = [nn.Conv2d(inputs, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for one, other in itertools.pairwise(widths):
            layers += [nn.Conv2d(one, other, 4, 2, 1), nn.BatchNorm2d(other), nn.LeakyReLU(0.2)]
        layers += [nn.Conv2d(widths[-1], bottleneck, 4), nn.BatchNorm2d(bottleneck), nn.LeakyReLU(0.2)]
        self.encoder = nn.Sequential(*layers)
        self.decoder = nn.Sequential(*self._upward(bottleneck, width), nn.ConvTranspose2d(width, outputs, 4, 2, 1))

    def _upward(self, bottleneck: int, width: int) -> list[nn.Module]:
        layers: list[nn.Module] = [nn.ConvTranspose2d(bottleneck, 8 * width, 4)]
        layers += [nn.BatchNorm2d(8 * width), nn.ReLU()]
        for channels in (8 * width, 4 * width, 2 * width):
            layers += [nn.ConvTranspose2d(channels, channels // 2, 4, 2, 1)]
            layers += [nn.BatchNorm2d(channels // 2), nn.ReLU()]
        return layers

    def translate(self, image_pm1: Tensor) -> Tensor:
        """See `Translator.forward`: (B, inputs, 128, 128) -> (B, outputs, 64, 64), the middle."""
        if image_pm1.shape[2:] != (SIDE_PX, SIDE_PX):
            raise UserError(
                f"the context encoder got {image_pm1.shape[2]} x {image_pm1.shape[3]} px; it is made for {SIDE_PX}"
            )
        return bounded(self.decoder(self.encoder(image_pm1)))


class RandomContextEncoder(ContextEncoder):
    """Context encoder for missing regions anywhere in 128 px: it paints the whole picture.

    As `ContextEncoder` with one doubling more: 71,196,259 parameters with a bottleneck of 4,000.
    """

    takes_center = False

    def _upward(self, bottleneck: int, width: int) -> list[nn.Module]:
        more: list[nn.Module] = [nn.ConvTranspose2d(width, width, 4, 2, 1), nn.BatchNorm2d(width), nn.ReLU()]
        return [*super()._upward(bottleneck, width), *more]
