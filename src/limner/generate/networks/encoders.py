"""Encoders: pictures in, the latents that a generator would make them of out."""

from collections.abc import Callable
from itertools import pairwise

from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.generate.networks.arguments import BOTTOM_PX, check_numbers
from limner.generate.networks.dcgan import DownStage, stage_maps
from limner.generate.networks.resnet import STAGE_BLOCKS, ResNetTrunk


class Encoder(nn.Module):
    """Pictures in, latents out. A subclass makes its layers and writes `features`, and calls `end_with`.

    size_px, channels: of the pictures. latent: numbers in a latent. bounded: whether latents are within -1..1, by tanh,
    as those of a uniform prior are.

    Raises `UserError` for a size or a number that is not among these.
    """

    def __init__(self, size_px: int, channels: int, latent: int, bounded: bool, width: int) -> None:
        super().__init__()
        check_numbers(size_px, channels=channels, latent=latent, width=width)
        self.size_px, self.channels, self.latent, self.bounded = size_px, channels, latent, bounded

    def forward(self, image_pm1: Tensor) -> Tensor:
        """image_pm1: (B, channels, size_px, size_px) float in [-1, 1]. Gives (B, latent) float32.

        Raises `UserError` for pictures of another shape.
        """
        expected = (self.channels, self.size_px, self.size_px)
        if image_pm1.shape[1:] != expected:
            needed = ", ".join(map(str, expected))
            raise UserError(f"the encoder got a tensor of shape {tuple(image_pm1.shape)}; it needs (B, {needed})")
        latent = self.code(self.features(image_pm1)).float()
        return latent.tanh() if self.bounded else latent

    def end_with(self, features: int) -> None:
        """Make the layer from so many features to the latent."""
        self.code = nn.Linear(features, self.latent)

    def features(self, x: Tensor) -> Tensor:
        """x: (B, channels, size_px, size_px). Gives (B, features)."""
        raise NotImplementedError


class DCGANEncoder(Encoder):
    """DCGAN's discriminator down to 4 x 4, and a linear layer (Donahue et al. 2017 mirror their generator so).

    width: maps of the first stage.
    """

    def __init__(self, size_px: int, channels: int, latent: int, bounded: bool, *, width: int = 64) -> None:
        super().__init__(size_px, channels, latent, bounded, width)
        sides = stage_maps(size_px, width)
        maps = [channels, *(sides[side] for side in sorted(sides, reverse=True))]
        self.stages = nn.Sequential(
            *(
                DownStage(before, after, batch_norm=True, first=number == 0)
                for number, (before, after) in enumerate(pairwise(maps))
            )
        )
        self.end_with(maps[-1] * BOTTOM_PX**2)

    def features(self, x: Tensor) -> Tensor:
        """See `Encoder`."""
        return self.stages(x).flatten(1)


class ResNet18Encoder(Encoder):
    """The residual discriminator of 18 layers down to the mean of its maps, and a linear layer.

    width: maps of the first stage.
    """

    depth = 18

    def __init__(self, size_px: int, channels: int, latent: int, bounded: bool, *, width: int = 64) -> None:
        super().__init__(size_px, channels, latent, bounded, width)
        self.trunk = ResNetTrunk(channels, width, STAGE_BLOCKS[self.depth])
        self.end_with(8 * width)

    def features(self, x: Tensor) -> Tensor:
        """See `Encoder`."""
        return self.trunk(x).mean((2, 3))


class ResNet34Encoder(ResNet18Encoder):
    """The residual discriminator of 34 layers down to the mean of its maps, and a linear layer.

    width: maps of the first stage.
    """

    depth = 34


def no_encoder(size_px: int, channels: int, latent: int, bounded: bool) -> None:
    """The discriminator is shown pictures alone."""


ENCODERS: dict[str, Callable[..., nn.Module | None]] = {
    "none": no_encoder, "dcgan": DCGANEncoder, "resnet-18": ResNet18Encoder, "resnet-34": ResNet34Encoder,
}  # fmt: skip
