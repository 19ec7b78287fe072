"""The residual networks of SNGAN (Miyato et al., ICLR 2018) and, with other normalizations, of WGAN-GP."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, get_args

from torch import Tensor, nn
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.generate.networks.arguments import BOTTOM_PX
from limner.generate.networks.attention import Attention
from limner.generate.networks.conditions import BatchNorm
from limner.generate.networks.discriminator import Discriminator, DiscriminatorCondition
from limner.generate.networks.generator import Generator, GeneratorCondition
from limner.nn.attention import Version

GENERATOR_MAPS: dict[int, tuple[int, ...]] = {
    32: (4, 4, 4, 4),
    64: (16, 8, 4, 2, 1),
    128: (16, 16, 8, 4, 2, 1),
    256: (16, 16, 8, 8, 4, 2, 1),
}
"""Size in pixels -> maps, in widths, at 4 x 4 and after each block, which doubles the side."""
DISCRIMINATOR_MAPS: dict[int, tuple[tuple[int, ...], int]] = {
    32: ((2, 2, 2, 2), 2),
    64: ((1, 2, 4, 8, 16), 5),
    128: ((1, 2, 4, 8, 16, 16), 5),
    256: ((1, 2, 4, 8, 8, 16, 16), 6),
}
"""Size in pixels -> maps after each block, in widths, and how many blocks, from the first, halve the side."""
Inner = Literal["inputs", "outputs"]


class SNGANGenerator(Generator):
    """Residual blocks with batch normalization that double the side by nearest neighbors (Miyato et al. 2018).

    A linear layer makes 4 x 4 maps of the latent; each block (Gulrajani et al. 2017) is batch normalization, ReLU,
    doubling, 3 x 3 convolution, batch normalization, ReLU, 3 x 3 convolution, beside a shortcut of a 1 x 1 convolution;
    then batch normalization, ReLU, a 3 x 3 convolution and tanh. At 64 px the maps are 1024, 512, 256, 128 and 64
    (12,220,675 parameters); at 32 px 256 throughout (4,276,739); 128 px has another block of 1024; 256 px is not
    published: ours has a further one of 512.

    size_px, channels, classes: see `Generator`.
    latent: numbers in a latent, 128 in the paper.
    width: a sixteenth of the maps at 4 x 4 (at 32 px a quarter); 64 in the paper.
    attention: side in pixels of the maps that self-attention follows; 0 for none.
    attention_version: ``official`` or ``first``, see `SelfAttention`.
    condition: ``batch-norm`` as Miyato and Koyama 2018 have it, or ``concatenate``; see `Generator`.
    """

    def __init__(
        self,
        size_px: int,
        channels: int,
        classes: int,
        *,
        latent: int = 128,
        width: int = 64,
        attention: int = 0,
        attention_version: Version = "official",
        condition: GeneratorCondition = "batch-norm",
    ) -> None:
        super().__init__(size_px, channels, classes, latent, width, condition)
        maps = [factor * width for factor in GENERATOR_MAPS[size_px]]
        sides = {BOTTOM_PX << number: count for number, count in enumerate(maps)}
        self.bottom = nn.Linear(self.inputs, maps[0] * BOTTOM_PX**2)
        self.blocks = nn.ModuleList(UpBlock(before, after, self.norm_classes) for before, after in pairwise(maps))
        self.normalize = nn.BatchNorm2d(maps[-1])
        self.picture = nn.Conv2d(maps[-1], channels, 3, padding=1)
        self.attend = Attention(sides, attention, attention_version)

    def paint(self, code: Tensor, label: Tensor | None) -> Tensor:
        """code: (B, inputs). Gives (B, channels, size_px, size_px), before tanh."""
        x = self.attend(self.bottom(code).unflatten(1, (-1, BOTTOM_PX, BOTTOM_PX)))  # (B, 1024, 4, 4)
        for block in self.blocks:
            x = self.attend(block(x, label))
        return self.picture(functional.relu(self.normalize(x), inplace=True))


class SNGANDiscriminator(Discriminator):
    """Residual blocks without normalization that halve the side, then a sum over positions (Miyato et al. 2018).

    Each block (Gulrajani et al. 2017) is ReLU, 3 x 3 convolution, ReLU, 3 x 3 convolution and the mean of 2 x 2, beside
    a shortcut of a 1 x 1 convolution and that mean; the first block, which sees the picture, begins without ReLU. Then
    ReLU, the sum over all positions and a linear layer. At 64 px the maps are 64, 128, 256, 512 and 1024 (10,141,441
    parameters); at 32 px 128 throughout, where the last two blocks keep the side; 128 px has another block of 1024 that
    keeps the side; 256 px is not published: ours has a further one of 512.

    width: maps of the first block (at 32 px half of them); 64 in the paper.
    inner: maps between the two convolutions of a block: as many as it takes (``inputs``, the authors' code) or as it
        gives (``outputs``: 19,542,721 parameters at 64 px).
    attention, attention_version: as for the generator.
    condition: ``projection`` as Miyato and Koyama 2018 have it, or ``concatenate``; see `Discriminator`.

    Spectral normalization is the recipe's to add.
    """

    def __init__(
        self,
        size_px: int,
        channels: int,
        classes: int,
        *,
        width: int = 64,
        inner: Inner = "inputs",
        attention: int = 0,
        attention_version: Version = "official",
        condition: DiscriminatorCondition = "projection",
    ) -> None:
        super().__init__(size_px, channels, classes, width, condition)
        if inner not in get_args(Inner):
            raise UserError(f"inner is '{inner}'; choose one of {', '.join(get_args(Inner))}")
        factors, halvings = DISCRIMINATOR_MAPS[size_px]
        maps = [self.inputs, *(factor * width for factor in factors)]
        self.blocks = nn.ModuleList(
            DownBlock(before, after, inner if number else "outputs", first=number == 0, halve=number < halvings)
            for number, (before, after) in enumerate(pairwise(maps))
        )
        sides = {size_px >> min(number, halvings): count for number, count in enumerate(maps) if number}
        self.verdict = nn.Linear(maps[-1], 1)
        self.attend = Attention(sides, attention, attention_version)
        self.condition_on(maps[-1])

    def features(self, x: Tensor) -> Tensor:
        """x: (B, inputs, size_px, size_px). Gives (B, 1024, 2, 2) at 64 px; zero or more."""
        for block in self.blocks:
            x = self.attend(block(x))
        return functional.relu(x)

    def logits(self, features: Tensor) -> Tensor:
        """features: (B, maps, h, w). Gives logits (B,)."""
        return self.verdict(features.sum((2, 3))).flatten()

    def chain(self) -> Sequence[nn.Module]:
        """The layers on the deepest path from picture to features, and shortcuts of 1 x 1, which reach no further."""
        return list(self.blocks)


class UpBlock(nn.Module):
    """Twice the side: two normalized 3 x 3 convolutions beside a 1 x 1 shortcut."""

    def __init__(self, inputs: int, maps: int, classes: int) -> None:
        super().__init__()
        self.normalize_first = BatchNorm(inputs, classes)
        self.first = nn.Conv2d(inputs, maps, 3, padding=1)
        self.normalize_second = BatchNorm(maps, classes)
        self.second = nn.Conv2d(maps, maps, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, maps, 1)

    def forward(self, x: Tensor, label: Tensor | None) -> Tensor:
        """x: (B, inputs, h, w). Gives (B, maps, 2h, 2w)."""
        y = functional.relu(self.normalize_first(x, label), inplace=True)
        y = self.first(functional.interpolate(y, scale_factor=2.0))
        y = functional.relu(self.normalize_second(y, label), inplace=True)
        # The paper doubles before its shortcut's 1 x 1 convolution; the result is the same for a quarter of the work.
        return self.second(y) + functional.interpolate(self.shortcut(x), scale_factor=2.0)


class DownBlock(nn.Module):
    """Half the side, or the same: two 3 x 3 convolutions beside a shortcut, without normalization."""

    def __init__(self, inputs: int, maps: int, inner: Inner, *, first: bool, halve: bool) -> None:
        super().__init__()
        between = inputs if inner == "inputs" else maps
        self.activate = nn.Identity() if first else nn.ReLU()
        self.first = nn.Conv2d(inputs, between, 3, padding=1)
        self.second = nn.Conv2d(between, maps, 3, padding=1)
        self.shrink = nn.AvgPool2d(2) if halve else nn.Identity()
        self.shortcut = nn.Conv2d(inputs, maps, 1) if halve or inputs != maps else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, inputs, h, w). Gives (B, maps, h/2, w/2) or (B, maps, h, w)."""
        y = functional.relu(self.first(self.activate(x)), inplace=True)
        # Mean and 1 x 1 convolution commute: the paper has the mean first in its first block only, to the same effect.
        return self.shrink(self.second(y)) + self.shortcut(self.shrink(x))
