"""Iterative distribution transfer: the whole distribution of colors, by its one-dimensional shadows (Pitie 2005)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from limner.colors.blocks import as_working, by_blocks
from limner.colors.classic.clouds import check_clouds, sample
from limner.colors.classic.curves import Curves, match_distributions
from limner.colors.classic.loops import move_colors
from limner.foundation.machine.threads import in_parts

BINS = 1 << 12


@dataclass(frozen=True)
class Step:
    """One iteration: project on the axes, bend each shadow, bring the bends back.

    axes: (2 bands, bands) float64, two orthonormal sets of axes, one above the other.
    """

    axes: Tensor
    curves: Curves

    def __call__(self, colors: Tensor) -> Tensor:
        """Colors after this step: both (bands, n)."""
        working = as_working(colors)
        move = self.move_compiled if colors.device.type == "cpu" else self.move_torch
        return move(working).to(colors.dtype)

    def move_torch(self, colors: Tensor) -> Tensor:
        """The step by torch's operations, on any device."""

        def move(block: Tensor) -> Tensor:
            axes = self.axes.to(block)
            # Two orthonormal sets: axes.T @ axes is twice the identity, and half of axes.T the least-squares inverse.
            return torch.addmm(block, axes.T, self.curves.shift(axes @ block), alpha=0.5)

        return by_blocks(move, colors)

    def move_compiled(self, colors: Tensor) -> Tensor:
        """The step in a compiled loop, several times as fast on the processor."""
        result = torch.empty_like(colors, memory_format=torch.contiguous_format)
        parts = (colors, self.axes, self.curves.low, self.curves.per_unit, self.curves.shifts, result)
        before, axes, low, per_unit, shifts, after = (part.to(colors).contiguous().numpy() for part in parts)

        def work(start: int, stop: int) -> None:
            move_colors(before, axes, low, per_unit, shifts, after, start, stop)

        in_parts(work, colors.shape[1])
        return result


@dataclass(frozen=True)
class StepsMap:
    """The steps, one after the other."""

    steps: tuple[Step, ...]

    def __call__(self, colors: Tensor) -> Tensor:
        """See `limner.colors.color_map.ColorMap`."""
        for step in self.steps:
            colors = step(colors)
        return colors


def idt(target: Tensor, reference: Tensor, iterations: int = 10, seed: int = 0, colors: int = 1 << 17) -> StepsMap:
    """Iterative distribution transfer (Pitie, Kokaram and Dahyot 2005): the target's cloud takes the reference's shape.

    Each step projects both clouds on axes, matches each projection's distribution and moves the colors by the mean of
    what their projections ask for. Projections are counted in bins, not sorted: several times as fast, and with 4096
    bins no worse.

    Args:
        target, reference: see `limner.colors.color_map.Fit`.
        iterations: steps; the paper's program takes 10.
        seed: of the axes' rotations and of the samples.
        colors: drawn from each cloud to fit the steps on.
    """
    check_clouds(target, reference)
    generator = torch.Generator().manual_seed(seed)
    moving = sample(target, colors, seed).float()
    goal = sample(reference, colors, seed).float()
    steps = []
    for axes in draw_axes(target.shape[0], iterations, generator):
        projection = axes.to(moving)
        step = Step(axes.to(moving.device), match_distributions(projection @ moving, projection @ goal, BINS))
        moving = step(moving)
        steps.append(step)
    return StepsMap(tuple(steps))


def draw_axes(bands: int, iterations: int, generator: torch.Generator) -> list[Tensor]:
    """The axes of each step, (2 bands, bands) float64: a fixed set, and then random rotations of it.

    The fixed set is the bands' own axes and their mirror images 2 J / bands - P, J all ones and P the anti-diagonal:
    for three bands (2, 2, -1) / 3, (2, -1, 2) / 3 and (-1, 2, 2) / 3, as in the paper's program.
    """
    own = torch.eye(bands, dtype=torch.float64)
    fixed = torch.cat((own, 2 / bands - own.flip(1)))
    return [fixed] + [fixed @ random_rotation(bands, generator) for _ in range(iterations - 1)]


def random_rotation(bands: int, generator: torch.Generator) -> Tensor:
    """A random orthogonal matrix (bands, bands) float64, each as likely as any other."""
    normal = torch.randn(bands, bands, generator=generator, dtype=torch.float64)
    orthogonal, triangular = torch.linalg.qr(normal)
    return orthogonal * triangular.diagonal().sign()  # else the choice of signs within the QR would prefer some
