"""GAN-CLS, by the authors' code: pictures of 64 px from a latent and the code of a sentence.

Reed et al., "Generative adversarial text to image synthesis", ICML 2016. Layers as in their repository, which differs
from the paper's figure by a residual bottleneck at 4 x 4, and in the generator at 8 x 8. All convolutions have biases;
the authors set them to 0 after each step, which is left out here.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.foundation.errors import UserError

SLOPE = 0.2
BOTTOM_PX, SIZE_PX = 4, 64


def refuse_size(size_px: int, name: str) -> None:
    """Raise `UserError` for pictures that are not of `SIZE_PX`."""
    if size_px != SIZE_PX:
        raise UserError(f"{name} is as it was published, for {SIZE_PX} px, and data.size_px is {size_px}; use light")


class GanClsGenerator(nn.Module):
    """A linear layer makes 128 numbers of a sentence's code; with the latent, transposed convolutions make a picture.

    latent: numbers in a latent. width: maps at 32 px. text: numbers that the code becomes.
    """

    def __init__(
        self, size_px: int, channels: int, code: int, *, latent: int = 100, width: int = 128, text: int = 128
    ) -> None:
        super().__init__()
        refuse_size(size_px, "gan-cls")
        self.latent, self.code = latent, code
        self.text = nn.Linear(code, text)
        self.bottom = nn.Sequential(nn.ConvTranspose2d(latent + text, 8 * width, BOTTOM_PX), nn.BatchNorm2d(8 * width))
        self.refine_4 = Bottleneck(8 * width, 2 * width, nn.ReLU())
        self.up_8 = nn.Sequential(nn.ConvTranspose2d(8 * width, 4 * width, 4, 2, 1), nn.BatchNorm2d(4 * width))
        self.refine_8 = Bottleneck(4 * width, width, nn.ReLU())
        self.up = nn.Sequential(
            nn.ConvTranspose2d(4 * width, 2 * width, 4, 2, 1), nn.BatchNorm2d(2 * width), nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1), nn.BatchNorm2d(width), nn.ReLU(),
            nn.ConvTranspose2d(width, channels, 4, 2, 1),
        )  # fmt: skip

    def forward(self, latent: Tensor, code: Tensor) -> Tensor:
        """latent: (B, latent). code: (B, code). Gives (B, channels, 64, 64) in [-1, 1]."""
        text = functional.leaky_relu(self.text(code), SLOPE)
        x = self.bottom(torch.cat([latent, text], 1)[..., None, None])  # (B, 8 width, 4, 4)
        x = self.refine_8(self.up_8(self.refine_4(x)))
        picture: Tensor = self.up(x)
        return picture.float().tanh()


class GanClsDiscriminator(nn.Module):
    """Strided convolutions down to 4 x 4; there the sentence stands at every place, beside what was seen.

    width: maps at 32 px. text: numbers that the code becomes.
    """

    def __init__(self, size_px: int, channels: int, code: int, *, width: int = 64, text: int = 128) -> None:
        super().__init__()
        refuse_size(size_px, "gan-cls")
        act = nn.LeakyReLU(SLOPE)
        self.look = nn.Sequential(
            nn.Conv2d(channels, width, 4, 2, 1), act,
            nn.Conv2d(width, 2 * width, 4, 2, 1), nn.BatchNorm2d(2 * width), act,
            nn.Conv2d(2 * width, 4 * width, 4, 2, 1), nn.BatchNorm2d(4 * width), act,
            nn.Conv2d(4 * width, 8 * width, 4, 2, 1), nn.BatchNorm2d(8 * width),
        )  # fmt: skip
        self.refine = Bottleneck(8 * width, 2 * width, act)
        self.text = nn.Sequential(nn.Linear(code, text), nn.BatchNorm1d(text), act)
        self.verdict = nn.Sequential(
            nn.Conv2d(8 * width + text, 8 * width, 1), nn.BatchNorm2d(8 * width), act,
            nn.Conv2d(8 * width, 1, BOTTOM_PX),
        )  # fmt: skip

    def forward(self, image_pm1: Tensor, code: Tensor) -> Tensor:
        """image_pm1: (B, channels, 64, 64) in [-1, 1]. code: (B, code). Gives logits (B,)."""
        seen = self.refine(self.look(image_pm1))
        logits: Tensor = self.verdict(beside(seen, self.text(code))).flatten()
        return logits


class Bottleneck(nn.Module):
    """x + 1 x 1, 3 x 3 and 3 x 3 convolutions of it, with batch normalization after each; then the activation."""

    def __init__(self, maps: int, narrow: int, act: nn.Module, *, bias: bool = True) -> None:
        super().__init__()
        self.act = act
        self.inside = nn.Sequential(
            nn.Conv2d(maps, narrow, 1, bias=bias), nn.BatchNorm2d(narrow), act,
            nn.Conv2d(narrow, narrow, 3, padding=1, bias=bias), nn.BatchNorm2d(narrow), act,
            nn.Conv2d(narrow, maps, 3, padding=1, bias=bias), nn.BatchNorm2d(maps),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, maps, h, w). Gives the same shape."""
        y: Tensor = self.act(x + self.inside(x))
        return y


def beside(maps: Tensor, text: Tensor) -> Tensor:
    """(B, maps + text, h, w): maps, and at each of their places what a sentence says. text: (B, text)."""
    return torch.cat([maps, text[..., None, None].expand(-1, -1, *maps.shape[2:])], 1)
