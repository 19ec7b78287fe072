"""StackGAN's first stage, by the authors' code: pictures of 64 px, with a sentence's code augmented.

Zhang et al., "StackGAN: text to photo-realistic image synthesis with stacked generative adversarial networks", ICCV
2017. Convolutions have no biases, linear layers do. The second stage is in `limner.generate.media.text.enlarging`.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.generate.media.text.gan_cls import BOTTOM_PX, SLOPE, Bottleneck, beside, refuse_size


class ConditioningAugmentation(nn.Module):
    """A code becomes a normal distribution of shorter ones, from which one is drawn (sec. 3.2): more sentences than
    there are.

    In evaluation its mean is taken, so that a picture depends on its latent and its sentence alone; the authors draw
    there, too.
    """

    def __init__(self, code: int, text: int) -> None:
        super().__init__()
        self.describe = nn.Linear(code, 2 * text)
        self.told: tuple[Tensor, Tensor] | None = None

    def forward(self, code: Tensor) -> Tensor:
        """code: (B, code). Gives (B, text). Noise comes from torch's own generator, truncated at 2."""
        mean, log_std = functional.leaky_relu(self.describe(code), SLOPE).float().chunk(2, 1)
        self.told = (mean, log_std)
        if not self.training:
            return mean
        return mean + log_std.exp() * nn.init.trunc_normal_(torch.empty_like(mean), a=-2.0, b=2.0)

    def divergence(self) -> Tensor:
        """0-d: of the last codes' distributions from N(0, 1), the mean over them and over their numbers (the authors'
        form; Kullback-Leibler is the sum over numbers)."""
        assert self.told is not None
        return divergence(*self.told)


def divergence(mean: Tensor, log_std: Tensor) -> Tensor:
    """0-d: the mean of -log s + (s^2 + m^2 - 1) / 2."""
    return (-log_std + ((2 * log_std).exp() + mean.square() - 1) / 2).mean()


class StackGanGenerator(nn.Module):
    """The augmented code and a latent become 4 x 4 maps, which nearest neighbors and 3 x 3 convolutions enlarge.

    latent: numbers in a latent. width: maps at 32 px. text: numbers of the augmented code.
    """

    def __init__(
        self, size_px: int, channels: int, code: int, *, latent: int = 100, width: int = 128, text: int = 128
    ) -> None:
        super().__init__()
        refuse_size(size_px, "stackgan")
        self.latent, self.code, self.maps = latent, code, 8 * width
        self.augment = ConditioningAugmentation(code, text)
        places = 8 * width * BOTTOM_PX**2
        self.bottom = nn.Sequential(nn.Linear(latent + text, places), nn.BatchNorm1d(places))
        self.refine_4 = Bottleneck(8 * width, 2 * width, nn.ReLU(), bias=False)
        self.up_8 = nn.Sequential(*enlarged(8 * width, 4 * width))
        self.refine_8 = Bottleneck(4 * width, width, nn.ReLU(), bias=False)
        self.up = nn.Sequential(
            *enlarged(4 * width, 2 * width), nn.ReLU(), *enlarged(2 * width, width), nn.ReLU(),
            nn.Upsample(scale_factor=2), nn.Conv2d(width, channels, 3, padding=1, bias=False),
        )  # fmt: skip

    def forward(self, latent: Tensor, code: Tensor) -> Tensor:
        """latent: (B, latent). code: (B, code). Gives (B, channels, 64, 64) in [-1, 1]."""
        x = self.bottom(torch.cat([latent, self.augment(code)], 1)).unflatten(1, (self.maps, BOTTOM_PX, BOTTOM_PX))
        picture: Tensor = self.up(self.refine_8(self.up_8(self.refine_4(x))))
        return picture.float().tanh()


class StackGanDiscriminator(nn.Module):
    """GAN-CLS's discriminator without biases of convolutions, and without normalization of the sentence.

    width: maps at 32 px. text: numbers that the code becomes.
    """

    def __init__(self, size_px: int, channels: int, code: int, *, width: int = 64, text: int = 128) -> None:
        super().__init__()
        refuse_size(size_px, "stackgan")
        act = nn.LeakyReLU(SLOPE)
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1, bias=False), act]
        for maps in (width, 2 * width, 4 * width):
            layers += [nn.Conv2d(maps, 2 * maps, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * maps), act]
        self.look = nn.Sequential(*layers[:-1])
        self.refine = Bottleneck(8 * width, 2 * width, act, bias=False)
        self.text = nn.Sequential(nn.Linear(code, text), act)
        self.verdict = nn.Sequential(
            nn.Conv2d(8 * width + text, 8 * width, 1, bias=False), nn.BatchNorm2d(8 * width), act,
            nn.Conv2d(8 * width, 1, BOTTOM_PX, bias=False),
        )  # fmt: skip

    def forward(self, image_pm1: Tensor, code: Tensor) -> Tensor:
        """image_pm1: (B, channels, 64, 64) in [-1, 1]. code: (B, code). Gives logits (B,)."""
        seen = self.refine(self.look(image_pm1))
        logits: Tensor = self.verdict(beside(seen, self.text(code))).flatten()
        return logits


def enlarged(before: int, after: int) -> tuple[nn.Module, ...]:
    """Twice the edge by nearest neighbors, and a normalized 3 x 3 convolution."""
    convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
    return nn.Upsample(scale_factor=2), convolution, nn.BatchNorm2d(after)
