"""Discriminators that say one thing of a whole picture of a fixed size."""

import itertools

from torch import Tensor, nn

from limner.foundation.errors import UserError

SLOPE = 0.2


class SRGANDiscriminator(nn.Module):
    """SRGAN's discriminator: eight 3 x 3 convolutions, four of them strided, then two dense layers.

    Ledig et al., CVPR 2017, fig. 4. 23,565,505 parameters at 96 px, 13,079,745 at 64, 38,245,569 at 128.

    channels: of the picture. size_px: its side, a multiple of 16. width: channels of the first convolution.
    dense: units before the logit.
    """

    def __init__(self, channels: int, size_px: int, *, width: int = 64, dense: int = 1024) -> None:
        super().__init__()
        if size_px < 16 or size_px % 16 or width < 1 or dense < 1:
            raise UserError(
                f"the srgan discriminator got size_px {size_px}, width {width}, dense {dense}; needed: a multiple of "
                "16, and 1 or more of both"
            )
        self.channels, self.size_px = channels, size_px
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, 1, 1), nn.LeakyReLU(SLOPE)]
        maps = width
        for number in range(1, 8):
            before, maps = maps, width * 2 ** (number // 2)
            layers += [nn.Conv2d(before, maps, 3, 1 + number % 2, 1), nn.BatchNorm2d(maps), nn.LeakyReLU(SLOPE)]
        self.features = nn.Sequential(*layers)
        self.verdict = nn.Sequential(
            nn.Flatten(), nn.Linear(maps * (size_px // 16) ** 2, dense), nn.LeakyReLU(SLOPE), nn.Linear(dense, 1)
        )

    def forward(self, image_pm1: Tensor) -> Tensor:
        """Logits (B,). image_pm1: (B, channels, size_px, size_px)."""
        check_size(image_pm1, self.size_px, "srgan discriminator")
        logits: Tensor = self.verdict(self.features(image_pm1))
        return logits.flatten()


class ContextDiscriminator(nn.Module):
    """The context encoder's discriminator: DCGAN's, of the missing 64 px or of 128 px.

    Pathak et al., CVPR 2016. 2,766,529 parameters at 64 px, 2,832,257 at 128.

    channels: of what it sees. size_px: 64 or 128. width: channels of the first convolution.
    """

    def __init__(self, channels: int, size_px: int, *, width: int = 64) -> None:
        super().__init__()
        if size_px not in (64, 128) or width < 1:
            raise UserError(
                f"the context discriminator got size_px {size_px}, width {width}; needed: 64 or 128, and 1 or more"
            )
        self.channels, self.size_px = channels, size_px
        widths = [*([width] if size_px == 128 else []), width, 2 * width, 4 * width, 8 * width]
        layers: list[nn.Module] = [nn.Conv2d(channels, widths[0], 4, 2, 1), nn.LeakyReLU(SLOPE)]
        for one, other in itertools.pairwise(widths):
            layers += [nn.Conv2d(one, other, 4, 2, 1), nn.BatchNorm2d(other), nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4))

    def forward(self, image_pm1: Tensor) -> Tensor:
        """Logits (B,). image_pm1: (B, channels, size_px, size_px)."""
        check_size(image_pm1, self.size_px, "context discriminator")
        logits: Tensor = self.layers(image_pm1)
        return logits.flatten()


def check_size(image_pm1: Tensor, size_px: int, name: str) -> None:
    """Raise `UserError` for pictures of another size than a network was made for. name: what to call it."""
    if image_pm1.shape[2:] != (size_px, size_px):
        raise UserError(f"the {name} got {image_pm1.shape[2]} x {image_pm1.shape[3]} px; it was made for {size_px}")
