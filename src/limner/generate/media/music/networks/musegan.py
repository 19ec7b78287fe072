"""MuseGAN's hybrid model: four bars of several voices at once, from latents that they share and latents of their own.

Dong, Hsiao, Yang and Yang, "MuseGAN: multi-track sequential generative adversarial networks for symbolic music
generation and accompaniment", AAAI 2018. Generators by the authors' first code, the discriminator as we know the
paper's table: its convolutions over bars come first. Voices of chorales stand in the place of the five instruments.
"""

import torch
from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.generate.media.music.networks.forms import FINE, RANGE, MusicShape

SLOPE, BARS, STEPS = 0.2, 4, 96


def refuse_shape(shape: MusicShape) -> None:
    """Raise `UserError` for phrases that are not of four bars in 4/4."""
    if shape.bars != BARS or shape.bar * FINE != STEPS:
        raise UserError(
            f"musegan is as it was published, for {BARS} bars of 4/4, and the recipe asks for {shape.bars} bars of "
            f"{shape.bar} steps; use music-grid"
        )


class PhraseLatents(nn.Module):
    """A latent in, one for each of four bars out: two transposed convolutions over time."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.grow = nn.Sequential(
            nn.ConvTranspose1d(size, width, 2, stride=2), nn.BatchNorm1d(width), nn.ReLU(),
            nn.ConvTranspose1d(width, size, 3), nn.BatchNorm1d(size), nn.ReLU(),
        )  # fmt: skip

    def forward(self, latent: Tensor) -> Tensor:
        """latent: (B, size). Gives (B, size, 4)."""
        bars: Tensor = self.grow(latent[..., None])
        return bars


class BarGenerator(nn.Module):
    """A latent in, a bar of one voice out: 96 steps of 84 pitches, in [-1, 1]."""

    def __init__(self, latent: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.begin = nn.Sequential(nn.Linear(latent, 8 * width), nn.BatchNorm1d(8 * width), nn.ReLU())
        maps = (4 * width, 4 * width, 2 * width, 2 * width, width, width)
        layers: list[nn.Module] = []
        for before, after, times in zip(maps, maps[1:], (2, 2, 2, 2, 3), strict=False):
            layers += [
                nn.ConvTranspose2d(before, after, (times, 1), stride=(times, 1)), nn.BatchNorm2d(after), nn.ReLU()
            ]  # fmt: skip
        layers += [nn.ConvTranspose2d(width, width // 2, (1, 7)), nn.BatchNorm2d(width // 2), nn.ReLU()]
        self.grow = nn.Sequential(*layers, nn.ConvTranspose2d(width // 2, 1, (1, 12), stride=(1, 12)))

    def forward(self, latent: Tensor) -> Tensor:
        """latent: (n, latent). Gives (n, 96, 84)."""
        x = self.begin(latent).unflatten(1, (4 * self.width, 2, 1))
        bar: Tensor = self.grow(x)[:, 0]
        return bar.float().tanh()


class MuseGanGenerator(nn.Module):
    """The hybrid: a bar of a voice is made of four latents, of all voices or its own, for all bars or this one.

    latent: numbers in all of them, a quarter each; the voice's own are drawn for each. width: maps behind the last
    upsampling in time, 128 in the paper.
    """

    form, by_bars = "piano-roll", False

    def __init__(self, shape: MusicShape, *, latent: int = 128, width: int = 128) -> None:
        super().__init__()
        refuse_shape(shape)
        if latent % 4:
            raise UserError(f"generator.latent is {latent}; needed: a multiple of 4")
        self.voices, self.part = shape.voices, latent // 4
        self.latent = self.part * 2 * (1 + shape.voices)
        """Numbers that are drawn: two quarters for all, two for each voice."""
        self.phrase = PhraseLatents(self.part, 8 * width)
        self.bars = nn.ModuleList(BarGenerator(latent, width) for _ in range(shape.voices))

    def forward(self, latent: Tensor) -> Tensor:
        """latent: (B, latent). Gives (B, voices, 4, 96, 84) in [-1, 1]."""
        parts = latent.unflatten(1, (-1, self.part))  # (B, 2 + 2 voices, part)
        shared, moving = parts[:, 0], self.phrase(parts[:, 1])
        made = []
        for voice, generator in enumerate(self.bars):
            own, own_moving = parts[:, 2 + 2 * voice], self.phrase(parts[:, 3 + 2 * voice])
            told = torch.stack(
                [torch.cat([moving[..., bar], own_moving[..., bar], shared, own], 1) for bar in range(BARS)], 1
            )  # (B, 4, latent)
            made.append(generator(told.flatten(0, 1)).unflatten(0, (-1, BARS)))
        return torch.stack(made, 1)


class MuseGanDiscriminator(nn.Module):
    """A phrase in, a score out, without normalization: convolutions over bars, then over pitches, then over steps.

    width: maps of the first layers, 128 in the paper.
    """

    by_bars = False

    def __init__(self, shape: MusicShape, *, width: int = 128) -> None:
        super().__init__()
        refuse_shape(shape)
        layers: list[nn.Module] = []
        for before, after, kernel, stride in (
            (shape.voices, width, (2, 1, 1), 1), (width, width, (3, 1, 1), 1),
            (width, width, (1, 1, 12), (1, 1, 12)), (width, width, (1, 1, RANGE // 12), 1),
            (width, width, (1, 2, 1), (1, 2, 1)), (width, width, (1, 2, 1), (1, 2, 1)),
            (width, 2 * width, (1, 4, 1), (1, 2, 1)), (2 * width, 4 * width, (1, 3, 1), (1, 2, 1)),
        ):  # fmt: skip
            layers += [nn.Conv3d(before, after, kernel, stride=stride), nn.LeakyReLU(SLOPE)]
        self.look = nn.Sequential(*layers)
        self.verdict = nn.Sequential(nn.Linear(20 * width, 8 * width), nn.LeakyReLU(SLOPE), nn.Linear(8 * width, 1))

    def forward(self, phrase: Tensor) -> Tensor:
        """phrase: (B, voices, 4, 96, 84) in [-1, 1]. Gives scores (B,)."""
        scores: Tensor = self.verdict(self.look(phrase).flatten(1)).flatten()
        return scores
