"""Regrain, against a direct solver of its equations."""

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.sparse import linalg
from torch import Tensor
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.recolor.fusion.regrain import (
    EDGES,
    PUBLISHED_WEIGHTS,
    Weights,
    regrain,
    solve_compiled,
    solve_torch,
)


def picture(height: int, width: int, seed: int = 0) -> Tensor:
    """A smooth picture with an edge and a little noise, (3, height, width) in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 4, 4, generator=generator)
    smooth = functional.interpolate(coarse, (height, width), mode="bilinear")[0] * 0.8
    smooth[:, height // 2 :] += 0.15
    return smooth + 0.02 * torch.rand(3, height, width, generator=generator)


def solved_directly(original: Tensor, graded: Tensor, smoothness: float) -> np.ndarray:
    """The picture J, (3, H, W) float64: a row of the linear system for each pixel and each of its four neighbors.

    psi (J - G) + sum over neighbors k of phi_k (J - J(k) - I + I(k)) = 0.
    """
    image, wanted = original.double().numpy(), graded.double().numpy()
    _, height, width = image.shape
    rows, columns = np.arange(height), np.arange(width)
    vertical = image[:, np.minimum(rows + 1, height - 1)] - image[:, np.maximum(rows - 1, 0)]
    horizontal = image[:, :, np.minimum(columns + 1, width - 1)] - image[:, :, np.maximum(columns - 1, 0)]
    gradient = np.sqrt((vertical**2 + horizontal**2).sum(0))
    psi = np.minimum(256 * gradient / 5, 1)
    phi = 30 / (1 + 10 * gradient / smoothness)
    system = sparse.lil_matrix((height * width, height * width))
    right = np.zeros((height * width, 3))
    for y in range(height):
        for x in range(width):
            here = y * width + x
            system[here, here] = psi[y, x]
            right[here] = psi[y, x] * wanted[:, y, x]
            for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                if 0 <= v < height and 0 <= u < width:
                    weight = (phi[y, x] + phi[v, u]) / 2
                    system[here, here] += weight
                    system[here, v * width + u] = -weight
                    right[here] += weight * (image[:, y, x] - image[:, v, u])
    return linalg.spsolve(system.tocsc(), right).T.reshape(image.shape)


@pytest.mark.parametrize("smoothness", [0.2, 1.0, 5.0])
def test_many_steps_reach_the_solution_of_the_equations(smoothness: float) -> None:
    original, graded = picture(13, 19), picture(13, 19, seed=1)
    result = regrain(original, graded, smoothness, iterations=(6000,))
    assert np.abs(result.numpy() - solved_directly(original, graded, smoothness)).max() < 1e-4


def test_the_pyramid_comes_near_the_solution() -> None:
    original, graded = picture(81, 97), picture(81, 97, seed=1)
    solution = torch.from_numpy(solved_directly(original, graded, 1.0)).float()
    assert (regrain(original, graded) - solution).abs().mean() < 0.7 * (graded - solution).abs().mean()


@pytest.mark.parametrize("size", [(1, 1), (1, 47), (47, 1), (2, 3), (33, 47), (130, 91)])
def test_a_picture_with_its_own_colors_is_itself_bit_by_bit(size: tuple[int, int]) -> None:
    original = picture(*size)
    assert torch.equal(regrain(original, original.clone()), original)


@pytest.mark.parametrize("size", [(1, 1), (1, 47), (47, 1), (2, 2), (21, 500), (33, 47), (256, 190)])
@pytest.mark.parametrize("smoothness", [0.0, 1.0])
def test_compiled_loops_and_torch_agree(size: tuple[int, int], smoothness: float) -> None:
    original = picture(*size)
    wanted = picture(*size, seed=1) - original
    for start in (wanted, torch.zeros_like(wanted)):
        compiled = solve_compiled(original, wanted, start.clone(), smoothness, 0.5, 7)
        plain = solve_torch(original, wanted, start, smoothness, 0.5, 7)
        torch.testing.assert_close(compiled, plain, rtol=0, atol=2e-6)


@pytest.mark.parametrize("size", [(1, 1), (1, 47), (47, 1), (3, 5), (41, 200)])
def test_odd_pictures_give_finite_ones_and_inputs_stay(size: tuple[int, int]) -> None:
    original, graded = picture(*size), picture(*size, seed=1)
    before = original.clone(), graded.clone()
    assert regrain(original, graded).isfinite().all()
    assert torch.equal(original, before[0])
    assert torch.equal(graded, before[1])


def test_a_flat_picture_takes_the_graded_color() -> None:
    flat, graded = torch.full((3, 50, 60), 0.3), torch.full((3, 50, 60), 0.7)
    torch.testing.assert_close(regrain(flat, graded), graded, rtol=0, atol=1e-5)


def test_noise_that_grading_enlarged_is_brought_back() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = 0.003 * torch.randn(3, 90, 90, generator=generator)
    original = 0.5 + noise
    original[:, :, 45:] += 0.2
    graded = 0.5 + 8 * noise
    graded[:, :, 45:] += 0.1
    result = regrain(original, graded)
    flat = (slice(None), slice(5, 85), slice(5, 40))
    assert result[flat].std() < 0.35 * graded[flat].std()
    assert (result[flat].mean() - graded[flat].mean()).abs() < 0.02


def test_without_smoothness_textured_pictures_take_the_graded_colors() -> None:
    original, graded = picture(33, 47), picture(33, 47, seed=1)
    torch.testing.assert_close(regrain(original, graded, smoothness=0.0), graded, rtol=0, atol=2e-3)


def test_impossible_wishes_are_refused() -> None:
    with pytest.raises(UserError, match=r"smoothness -1; it must be 0 or more"):
        regrain(picture(3, 3), picture(3, 3), smoothness=-1)
    with pytest.raises(UserError, match="smoothness nan"):
        regrain(picture(3, 3), picture(3, 3), smoothness=float("nan"))
    with pytest.raises(ValueError, match=r"original \(3, 3, 3\) and a graded picture \(3, 3, 4\)"):
        regrain(picture(3, 3), picture(3, 4))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_what_the_processor_gives() -> None:
    original, graded = picture(130, 91), picture(130, 91, seed=1)
    there = regrain(original.cuda(), graded.cuda()).cpu()
    torch.testing.assert_close(there, regrain(original, graded), rtol=0, atol=1e-4)


def test_a_change_ends_at_edges_by_the_weights_that_keep_it_there():
    original = torch.full((3, 60, 80), 0.2)
    original[:, :, 40:] = 0.8
    original += 0.01 * torch.rand(3, 60, 80, generator=torch.Generator().manual_seed(0))
    graded = original.clone()
    graded[:, :, 40:] += 0.2
    published, kept = (
        (regrain(original, graded, weights=weights) - original).mean((0, 1)) for weights in (PUBLISHED_WEIGHTS, EDGES)
    )
    assert kept[30:38].max() < 0.02 < published[30:38].max()
    assert kept[42:50].min() > 0.18 > published[42:50].min()


def test_compiled_loops_and_torch_agree_on_all_weights():
    random = torch.Generator().manual_seed(0)
    original, graded = torch.rand(2, 3, 41, 53, generator=random)
    for weights in (PUBLISHED_WEIGHTS, EDGES, Weights(least=0.5), Weights(knee=0.2)):
        compiled, plain = (
            solve(original, graded - original, graded - original, 1.0, 0.5, 7, weights)  # `start` is written to
            for solve in (solve_compiled, solve_torch)
        )
        assert (compiled - plain).abs().max() < 2e-6
