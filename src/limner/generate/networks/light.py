"""A small pair for computers without an accelerator: most of its work is done on small maps."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from limner.generate.networks.arguments import BOTTOM_PX
from limner.generate.networks.attention import Attention
from limner.generate.networks.conditions import BatchNorm
from limner.generate.networks.dcgan import SLOPE, stage_maps
from limner.generate.networks.discriminator import Discriminator, DiscriminatorCondition
from limner.generate.networks.generator import Generator, GeneratorCondition
from limner.nn.attention import Version


class LightGenerator(Generator):
    """One convolution a stage beside a shortcut, so that a processor of few cores keeps up.

    A linear layer makes 4 x 4 maps of the latent; each stage doubles them by nearest neighbors, with a 3 x 3
    convolution, batch normalization and ReLU, beside a shortcut of a 1 x 1 convolution; a 3 x 3 convolution of the last
    one's maps makes the picture, by tanh. The maps are `stage_maps` of the width, and half of it at the picture's own
    size: 256, 128, 64, 32 and 16 at 64 px. A transposed convolution in place of that last stage leaves a checkerboard
    (Odena et al., "Deconvolution and Checkerboard Artifacts", Distill 2016).

    The options are those of `DCGANGenerator`.
    """

    def __init__(
        self,
        size_px: int,
        channels: int,
        classes: int,
        *,
        latent: int = 100,
        width: int = 32,
        attention: int = 0,
        attention_version: Version = "official",
        condition: GeneratorCondition = "concatenate",
    ) -> None:
        super().__init__(size_px, channels, classes, latent, width, condition)
        sides = stage_maps(size_px, width)
        maps = [*(sides[side] for side in sorted(sides)), max(1, width // 2)]
        self.bottom = nn.Linear(self.inputs, maps[0] * BOTTOM_PX**2)
        self.stages = nn.ModuleList(LightUpStage(before, after, self.norm_classes) for before, after in pairwise(maps))
        self.picture = nn.Conv2d(maps[-1], channels, 3, padding=1)
        self.attend = Attention(sides, attention, attention_version)

    def paint(self, code: Tensor, label: Tensor | None) -> Tensor:
        """code: (B, inputs). Gives (B, channels, size_px, size_px), before tanh."""
        x = self.attend(self.bottom(code).unflatten(1, (-1, BOTTOM_PX, BOTTOM_PX)))  # (B, 256, 4, 4)
        for stage in self.stages:
            x = self.attend(stage(x, label))
        return self.picture(x)


class LightDiscriminator(Discriminator):
    """One strided convolution a stage beside a shortcut, without normalization.

    Each stage halves the side by a 4 x 4 convolution with stride 2 and leaky ReLU 0.2, beside a shortcut of the mean
    of 2 x 2 and a 1 x 1 convolution; a 4 x 4 convolution makes the logit. The maps are 32, 64, 128 and 256 at 64 px.

    The options are those of `DCGANDiscriminator`, but there is no batch normalization to leave out.
    """

    def __init__(
        self,
        size_px: int,
        channels: int,
        classes: int,
        *,
        width: int = 32,
        attention: int = 0,
        attention_version: Version = "official",
        condition: DiscriminatorCondition = "projection",
    ) -> None:
        super().__init__(size_px, channels, classes, width, condition)
        sides = stage_maps(size_px, width)
        maps = [self.inputs, *(sides[side] for side in sorted(sides, reverse=True))]
        self.stages = nn.ModuleList(LightDownStage(before, after) for before, after in pairwise(maps))
        self.verdict = nn.Conv2d(maps[-1], 1, BOTTOM_PX)
        self.attend = Attention(sides, attention, attention_version)
        self.condition_on(maps[-1])

    def features(self, x: Tensor) -> Tensor:
        """x: (B, inputs, size_px, size_px). Gives (B, 256, 4, 4)."""
        for stage in self.stages:
            x = self.attend(stage(x))
        return x

    def logits(self, features: Tensor) -> Tensor:
        """features: (B, 256, 4, 4). Gives logits (B,)."""
        return self.verdict(features).flatten()

    def chain(self) -> Sequence[nn.Module]:
        """The layers on the deepest path from picture to features, and shortcuts of 1 x 1, which reach no further."""
        return list(self.stages)


class LightUpStage(nn.Module):
    """Twice the side: a normalized 3 x 3 convolution beside a 1 x 1 shortcut."""

    def __init__(self, inputs: int, maps: int, classes: int) -> None:
        super().__init__()
        self.convolve = nn.Conv2d(inputs, maps, 3, padding=1, bias=False)
        self.normalize = BatchNorm(maps, classes)
        self.shortcut = nn.Conv2d(inputs, maps, 1)

    def forward(self, x: Tensor, label: Tensor | None) -> Tensor:
        """x: (B, inputs, h, w). Gives (B, maps, 2h, 2w)."""
        y = self.convolve(functional.interpolate(x, scale_factor=2.0))
        y = functional.relu(self.normalize(y, label), inplace=True)
        return y + functional.interpolate(self.shortcut(x), scale_factor=2.0)


class LightDownStage(nn.Module):
    """Half the side: a strided 4 x 4 convolution beside a 1 x 1 shortcut of means."""

    def __init__(self, inputs: int, maps: int) -> None:
        super().__init__()
        self.convolve = nn.Conv2d(inputs, maps, 4, stride=2, padding=1)
        self.shortcut = nn.Conv2d(inputs, maps, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, inputs, h, w). Gives (B, maps, h/2, w/2)."""
        y = functional.leaky_relu(self.convolve(x), SLOPE, inplace=True)
        return y + self.shortcut(functional.avg_pool2d(x, 2))
