"""The network of histogram analogy: an encoder of color histograms, and a U-Net of the picture that is told of both."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from limner.recolor.methods.analogy.grid import COEFFICIENTS, DEPTH
from limner.recolor.methods.analogy.histograms import CHROMA_BINS, LIGHTNESS_BINS

MAPS = (1, 2, 4, 6, 8)
"""Of the levels of the picture's encoder, in units of the width: at the full size, a half, ... a sixteenth."""
STRIDE = 16


class HistogramEncoder(nn.Module):
    """The code of a color histogram: convolutions over the chroma plane, lightness as channels.

    (B, 8, 32, 32), shares as `soft_histogram` gives, becomes (B, codes). Roots of shares go in, so that rare colors are
    seen beside common ones; and the cumulative shares of lightness, a and b go straight to the last layer, as they say
    where the colors lie without anything learned.
    """

    def __init__(self, width: int = 16, codes: int = 64) -> None:
        super().__init__()
        maps = (2 * width, 3 * width, 4 * width)
        layers: list[nn.Module] = []
        for before, after in zip((LIGHTNESS_BINS, *maps), maps, strict=False):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.LeakyReLU(0.1)]
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.code = nn.Linear(maps[-1] * (CHROMA_BINS // 8) ** 2 + LIGHTNESS_BINS + 2 * CHROMA_BINS, codes)

    def forward(self, histogram: Tensor) -> Tensor:
        """The codes."""
        sums = [histogram.sum(axes).cumsum(1) for axes in ((2, 3), (1, 3), (1, 2))]
        code: Tensor = self.code(torch.cat([self.layers(8 * (histogram + 1e-6).sqrt()), *sums], dim=1))
        return code


class Told(nn.Module):
    """Convolutions that are told codes: they scale and shift the maps between two of them."""

    def __init__(self, before: int, after: int, codes: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(before, after, 3, padding=1), nn.Conv2d(after, after, 3, padding=1)
        self.tell = nn.Linear(codes, 2 * after)

    def forward(self, maps: Tensor, codes: Tensor) -> Tensor:
        """Maps (B, after, h, w). codes: (B, codes)."""
        scale, shift = self.tell(codes)[:, :, None, None].chunk(2, dim=1)
        told = torch.relu(self.first(maps) * (1 + scale) + shift)
        answer: Tensor = torch.relu(self.second(told))
        return answer


class HistogramAnalogy(nn.Module):
    """A picture and the histograms of its colors and of a reference's become a `grid` of changes of color.

    The decoder is asked twice, once told the picture's own histogram as the reference's, and the difference counts: a
    reference of the same histogram changes nothing, by construction.

    width: maps of the first level. codes: numbers that a histogram becomes.
    """

    stride = STRIDE

    def __init__(self, width: int = 16, codes: int = 64) -> None:
        super().__init__()
        self.histograms = HistogramEncoder(width, codes)
        maps = [width * each for each in MAPS]
        self.first = nn.Sequential(nn.Conv2d(3, maps[0], 3, padding=1), nn.LeakyReLU(0.2))
        self.down = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, after, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
                nn.Conv2d(after, after, 3, padding=1), nn.LeakyReLU(0.2),
            )
            for before, after in pairwise(maps)
        )  # fmt: skip
        self.bottom = Told(maps[4], maps[4], 2 * codes)
        self.up = Told(maps[4] + maps[3], maps[3], 2 * codes)
        self.head = nn.Conv2d(maps[3], COEFFICIENTS * DEPTH, 1)

    def forward(self, colors: Tensor, own: Tensor, reference: Tensor) -> Tensor:
        """(B, 12, 8, H / 8, W / 8): changes of the identity, rounded to H and W that are multiples of 16 before.

        colors: (B, 3, H, W), `scaled` CIELAB, of any size. own, reference: (B, 8, 32, 32), `soft_histogram`.
        """
        height, width = colors.shape[2:]
        missing = (0, -width % STRIDE, 0, -height % STRIDE)
        if any(missing):
            size = height + missing[3], width + missing[1]
            colors = nn.functional.interpolate(colors, size, mode="bilinear", align_corners=False)
        level = self.first(colors)
        levels = []
        for down in self.down:
            level = down(level)
            levels.append(level)
        code, wanted = self.histograms(torch.cat([own, reference])).chunk(2)
        same, other = torch.cat([code, code], 1), torch.cat([code, wanted], 1)
        return self._decode(levels, other) - self._decode(levels, same)

    def _decode(self, levels: list[Tensor], codes: Tensor) -> Tensor:
        bottom = self.bottom(levels[3], codes)
        raised = nn.functional.interpolate(bottom, scale_factor=2.0, mode="bilinear", align_corners=False)
        decoded = self.head(self.up(torch.cat([raised, levels[2]], 1), codes)).float()
        return decoded.view(len(decoded), COEFFICIENTS, DEPTH, *decoded.shape[2:])
