"""GoogLeNet to the letter of 2014: nine inception modules, two auxiliary heads, no batch normalization."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from limner.classify.networks.picture_network import PictureNetwork

MODULES = (
    (64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64),  # 3a, 3b
    (192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64),  # 4a, 4b, 4c
    (112, 144, 288, 32, 64, 64), (256, 160, 320, 32, 128, 128),  # 4d, 4e
    (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128),  # 5a, 5b
)  # fmt: skip
"""Table 1: maps of 1 x 1; before 3 x 3, of 3 x 3; before 5 x 5, of 5 x 5; behind the pooling."""


class Inception(nn.Module):
    """Four branches beside each other: 1 x 1, 3 x 3, 5 x 5 and pooling, their maps joined (Figure 2b)."""

    def __init__(self, inputs: int, widths: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        one, before_three, three, before_five, five, pooled = widths
        self.one = _convolution(inputs, one, 1)
        self.three = nn.Sequential(*_convolution(inputs, before_three, 1), *_convolution(before_three, three, 3))
        self.five = nn.Sequential(*_convolution(inputs, before_five, 1), *_convolution(before_five, five, 5))
        self.pooled = nn.Sequential(nn.MaxPool2d(3, 1, padding=1), *_convolution(inputs, pooled, 1))
        self.maps = one + three + five + pooled

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) -> (B, maps, h, w)."""
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pooled(x)], dim=1)


class AuxiliaryHead(nn.Module):
    """A small classifier on maps of the middle, which brings gradients there (section 5): (B, maps, 14, 14) -> (B,
    classes)."""

    def __init__(self, maps: int, classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.AvgPool2d(5, 3), *_convolution(maps, 128, 1),
            nn.AdaptiveAvgPool2d(4),  # changes nothing at 224 px
            nn.Flatten(), nn.Linear(2048, 1024), nn.ReLU(inplace=True), nn.Dropout(0.7), nn.Linear(1024, classes),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class GoogLeNet(PictureNetwork):
    """GoogLeNet of 2014 to the letter: nine modules of four branches, two heads that help it train.

    Szegedy et al. 2015: 6,998,552 parameters for 1,000 classes, 13,378,280 with both auxiliary heads, whose losses
    count 0.3 while it trains. No batch normalization; responses are normalized across maps in the stem; dropout 0.4
    before the classes. `GoogLeNetBN` is torchvision's, which has weights.

    channels: bands of the picture. classes: to tell apart. heads: whether it has the auxiliary ones.

    224 px are usual; with heads 160 or more are needed. Weights begin by He's rule, of which the paper says nothing.
    """

    least_px = 160
    auxiliary_weight: ClassVar[float] = 0.3

    def __init__(self, channels: int = 3, classes: int = 1000, heads: bool = True) -> None:
        super().__init__()

        def responses() -> nn.Module:
            # AlexNet's constants, as the paper gives none; torch divides alpha by the size.
            return nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=1.0)

        def pool() -> nn.Module:
            return nn.MaxPool2d(3, 2, ceil_mode=True)

        self.stem = nn.Sequential(
            *_convolution(channels, 64, 7, stride=2), pool(), responses(),  # 56 x 56
            *_convolution(64, 64, 1), *_convolution(64, 192, 3), responses(), pool(),  # 28 x 28
        )  # fmt: skip
        modules, maps = [], 192
        for widths in MODULES:
            modules.append(Inception(maps, widths))
            maps = modules[-1].maps
        self.third = nn.Sequential(*modules[:2], pool())  # 14 x 14
        self.fourth_a, self.fourth_bd = modules[2], nn.Sequential(*modules[3:6])
        self.rest = nn.Sequential(modules[6], pool(), *modules[7:])  # 7 x 7
        self.classes = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.4), nn.Linear(maps, classes)
        )  # fmt: skip
        self.heads = nn.ModuleList(AuxiliaryHead(each.maps, classes) for each in (modules[2], modules[5]) if heads)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(self, image: Tensor) -> Tensor | tuple[Tensor, ...]:
        """(B, channels, H, W) -> (B, classes); in training mode followed by those of the auxiliary heads."""
        first = self.fourth_a(self.third(self.stem(image)))  # (B, 512, 14, 14)
        second = self.fourth_bd(first)  # (B, 528, 14, 14)
        logits: Tensor = self.classes(self.rest(second))
        if not self.training or not len(self.heads):
            return logits
        return logits, *(head(maps) for head, maps in zip(self.heads, (first, second), strict=True))

    def head(self) -> nn.Module:
        """The last layer."""
        return self.classes


def _convolution(inputs: int, maps: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, maps, kernel, stride=stride, padding=kernel // 2), nn.ReLU(inplace=True)
    )  # fmt: skip
