"""Random, fixed mixtures of features across channels and across sizes (Sauer et al. 2021, sec. 3.2)."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional


class FixedConvolution(nn.Module):
    """A convolution whose random weights stay as they are drawn: buffers, which no optimizer and no initialization
    reaches, and which a run keeps.

    Weights from N(0, 2 / inputs) (He et al. 2015), of torch's global generator.
    """

    weight: Tensor

    def __init__(self, inputs: int, maps: int, kernel: int) -> None:
        super().__init__()
        std = math.sqrt(2 / (inputs * kernel**2))
        self.register_buffer("weight", std * torch.randn(maps, inputs, kernel, kernel))

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, inputs, h, w). Gives (B, maps, h, w)."""
        return functional.conv2d(x, self.weight.to(x.dtype), padding=self.weight.shape[-1] // 2)


class Mixing(nn.Module):
    """Features of four sizes, mixed so that none of them can be ignored.

    Across channels, by a random 1 x 1 convolution at each size; across sizes, from the smallest to the largest: a
    random 3 x 3 convolution beside a shortcut, doubled, added to what stands at the next size.

    Without it a discriminator looks at the few features that tell real from made soonest, and the generator learns
    those alone; the paper's figures without it are worse.

    maps: of the features, from large to small. width: maps of the largest after mixing; each smaller one has twice as
    many.
    """

    def __init__(self, maps: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.maps = [width << number for number in range(len(maps))]
        self.channels = nn.ModuleList(
            FixedConvolution(before, after, 1) for before, after in zip(maps, self.maps, strict=True)
        )
        self.refine = nn.ModuleList(FixedConvolution(count, count, 3) for count in self.maps)
        self.narrow = nn.ModuleList(FixedConvolution(many, few, 1) for few, many in pairwise(self.maps))

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """features: (B, maps, h, w) each, from large to small. Gives as many, of the same sizes."""
        mixed = [mix(each) for mix, each in zip(self.channels, features, strict=True)]
        x, found = mixed[-1], []
        for number in range(len(mixed) - 1, -1, -1):
            x = (x + self.refine[number](functional.relu(x))) * math.sqrt(0.5)
            found.append(x)
            if number:
                larger = mixed[number - 1]
                doubled = functional.interpolate(self.narrow[number - 1](x), larger.shape[-2:], mode="bilinear")
                x = (larger + doubled) * math.sqrt(0.5)
        return found[::-1]
