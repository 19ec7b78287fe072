"""A DCGAN of about four times the weights: seven transposed convolutions against six convolutions."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from limner.generate.networks.arguments import BOTTOM_PX
from limner.generate.networks.attention import Attention
from limner.generate.networks.dcgan import DownStage, UpStage, stage_maps
from limner.generate.networks.discriminator import Discriminator, DiscriminatorCondition
from limner.generate.networks.generator import Generator, GeneratorCondition
from limner.nn.attention import Version

MOST_MAPS = 16  # times the generator's width
LAST_MAPS = 12  # times the discriminator's width, at 2 x 2


class BiggerGenerator(Generator):
    """DCGAN's generator, twice as wide at the bottom and with two more layers on the full grid: 16.0 M parameters.

    A study of pictures of cars used a DCGAN of "7 transposed convolutions" and about 16 M parameters and gave no
    layout. Ours, at 64 px: a 4 x 4 transposed convolution makes 1152 x 4 x 4 of the latent; four more with stride 2
    give 576, 288, 144 and 72 maps, the last at 64 x 64; a 3 x 3 one with stride 1 refines these, and another makes the
    picture, by tanh. Batch normalization and ReLU follow all but the last; none has biases. 15,996,888 parameters.

    The options are those of `DCGANGenerator`; width is the number of maps on the full grid.
    """

    def __init__(
        self,
        size_px: int,
        channels: int,
        classes: int,
        *,
        latent: int = 100,
        width: int = 72,
        attention: int = 0,
        attention_version: Version = "official",
        condition: GeneratorCondition = "concatenate",
    ) -> None:
        super().__init__(size_px, channels, classes, latent, width, condition)
        sides = stage_maps(2 * size_px, width, MOST_MAPS)
        maps = [sides[side] for side in sorted(sides)]
        self.bottom = UpStage(self.inputs, maps[0], self.norm_classes, stride=1, padding=0)
        self.stages = nn.ModuleList(UpStage(before, after, self.norm_classes) for before, after in pairwise(maps))
        self.refine = UpStage(width, width, self.norm_classes, kernel=3, stride=1)
        self.picture = nn.ConvTranspose2d(width, channels, 3, padding=1, bias=False)
        self.attend = Attention(sides, attention, attention_version)

    def paint(self, code: Tensor, label: Tensor | None) -> Tensor:
        """code: (B, inputs). Gives (B, channels, size_px, size_px), before tanh."""
        x = self.attend(self.bottom(code[:, :, None, None], label))  # (B, 1152, 4, 4)
        for stage in self.stages:
            x = self.attend(stage(x, label))
        return self.picture(self.refine(x, label))  # from (B, 72, size_px, size_px)


class BiggerDiscriminator(Discriminator):
    """DCGAN's discriminator with one more convolution, down to 2 x 2: 9.1 M parameters.

    The study's "6 convolutions" of about 9.1 M parameters are not laid out either. Ours, at 64 px: DCGAN's 64, 128, 256
    and 512 maps, then 768 at 2 x 2, and a 2 x 2 convolution to the logit: 9,053,440 parameters.

    The options are those of `DCGANDiscriminator`.
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
        sides = {**stage_maps(size_px, width), BOTTOM_PX // 2: LAST_MAPS * width}
        maps = [self.inputs, *(sides[side] for side in sorted(sides, reverse=True))]
        self.stages = nn.ModuleList(
            DownStage(before, after, batch_norm=batch_norm, first=number == 0)
            for number, (before, after) in enumerate(pairwise(maps))
        )
        self.verdict = nn.Conv2d(maps[-1], 1, BOTTOM_PX // 2, bias=not batch_norm)
        self.attend = Attention(sides, attention, attention_version)
        self.condition_on(maps[-1])

    def features(self, x: Tensor) -> Tensor:
        """x: (B, inputs, size_px, size_px). Gives (B, 768, 2, 2)."""
        for stage in self.stages:
            x = self.attend(stage(x))
        return x

    def logits(self, features: Tensor) -> Tensor:
        """features: (B, 768, 2, 2). Gives logits (B,)."""
        return self.verdict(features).flatten()

    def chain(self) -> Sequence[nn.Module]:
        """The layers on the path from picture to features."""
        return list(self.stages)
