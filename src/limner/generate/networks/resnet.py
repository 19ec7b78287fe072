"""Residual GANs of the shape of ResNet-18 and -34 (He et al., CVPR 2016), as a study of pictures of cars used them."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from limner.generate.networks.attention import Attention
from limner.generate.networks.conditions import BatchNorm
from limner.generate.networks.discriminator import Discriminator, DiscriminatorCondition
from limner.generate.networks.generator import Generator, GeneratorCondition
from limner.nn.attention import Version

STAGE_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
"""Layers -> blocks of each stage, from large maps to small."""
LARGEST_FACTOR = 8
"""Maps of the smallest stage, in widths."""
GROWTH = {32: (2, 2, 2, 2), 64: (4, 2, 2, 2), 128: (4, 4, 2, 2), 256: (4, 4, 4, 2)}
"""Size in pixels -> how many times larger each stage of the generator makes its maps; the picture's layer doubles."""


class ResNet18Generator(Generator):
    """Eighteen layers of residual blocks that enlarge a latent to a picture, the size of the study's generator.

    The study gives totals (14,689,046 numbers with batch normalization's buffers) and no layout. This one has them
    exactly: a 1 x 1 transposed convolution makes 512 maps of one pixel; four stages of 512, 256, 128 and 64 maps, whose
    first block is a 1 x 1 convolution, an enlargement and a 3 x 3 convolution beside an enlargement and a 3 x 3
    convolution; then, in all stages but the last, plain blocks of two 3 x 3 convolutions, as many as ResNet's stages
    have further ones, in ResNet's order; a 2 x 2 transposed convolution with stride 2 and bias makes the picture, by
    tanh. Batch normalization and ReLU throughout.

    Where maps grow is ours: doubling at every stage would end at 32 px, so at 64 px the first stage goes from one pixel
    to 4 x 4, by transposed convolutions, since of one pixel nothing else makes places that differ.

    The options are those of `DCGANGenerator`.
    """

    depth = 18

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
        maps = [LARGEST_FACTOR * width >> number for number in range(4)]
        further = [count - 1 for count in STAGE_BLOCKS[self.depth]]
        further[-1] = 0
        self.stem = nn.ConvTranspose2d(self.inputs, maps[0], 1, bias=False)
        self.normalize = BatchNorm(maps[0], self.norm_classes)
        sides, side = {}, 1
        stages = []
        for before, after, growth, count in zip([maps[0], *maps], maps, GROWTH[size_px], further, strict=False):
            stages.append(GrowingStage(before, after, self.norm_classes, growth, count, from_one=side == 1))
            side *= growth
            sides[side] = after
        self.stages = nn.ModuleList(stages)
        self.picture = nn.ConvTranspose2d(maps[-1], channels, 2, stride=2)
        self.attend = Attention(sides, attention, attention_version)

    def paint(self, code: Tensor, label: Tensor | None) -> Tensor:
        """code: (B, inputs). Gives (B, channels, size_px, size_px), before tanh."""
        x = functional.relu(self.normalize(self.stem(code[:, :, None, None]), label))  # (B, 512, 1, 1)
        for stage in self.stages:
            x = self.attend(stage(x, label))
        return self.picture(x)


class ResNet34Generator(ResNet18Generator):
    """Thirty-four layers of residual blocks that enlarge a latent to a picture, the size of the study's generator.

    As `ResNet18Generator`, with 3, 4 and 6 blocks of 512, 256 and 128 maps, and still one of 64: 22,958,884 numbers.
    """

    depth = 34


class ResNet18Discriminator(Discriminator):
    """ResNet-18 for small pictures, with one logit: 3 x 3 at the beginning, a projection in each stage.

    A 3 x 3 convolution of 64 maps; four stages of 64, 128, 256 and 512 maps, the last three of which halve the side;
    two blocks of two 3 x 3 convolutions each, the first of every stage, even the first stage, beside a 1 x 1 one; the
    mean over positions and a linear layer. Batch normalization after every convolution, ReLU. 11,173,569 parameters
    and, with batch normalization's buffers, 11,183,318 numbers: the study's exactly.

    width: maps of the first stage.
    attention, attention_version: as for the generator.
    condition: ``concatenate`` or ``projection``, see `Discriminator`.
    """

    depth = 18

    def __init__(
        self,
        size_px: int,
        channels: int,
        classes: int,
        *,
        width: int = 64,
        attention: int = 0,
        attention_version: Version = "official",
        condition: DiscriminatorCondition = "projection",
    ) -> None:
        super().__init__(size_px, channels, classes, width, condition)
        self.trunk = ResNetTrunk(self.inputs, width, STAGE_BLOCKS[self.depth])
        self.verdict = nn.Linear(LARGEST_FACTOR * width, 1)
        sides = {size_px >> number: width << number for number in range(4)}
        self.attend = Attention(sides, attention, attention_version)
        self.condition_on(LARGEST_FACTOR * width)

    def features(self, x: Tensor) -> Tensor:
        """x: (B, inputs, size_px, size_px). Gives (B, 512, 8, 8) at 64 px; zero or more."""
        return self.trunk(x, self.attend)

    def logits(self, features: Tensor) -> Tensor:
        """features: (B, maps, h, w). Gives logits (B,)."""
        return self.verdict(features.mean((2, 3))).flatten()

    def chain(self) -> Sequence[nn.Module]:
        """The layers on the deepest path from picture to features, and shortcuts of 1 x 1, which reach no further."""
        return self.trunk.chain()


class ResNet34Discriminator(ResNet18Discriminator):
    """ResNet-34 for small pictures, with one logit: 3 x 3 at the beginning, a projection in each stage.

    As `ResNet18Discriminator`, with 3, 4, 6 and 3 blocks: 21,281,729 parameters, 21,298,918 numbers with buffers.
    """

    depth = 34


class ResNetTrunk(nn.Module):
    """Picture to features: a 3 x 3 convolution and four stages of basic blocks.

    inputs: channels of what comes in. width: maps of the first stage. blocks: of each stage.
    """

    def __init__(self, inputs: int, width: int, blocks: Sequence[int]) -> None:
        super().__init__()
        self.stem = nn.Conv2d(inputs, width, 3, padding=1, bias=False)
        self.normalize = nn.BatchNorm2d(width)
        maps = [width, *(width << number for number in range(4))]
        self.stages = nn.ModuleList(
            nn.Sequential(
                ShrinkingBlock(before, after, stride=2 if number else 1), *(BasicBlock(after) for _ in range(count - 1))
            )
            for number, ((before, after), count) in enumerate(zip(pairwise(maps), blocks, strict=True))
        )

    def forward(self, x: Tensor, after_stage: nn.Module | None = None) -> Tensor:
        """x: (B, inputs, S, S). Gives (B, 8 width, S / 8, S / 8). after_stage: what maps go through after each."""
        x = functional.relu(self.normalize(self.stem(x)), inplace=True)
        for stage in self.stages:
            x = stage(x)
            x = x if after_stage is None else after_stage(x)
        return x

    def chain(self) -> Sequence[nn.Module]:
        """The layers on the deepest path, without shortcuts."""
        blocks: Any = [block for stage in self.stages for block in stage]  # type: ignore[attr-defined]
        return [self.stem, *(layer for block in blocks for layer in (block.first, block.second))]


class BasicBlock(nn.Module):
    """Two normalized 3 x 3 convolutions beside the maps themselves."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(maps, maps, 3, padding=1, bias=False)
        self.normalize_first = nn.BatchNorm2d(maps)
        self.second = nn.Conv2d(maps, maps, 3, padding=1, bias=False)
        self.normalize_second = nn.BatchNorm2d(maps)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, maps, h, w). Gives the same shape."""
        y = functional.relu(self.normalize_first(self.first(x)), inplace=True)
        return functional.relu(self.normalize_second(self.second(y)) + x)


class ShrinkingBlock(nn.Module):
    """Two normalized 3 x 3 convolutions beside a normalized 1 x 1 one, which may all halve the side."""

    def __init__(self, inputs: int, maps: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, maps, 3, stride, 1, bias=False)
        self.normalize_first = nn.BatchNorm2d(maps)
        self.second = nn.Conv2d(maps, maps, 3, padding=1, bias=False)
        self.normalize_second = nn.BatchNorm2d(maps)
        self.shortcut = nn.Conv2d(inputs, maps, 1, bias=False)
        self.normalize_shortcut = nn.BatchNorm2d(maps)
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, inputs, h, w). Gives (B, maps, h / stride, w / stride)."""
        y = functional.relu(self.normalize_first(self.first(x)), inplace=True)
        # No stride in the convolution: oneDNN of torch 2.14 crashes in its weights' gradient, of 8 channels_last maps.
        kept = x[..., :: self.stride, :: self.stride]
        return functional.relu(self.normalize_second(self.second(y)) + self.normalize_shortcut(self.shortcut(kept)))


class PlainBlock(nn.Module):
    """Two normalized 3 x 3 convolutions beside the maps themselves, by class where there are any."""

    def __init__(self, maps: int, classes: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(maps, maps, 3, padding=1, bias=False)
        self.normalize_first = BatchNorm(maps, classes)
        self.second = nn.Conv2d(maps, maps, 3, padding=1, bias=False)
        self.normalize_second = BatchNorm(maps, classes)

    def forward(self, x: Tensor, label: Tensor | None) -> Tensor:
        """x: (B, maps, h, w). Gives the same shape."""
        y = functional.relu(self.normalize_first(self.first(x), label), inplace=True)
        return functional.relu(self.normalize_second(self.second(y), label) + x)


class GrowingStage(nn.Module):
    """A block that enlarges and ``further`` plain ones."""

    def __init__(self, inputs: int, maps: int, classes: int, growth: int, further: int, *, from_one: bool) -> None:
        super().__init__()
        self.grow = GrowingBlock(inputs, maps, classes, growth, from_one=from_one)
        self.further = nn.ModuleList(PlainBlock(maps, classes) for _ in range(further))

    def forward(self, x: Tensor, label: Tensor | None) -> Tensor:
        """x: (B, inputs, h, w). Gives (B, maps, growth h, growth w)."""
        x = self.grow(x, label)
        for block in self.further:
            x = block(x, label)
        return x


class GrowingBlock(nn.Module):
    """A 1 x 1 convolution, an enlargement and a 3 x 3 convolution beside an enlargement and a 3 x 3 convolution.

    growth: how many times the side grows. from_one: whether what comes in has one pixel, which transposed convolutions
    then enlarge; otherwise nearest neighbors and a convolution, which leave no checkerboard.
    """

    def __init__(self, inputs: int, maps: int, classes: int, growth: int, *, from_one: bool) -> None:
        super().__init__()
        self.mix = nn.Conv2d(inputs, inputs, 1, bias=False)
        self.normalize_mix = BatchNorm(inputs, classes)
        self.enlarge, self.shortcut = (_enlarging(inputs, maps, growth, from_one) for _ in range(2))
        self.normalize_enlarge, self.normalize_shortcut = BatchNorm(maps, classes), BatchNorm(maps, classes)

    def forward(self, x: Tensor, label: Tensor | None) -> Tensor:
        """x: (B, inputs, h, w). Gives (B, maps, growth h, growth w)."""
        y = functional.relu(self.normalize_mix(self.mix(x), label), inplace=True)
        y = self.normalize_enlarge(self.enlarge(y), label)
        return functional.relu(y + self.normalize_shortcut(self.shortcut(x), label))


def _enlarging(inputs: int, maps: int, growth: int, from_one: bool) -> nn.Module:
    if from_one:  # 3 x 3 weights reach 3 of 4 rows and columns; the last ones begin as normalization's shift
        cut = 1 if growth == 2 else 0
        return nn.ConvTranspose2d(inputs, maps, 3, growth, cut, output_padding=1, bias=False)
    return nn.Sequential(nn.Upsample(scale_factor=float(growth)), nn.Conv2d(inputs, maps, 3, padding=1, bias=False))
