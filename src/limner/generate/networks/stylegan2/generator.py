"""The generator of StyleGAN2: a mapping of latents to styles, and what paints by them."""

from math import sqrt
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.generate.networks.arguments import BOTTOM_PX, check_condition, check_numbers
from limner.generate.networks.attention import Attention
from limner.generate.networks.generator import Generator
from limner.generate.networks.stylegan2.layers import (
    GAIN,
    SLOPE,
    EqualizedLinear,
    activate,
    demodulation,
    doubled,
    modulated,
    normalized,
)
from limner.nn.attention import Version

MAPPING_RATE = 0.01
"""How much slower the mapping learns."""
MEAN_DECAY = 0.995
"""What a step keeps of the running mean of styles."""


def style_maps(size_px: int, width: int, most_maps: int) -> dict[int, int]:
    """Side in pixels -> maps: 256 widths over the side, and no more than ``most_maps``."""
    sides = [BOTTOM_PX << number for number in range((size_px // BOTTOM_PX).bit_length())]
    return {side: min(max(1, 256 * width // side), most_maps) for side in sides}


class StyleGAN2Generator(Generator):
    """Styles scale every layer's weights, noise adds detail, all sizes add to the picture (Karras et al. 2020).

    Eight linear layers, which learn a hundredth as fast, map a latent to a style w. A learned 4 x 4 constant goes
    through two 3 x 3 convolutions a size, the first of which doubles the side; each is scaled by w through a linear
    layer of its own and demodulated, gets noise of one learned strength, bias and leaky ReLU. A 1 x 1 convolution of
    each size adds to the enlarged picture of the last. At 64 px and width 64 there are 512 maps up to 32 px and 256 at
    64 px (23,819,544 parameters). There is no tanh: a picture may leave [-1, 1], and what makes pictures cuts that off.

    In training, a share of the pictures take the styles behind a layer drawn at random from another latent of the batch
    (style mixing, Karras et al. 2019), noise is drawn anew, and the running mean of styles follows. In evaluation,
    noise is the same for every picture.

    size_px, channels, classes: see `Generator`; classes enter the mapping through a vector each.
    latent, style: numbers in a latent and in a style, 512 in the paper.
    width: 64 for the paper's base of 16,384 maps over the side (128 for its large networks). most_maps: at any size.
    mapping_layers: of the mapping; 8 in the paper, 2 in the authors' automatic settings for few pixels.
    mixing: share of the pictures with two styles.
    attention, attention_version: as for other generators; 0, none, in the paper.
    condition: ``concatenate``, alone.
    """

    def __init__(
        self,
        size_px: int,
        channels: int,
        classes: int,
        *,
        latent: int = 512,
        style: int = 512,
        width: int = 64,
        most_maps: int = 512,
        mapping_layers: int = 8,
        mixing: float = 0.9,
        attention: int = 0,
        attention_version: Version = "official",
        condition: Literal["concatenate"] = "concatenate",
    ) -> None:
        check_condition(condition, ("concatenate",), "generator")
        super().__init__(size_px, channels, classes, latent, width, condition)
        check_numbers(size_px, style=style, most_maps=most_maps, mapping_layers=mapping_layers)
        if not 0 <= mixing <= 1:
            raise UserError(f"generator.mixing is {mixing:g}; needed: a share, from 0 to 1")
        self.style, self.mixing = style, mixing
        sides = style_maps(size_px, width, most_maps)
        maps = list(sides.values())
        self.of_class = EqualizedLinear(classes, latent) if classes else None
        inputs = [latent * (2 if classes else 1), *[style] * (mapping_layers - 1)]
        self.map = nn.ModuleList(EqualizedLinear(each, style, rate=MAPPING_RATE) for each in inputs)
        self.constant = nn.Parameter(torch.randn(maps[0], BOTTOM_PX, BOTTOM_PX))
        self.bottom = StyledBottom(maps[0], channels, style)
        self.blocks = nn.ModuleList(
            StyledBlock(sides[side // 2], sides[side], channels, style, side) for side in list(sides)[1:]
        )
        self.attend = Attention(sides, attention, attention_version)
        self.layers = 2 * len(maps)
        """Styles that a picture takes: one for each convolution, and one for the last 1 x 1 convolution."""
        self.register_buffer("mean_style", torch.zeros(style))
        self.mean_style: Tensor

    def forward(self, latent: Tensor, label: Tensor | None = None, truncation: float | None = None) -> Tensor:
        """Pictures for latents; what it takes, gives and raises is that of `Generator.forward`, without the bounds.

        truncation: see `styles`.
        """
        self.check(latent, label)
        return self.synthesize(self.styles(latent, label, truncation))

    def mapped(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        """(B, style): the styles w of latents (B, latent)."""
        w = normalized(latent)
        if self.of_class is not None and label is not None:
            one_hot = functional.one_hot(label, self.classes).to(latent.dtype)
            w = torch.cat([w, normalized(self.of_class(one_hot))], dim=1)
        for layer in self.map:
            w = activate(layer(w))
        return w.float()

    def styles(self, latent: Tensor, label: Tensor | None = None, truncation: float | None = None) -> Tensor:
        """(B, layers, style) float32: the style that each layer takes.

        truncation: psi, styles become mean + psi (w - mean): below 1, pictures are more usual and differ less (Karras
        et al. 2019, sec. B); None: as they are.
        """
        w = self.mapped(latent, label)
        if self.training:
            with torch.no_grad():
                self.mean_style.lerp_(w.mean(0), 1 - MEAN_DECAY)
        styles = w[:, None].expand(-1, self.layers, -1)
        if self.training and self.mixing:
            styles = self._mixed(styles, self.mapped(latent.roll(1, 0), label))
        if truncation is not None:
            styles = torch.lerp(self.mean_style.expand_as(styles), styles, truncation)
        return styles

    def _mixed(self, styles: Tensor, others: Tensor) -> Tensor:
        """Behind a layer drawn at random, another's style, for a share of the pictures."""
        count, device = len(styles), styles.device
        first = torch.randint(1, self.layers, (count, 1), device=device)
        first = torch.where(torch.rand(count, 1, device=device) < self.mixing, first, self.layers)
        behind = torch.arange(self.layers, device=device) >= first  # (B, layers)
        return torch.where(behind[:, :, None], others[:, None], styles)

    def synthesize(self, styles: Tensor) -> Tensor:
        """styles: (B, layers, style). Gives pictures (B, channels, size_px, size_px) float32, mostly in [-1, 1]."""
        x, image = self.bottom(self.constant.expand(len(styles), -1, -1, -1), styles[:, :2])
        x = self.attend(x)
        for number, block in enumerate(self.blocks):
            x, image = block(x, image, styles[:, 2 * number + 1 : 2 * number + 4])
            x = self.attend(x)
        return image.float()


class StyledLayer(nn.Module):
    """A 3 x 3 convolution scaled by a style, with noise, bias and leaky ReLU; with ``double``, twice the side."""

    def __init__(self, inputs: int, outputs: int, style: int, side: int, *, double: bool) -> None:
        super().__init__()
        self.affine = EqualizedLinear(style, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise", torch.randn(side, side))
        self.noise: Tensor
        self.doubles = double

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """x: (B, inputs, h, w). style: (B, style). Gives (B, outputs, side, side)."""
        scales = self.affine(style)
        x = modulated(x, self.weight, scales, double=self.doubles)
        noise = torch.randn(len(x), 1, *x.shape[2:], device=x.device) if self.training else self.noise
        factor = demodulation(self.weight, scales) * GAIN  # leaky ReLU lets a gain through
        x = torch.addcmul((noise * (self.strength * GAIN)).to(x.dtype), x, factor.to(x.dtype)[:, :, None, None])
        return functional.leaky_relu(x + (self.bias * GAIN).to(x.dtype)[:, None, None], SLOPE)


class ToPicture(nn.Module):
    """A 1 x 1 convolution to the colors, scaled by a style and not demodulated."""

    def __init__(self, inputs: int, channels: int, style: int) -> None:
        super().__init__()
        self.affine = EqualizedLinear(style, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(channels, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.gain = 1 / sqrt(inputs)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """x: (B, inputs, h, w). style: (B, style). Gives (B, channels, h, w) float32."""
        colors = modulated(x, self.weight, self.affine(style) * self.gain)
        return (colors + self.bias.to(colors.dtype)[:, None, None]).float()


class StyledBottom(nn.Module):
    """4 x 4: one layer and the first colors."""

    def __init__(self, maps: int, channels: int, style: int) -> None:
        super().__init__()
        self.first = StyledLayer(maps, maps, style, BOTTOM_PX, double=False)
        self.picture = ToPicture(maps, channels, style)

    def forward(self, x: Tensor, styles: Tensor) -> tuple[Tensor, Tensor]:
        """x: (B, maps, 4, 4). styles: (B, 2, style). Gives maps and picture."""
        x = self.first(x, styles[:, 0])
        return x, self.picture(x, styles[:, 1])


class StyledBlock(nn.Module):
    """Twice the side: two layers, and what they add to the picture."""

    def __init__(self, inputs: int, maps: int, channels: int, style: int, side: int) -> None:
        super().__init__()
        self.first = StyledLayer(inputs, maps, style, side, double=True)
        self.second = StyledLayer(maps, maps, style, side, double=False)
        self.picture = ToPicture(maps, channels, style)

    def forward(self, x: Tensor, image: Tensor, styles: Tensor) -> tuple[Tensor, Tensor]:
        """x: (B, inputs, h, w). image: (B, channels, h, w). styles: (B, 3, style). Gives both at twice the side."""
        x = self.second(self.first(x, styles[:, 0]), styles[:, 1])
        return x, doubled(image) + self.picture(x, styles[:, 2])
