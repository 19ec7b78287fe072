"""Regrain: the colors of a graded picture with the grain of the original (Pitie, Kokaram and Dahyot 2007, section 4).

A transfer that treats each color by itself stretches noise and breaks smooth areas into steps. The regrained picture J
has the gradient of the original I and, where the original has edges, the colors of the graded picture G:

    minimize  sum of phi |grad J - grad I|^2 + psi |J - G|^2

In terms of the change E = J - I all of I leaves the equations: E is smooth (phi) and equals D = G - I at edges (psi).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.foundation.machine.threads import in_one_order, in_parts
from limner.recolor.fusion.regrain_loops import STEP, step_rows, weigh_rows

ITERATIONS = (4, 16, 32, 64)  # from fine to coarse, the last for all coarser levels
SMALLEST_PX = 20  # no level has a side as short as this unless the picture has
SERIAL_PX = 1 << 15  # levels with fewer pixels are not worth a second thread


@dataclass(frozen=True)
class Weights:
    """How much the graded colors count, and how far a change of color spreads.

    least: the least of psi: 0 lets flat areas take all of their color from around. knee: the gradient g at which phi is
    halved, by 1 + (g / knee)^4, so that a change ends at edges. 0: phi is as published, and some of a change crosses
    every edge: a glow.
    """

    least: float = 0.0
    knee: float = 0.0


PUBLISHED_WEIGHTS = Weights()
EDGES = Weights(least=0.2, knee=0.1)
"""Ours, for graded pictures that are smooth where the original is. Chosen by measurement: docs/results/recolor.md."""


def regrain(
    original: Tensor,
    graded: Tensor,
    smoothness: float = 1.0,
    iterations: tuple[int, ...] = ITERATIONS,
    weights: Weights = PUBLISHED_WEIGHTS,
) -> Tensor:
    """The picture with the gradient of ``original`` and the colors of ``graded``.

    With g the size of the original's gradient (central differences, not halved, over all channels), psi =
    min(256 g / 5, 1) and phi = 30 h / (1 + 10 g / smoothness), h = 2^-level. Each level of a pyramid takes some of
    Jacobi's steps and hands its change E to the next finer one.

    Args:
        original: (channels, H, W) floating, in [0, 1].
        graded: the same shape and unit.
        smoothness: 0 or more; the higher, the more of the original's gradient and the less of the graded colors.
        iterations: Jacobi's steps on each level, from fine to coarse; the last number serves all coarser levels.
        weights: the published psi and phi, or such as keep changes within edges.

    Returns:
        (channels, H, W) float32, not clipped. Bit by bit ``original`` where ``graded`` is all alike to it.

    Raises:
        UserError: negative smoothness.
    """
    if not 0 <= smoothness < math.inf:
        raise UserError(f"regrain got smoothness {smoothness}; it must be 0 or more, 1 is usual")
    if original.shape != graded.shape:
        raise ValueError(f"regrain got an original {tuple(original.shape)} and a graded picture {tuple(graded.shape)}")
    original = original.float().contiguous()
    with in_one_order():
        change = solve_level(original, graded.float() - original, smoothness, iterations, 0, weights)
    return change.add_(original)


def solve_level(
    original: Tensor,
    wanted: Tensor,
    smoothness: float,
    iterations: tuple[int, ...],
    level: int,
    weights: Weights = PUBLISHED_WEIGHTS,
) -> Tensor:
    """The change E at this level, solved at half the size first; ``wanted`` is D. All (channels, h, w)."""
    height, width = original.shape[1:]
    half = (math.ceil(height / 2), math.ceil(width / 2))
    if min(half) > SMALLEST_PX:
        coarse = solve_level(shrink(original, half), shrink(wanted, half), smoothness, iterations, level + 1, weights)
        start = functional.interpolate(coarse[None], (height, width), mode="bilinear", align_corners=False)[0]
        del coarse
    else:
        start = wanted
    steps = iterations[min(level, len(iterations) - 1)]
    solve = solve_compiled if original.device.type == "cpu" else solve_torch
    return solve(original, wanted, start, smoothness, 2.0**-level, steps, weights)


def shrink(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """A smaller copy, (channels, *size), each pixel a mean of those that it covers."""
    return functional.interpolate(picture[None], size, mode="bilinear", align_corners=False, antialias=True)[0]


def solve_torch(
    original: Tensor,
    wanted: Tensor,
    start: Tensor,
    smoothness: float,
    scale: float,
    steps: int,
    weights: Weights = PUBLISHED_WEIGHTS,
) -> Tensor:
    """Jacobi's steps from ``start``, on any device; ``scale`` is h.

    A neighbor beyond the border is the pixel itself: it slows the steps there and does not change where they lead.
    """
    psi, phi = weights_torch(original, smoothness, scale, weights)
    around = functional.pad(phi[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]
    pulls = [(phi + side) / 2 for side in sides(around)]
    share = float(STEP) / (psi + sum(pulls) + torch.finfo(torch.float32).tiny)
    fixed = share * psi * wanted
    pulls = [share * pull for pull in pulls]
    change = start
    for _ in range(steps):
        around = functional.pad(change[None], (1, 1, 1, 1), mode="replicate")[0]
        change = torch.add(fixed, change, alpha=1 - float(STEP))
        for pull, side in zip(pulls, sides(around), strict=True):
            change.addcmul_(pull, side)
    return change


def weights_torch(
    original: Tensor, smoothness: float, scale: float, weights: Weights = PUBLISHED_WEIGHTS
) -> tuple[Tensor, Tensor]:
    """psi and phi, (h, w) each."""
    up, down, left, right = sides(functional.pad(original[None], (1, 1, 1, 1), mode="replicate")[0])
    gradient = ((down - up).square().sum(0) + (right - left).square().sum(0)).sqrt()
    psi = (256 / 5 * gradient).clamp(max=1).clamp(min=weights.least)
    phi = 30 * scale * smoothness / (smoothness + 10 * gradient + torch.finfo(torch.float32).tiny)
    if weights.knee > 0:
        phi = phi / (1 + (gradient / weights.knee) ** 4)
    return psi, phi


def sides(padded: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The neighbors above, below, left and right of each pixel within a border of one pixel."""
    return padded[..., :-2, 1:-1], padded[..., 2:, 1:-1], padded[..., 1:-1, :-2], padded[..., 1:-1, 2:]


def solve_compiled(
    original: Tensor,
    wanted: Tensor,
    start: Tensor,
    smoothness: float,
    scale: float,
    steps: int,
    weights: Weights = PUBLISHED_WEIGHTS,
) -> Tensor:
    """As `solve_torch`, in compiled loops on the processor's cores."""
    height, width = original.shape[1:]
    serial = height * width < SERIAL_PX
    psi, phi = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    strength, softness = np.float32(30 * scale), np.float32(smoothness)
    least, knee = np.float32(weights.least), np.float32(weights.knee)

    def on_rows(work: Callable[[int, int], None]) -> None:
        if serial:
            work(0, height)
        else:
            in_parts(work, height)

    on_rows(partial(weigh_rows, original.numpy(), strength, softness, least, knee, psi, phi))
    goal, change = wanted.numpy(), start.numpy()
    # ``start`` may be ``wanted`` itself, which no step may write to.
    buffers = [np.empty_like(goal), np.empty_like(goal) if start is wanted else change]
    for step in range(steps):
        result = buffers[step % 2]
        on_rows(partial(step_rows, change, goal, psi, phi, result))
        change = result
    return torch.from_numpy(change)
