"""Mathieu's networks for the next frame: a guess at an eighth of the size, bettered at each doubling."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.translate.networks.translator import Translator, bounded, only_same_size

SCALES = (8, 4, 2, 1)
"""By how much each scale is smaller, the first guess first."""
MADE_MAPS = ((128, 256, 128), (128, 256, 128), (128, 256, 512, 256, 128), (128, 256, 512, 256, 128))
MADE_KERNELS = ((3, 3, 3, 3), (5, 3, 3, 5), (5, 3, 3, 3, 3, 5), (7, 5, 5, 5, 5, 7))
SEEN_MAPS = ((64,), (64, 128, 128), (128, 256, 256), (128, 256, 512, 128))
SEEN_KERNELS = ((3,), (3, 3, 3), (5, 5, 5), (7, 7, 5, 5))
SEEN_UNITS = ((512, 256), (1024, 512), (1024, 512), (1024, 512))
USUAL = 128
"""The width of the paper's first maps, which ``width`` stands for."""
LEAST_PX = 32


class MultiScale(Translator):
    """Mathieu's generator: at 1/8, 1/4, 1/2 and the whole size, each scale betters the one before.

    Mathieu, Couprie and LeCun, ICLR 2016, table 1 and eq. 3: y_k = tanh(G_k(x_k, u(y_(k-1))) + u(y_(k-1))), with x_k
    the frames averaged down, and u twice the size by nearest neighbors. 12,569,740 parameters for four frames of three
    channels. No normalization and no strides, so tiles fit together.

    width: channels of the first maps, 128 in the paper; all others are in their proportion.
    """

    stride = SCALES[0]
    least_px = SCALES[0]

    def __init__(self, inputs: int, outputs: int, scale: int = 1, *, width: int = USUAL) -> None:
        super().__init__(inputs, outputs, scale)
        only_same_size(scale, "multi-scale")
        if width < 1:
            raise UserError(f"multi-scale got width {width}; needed: 1 or more")
        self.reach_px = sum(
            factor * (sum(kernel // 2 for kernel in kernels) + 1)
            for factor, kernels in zip(SCALES, MADE_KERNELS, strict=True)
        )
        self.scales = nn.ModuleList()
        for number, (maps, kernels) in enumerate(zip(MADE_MAPS, MADE_KERNELS, strict=True)):
            widths = [inputs + (outputs if number else 0), *(_in_proportion(each, width) for each in maps), outputs]
            layers: list[nn.Module] = []
            for one, other, kernel in zip(widths[:-1], widths[1:], kernels, strict=True):
                layers += [nn.Conv2d(one, other, kernel, padding=kernel // 2), nn.ReLU(inplace=True)]
            self.scales.append(nn.Sequential(*layers[:-1]))

    def translate(self, image_pm1: Tensor) -> Tensor:
        """See `Translator.forward`."""
        guess: Tensor | None = None
        for factor, network in zip(SCALES, self.scales, strict=True):
            frames = functional.avg_pool2d(image_pm1, factor) if factor > 1 else image_pm1
            if guess is None:
                guess = bounded(network(frames))
            else:
                larger = functional.interpolate(guess, scale_factor=2, mode="nearest")
                guess = bounded(network(torch.cat([frames, larger.to(frames.dtype)], dim=1)).float() + larger)
        assert guess is not None
        return guess


class PyramidDiscriminator(nn.Module):
    """Mathieu's four discriminators in one: each sees the picture at its own size and gives a logit of the whole.

    Mathieu et al. 2016, table 2 as dyelax' code reads it: convolutions without borders, max pooling, two dense layers.
    16,875,652 parameters for one frame of three channels at 32 px, 17,003,140 with the four frames before it.

    channels: of what it sees. size_px: its side, a multiple of 8, at least 32. width: of the first maps, 128 in the
    paper; all others, dense layers too, are in their proportion.
    """

    least_px = LEAST_PX

    def __init__(self, channels: int, size_px: int, *, width: int = USUAL) -> None:
        super().__init__()
        if size_px < LEAST_PX or size_px % SCALES[0] or width < 1:
            raise UserError(
                f"the pyramid discriminator got size_px {size_px}, width {width}; needed: a multiple of 8 from "
                f"{LEAST_PX} on, and 1 or more"
            )
        self.channels, self.size_px = channels, size_px
        self.scales = nn.ModuleList()
        for factor, maps, kernels, units in zip(SCALES, SEEN_MAPS, SEEN_KERNELS, SEEN_UNITS, strict=True):
            widths = [channels, *(_in_proportion(each, width) for each in maps)]
            dense = [_in_proportion(each, width) for each in units]
            layers: list[Any] = []
            side = size_px // factor
            for one, other, kernel in zip(widths[:-1], widths[1:], kernels, strict=True):
                layers += [nn.Conv2d(one, other, kernel), nn.ReLU(inplace=True)]
                side -= kernel - 1
            side = -(-side // 2)
            layers += [nn.MaxPool2d(2, ceil_mode=True), nn.Flatten()]
            for inputs, outputs in ((widths[-1] * side**2, dense[0]), (dense[0], dense[1])):
                layers += [nn.Linear(inputs, outputs), nn.ReLU(inplace=True)]
            self.scales.append(nn.Sequential(*layers, nn.Linear(dense[1], 1)))

    def forward(self, image_pm1: Tensor) -> Tensor:
        """Logits (B, 4), the smallest scale's first. image_pm1: (B, channels, size_px, size_px)."""
        if image_pm1.shape[2:] != (self.size_px, self.size_px):
            raise UserError(
                f"the pyramid discriminator got {image_pm1.shape[2]} x {image_pm1.shape[3]} px; it was made for "
                f"{self.size_px}"
            )
        logits = [
            network(functional.avg_pool2d(image_pm1, factor) if factor > 1 else image_pm1)
            for factor, network in zip(SCALES, self.scales, strict=True)
        ]
        return torch.cat(logits, dim=1)


def _in_proportion(maps: int, width: int) -> int:
    return max(1, maps * width // USUAL)
