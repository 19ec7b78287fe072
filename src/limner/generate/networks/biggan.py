"""BigGAN (Brock et al., "Large Scale GAN Training for High Fidelity Natural Image Synthesis", ICLR 2019)."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.generate.networks.arguments import BOTTOM_PX
from limner.generate.networks.attention import Attention
from limner.generate.networks.discriminator import Discriminator, DiscriminatorCondition
from limner.generate.networks.generator import Generator, GeneratorCondition
from limner.generate.networks.sngan import DownBlock
from limner.nn.attention import Version

GENERATOR_MAPS: dict[int, tuple[int, ...]] = {
    32: (4, 4, 4, 4),
    64: (16, 16, 8, 4, 2),
    128: (16, 16, 8, 4, 2, 1),
    256: (16, 16, 8, 8, 4, 2, 1),
}
"""Size in pixels -> maps, in widths, at 4 x 4 and after each block, which doubles the side."""
DISCRIMINATOR_MAPS: dict[int, tuple[tuple[int, ...], int]] = {
    32: ((4, 4, 4, 4), 2),
    64: ((1, 2, 4, 8, 16), 4),
    128: ((1, 2, 4, 8, 16, 16), 5),
    256: ((1, 2, 4, 8, 8, 16, 16), 6),
}
"""Size in pixels -> maps after each block, in widths, and how many blocks, from the first, halve the side."""
CLASS_NUMBERS = 128
"""Length of the class vector that all blocks share."""


class BigGANGenerator(Generator):
    """Residual blocks whose batch normalizations are told a part of the latent, and the class (Brock et al. 2019).

    The latent is cut into equal parts: the first makes the 4 x 4 maps, by a linear layer; each block gets one of the
    others, beside a class vector that all blocks share, and linear maps of both give the gains (1 + ...) and shifts of
    its two batch normalizations. Blocks as in SNGAN, with nearest neighbors. Without classes, the latent's parts alone.
    At 128 px with 1,000 classes, width 96 and attention at 64 px: 70,433,988 parameters, the paper's.

    size_px, channels, classes: see `Generator`. 64 px as the authors' PyTorch code has it.
    latent: numbers in a latent; the parts are 5 at 64 px. One that cannot be cut equally goes to all blocks whole, as
        in the paper's BigGAN-deep.
    width: maps of the last block at 128 px, a sixteenth of those at 4 x 4; the paper: 96.
    attention, attention_version: as for `DCGANGenerator`; the paper: 64.
    condition: ``batch-norm`` has the shared class vector, ``concatenate`` one-hot numbers in its place.
    """

    def __init__(
        self,
        size_px: int,
        channels: int,
        classes: int,
        *,
        latent: int = 120,
        width: int = 64,
        attention: int = 0,
        attention_version: Version = "official",
        condition: GeneratorCondition = "batch-norm",
    ) -> None:
        super().__init__(size_px, channels, classes, latent, width, condition)
        maps = [factor * width for factor in GENERATOR_MAPS[size_px]]
        parts = len(maps)
        self.part = latent // parts if latent % parts == 0 else latent
        self.classes_shared = nn.Embedding(classes, CLASS_NUMBERS) if self.norm_classes else None
        told = self.part + (CLASS_NUMBERS if self.norm_classes else classes)
        self.bottom = nn.Linear(self.part, maps[0] * BOTTOM_PX**2)
        self.blocks = nn.ModuleList(ToldUpBlock(before, after, told) for before, after in pairwise(maps))
        self.normalize = nn.BatchNorm2d(maps[-1])
        self.picture = nn.Conv2d(maps[-1], channels, 3, padding=1)
        sides = {BOTTOM_PX << number: count for number, count in enumerate(maps)}
        self.attend = Attention(sides, attention, attention_version)

    def paint(self, code: Tensor, label: Tensor | None) -> Tensor:
        """code: (B, inputs). Gives (B, channels, size_px, size_px), before tanh."""
        latent, one_hot = code[:, : self.latent], code[:, self.latent :]
        cut = self.part < self.latent
        first, *parts = latent.split(self.part, dim=1) if cut else [latent] * (len(self.blocks) + 1)
        x = self.attend(self.bottom(first).unflatten(1, (-1, BOTTOM_PX, BOTTOM_PX)))  # (B, 1024, 4, 4)
        label_told = one_hot if self.classes_shared is None else self.classes_shared(label)
        for block, part in zip(self.blocks, parts, strict=True):
            x = self.attend(block(x, torch.cat([label_told, part], dim=1)))
        return self.picture(functional.relu(self.normalize(x), inplace=True))


class BigGANDiscriminator(Discriminator):
    """SNGAN's residual blocks, as wide inside as they end, the last of which keeps the side (Brock et al. 2019).

    At 64 px the maps are 64, 128, 256, 512 and 1024, halved four times; ReLU, the sum over positions and a linear layer
    follow. At 128 px with 1,000 classes, width 96 and attention at 64 px: 87,982,370 parameters.

    width: maps of the first block; the paper: 96.
    attention, attention_version: as for the generator.
    condition: ``projection`` as in the paper, or ``concatenate``; see `Discriminator`.

    Spectral normalization is the recipe's to add.
    """

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
        factors, halvings = DISCRIMINATOR_MAPS[size_px]
        maps = [self.inputs, *(factor * width for factor in factors)]
        self.blocks = nn.ModuleList(
            DownBlock(before, after, "outputs", first=number == 0, halve=number < halvings)
            for number, (before, after) in enumerate(pairwise(maps))
        )
        sides = {size_px >> min(number, halvings): count for number, count in enumerate(maps) if number}
        self.verdict = nn.Linear(maps[-1], 1)
        self.attend = Attention(sides, attention, attention_version)
        self.condition_on(maps[-1])

    def features(self, x: Tensor) -> Tensor:
        """x: (B, inputs, size_px, size_px). Gives (B, 1024, 4, 4) at 64 px; zero or more."""
        attended = False
        for block in self.blocks:
            x = block(x)
            if not attended:
                x = self.attend(x)
                attended = x.shape[-1] == self.attend.side_px
        return functional.relu(x)

    def logits(self, features: Tensor) -> Tensor:
        """features: (B, maps, h, w). Gives logits (B,)."""
        return self.verdict(features.sum((2, 3))).flatten()

    def chain(self) -> Sequence[nn.Module]:
        """The layers on the deepest path from picture to features, and shortcuts of 1 x 1, which reach no further."""
        return list(self.blocks)


class ToldBatchNorm(nn.Module):
    """Batch normalization whose gains and shifts are linear in what it is told: (1 + A t) x + B t, A and B biasless."""

    def __init__(self, maps: int, told: int) -> None:
        super().__init__()
        self.normalize = nn.BatchNorm2d(maps, affine=False)
        self.gain, self.shift = nn.Linear(told, maps, bias=False), nn.Linear(told, maps, bias=False)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """x: (B, maps, h, w). told: (B, told). Gives the shape of x."""
        return self.normalize(x) * (1 + self.gain(told))[:, :, None, None] + self.shift(told)[:, :, None, None]


class ToldUpBlock(nn.Module):
    """Twice the side: two normalized 3 x 3 convolutions beside a 1 x 1 shortcut."""

    def __init__(self, inputs: int, maps: int, told: int) -> None:
        super().__init__()
        self.normalize_first = ToldBatchNorm(inputs, told)
        self.first = nn.Conv2d(inputs, maps, 3, padding=1)
        self.normalize_second = ToldBatchNorm(maps, told)
        self.second = nn.Conv2d(maps, maps, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, maps, 1)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """x: (B, inputs, h, w). told: (B, told). Gives (B, maps, 2h, 2w)."""
        y = functional.relu(self.normalize_first(x, told), inplace=True)
        y = self.first(functional.interpolate(y, scale_factor=2.0))
        y = functional.relu(self.normalize_second(y, told), inplace=True)
        # Doubling and a 1 x 1 convolution commute: this way round for a quarter of the work.
        return self.second(y) + functional.interpolate(self.shortcut(x), scale_factor=2.0)
