"""The networks of 3D-GAN: transposed convolutions in three dimensions, and their mirror.

Wu, Zhang, Xue, Freeman and Tenenbaum, "Learning a probabilistic latent space of object shapes via 3D
generative-adversarial modeling", NeurIPS 2016. Layers by the paper and the released demo; training code never was.
"""

from collections.abc import Callable
from itertools import pairwise
from math import log

from torch import Tensor, nn

from limner.foundation.errors import UserError

BOTTOM, SLOPE = 4, 0.2
SIDES = (16, 32, 64, 128)
VOXEL_GIVEN = ("side",)


def stage_maps(side: int, width: int) -> list[int]:
    """Maps from the bottom, 4 x 4 x 4, up to half of the side: 512, 256, 128 and 64 at 64 voxels and width 64."""
    if side not in SIDES:
        raise UserError(f"data.side is {side}; it must be one of {', '.join(map(str, SIDES))}")
    stages = (side // BOTTOM).bit_length() - 1
    return [width * 2**stage for stage in reversed(range(stages))]


class VoxelGenerator(nn.Module):
    """Latents in, solids out, by transposed convolutions of 4 x 4 x 4 with stride 2, batch normalization and ReLU.

    latent: numbers in a latent. width: maps at half of the side. bias: whether convolutions have biases; the authors'
    were set to 0 in training. filled: how likely a voxel is filled before anything is learned. sharp: whether, in
    training, voxels are passed on as 0 or 1, with the gradient of their likelihoods, so that a discriminator cannot
    tell made solids by their being blurred.
    """

    def __init__(
        self,
        side: int,
        *,
        latent: int = 200,
        width: int = 64,
        bias: bool = True,
        filled: float = 0.5,
        sharp: bool = False,
    ) -> None:
        super().__init__()
        if not 0 < filled < 1:
            raise UserError(f"generator.filled is {filled:g}; needed: a share above 0 and below 1")
        self.side, self.latent, self.sharp, self.offset = side, latent, sharp, log(filled / (1 - filled))
        maps = stage_maps(side, width)
        layers: list[nn.Module] = [nn.ConvTranspose3d(latent, maps[0], BOTTOM, bias=bias)]
        for before, after in pairwise(maps):
            layers += [nn.BatchNorm3d(before), nn.ReLU(), nn.ConvTranspose3d(before, after, 4, 2, 1, bias=bias)]
        layers += [nn.BatchNorm3d(maps[-1]), nn.ReLU(), nn.ConvTranspose3d(maps[-1], 1, 4, 2, 1, bias=bias)]
        self.grow = nn.Sequential(*layers)

    def forward(self, latent: Tensor) -> Tensor:
        """latent: (B, latent). Gives (B, side, side, side) in [0, 1]: how likely a voxel is filled."""
        solid: Tensor = self.grow(latent[:, :, None, None, None])[:, 0]
        likely = (solid.float() + self.offset).sigmoid()
        if not (self.sharp and self.training):
            return likely
        return (likely >= 0.5).float() + likely - likely.detach()


class VoxelDiscriminator(nn.Module):
    """Solids in, logits out: the generator's mirror, with leaky ReLU 0.2; no normalization behind the first layer.

    width: maps at half of the side. bias: whether convolutions have biases. batch_norm: whether there is any.
    """

    def __init__(self, side: int, *, width: int = 64, bias: bool = True, batch_norm: bool = True) -> None:
        super().__init__()
        self.side = side
        maps = [1, *reversed(stage_maps(side, width))]
        layers: list[nn.Module] = []
        for before, after in pairwise(maps):
            layers.append(nn.Conv3d(before, after, 4, 2, 1, bias=bias))
            if before > 1 and batch_norm:
                layers.append(nn.BatchNorm3d(after))
            layers.append(nn.LeakyReLU(SLOPE))
        self.look = nn.Sequential(*layers)
        self.verdict = nn.Conv3d(maps[-1], 1, BOTTOM, bias=bias)

    def forward(self, solid: Tensor) -> Tensor:
        """solid: (B, side, side, side) in [0, 1]. Gives logits (B,)."""
        logits: Tensor = self.verdict(self.look(solid[:, None])).flatten()
        return logits


VOXEL_GENERATORS: dict[str, Callable[..., nn.Module]] = {"3d-gan": VoxelGenerator}
VOXEL_DISCRIMINATORS: dict[str, Callable[..., nn.Module]] = {"3d-gan": VoxelDiscriminator}
