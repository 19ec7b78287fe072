"""IDT: nearer at every step."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from limner.colors.classic.idt import draw_axes, idt


def clouds(bands: int = 3, count: int = 6000) -> tuple[Tensor, Tensor]:
    """Two clouds that no linear map brings together: one of two lumps, one bent."""
    generator = torch.Generator().manual_seed(0)
    lumps = 0.05 * torch.randn(bands, count, generator=generator) + 0.3
    lumps[:, : count // 3] += 0.4
    line = torch.rand(1, count, generator=generator)
    bent = torch.cat([line ** (1 + band) for band in range(bands)])
    return lumps, bent + 0.02 * torch.randn(bands, count, generator=generator)


def sliced_wasserstein(first: Tensor, second: Tensor, directions: int = 64) -> float:
    """Root mean square over random directions of the distance of sorted projections; clouds of one size."""
    axes = torch.randn(directions, first.shape[0], generator=torch.Generator().manual_seed(99))
    axes /= axes.norm(dim=1, keepdim=True)
    difference = np.sort((axes @ first).numpy()) - np.sort((axes @ second).numpy())
    return float(np.sqrt(np.square(difference).mean()))


@pytest.mark.parametrize("bands", [3, 4])
def test_every_step_brings_the_clouds_nearer(bands: int) -> None:
    target, reference = clouds(bands)
    moving = target
    distances = [sliced_wasserstein(moving, reference)]
    for step in idt(target, reference).steps:
        moving = step(moving)
        distances.append(sliced_wasserstein(moving, reference))
    assert all(after < before for before, after in pairwise(distances))
    assert distances[-1] < 0.1 * distances[0]


@pytest.mark.parametrize("bands", [1, 2])
def test_one_and_two_bands_arrive(bands: int) -> None:
    target, reference = clouds(bands)
    assert sliced_wasserstein(idt(target, reference)(target), reference) < 0.1 * sliced_wasserstein(target, reference)


def test_the_map_is_its_steps_one_after_the_other() -> None:
    target, reference = clouds(count=1000)
    fitted = idt(target, reference)
    assert len(fitted.steps) == 10
    moving = target
    for step in fitted.steps:
        moving = step(moving)
    torch.testing.assert_close(fitted(target), moving, rtol=0, atol=1e-6)


@pytest.mark.parametrize("bands", [1, 3, 4])
@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_the_compiled_loop_and_torch_agree(bands: int, kind: torch.dtype) -> None:
    target, reference = clouds(bands, count=2003)
    step = idt(target, reference, iterations=2).steps[1]
    colors = 3 * target.to(kind) - 1
    torch.testing.assert_close(step.move_compiled(colors), step.move_torch(colors), rtol=0, atol=1e-5)
    colors[0, 5] = torch.nan
    assert step(colors)[:, 6:].isfinite().all()


@pytest.mark.parametrize("colors", [500, 1 << 17])
def test_equal_clouds_stay_bit_by_bit(colors: int) -> None:
    target, _ = clouds(count=1000)
    fitted = idt(target, target.clone(), colors=colors)
    assert torch.equal(fitted(target), target)
    assert torch.equal(fitted(target + 5), target + 5)


def test_a_sample_gives_nearly_the_map_of_all() -> None:
    target, reference = clouds(count=10000)
    moved = idt(target, reference, colors=5000)(target)
    assert sliced_wasserstein(moved, reference) < 0.1 * sliced_wasserstein(target, reference)


def test_the_seed_decides_the_map() -> None:
    target, reference = clouds(count=1000)
    assert torch.equal(idt(target, reference, seed=0)(target), idt(target, reference, seed=0)(target))
    assert not torch.equal(idt(target, reference, seed=0)(target), idt(target, reference, seed=1)(target))


@pytest.mark.parametrize("bands", [1, 2, 3, 4, 13])
def test_axes_are_two_orthonormal_sets(bands: int) -> None:
    for axes in draw_axes(bands, 4, torch.Generator().manual_seed(0)):
        for half in axes.chunk(2):
            torch.testing.assert_close(half @ half.T, torch.eye(bands, dtype=torch.float64))


def test_the_first_axes_of_three_bands_are_the_papers() -> None:
    axes = draw_axes(3, 1, torch.Generator())[0]
    expected = torch.tensor([[3, 0, 0], [0, 3, 0], [0, 0, 3], [2, 2, -1], [2, -1, 2], [-1, 2, 2]]).double() / 3
    torch.testing.assert_close(axes, expected)
