"""The discriminator of StyleGAN2: residual blocks, and how much the pictures of a batch differ."""

from collections.abc import Sequence
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.generate.networks.arguments import BOTTOM_PX, check_numbers
from limner.generate.networks.attention import Attention
from limner.generate.networks.discriminator import Discriminator, DiscriminatorCondition
from limner.generate.networks.stylegan2.generator import style_maps
from limner.generate.networks.stylegan2.layers import GAIN, SLOPE, EqualizedConv, EqualizedLinear, activate
from limner.nn.attention import Version

GROUP = 4
"""Pictures among which differences are taken."""


class StyleGAN2Discriminator(Discriminator):
    """Residual blocks that halve the side behind a smoothing filter, with batch differences (Karras et al. 2020).

    A 1 x 1 convolution of the picture; each block is two 3 x 3 convolutions with leaky ReLU, the second of which halves
    the side, beside a shortcut, and their sum over sqrt(2). At 4 x 4 a map is added that says how much the pictures of
    a group of 4 differ (Karras et al. 2018); then a 3 x 3 convolution and two linear layers. At 64 px and width 64
    there are 23,407,361 parameters. The logit of a picture hangs on its group, so recipes show real and made ones
    apart.

    width, most_maps: as for the generator.
    attention, attention_version: as for other discriminators; 0, none, in the paper.
    condition: ``projection`` on the features at 4 x 4, or ``concatenate``; see `Discriminator`.
    """

    def __init__(
        self,
        size_px: int,
        channels: int,
        classes: int,
        *,
        width: int = 64,
        most_maps: int = 512,
        attention: int = 0,
        attention_version: Version = "official",
        condition: DiscriminatorCondition = "projection",
    ) -> None:
        super().__init__(size_px, channels, classes, width, condition)
        check_numbers(size_px, most_maps=most_maps)
        sides = style_maps(size_px, width, most_maps)
        down = sorted(sides, reverse=True)
        last = sides[BOTTOM_PX]
        self.colors = EqualizedConv(self.inputs, sides[size_px], 1, gain=GAIN)
        self.blocks = nn.ModuleList(ResidualDown(sides[side], sides[side // 2]) for side in down[:-1])
        self.mix = EqualizedConv(last + 1, last, 3, gain=GAIN)
        self.gather = EqualizedLinear(last * BOTTOM_PX**2, last)
        self.verdict = EqualizedLinear(last, 1)
        self.attend = Attention(sides, attention, attention_version)
        self.condition_on(last)

    def features(self, x: Tensor) -> Tensor:
        """x: (B, inputs, size_px, size_px). Gives (B, maps, 4, 4)."""
        x = self.attend(functional.leaky_relu(self.colors(x), SLOPE))
        for block in self.blocks:
            x = self.attend(block(x))
        return x

    def logits(self, features: Tensor) -> Tensor:
        """features: (B, maps, 4, 4). Gives logits (B,)."""
        x = functional.leaky_relu(self.mix(torch.cat([features, batch_differences(features)], dim=1)), SLOPE)
        return self.verdict(activate(self.gather(x.flatten(1)))).flatten()

    def chain(self) -> Sequence[nn.Module]:
        """Plain layers with the windows of those on the deepest path from picture to features."""
        block = [nn.Conv2d(1, 1, 3, padding=1), nn.Conv2d(1, 1, 4, padding=2), nn.Conv2d(1, 1, 3, stride=2)]
        return [layer for _ in self.blocks for layer in block]


class ResidualDown(nn.Module):
    """Half the side: two 3 x 3 convolutions beside a shortcut, each over sqrt(2)."""

    def __init__(self, inputs: int, maps: int) -> None:
        super().__init__()
        self.first = EqualizedConv(inputs, inputs, 3, gain=GAIN)
        self.second = EqualizedConv(inputs, maps, 3, halve=True, gain=GAIN / sqrt(2))
        self.shortcut = EqualizedConv(inputs, maps, 1, halve=True, bias=False, gain=1 / sqrt(2))

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, inputs, h, w). Gives (B, maps, h/2, w/2)."""
        y = functional.leaky_relu(self.first(x), SLOPE)
        return functional.leaky_relu(self.second(y), SLOPE) + self.shortcut(x)


def batch_differences(features: Tensor) -> Tensor:
    """(B, 1, h, w): the standard deviation among the pictures of a group, its mean over maps and places.

    Groups are the largest of at most `GROUP` pictures that a batch has equally many of: picture k is with k + B / group
    and so on. features: (B, C, h, w).
    """
    count, _, height, width = features.shape
    group = next(size for size in range(min(GROUP, count), 0, -1) if count % size == 0)
    apart = features.float().unflatten(0, (group, count // group))
    spread = (apart.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))  # (B / group,)
    return spread.repeat(group).to(features.dtype)[:, None, None, None].expand(-1, 1, height, width)
