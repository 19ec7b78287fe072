"""StarGAN's networks (Choi et al., CVPR 2018, tables IV and V of the appendix; its code): one generator for all
domains, which it is told by constant maps, and a discriminator that also says of which domain a picture is."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.translate.networks.translator import Translator, Upsampling, bounded, check_upsampling, doubled

LEAKY = 0.01
MOST_CLASSES = 1 << 10


class StarGenerator(Translator):
    """StarGAN's generator: two halvings, residual blocks at a quarter of the size, two doublings, all padded with
    zeros.

    It is told the domain by constant maps beside the picture's channels. Zeros at the borders are on purpose: with
    reflected ones, instance normalization would wipe the maps out. With three channels and five maps, 6 blocks of width
    64 have 8,430,528 parameters.

    inputs: channels of the picture, and a map for each domain. blocks: residual blocks. width: channels at the
    picture's size. upsample: ``transposed`` as in the code, or ``resize``.
    """

    stride = 4
    least_px = 8

    def __init__(
        self, inputs: int, outputs: int, scale: int = 1, *, blocks: int = 6, width: int = 64,
        upsample: Upsampling = "transposed",
    ) -> None:  # fmt: skip
        super().__init__(inputs, outputs, scale)
        check_upsampling(upsample)
        if scale != 1 or blocks < 1 or width < 1:
            raise UserError(
                f"the stargan generator got scale {scale}, blocks {blocks}, width {width}; needed: 1, 1 or more, 1 or "
                "more"
            )
        self.reach_px = 3 + 1 + 2 + 8 * blocks + 8 + 3
        layers: list[nn.Module] = [nn.Conv2d(inputs, width, 7, padding=3, bias=False), *_normalized(width)]
        for channels in (width, 2 * width):
            layers += [nn.Conv2d(channels, 2 * channels, 4, 2, 1, bias=False), *_normalized(2 * channels)]
        layers += [StarBlock(4 * width) for _ in range(blocks)]
        for channels in (4 * width, 2 * width):
            layers += [doubled(channels, channels // 2, upsample, kernel=4, bias=False), *_normalized(channels // 2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, outputs, 7, padding=3, bias=False))

    def translate(self, image_pm1: Tensor) -> Tensor:
        """See `Translator.forward`; behind the picture's channels stand the domain's maps, 0 or 1."""
        return bounded(self.layers(image_pm1))


class StarBlock(nn.Module):
    """x + F(x), F of two 3 x 3 convolutions padded with zeros. x: (B, channels, h, w)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), *_normalized(channels),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.InstanceNorm2d(channels, affine=True),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w)."""
        y: Tensor = x + self.layers(x)
        return y


class Opinion(NamedTuple):
    """What a discriminator says of pictures. logits: (B, 1, h, w), of patches. classes: (B, classes) logits."""

    logits: Tensor
    classes: Tensor


class StarDiscriminator(nn.Module):
    """StarGAN's discriminator: strided convolutions without normalization, then a logit of each patch and the classes.

    6 convolutions of width 64 at 128 px with five classes have 44,762,048 parameters; it takes pictures of its size
    alone, for the convolution that tells classes covers all of what is left of them.

    channels: of the pictures. size_px: their side, a multiple of 2^layers. classes: how many it tells apart. layers:
    convolutions, each of which halves the sides and doubles the channels.
    """

    def __init__(
        self, channels: int, size_px: int = 128, classes: int = 5, *, layers: int = 6, width: int = 64
    ) -> None:
        super().__init__()
        if channels < 1 or layers < 1 or width < 1 or not 1 <= classes <= MOST_CLASSES:
            raise UserError(
                f"the stargan discriminator got channels {channels}, classes {classes}, layers {layers}, width "
                f"{width}; needed: 1 or more of each, {MOST_CLASSES} classes at most"
            )
        if size_px < 2**layers or size_px % 2**layers:
            raise UserError(
                f"the stargan discriminator halves pictures {layers} times, and theirs is {size_px} px; give a "
                f"--data.crop-px that is a multiple of {2**layers}, or fewer --discriminator.layers"
            )
        self.size_px = size_px
        found: list[nn.Module] = []
        before, maps = channels, width
        for _ in range(layers):
            found += [nn.Conv2d(before, maps, 4, 2, 1), nn.LeakyReLU(LEAKY)]
            before, maps = maps, 2 * maps
        self.layers = nn.Sequential(*found)
        self.patches = nn.Conv2d(before, 1, 3, padding=1, bias=False)
        self.classes = nn.Conv2d(before, classes, size_px // 2**layers, bias=False)

    def forward(self, image_pm1: Tensor) -> Opinion:
        """image_pm1: (B, channels, size_px, size_px). Raises `UserError` for another size."""
        if image_pm1.shape[2:] != (self.size_px, self.size_px):
            raise UserError(
                f"the stargan discriminator takes {self.size_px} px and got {image_pm1.shape[2]} x {image_pm1.shape[3]}"
            )
        features = self.layers(image_pm1)
        return Opinion(self.patches(features), self.classes(features).flatten(1))


class Told(nn.Module):
    """A generator that is told one domain: takes pictures alone, as every `Translator` does.

    generator: takes a picture with a map for each domain. label: (domains,) float, 0 or 1.
    """

    takes_center = False

    def __init__(self, generator: Translator, label: Tensor) -> None:
        super().__init__()
        self.generator = generator
        self.stride, self.least_px, self.reach_px = generator.stride, generator.least_px, generator.reach_px
        self.scale, self.inputs, self.outputs = 1, generator.inputs - len(label), generator.outputs
        self.register_buffer("label", label.float(), persistent=False)

    def forward(self, image_pm1: Tensor) -> Tensor:
        """(B, outputs, h, w) of (B, inputs, h, w) in [-1, 1]."""
        label: Tensor = self.label  # type: ignore[assignment]
        made: Tensor = self.generator(with_maps(image_pm1, label.expand(image_pm1.shape[0], -1)))
        return made


def with_maps(image: Tensor, label: Tensor) -> Tensor:
    """(B, C + domains, h, w): pictures (B, C, h, w) and a constant map of each number of ``label``, (B, domains)."""
    maps = label.to(image.dtype)[:, :, None, None].expand(-1, -1, *image.shape[2:])
    return torch.cat([image, maps], dim=1)


def _normalized(channels: int) -> list[nn.Module]:
    return [nn.InstanceNorm2d(channels, affine=True), nn.ReLU(inplace=True)]
