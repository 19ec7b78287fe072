"""MidiNet, by the authors' code (v1): a bar of 16 steps and 128 pitches, told the bar before.

Yang, Chou and Yang, "MidiNet: a convolutional generative adversarial network for symbolic-domain music generation",
ISMIR 2017. The generator reads the bar before by a chain of convolutions whose maps stand beside its own on each level;
the discriminator does not see it.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.generate.media.music.data.notes import PITCHES
from limner.generate.media.music.networks.forms import MusicShape

SLOPE, BAR = 0.2, 16
READ = 16
"""Maps of what is read of the bar before."""


def refuse_bar(shape: MusicShape) -> None:
    """Raise `UserError` for bars that are not of `BAR` steps."""
    if shape.bar != BAR:
        raise UserError(f"midinet is as it was published, for bars of {BAR} steps; data.meter gives {shape.bar}")


class MidiNetGenerator(nn.Module):
    """A latent and the bar before in, a bar out.

    latent: numbers in a latent. condition: numbers of a condition beside it, such as the 13 of a chord.
    """

    form, by_bars = "pitches", True

    def __init__(self, shape: MusicShape, *, latent: int = 100, condition: int = 0, width: int = 64) -> None:
        super().__init__()
        refuse_bar(shape)
        self.latent, self.condition, self.maps = latent, condition, 2 * width
        self.read = nn.ModuleList(
            [nn.Conv2d(1, READ, (1, PITCHES), stride=(1, 2))]
            + [nn.Conv2d(READ, READ, (2, 1), stride=2) for _ in range(3)]
        )
        self.read_norms = nn.ModuleList(nn.BatchNorm2d(READ) for _ in range(4))
        self.begin = nn.Linear(latent + condition, 1024)
        self.begin_norm = nn.BatchNorm1d(1024)
        self.bottom = nn.Linear(1024 + condition, 4 * width)
        self.bottom_norm = nn.BatchNorm1d(4 * width)
        beside = self.maps + condition + READ
        self.grow = nn.ModuleList(nn.ConvTranspose2d(beside, self.maps, (2, 1), stride=2) for _ in range(3))
        self.grow_norms = nn.ModuleList(nn.BatchNorm2d(self.maps) for _ in range(3))
        self.notes = nn.ConvTranspose2d(beside, 1, (1, PITCHES), stride=(1, 2))

    def forward(self, latent: Tensor, *given: Tensor) -> Tensor:
        """latent: (B, latent). given: (B, condition) where there is one, then (B, 1, 16, 128), the bar before, zeros:
        none. Gives (B, 1, 16, 128) in [0, 1]."""
        previous, condition = given[-1], given[:-1]
        seen = []
        x = previous
        for convolve, norm in zip(self.read, self.read_norms, strict=True):
            x = functional.leaky_relu(norm(convolve(x)), SLOPE)  # (B, 16, 16, 1), then 8, 4 and 2 steps
            seen.append(x)
        x = self.begin_norm(self.begin(torch.cat([latent, *condition], 1))).relu()
        x = self.bottom_norm(self.bottom(torch.cat([x, *condition], 1))).relu().unflatten(1, (self.maps, 2, 1))
        for grow, norm in zip(self.grow, self.grow_norms, strict=True):
            x = norm(grow(_beside(x, condition, seen.pop()))).relu()
        made: Tensor = self.notes(_beside(x, condition, seen.pop()))
        return made.float().sigmoid()


class MidiNetDiscriminator(nn.Module):
    """A bar in, a logit out; its first maps are what feature matching compares.

    condition: as the generator's.
    """

    by_bars, sees_previous = True, False

    def __init__(self, shape: MusicShape, *, condition: int = 0, width: int = 64) -> None:
        super().__init__()
        refuse_bar(shape)
        self.first = nn.Conv2d(1 + condition, 1 + condition, (2, PITCHES), stride=2)
        self.second = nn.Conv2d(1 + 2 * condition, width + condition, (4, 1), stride=2)
        self.second_norm = nn.BatchNorm2d(width + condition)
        self.third = nn.Linear(3 * (width + condition) + condition, 1024)
        self.third_norm = nn.BatchNorm1d(1024)
        self.verdict = nn.Linear(1024 + condition, 1)

    def features(self, bar: Tensor, *condition: Tensor) -> Tensor:
        """(B, 1 + condition, 8, 1): the first maps."""
        return functional.leaky_relu(self.first(_beside(bar, condition)), SLOPE)

    def forward(self, bar: Tensor, *condition: Tensor) -> Tensor:
        """bar: (B, 1, 16, 128) in [0, 1]. condition: (B, condition) where there is one. Gives logits (B,)."""
        x = self.second_norm(self.second(_beside(self.features(bar, *condition), condition)))
        x = torch.cat([functional.leaky_relu(x, SLOPE).flatten(1), *condition], 1)
        x = functional.leaky_relu(self.third_norm(self.third(x)), SLOPE)
        logits: Tensor = self.verdict(torch.cat([x, *condition], 1)).flatten()
        return logits


def _beside(x: Tensor, condition: tuple[Tensor, ...], *maps: Tensor) -> Tensor:
    """Maps with a condition at every place, and other maps."""
    wide = [each[..., None, None].expand(-1, -1, *x.shape[2:]) for each in condition]
    return torch.cat([x, *wide, *maps], 1)
