"""Superpixels of the target matched to those of the reference
by an attention over deep features (Carrillo et al. 2021, eq. 1-2).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from limner.foundation.errors import UserError
from limner.foundation.machine.threads import in_turn
from limner.recolor.superpixels.pooling import Regions

CENTERINGS = ("standard", "channel", "descriptor")
TINY = 1e-8
"""Added to norms: a flat picture has nothing but zeros left once its mean is taken away."""
ROWS = 128
"""Rows of the attention in memory at once: so few that they stay in a processor's cache from one step to the next."""
SEARCH_ROWS = 256
"""Rows on which a temperature is found."""
TOLD_ROWS = 1024
"""Rows, at least, of which the median perplexity is told: that of all of them costs as much as the attention."""


@dataclass(frozen=True)
class Pin:
    """A point of the target that shall have the colors of a point of a reference: superpixels, by their numbers."""

    target: int
    reference: int


@dataclass(frozen=True)
class Matching:
    """Which superpixels of the references each superpixel of the target looks at, and how strongly.

    target, references: their super-features, centered and of unit length, (N_T, C) and (N_R, C) float32, so that a
    product of two is the M of eq. 1. The attention A = softmax(M / temperature) is made row by row when asked for: at
    12 Mpx it would be half a gigabyte.

    target_labels: (h, w) int32. reference_labels: one (h, w) for each reference, numbered on through all of them.
    sizes: height and width of the target and of each reference, where labels are those of smaller copies; none: as
    labels.
    target_regions, reference_regions: centers and mean colors. pins: what was matched by hand. shares: (N_R,)
    float32, how much each superpixel of the references counts beside the others: A is then shares x exp(M /
    temperature), each row divided by its sum; None: all alike.
    """

    target: Tensor
    references: Tensor
    temperature: float
    target_labels: Tensor
    reference_labels: Sequence[Tensor]
    target_regions: Regions
    reference_regions: Regions
    pins: Sequence[Pin] = ()
    shares: Tensor | None = None
    sizes: Sequence[tuple[int, int]] = ()

    def attention(self, rows: slice | Tensor = slice(None)) -> Tensor:
        """(rows, N_R) float32 of A, each row summing to one."""
        logits = (self.target[rows] / self.temperature) @ self.references.T
        weights = torch.softmax(logits if self.shares is None else logits + self.shares.log(), dim=1)
        return self._pinned(weights, rows) if self.pins else weights

    def row_blocks(self, rows: int = ROWS) -> list[slice]:
        """All rows of A, some at a time."""
        return [slice(start, min(start + rows, len(self.target))) for start in range(0, len(self.target), rows)]

    def blocks(self, rows: int = ROWS) -> Iterator[tuple[slice, Tensor]]:
        """All of A, some rows at a time."""
        return ((part, self.attention(part)) for part in self.row_blocks(rows))

    def pinned(self) -> Tensor | None:
        """(N_T,) 0..1: how like a pinned superpixel each of the target's is; None without pins."""
        if not self.pins:
            return None
        return torch.stack([_likeness(self.target_regions, pin.target) for pin in self.pins]).amax(0)

    def _pinned(self, weights: Tensor, rows: slice | Tensor) -> Tensor:
        """Rows like a pinned superpixel look at what is like the superpixel it is pinned to,
        the more the more they are.
        """
        for pin in self.pins:
            like = _likeness(self.target_regions, pin.target)[rows, None]
            wanted = _likeness(self.reference_regions, pin.reference)
            weights = weights * (1 - like) + like * (wanted / wanted.sum())
        return weights


@dataclass(frozen=True)
class Attended:
    """What a pass over the attention gives.

    colors: (N_T, 3) float32: C = A I_R, the color that each superpixel of the target becomes. best: (N_T,) int64, the
    reference superpixel that each looks at most. numbers: the median perplexity of rows spread evenly (how many they
    look at), how many reference superpixels are anybody's best, and the most often that one is.
    """

    colors: Tensor
    best: Tensor
    numbers: dict[str, float] = field(default_factory=dict)


def attend(matching: Matching, colors: Tensor | None = None) -> Attended:
    """The colors that the attention gives to the target's superpixels (eq. 3, folded: see
    `limner.recolor.fusion.fuse`).

    colors: (N_R, 3) of the references' superpixels, by default their means.
    """
    values = matching.reference_regions.colors if colors is None else colors
    step = max(1, len(matching.target) // TOLD_ROWS)

    def work(rows: slice) -> tuple[Tensor, Tensor, Tensor]:
        weights = matching.attention(rows)
        return weights @ values, weights.argmax(1), row_perplexity(weights[::step])

    parts = matching.row_blocks()
    found = in_turn(work, parts) if values.device.type == "cpu" else map(work, parts)
    made, best, perplexity = zip(*found, strict=True)
    chosen = torch.cat(best)
    uses = torch.bincount(chosen, minlength=len(values))
    numbers = {
        "temperature": matching.temperature,
        "perplexity": float(torch.cat(perplexity).median()),
        "reference superpixels used": int((uses > 0).sum()),
        "most uses of one": int(uses.max()),
    }
    return Attended(torch.cat(made), chosen, numbers)


def row_perplexity(weights: Tensor) -> Tensor:
    """exp(entropy) of each row of (rows, N) weights that sum to one: how many of N are looked at. (rows,) float32."""
    return torch.exp(torch.special.entr(weights).sum(1))


def centered(features: Tensor, centering: str) -> Tensor:
    """Super-features without their mean and of unit length, (N, C) float32: a product of two is the M of eq. 1.

    features: (N, C). centering: what "the mean of each super-feature" is. "descriptor": the mean of each row over its
    channels, the literal reading: M is the Pearson correlation of two descriptors. "channel": the mean of each channel
    over the picture's superpixels, as exemplar colorization does: M says in what both stand out from their picture.
    "standard": as that, and each channel divided by its deviation, so that loud channels and deep layers drown no other
    (ours).

    Raises `UserError` for another centering.
    """
    if centering not in CENTERINGS:
        raise UserError(f"centering is {centering!r}; needed: {' or '.join(CENTERINGS)}")
    without = features - features.mean(dim=1 if centering == "descriptor" else 0, keepdim=True)
    if centering == "standard":
        without = without / (without.square().mean(0).sqrt() + TINY)
    return without / (without.norm(dim=1, keepdim=True) + TINY)


def temperature_for(target: Tensor, references: Tensor, perplexity: float) -> float:
    """The temperature at which the median row of softmax(M / temperature) looks at ``perplexity`` superpixels.

    target, references: as `centered` gives them. The perplexity grows with the temperature, so it is found by halving
    an interval of its logarithm, on rows spread evenly over the target. Where even 1e-4 or 10 misses it, that end is
    taken.

    Raises `UserError` for a perplexity below 1.
    """
    if perplexity < 1:
        raise UserError(f"perplexity is {perplexity:g}; needed: how many superpixels to look at, 1 or more")
    rows = torch.linspace(0, len(target) - 1, min(SEARCH_ROWS, len(target))).round().long().to(target.device)
    similarity = target[rows] @ references.T
    low, high = math.log(1e-4), math.log(10.0)
    for _ in range(20):
        middle = (low + high) / 2
        found = float(_softmax_perplexity(similarity / math.exp(middle)).median())
        low, high = (middle, high) if found < perplexity else (low, middle)
    return math.exp((low + high) / 2)


def _softmax_perplexity(logits: Tensor) -> Tensor:
    """`row_perplexity` of softmax(logits), without a logarithm of each weight. (rows,) float32."""
    logits = logits - logits.amax(1, keepdim=True)
    weights = logits.exp()
    total = weights.sum(1)
    return total * torch.exp(-torch.linalg.vecdot(weights, logits) / total)


def _likeness(regions: Regions, number: int) -> Tensor:
    """(N,) 0..1: how like superpixel ``number`` each one is, in color, and among like colors in place."""
    color = (regions.colors - regions.colors[number]).square().sum(1) / (2 * PIN_COLOR**2)
    space = (regions.positions - regions.positions[number]).square().sum(1) / (2 * PIN_SPACE**2)
    return torch.exp(-color - space)


PIN_COLOR, PIN_SPACE = 0.08, 0.25
"""Deviations, in units of [0, 1], of what counts as one region with a pinned superpixel."""
