"""A light pair for pictures of sentences, which two cores train in minutes: the room's own, told what to make."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.generate.media.text.gan_cls import SLOPE, beside
from limner.generate.networks.arguments import BOTTOM_PX
from limner.generate.networks.dcgan import stage_maps
from limner.generate.networks.light import LightDownStage, LightGenerator


class LightTextGenerator(nn.Module):
    """The room's light generator, whose latent is a drawn one and what a linear layer makes of a sentence's code.

    latent: numbers that are drawn. width: what scales all maps. text: numbers that the code becomes.
    """

    def __init__(
        self, size_px: int, channels: int, code: int, *, latent: int = 32, width: int = 32, text: int = 64
    ) -> None:
        super().__init__()
        self.latent, self.code = latent, code
        self.text = nn.Linear(code, text)
        self.paint = LightGenerator(size_px, channels, 0, latent=latent + text, width=width)

    def forward(self, latent: Tensor, code: Tensor) -> Tensor:
        """latent: (B, latent). code: (B, code). Gives (B, channels, size_px, size_px) in [-1, 1]."""
        text = functional.leaky_relu(self.text(code), SLOPE)
        picture: Tensor = self.paint(torch.cat([latent, text], 1))
        return picture


class LightTextDiscriminator(nn.Module):
    """The stages of the room's light discriminator; at 4 x 4 the sentence stands at every place, as in GAN-CLS.

    width: what scales all maps. text: numbers that the code becomes.
    """

    def __init__(self, size_px: int, channels: int, code: int, *, width: int = 32, text: int = 64) -> None:
        super().__init__()
        sides = stage_maps(size_px, width)
        maps = [channels, *(sides[side] for side in sorted(sides, reverse=True))]
        self.look = nn.Sequential(*(LightDownStage(before, after) for before, after in pairwise(maps)))
        self.text = nn.Linear(code, text)
        self.verdict = nn.Sequential(
            nn.Conv2d(maps[-1] + text, maps[-1], 1), nn.LeakyReLU(SLOPE), nn.Conv2d(maps[-1], 1, BOTTOM_PX)
        )

    def forward(self, image_pm1: Tensor, code: Tensor) -> Tensor:
        """image_pm1: (B, channels, size_px, size_px) in [-1, 1]. code: (B, code). Gives logits (B,)."""
        text = functional.leaky_relu(self.text(code), SLOPE)
        logits: Tensor = self.verdict(beside(self.look(image_pm1), text)).flatten()
        return logits
