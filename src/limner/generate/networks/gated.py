"""A light generator whose small maps gate its large ones (Liu et al., "Towards Faster and Stabilized GAN Training for
High-fidelity Few-shot Image Synthesis", ICLR 2021)."""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from limner.generate.networks.arguments import BOTTOM_PX
from limner.generate.networks.attention import Attention
from limner.generate.networks.conditions import BatchNorm
from limner.generate.networks.dcgan import stage_maps
from limner.generate.networks.generator import Generator, GeneratorCondition
from limner.nn.attention import Version

REACH = 8
"""How many times larger the maps are that a gate acts on: 4 px gate 32, 8 px gate 64."""


class GatedGenerator(Generator):
    """One gated convolution a stage, and small maps that say which of the large maps count (Liu et al. 2021).

    A linear layer makes 4 x 4 maps of the latent; each stage doubles them by nearest neighbors, with a 3 x 3
    convolution, batch normalization and a gated linear unit (half of the maps, times the sigmoid of the other half). A
    skip-layer gate brings maps of one side to 4 x 4, makes one number between 0 and 1 for each of the maps eight times
    as large, and multiplies them by it. A 3 x 3 convolution makes the picture, by tanh. The maps are `stage_maps` of
    the width, and half of it at the picture's own size.

    The paper adds noise at each stage, which ours leaves out: a latent makes one picture.

    The options are those of `DCGANGenerator`.
    """

    def __init__(
        self,
        size_px: int,
        channels: int,
        classes: int,
        *,
        latent: int = 128,
        width: int = 32,
        attention: int = 0,
        attention_version: Version = "official",
        condition: GeneratorCondition = "concatenate",
    ) -> None:
        super().__init__(size_px, channels, classes, latent, width, condition)
        sides = stage_maps(size_px, width)
        sides[size_px] = max(1, width // 2)
        places = sorted(sides)
        maps = [sides[side] for side in places]
        self.bottom = nn.Linear(self.inputs, 2 * maps[0] * BOTTOM_PX**2)
        self.normalize = BatchNorm(2 * maps[0], self.norm_classes)
        self.stages = nn.ModuleList(GatedStage(before, after, self.norm_classes) for before, after in pairwise(maps))
        self.gates = nn.ModuleDict(
            {str(side * REACH): Gate(sides[side], sides[side * REACH]) for side in places if side * REACH in sides}
        )
        self.picture = nn.Conv2d(maps[-1], channels, 3, padding=1)
        self.attend = Attention(sides, attention, attention_version)

    def paint(self, code: Tensor, label: Tensor | None) -> Tensor:
        """code: (B, inputs). Gives (B, channels, size_px, size_px), before tanh."""
        x = self.bottom(code).unflatten(1, (-1, BOTTOM_PX, BOTTOM_PX))
        x = self.attend(functional.glu(self.normalize(x, label), dim=1))  # (B, 256, 4, 4)
        small = {x.shape[-1] * REACH: x}
        for stage in self.stages:
            x = stage(x, label)
            side = x.shape[-1]
            if str(side) in self.gates:
                x = x * self.gates[str(side)](small[side])
            x = self.attend(x)
            small[side * REACH] = x
        return self.picture(x)


class GatedStage(nn.Module):
    """Twice the side: a normalized 3 x 3 convolution and a gated linear unit."""

    def __init__(self, inputs: int, maps: int, classes: int) -> None:
        super().__init__()
        self.convolve = nn.Conv2d(inputs, 2 * maps, 3, padding=1, bias=False)
        self.normalize = BatchNorm(2 * maps, classes)

    def forward(self, x: Tensor, label: Tensor | None) -> Tensor:
        """x: (B, inputs, h, w). Gives (B, maps, 2h, 2w)."""
        x = self.convolve(functional.interpolate(x, scale_factor=2.0))
        return functional.glu(self.normalize(x, label), dim=1)


class Gate(nn.Sequential):
    """(B, inputs, h, w) -> (B, maps, 1, 1), each number between 0 and 1."""

    def __init__(self, inputs: int, maps: int) -> None:
        super().__init__(
            nn.AdaptiveAvgPool2d(BOTTOM_PX),
            nn.Conv2d(inputs, maps, BOTTOM_PX),
            nn.LeakyReLU(0.1, inplace=True),
            nn.Conv2d(maps, maps, 1),
            nn.Sigmoid(),
        )
