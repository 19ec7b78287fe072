"""DTN's networks for small pictures (Taigman, Polyak and Wolf, ICLR 2017, sec. 5.1, in the layout of its best known
code): f tells a picture in few numbers, g makes a picture of these, and a discriminator tells made from true."""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.translate.networks.dense import check_size
from limner.translate.networks.translator import Translator, Upsampling, bounded, check_upsampling, doubled

HALVINGS = 3


class DTNExtractor(nn.Module):
    """DTN's f: three halvings, then a convolution over all that is left, to a code in [-1, 1].

    Of 32 px and three channels, width 64 and 128 features have 896,384 parameters.

    channels: of the picture. size_px: its side, a multiple of 8. width: channels after the first convolution.
    features: how many numbers tell a picture, its code.
    """

    def __init__(self, channels: int, size_px: int = 32, *, width: int = 64, features: int = 128) -> None:
        super().__init__()
        _check("extractor", size_px, channels=channels, width=width, features=features)
        self.size_px, self.code = size_px, features
        layers: list[nn.Module] = []
        before = channels
        for maps in (width, 2 * width, 4 * width):
            layers += _halved(before, maps)
            before = maps
        self.layers = nn.Sequential(
            *layers, nn.Conv2d(before, features, size_px >> HALVINGS), nn.BatchNorm2d(features), nn.Tanh()
        )

    def forward(self, image_pm1: Tensor) -> Tensor:
        """(B, features) of (B, channels, size_px, size_px). Raises `UserError` for another size."""
        check_size(image_pm1, self.size_px, "dtn extractor")
        code: Tensor = self.layers(image_pm1).flatten(1)
        return code


class DTNGenerator(nn.Module):
    """DTN's g: a transposed convolution to an eighth of the side, then three doublings.

    Of a code of 128, width 128 and one channel at 32 px have 2,526,977 parameters.

    code: how many numbers it is given. outputs: channels of what it makes. size_px: its side, a multiple of 8. width:
    channels at half of the side. upsample: ``transposed`` as in the code, or ``resize``.
    """

    def __init__(
        self, code: int, outputs: int, size_px: int = 32, *, width: int = 128, upsample: Upsampling = "transposed"
    ) -> None:
        super().__init__()
        _check("generator", size_px, code=code, outputs=outputs, width=width)
        check_upsampling(upsample)
        layers: list[nn.Module] = [nn.ConvTranspose2d(code, 4 * width, size_px >> HALVINGS)]
        before = 4 * width
        for maps in (2 * width, width, outputs):
            layers += [nn.BatchNorm2d(before), nn.ReLU(inplace=True)]
            layers.append(doubled(before, maps, upsample, kernel=3, bias=True))
            before = maps
        self.outputs, self.layers = outputs, nn.Sequential(*layers)

    def forward(self, code: Tensor) -> Tensor:
        """(B, outputs, size_px, size_px) in [-1, 1] of (B, code)."""
        return bounded(self.layers(code[:, :, None, None]))


class DTNDiscriminator(nn.Module):
    """DTN's discriminator: three halvings, then a logit each of made of a source, made of a target, and true.

    Of one channel at 32 px, width 128 has 1,502,979 parameters; of one kind, as the code has it, 1,486,593.

    channels: of the picture. size_px: its side, a multiple of 8. width: channels after the first convolution. kinds:
    3, or 1, a logit of true alone.
    """

    def __init__(self, channels: int, size_px: int = 32, *, width: int = 128, kinds: Literal[1, 3] = 3) -> None:
        super().__init__()
        _check("discriminator", size_px, channels=channels, width=width)
        if kinds not in (1, 3):
            raise UserError(f"the dtn discriminator got kinds {kinds}; needed: 3 as printed, or 1")
        self.size_px = size_px
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 3, 2, 1), nn.ReLU(inplace=True), nn.BatchNorm2d(width), nn.ReLU(inplace=True),
            *_halved(width, 2 * width), *_halved(2 * width, 4 * width),
            nn.Conv2d(4 * width, kinds, size_px >> HALVINGS),
        )  # fmt: skip

    def forward(self, image_pm1: Tensor) -> Tensor:
        """Logits (B, kinds) of (B, channels, size_px, size_px). Raises `UserError` for another size."""
        check_size(image_pm1, self.size_px, "dtn discriminator")
        logits: Tensor = self.layers(image_pm1).flatten(1)
        return logits


class Transfer(Translator):
    """G = g(f(x)), which knows pictures of one size: others are brought to it, and what is made back to theirs.

    extractor, generator: f and g of the same ``size_px`` and code.
    """

    def __init__(self, extractor: DTNExtractor, generator: DTNGenerator, channels: int) -> None:
        super().__init__(channels, generator.outputs)
        self.extractor, self.generator, self.side_px = extractor, generator, extractor.size_px

    def translate(self, image_pm1: Tensor) -> Tensor:
        """See `Translator.forward`."""
        height, width = image_pm1.shape[2:]
        if (height, width) == (self.side_px, self.side_px):
            made: Tensor = self.generator(self.extractor(image_pm1))
            return made
        small = _scaled(image_pm1, self.side_px, self.side_px)
        return _scaled(self.generator(self.extractor(small)), height, width)


def _halved(before: int, maps: int) -> list[nn.Module]:
    return [nn.Conv2d(before, maps, 3, 2, 1), nn.BatchNorm2d(maps), nn.ReLU(inplace=True)]


def _scaled(image: Tensor, height: int, width: int) -> Tensor:
    return functional.interpolate(image, (height, width), mode="bilinear", align_corners=False, antialias=True)


def _check(name: str, size_px: int, **counts: int) -> None:
    """Raise `UserError` for numbers that no such network has."""
    if size_px < 1 << HALVINGS or size_px % (1 << HALVINGS) or min(counts.values()) < 1:
        told = ", ".join(f"{key} {value}" for key, value in counts.items())
        raise UserError(
            f"the dtn {name} got size_px {size_px}, {told}; needed: a size that is a multiple of {1 << HALVINGS} "
            "(--data.size-px), and 1 or more of the others"
        )
