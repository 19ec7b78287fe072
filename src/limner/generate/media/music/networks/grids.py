"""Light networks of music for two cores: convolutions over time alone, of all bars at once or of one after the other.

Our own. Each step of each voice is one choice among hold, rest and the pitches, which the generator draws by their
likelihoods and passes on sharp, with the gradient of the likelihoods (straight-through Gumbel-softmax: Jang et al.,
"Categorical reparameterization with Gumbel-softmax", ICLR 2017; Kusner and Hernandez-Lobato, "GANs for sequences of
discrete elements with the Gumbel-softmax distribution", 2016). So a discriminator cannot tell made notes by their being
blurred, and a pitch that is seldom likely is still tried. It sees what begins and, beside it, what sounds.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.generate.media.music.networks.forms import MusicShape, rows_of

SLOPE = 0.2
OWN = 4.0
"""How much likelier, in a logit, a bar is a motif of its own than another bar's, before anything is learned: most bars
come once."""


def factors_of(bar: int) -> list[int]:
    """2 and 3, whose product is a bar's steps, the threes first. Raises `UserError` where there are none."""
    factors, left = [], bar
    for factor in (3, 2):
        while left % factor == 0:
            factors.append(factor)
            left //= factor
    if left != 1 or not factors:
        raise UserError(f"bars have {bar} steps; the light networks make bars of 2 x 2 ..., 3 x 2 x 2 ... steps")
    return factors


def chosen(logits: Tensor, noise: Tensor | None = None) -> Tensor:
    """(..., rows) of 0 and 1: one of each row, with the gradient of the likelihoods.

    noise: (..., rows) from N(0, 1), by which it is drawn as likely as the logits say: with -log(-log u) of uniform u
    added, the largest is (Gumbel). None: the likeliest.
    """
    logits = logits.float()
    if noise is not None:
        logits = logits - (-torch.special.log_ndtr(noise.float())).log()
    likely = logits.softmax(-1)
    sharp = functional.one_hot(likely.argmax(-1), likely.shape[-1]).to(likely)
    return sharp + likely - likely.detach()


def choices_of(shape: MusicShape) -> int:
    """Numbers by which the notes of a bar are drawn: one for each row of each step."""
    return shape.voices * shape.bar * rows_of(shape)


def sounds(steps: Tensor) -> Tensor:
    """(B, voices, n, pitches): which pitch is heard; steps: (B, voices, n, 2 + pitches), hold and rest first."""
    held, heard = steps[..., :1], steps[..., 2:]
    reach = 1
    while reach < steps.shape[2]:  # after each turn a pitch sounds on for twice as many steps
        before = functional.pad(heard[:, :, :-reach], (0, 0, reach, 0))
        heard = heard + held * before
        held = held * functional.pad(held[:, :, :-reach], (0, 0, reach, 0))
        reach *= 2
    return heard


class Grow(nn.Module):
    """So many times the steps: a normalized transposed convolution, which tells steps within a beat apart, beside a
    shortcut."""

    def __init__(self, inputs: int, maps: int, times: int) -> None:
        super().__init__()
        self.times = times
        self.convolve = nn.ConvTranspose1d(inputs, maps, times + 2, stride=times, padding=1, bias=False)
        self.normalize = nn.BatchNorm1d(maps)
        self.shortcut = nn.Conv1d(inputs, maps, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, inputs, n). Gives (B, maps, times n)."""
        wide = self.shortcut(x).repeat_interleave(self.times, 2)
        return self.normalize(self.convolve(x)).relu() + wide


class Shrink(nn.Module):
    """The steps divided by so many: a strided convolution beside a shortcut of means."""

    def __init__(self, inputs: int, maps: int, times: int) -> None:
        super().__init__()
        self.times = times
        self.convolve = nn.Conv1d(inputs, maps, times + 2, stride=times, padding=1)
        self.shortcut = nn.Conv1d(inputs, maps, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, inputs, n). Gives (B, maps, n / times)."""
        return functional.leaky_relu(self.convolve(x), SLOPE) + self.shortcut(functional.avg_pool1d(x, self.times))


def maps_of(stages: int, width: int) -> list[int]:
    """Maps from a bar's bottom up to its steps: 4, 4, ..., 2 and 1 times the width."""
    return [width * min(4, 2**stage) for stage in reversed(range(stages + 1))]


class GridGenerator(nn.Module):
    """All bars at once: motifs are made of a latent, and a plan that says which bar is which of them.

    So bars can come again note for note, as in music they do.

    latent: numbers in the part of a latent that says what a phrase is like. width: maps at the steps. motifs: among
    which bars are chosen; None: as many as bars. drawn: whether notes are drawn by their likelihoods, with a number
    from N(0, 1) more in the latent for each row of each step of a motif, and the plan by some more; else the likeliest
    are taken.
    """

    form, by_bars = "steps", False

    def __init__(
        self, shape: MusicShape, *, latent: int = 64, width: int = 64, motifs: int | None = None, drawn: bool = False
    ) -> None:
        super().__init__()
        factors = factors_of(shape.bar)
        maps = maps_of(len(factors), width)
        self.shape, self.motifs = shape, shape.bars if motifs is None else motifs
        self.parts = (latent, self.motifs * (shape.bars + choices_of(shape)) if drawn else 0)
        self.latent = sum(self.parts)
        own = OWN * torch.eye(shape.bars, self.motifs) if drawn else torch.zeros(shape.bars, self.motifs)
        self.register_buffer("own", own, persistent=False)
        self.own: Tensor
        self.bottom = nn.Linear(latent, maps[0] * self.motifs)
        self.plan = nn.Linear(latent, shape.bars * self.motifs)
        self.stages = nn.Sequential(
            *(Grow(before, after, times) for (before, after), times in zip(pairwise(maps), factors, strict=True))
        )
        self.choose = nn.Conv1d(maps[-1], shape.voices * rows_of(shape), 3, padding=1)

    def forward(self, latent: Tensor) -> Tensor:
        """latent: (B, latent), the last numbers of which are what notes are drawn by. Gives (B, voices, steps, rows) of
        0 and 1."""
        code, noise = latent.split(self.parts, 1)
        drawn, bars_count = self.parts[1] > 0, self.shape.bars
        of_motifs = noise.reshape(len(noise), self.motifs, -1 if drawn else 0)
        motifs = self.bottom(code).float().unflatten(1, (self.motifs, -1))
        plan_logits = self.plan(code).float().unflatten(1, (bars_count, self.motifs)) + self.own
        plan = chosen(plan_logits, of_motifs[..., :bars_count].transpose(1, 2) if drawn else None)  # (B, bars, motifs)
        codes = (plan @ motifs).flatten(0, 1)[..., None]  # (B bars, maps, 1)
        logits = self.choose(self.stages(codes))  # (B bars, voices rows, bar)
        logits = logits.unflatten(1, (self.shape.voices, -1)).transpose(2, 3)
        # a motif has its own numbers, so that it comes again note for note
        of_bars = (plan.detach() @ of_motifs[..., bars_count:]).reshape(logits.shape) if drawn else None
        made = chosen(logits, of_bars)
        return made.unflatten(0, (len(latent), bars_count)).transpose(1, 2).flatten(2, 3)


class GridDiscriminator(nn.Module):
    """Steps and what sounds in them in, a logit out, by strided convolutions over time.

    bars: how many it sees at once; None: all. width: maps at the steps.
    """

    by_bars = False

    def __init__(self, shape: MusicShape, *, width: int = 64, bars: int | None = None) -> None:
        super().__init__()
        factors = factors_of(shape.bar)
        maps = [*maps_of(len(factors), width)[::-1]]
        self.bars = shape.bars if bars is None else bars
        inputs = shape.voices * (2 * rows_of(shape) - 2)
        self.first = nn.Conv1d(inputs, width, 3, padding=1)
        self.stages = nn.Sequential(
            *(
                Shrink(before, after, times)
                for (before, after), times in zip(pairwise(maps), reversed(factors), strict=True)
            )
        )
        self.join = nn.Conv1d(maps[-1], maps[-1], 3, padding=1)
        self.verdict = nn.Linear(maps[-1] * self.bars, 1)

    def features(self, steps: Tensor) -> Tensor:
        """(B, maps, bars)."""
        seen = torch.cat([steps, sounds(steps)], -1)  # (B, voices, n, 2 rows - 2)
        x = functional.leaky_relu(self.first(seen.transpose(2, 3).flatten(1, 2)), SLOPE)
        x = self.stages(x)
        return functional.leaky_relu(self.join(x), SLOPE) + x

    def forward(self, steps: Tensor) -> Tensor:
        """steps: (B, voices, steps, rows) of 0 and 1. Gives logits (B,)."""
        logits: Tensor = self.verdict(self.features(steps).flatten(1)).flatten()
        return logits


class BarGenerator(nn.Module):
    """A bar from a latent and the bar before, whose maps stand beside its own on each level, as in MidiNet.

    latent: numbers in the part of a latent that says what a bar is like. width: maps at the steps. drawn: as of
    `GridGenerator`.
    """

    form, by_bars = "steps", True

    def __init__(self, shape: MusicShape, *, latent: int = 32, width: int = 64, drawn: bool = False) -> None:
        super().__init__()
        factors = factors_of(shape.bar)
        maps = maps_of(len(factors), width)
        self.shape, self.parts = shape, (latent, choices_of(shape) if drawn else 0)
        self.latent = sum(self.parts)
        self.first = nn.Conv1d(shape.voices * rows_of(shape), width, 3, padding=1)
        down = maps[::-1]
        self.read = nn.ModuleList(
            Shrink(before, after, times)
            for (before, after), times in zip(pairwise(down), reversed(factors), strict=True)
        )
        self.bottom = nn.Linear(latent + maps[0], maps[0])
        self.stages = nn.ModuleList(
            Grow(2 * before, after, times) for (before, after), times in zip(pairwise(maps), factors, strict=True)
        )
        self.choose = nn.Conv1d(2 * maps[-1], shape.voices * rows_of(shape), 3, padding=1)

    def forward(self, latent: Tensor, previous: Tensor) -> Tensor:
        """latent: (B, latent), the last numbers of which are what notes are drawn by. previous: (B, voices, bar, rows),
        the bar before, zeros: none. Gives the same shape."""
        code, noise = latent.split(self.parts, 1)
        x = functional.leaky_relu(self.first(previous.transpose(2, 3).flatten(1, 2)), SLOPE)
        seen: list[Tensor] = [x]
        for stage in self.read:
            seen.append(stage(seen[-1]))
        x = self.bottom(torch.cat([code, seen[-1][..., 0]], 1))[..., None].relu()
        for stage in self.stages:
            x = stage(torch.cat([x, seen.pop()], 1))
        logits = self.choose(torch.cat([x, seen.pop()], 1)).unflatten(1, (self.shape.voices, -1)).transpose(2, 3)
        return chosen(logits, noise.reshape(logits.shape) if self.parts[1] else None)


class BarDiscriminator(nn.Module):
    """The bar before and the bar in, a logit out: whether the two go on like true ones.

    width: maps at the steps.
    """

    by_bars, sees_previous = True, True

    def __init__(self, shape: MusicShape, *, width: int = 64) -> None:
        super().__init__()
        self.look = GridDiscriminator(shape, width=width, bars=2)

    def features(self, bar: Tensor, previous: Tensor) -> Tensor:
        """(B, maps, 2)."""
        return self.look.features(torch.cat([previous, bar], 2))

    def forward(self, bar: Tensor, previous: Tensor) -> Tensor:
        """bar, previous: (B, voices, bar, rows) of 0 and 1. Gives logits (B,)."""
        logits: Tensor = self.look(torch.cat([previous, bar], 2))
        return logits
