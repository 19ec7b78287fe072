"""IcGAN's networks (Perarnau, van de Weijer, Raducanu and Alvarez 2016; its code): a generator and a discriminator that
are told attributes, and the encoders that read a picture's latent and its attributes back."""

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.translate.networks.dense import SLOPE, check_size
from limner.translate.networks.translator import bounded

BOTTOM_PX = 4
LEAST_PX, MOST_PX = 16, 256
MOST = 1 << 16


class AttributeGenerator(nn.Module):
    """IcGAN's generator: DCGAN's of a latent and attributes, from 4 x 4 px up by transposed convolutions.

    3,725,123 parameters for 18 attributes at 64 px.

    size_px: side of the pictures, a power of 2 from 16 to 256. channels: of the pictures. attributes: how many.
    latent: numbers in a latent. width: maps of the last stage before the picture; each stage before has twice as many.
    """

    def __init__(
        self, size_px: int, channels: int, attributes: int, *, latent: int = 100, width: int = 64
    ) -> None:  # fmt: skip
        super().__init__()
        maps = stage_maps("generator", size_px, width, channels=channels, attributes=attributes, latent=latent)[::-1]
        self.latent, self.attributes = latent, attributes
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(latent + attributes, maps[0], BOTTOM_PX), nn.BatchNorm2d(maps[0]), nn.ReLU(inplace=True)
        ]  # fmt: skip
        for before, after in itertools.pairwise(maps):
            layers += [nn.ConvTranspose2d(before, after, 4, 2, 1), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(maps[-1], channels, 4, 2, 1))

    def forward(self, latent: Tensor, attributes: Tensor) -> Tensor:
        """(B, channels, size_px, size_px) in [-1, 1]. latent: (B, latent) float. attributes: (B, attributes) float, -1
        or 1."""
        return bounded(self.layers(torch.cat([latent, attributes], dim=1)[:, :, None, None]))


class AttributeDiscriminator(nn.Module):
    """IcGAN's discriminator: DCGAN's, which is told the attributes by constant maps behind its first layer.

    2,803,393 parameters for 18 attributes at 64 px.

    size_px, channels, attributes: as of the generator. width: maps of the first layer; each stage has twice as many.
    """

    def __init__(self, size_px: int, channels: int, attributes: int, *, width: int = 64) -> None:
        super().__init__()
        maps = stage_maps("discriminator", size_px, width, channels=channels, attributes=attributes)
        self.size_px = size_px
        self.first = nn.Sequential(nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(SLOPE))
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise([width + attributes, *maps[1:]]):
            layers += [nn.Conv2d(before, after, 4, 2, 1), nn.BatchNorm2d(after), nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(maps[-1], 1, BOTTOM_PX))

    def forward(self, image_pm1: Tensor, attributes: Tensor) -> Tensor:
        """Logits (B,): above 0 means that the picture is real and has these attributes. image_pm1: (B, channels,
        size_px, size_px). attributes: (B, attributes) float, -1 or 1."""
        check_size(image_pm1, self.size_px, "icgan")
        x = self.first(image_pm1)
        maps = attributes.to(x.dtype)[:, :, None, None].expand(-1, -1, *x.shape[2:])
        logits: Tensor = self.layers(torch.cat([x, maps], dim=1))
        return logits.flatten()


class PictureReader(nn.Module):
    """IcGAN's encoder: 5 x 5 convolutions that halve the picture down to 4 x 4, and two dense layers.

    18,278,244 parameters for a latent of 100 at 64 px with 4,096 dense units, 3,186,962 for 18 attributes with 512.

    size_px, channels: of the pictures. outputs: numbers that it reads, of any value. width: maps of the first layer;
    each stage has twice as many. dense: units before the answer.
    """

    def __init__(self, size_px: int, channels: int, outputs: int, *, width: int = 32, dense: int = 4096) -> None:
        super().__init__()
        maps = stage_maps("encoder", size_px, width, channels=channels, outputs=outputs, dense=dense)
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise([channels, *maps]):
            layers += [nn.Conv2d(before, after, 5, 2, 2), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(maps[-1] * BOTTOM_PX**2, dense), nn.BatchNorm1d(dense),
            nn.ReLU(inplace=True), nn.Linear(dense, outputs),
        )  # fmt: skip

    def forward(self, image_pm1: Tensor) -> Tensor:
        """(B, outputs) float32. image_pm1: (B, channels, size_px, size_px)."""
        answer: Tensor = self.layers(image_pm1)
        return answer.float()


def stage_maps(what: str, size_px: int, width: int, **counts: int) -> list[int]:
    """Maps of each halving of a picture down to 4 x 4, the largest side first. Raises `UserError` for a size that is no
    power of 2 within bounds, and for numbers below 1 or beyond reason."""
    if not LEAST_PX <= size_px <= MOST_PX or size_px & (size_px - 1):
        raise UserError(
            f"the icgan {what} got pictures of {size_px} px; needed: a power of 2, such as --data.size-px 64"
        )
    for name, value in {"width": width, **counts}.items():
        if not 1 <= value <= MOST:
            raise UserError(f"the icgan {what} got {name} {value}; needed: 1 to {MOST:,}")
    return [width << stage for stage in range(int(math.log2(size_px // BOTTOM_PX)))]


class Redrawing(nn.Module):
    """Generator and encoders together: a picture is read, some of its attributes are changed, and it is drawn again.

    Called as a `limner.translate.networks.Translator`: pictures of any size are brought to that of the networks, and
    what is drawn back to theirs.

    asked: (attributes,) float: -1 or 1 for what is asked for, NaN for what stays as it is read; None: all stays.
    """

    stride, least_px, reach_px, scale = 1, 1, 0, 1
    takes_center = False

    def __init__(
        self, generator: nn.Module, latent_encoder: nn.Module, attribute_encoder: nn.Module, *, size_px: int,
        channels: int, asked: Tensor | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.generator, self.latent_encoder, self.attribute_encoder = generator, latent_encoder, attribute_encoder
        self.size_px, self.inputs, self.outputs = size_px, channels, channels
        self.register_buffer("asked", asked, persistent=False)

    def forward(self, image_pm1: Tensor) -> Tensor:
        """(B, channels, h, w) of the same, in [-1, 1], with what is asked for."""
        small = brought_to(image_pm1, self.size_px, self.size_px)
        attributes = self.attributes(small)
        if isinstance(self.asked, Tensor):
            attributes = torch.where(self.asked.isnan(), attributes, self.asked)
        return brought_to(self.redraw(small, attributes), *image_pm1.shape[2:])

    def asked_for(self, asked: Tensor) -> "Redrawing":
        """The same networks with something else asked for."""
        return Redrawing(
            self.generator, self.latent_encoder, self.attribute_encoder, size_px=self.size_px, channels=self.inputs,
            asked=asked,
        )  # fmt: skip

    def attributes(self, image_pm1: Tensor) -> Tensor:
        """(B, attributes) float, -1 or 1: what the encoder reads, rounded, for the generator saw nothing between."""
        read: Tensor = self.attribute_encoder(image_pm1)
        return torch.where(read > 0, 1.0, -1.0)

    def redraw(self, image_pm1: Tensor, attributes: Tensor) -> Tensor:
        """Pictures of the networks' size drawn again with attributes, (B, attributes), -1 or 1."""
        drawn: Tensor = self.generator(self.latent_encoder(image_pm1), attributes)
        return drawn


def brought_to(image: Tensor, height: int, width: int) -> Tensor:
    """(B, C, height, width) of (B, C, h, w), by bicubic interpolation with a kernel that widens where it shrinks."""
    if image.shape[2:] == (height, width):
        return image
    return functional.interpolate(image, (height, width), mode="bicubic", antialias=True).clamp(-1, 1)
