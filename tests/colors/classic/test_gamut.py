"""The gamut transfer, step by step."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from limner.colors.classic import FITS
from limner.colors.classic.gamut import (
    WHITE_UPRIGHT,
    gamut,
    hull_points,
    illuminant,
    overlap_hulls,
    turn_and_scale,
    volume,
)
from limner.colors.spaces import linear_to_srgb, srgb_to_linear
from limner.foundation.errors import UserError


def colors(seed: int = 0, count: int = 3000) -> Tensor:
    """(3, count) float32 within [0, 0.8], more red than blue."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(3, count, generator=generator) * torch.tensor([[0.8], [0.7], [0.5]])


def body(seed: int = 0) -> np.ndarray:
    """Upright colors (200, 3) without a symmetry."""
    points = np.random.default_rng(seed).random((200, 3))
    return points * [1.0, 0.5, 0.2] - [0.0, 0.1, 0.1]


def test_methods_stand_in_the_order_of_the_docs() -> None:
    assert list(FITS) == ["reinhard", "xiao", "mkl", "histogram", "idt", "gamut"]


def test_the_light_on_a_gray_card_is_found() -> None:
    light = torch.tensor([1.2, 1.0, 0.6], dtype=torch.float64)
    card = linear_to_srgb(torch.linspace(0.1, 0.7, 100, dtype=torch.float64) * light[:, None])
    torch.testing.assert_close(illuminant(card), light * math.sqrt(3) / light.norm())


def test_black_and_pure_colors_have_a_light_that_can_be_divided_by() -> None:
    assert torch.equal(illuminant(torch.zeros(3, 5)), torch.ones(3, dtype=torch.float64))
    red = illuminant(torch.tensor([[0.9], [0.0], [0.0]]).expand(3, 4))
    torch.testing.assert_close(red[1:] / red[0], torch.tensor([0.1, 0.1], dtype=torch.float64))


def test_the_volume_of_a_cube_is_one_and_of_a_square_none() -> None:
    cube = np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, -1).T.astype(float)
    assert volume(cube) == pytest.approx(1)
    assert volume(cube * [1, 1, 0]) == 0
    inside = torch.from_numpy(np.concatenate((cube, cube * 0.5 + 0.25)).T)
    assert sorted(map(tuple, hull_points(inside))) == sorted(map(tuple, cube))


@pytest.mark.parametrize("turn", [-0.5, 0.0, 0.4])
@pytest.mark.parametrize("scales", [(0.7, 0.7), (1.0, 1.6), (3.0, 0.5)])
def test_a_turned_and_scaled_hull_is_laid_over_the_first(turn: float, scales: tuple[float, float]) -> None:
    moving = body()
    matrix = turn_and_scale(np.array([turn, *np.log(scales)]))
    goal = np.column_stack((moving[:, 0], moving[:, 1:] @ matrix.T))
    np.testing.assert_allclose(overlap_hulls(moving, goal), matrix, rtol=0, atol=0.03)


def test_equal_hulls_are_left_as_they_are() -> None:
    np.testing.assert_allclose(overlap_hulls(body(), body()), np.eye(2), rtol=0, atol=1e-2)


def test_means_of_color_meet_whichever_sample_is_drawn() -> None:
    generator = torch.Generator().manual_seed(0)
    gray = 0.1 + 0.8 * torch.rand(1, 80_000, generator=generator) + 0.01 * torch.randn(3, 80_000, generator=generator)
    light, tint = torch.rand(1, 70_000, generator=generator), torch.tensor([[0.9], [0.6], [0.3]])
    orange = light * tint + 0.1 * torch.rand(3, 70_000, generator=generator)
    results = [gamut(gray, orange, seed=seed)(gray) for seed in range(3)]
    for result in results:
        assert (result.mean(1) - orange.mean(1)).abs().max() < 0.01
        assert (result - results[0]).abs().mean() < 0.03


@pytest.mark.parametrize("seed", range(5))
def test_bodies_that_look_alike_from_both_sides_are_not_turned_around(seed: int) -> None:
    def drawn(seed: int) -> Tensor:
        points = torch.rand(3, 2000, generator=torch.Generator().manual_seed(seed)) - 0.5
        axes = torch.tensor(WHITE_UPRIGHT) * torch.tensor([[0.6], [0.3], [0.1]])
        return 0.5 + axes.T @ points

    chroma = gamut(drawn(seed), drawn(seed + 10)).chroma
    torch.testing.assert_close(chroma, torch.eye(2, dtype=torch.float64), rtol=0, atol=0.25)


def test_a_change_of_light_alone_is_undone() -> None:
    seen = colors()
    light = torch.tensor([[0.8], [1.0], [0.9]])
    warm = linear_to_srgb(srgb_to_linear(seen) * light)
    assert (gamut(warm, seen)(warm) - seen).abs().mean() < 0.1 * (warm - seen).abs().mean()


def test_grays_take_the_tint_of_the_references_light() -> None:
    gray = torch.linspace(0.1, 0.9, 50).repeat(3, 1)
    tint = torch.tensor([[1.0], [0.8], [0.6]])
    tinted = linear_to_srgb(srgb_to_linear(gray) * tint)
    light = srgb_to_linear(gamut(gray, tinted)(gray))
    torch.testing.assert_close(light / light[:1], tint.expand(3, 50), rtol=0, atol=1e-3)


def test_the_sample_depends_on_the_seed_only() -> None:
    large = colors(count=70_000)
    assert torch.equal(gamut(large, colors(1), seed=0).chroma, gamut(large, colors(1), seed=0).chroma)


def test_other_than_three_bands_are_refused() -> None:
    with pytest.raises(UserError, match=r"gamut got 4 bands; it needs red, green and blue: use mkl or histogram"):
        gamut(torch.rand(4, 9), torch.rand(4, 9))
