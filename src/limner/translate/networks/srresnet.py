"""SRResNet, which is SRGAN's generator (Ledig et al., CVPR 2017, fig. 4)."""

from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.translate.networks.translator import Translator, bounded


class SRResNet(Translator):
    """SRResNet: residual blocks with batch normalization at the small size, then sub-pixel convolutions.

    16 blocks of 64 channels that enlarge four times have 1,549,462 parameters, twice 1,401,749: convolutions with
    biases, one number in each PReLU. The small picture enters in [0, 1] and the large one leaves in [-1, 1] (sec. 3.2).

    blocks: residual blocks. width: channels.
    """

    def __init__(self, inputs: int, outputs: int, scale: int = 4, *, blocks: int = 16, width: int = 64) -> None:
        super().__init__(inputs, outputs, scale)
        if blocks < 1 or width < 1:
            raise UserError(f"srresnet got blocks {blocks}, width {width}; needed: 1 or more of both")
        self.reach_px = 2 * blocks + 9
        self.first = nn.Sequential(nn.Conv2d(inputs, width, 9, padding=4), nn.PReLU())
        self.blocks = nn.Sequential(*(Block(width) for _ in range(blocks)))
        self.last = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width))
        self.enlarge = nn.Sequential(*(SubPixel(width) for _ in range(scale.bit_length() - 1)))
        self.picture = nn.Conv2d(width, outputs, 9, padding=4)

    def translate(self, image_pm1: Tensor) -> Tensor:
        """See `Translator.forward`."""
        x = self.first((image_pm1 + 1) / 2)
        x = x + self.last(self.blocks(x))
        return bounded(self.picture(self.enlarge(x)))  # (B, outputs, scale h, scale w)


class Block(nn.Module):
    """x + F(x): convolution, batch normalization, PReLU, convolution, batch normalization."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.PReLU(),
            nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, h, w)."""
        y: Tensor = x + self.layers(x)
        return y


class SubPixel(nn.Sequential):
    """Twice the side by shuffling four times the channels into it (Shi et al., CVPR 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__(nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2), nn.PReLU())
