"""The deep convolutional GAN of Radford, Metz and Chintala (ICLR 2016), at 32 to 256 pixels."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from limner.generate.networks.arguments import BOTTOM_PX
from limner.generate.networks.attention import Attention
from limner.generate.networks.conditions import BatchNorm
from limner.generate.networks.discriminator import Discriminator, DiscriminatorCondition
from limner.generate.networks.generator import Generator, GeneratorCondition
from limner.nn.attention import Version

MOST_MAPS = 8  # times the width: what 64 pixels end with; larger pictures add stages of as many maps
SLOPE = 0.2  # of the leaky ReLU, section 3


class DCGANGenerator(Generator):
    """Transposed convolutions that double a 4 x 4 grid up to the picture (Radford et al. 2016).

    A 4 x 4 transposed convolution makes 4 x 4 maps of the latent; each stage doubles them and halves their number, by a
    4 x 4 transposed convolution with stride 2, batch normalization and ReLU; the last one makes the picture, by tanh.
    At 64 px these are 512, 256, 128 and 64 maps and the 3,576,704 parameters of the PyTorch tutorial, whose layers have
    no biases. 32 px has a stage fewer; 128 and 256 px have one and two more of 512 maps (ours: the paper has 64 only).

    size_px, channels, classes: see `Generator`.
    latent: numbers in a latent, 100 in the paper.
    width: maps of the last stage before the picture.
    attention: side in pixels of the maps that self-attention follows; 0 for none.
    attention_version: ``official`` or ``first``, see `SelfAttention`.
    condition: ``concatenate`` or ``batch-norm``, see `Generator`.

    The paper draws weights from N(0, 0.02): a recipe's ``initialization: normal``.
    """

    def __init__(
        self,
        size_px: int,
        channels: int,
        classes: int,
        *,
        latent: int = 100,
        width: int = 64,
        attention: int = 0,
        attention_version: Version = "official",
        condition: GeneratorCondition = "concatenate",
    ) -> None:
        super().__init__(size_px, channels, classes, latent, width, condition)
        sides = stage_maps(size_px, width)
        maps = [sides[side] for side in sorted(sides)]
        self.bottom = UpStage(self.inputs, maps[0], self.norm_classes, stride=1, padding=0)
        self.stages = nn.ModuleList(UpStage(before, after, self.norm_classes) for before, after in pairwise(maps))
        self.picture = nn.ConvTranspose2d(maps[-1], channels, 4, stride=2, padding=1, bias=False)
        self.attend = Attention(sides, attention, attention_version)

    def paint(self, code: Tensor, label: Tensor | None) -> Tensor:
        """code: (B, inputs). Gives (B, channels, size_px, size_px), before tanh."""
        x = self.attend(self.bottom(code[:, :, None, None], label))  # (B, 512, 4, 4)
        for stage in self.stages:
            x = self.attend(stage(x, label))
        return self.picture(x)


class DCGANDiscriminator(Discriminator):
    """Strided convolutions that halve the picture down to 4 x 4 and judge that (Radford et al. 2016).

    The mirror of `DCGANGenerator`: 4 x 4 convolutions with stride 2, each doubling the maps, batch normalization (not
    after the first) and leaky ReLU 0.2; then one 4 x 4 convolution to the logit. At 64 px these are 64, 128, 256 and
    512 maps and the 2,765,568 parameters of the PyTorch tutorial.

    width: maps of the first stage.
    batch_norm: false leaves it out and gives the convolutions biases, as a gradient penalty needs (it is defined for
        each picture alone) and spectral normalization makes possible.
    attention, attention_version: as for the generator.
    condition: ``concatenate`` or ``projection``, see `Discriminator`.
    """

    def __init__(
        self,
        size_px: int,
        channels: int,
        classes: int,
        *,
        width: int = 64,
        batch_norm: bool = True,
        attention: int = 0,
        attention_version: Version = "official",
        condition: DiscriminatorCondition = "concatenate",
    ) -> None:
        super().__init__(size_px, channels, classes, width, condition)
        sides = stage_maps(size_px, width)
        maps = [self.inputs, *(sides[side] for side in sorted(sides, reverse=True))]
        self.stages = nn.ModuleList(
            DownStage(before, after, batch_norm=batch_norm, first=number == 0)
            for number, (before, after) in enumerate(pairwise(maps))
        )
        self.verdict = nn.Conv2d(maps[-1], 1, BOTTOM_PX, bias=not batch_norm)
        self.attend = Attention(sides, attention, attention_version)
        self.condition_on(maps[-1])

    def features(self, x: Tensor) -> Tensor:
        """x: (B, inputs, size_px, size_px). Gives (B, 512, 4, 4)."""
        for stage in self.stages:
            x = self.attend(stage(x))
        return x

    def logits(self, features: Tensor) -> Tensor:
        """features: (B, 512, 4, 4). Gives logits (B,)."""
        return self.verdict(features).flatten()

    def chain(self) -> Sequence[nn.Module]:
        """The layers on the path from picture to features."""
        return list(self.stages)


def stage_maps(size_px: int, width: int, most: int = MOST_MAPS) -> dict[int, int]:
    """Side in pixels -> maps: ``width`` at half the picture's size, doubling with each halving up to ``most`` widths.

    >>> stage_maps(64, 64)
    {32: 64, 16: 128, 8: 256, 4: 512}
    """
    maps, side, factor = {}, size_px // 2, 1
    while side >= BOTTOM_PX:
        maps[side] = width * min(factor, most)
        side, factor = side // 2, factor * 2
    return maps


class UpStage(nn.Module):
    """A transposed convolution without bias, batch normalization and ReLU;
    it doubles the maps unless told otherwise.
    """

    def __init__(
        self, inputs: int, maps: int, classes: int, kernel: int = 4, stride: int = 2, padding: int = 1
    ) -> None:
        super().__init__()
        self.enlarge = nn.ConvTranspose2d(inputs, maps, kernel, stride, padding, bias=False)
        self.normalize = BatchNorm(maps, classes)

    def forward(self, x: Tensor, label: Tensor | None) -> Tensor:
        """x: (B, inputs, h, w). Gives (B, maps, 2h, 2w); of 1 x 1 maps (stride 1, no padding) 4 x 4 ones."""
        return functional.relu(self.normalize(self.enlarge(x), label), inplace=True)


class DownStage(nn.Sequential):
    """A 4 x 4 convolution with stride 2, batch normalization unless it is the first, and leaky ReLU."""

    def __init__(self, inputs: int, maps: int, *, batch_norm: bool, first: bool) -> None:
        layers: list[nn.Module] = [nn.Conv2d(inputs, maps, 4, 2, 1, bias=not batch_norm)]
        if batch_norm and not first:
            layers.append(nn.BatchNorm2d(maps))
        super().__init__(*layers, nn.LeakyReLU(SLOPE, inplace=True))
