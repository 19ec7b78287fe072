"""Contrast given back: where it was lost, as far as the reference asks for it, and nowhere else."""

from dataclasses import replace

import pytest
import torch

from limner.foundation.errors import UserError
from limner.recolor.matching.contrast import give_contrast_back
from limner.recolor.methods.methods import transfer_color
from limner.recolor.methods.superpixel import SuperpixelOptions
from limner.recolor.scoring.faults import opacity
from limner.recolor.superpixels.pooling import Regions


def scattered(contrast: float, count: int = 400, seed: int = 0) -> Regions:
    """Superpixels all over a picture, each of a gray of its own and with as much grain as it differs from others."""
    random = torch.Generator().manual_seed(seed)
    positions = torch.rand(count, 2, generator=random)
    grays = 0.5 + contrast * torch.randn(count, 1, generator=random)
    covariance = torch.zeros(count, 5, 5)
    covariance[:, 2:, 2:] = contrast**2
    return Regions(torch.full((count,), 30), torch.cat([positions, grays.expand(-1, 3)], 1), covariance)


def spread(colors: torch.Tensor) -> float:
    return float(colors[:, 0].std())


def test_contrast_that_was_lost_comes_back() -> None:
    regions = scattered(0.1)
    dulled = 0.5 + 0.5 * (regions.colors - 0.5)
    made = give_contrast_back(regions, dulled, regions, 1.0)
    assert spread(made) > 1.5 * spread(dulled)
    correlation = torch.corrcoef(torch.stack([made[:, 0], dulled[:, 0]]))[0, 1]
    assert correlation > 0.95  # what is light stays light
    assert torch.equal(give_contrast_back(regions, dulled, regions, 0.0), dulled)


@pytest.mark.parametrize("gain", [1.0, 1.3])
def test_where_nothing_is_missing_nothing_changes(gain: float) -> None:
    regions = scattered(0.1)
    colors = 0.4 + gain * (regions.colors - 0.5)
    torch.testing.assert_close(give_contrast_back(regions, colors, regions, 1.0), colors)


def test_a_reference_of_half_the_contrast_asks_for_no_more() -> None:
    regions, dull = scattered(0.1), scattered(0.05, seed=1)
    halved = 0.5 + 0.5 * (regions.colors - 0.5)
    torch.testing.assert_close(give_contrast_back(regions, halved, dull, 1.0), halved)
    lower = 0.5 + 0.25 * (regions.colors - 0.5)
    assert spread(give_contrast_back(regions, lower, dull, 1.0)) > 1.2 * spread(lower)


def test_a_weight_of_nothing_takes_a_reference_out() -> None:
    regions, dull = scattered(0.1), scattered(0.01, seed=1)
    both, first = Regions.joined([regions, dull]), torch.cat([torch.ones(400), torch.zeros(400)])
    halved = 0.5 + 0.5 * (regions.colors - 0.5)
    alone = give_contrast_back(regions, halved, regions, 1.0)
    torch.testing.assert_close(give_contrast_back(regions, halved, both, 1.0, shares=first), alone)
    assert spread(give_contrast_back(regions, halved, both, 1.0)) < spread(alone)


def test_smooth_surfaces_get_no_blotches() -> None:
    regions = scattered(0.004)
    dulled = 0.5 + 0.5 * (regions.colors - 0.5)
    assert (give_contrast_back(regions, dulled, regions, 1.0) - dulled).abs().max() < 2 / 255


def test_what_was_matched_by_hand_stays() -> None:
    regions = scattered(0.1)
    dulled = 0.5 + 0.5 * (regions.colors - 0.5)
    torch.testing.assert_close(give_contrast_back(regions, dulled, regions, 1.0, held=torch.ones(400)), dulled)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_pictures_of_few_superpixels(count: int) -> None:
    regions = scattered(0.1, count)
    assert torch.isfinite(give_contrast_back(regions, regions.colors, regions, 1.0)).all()


def bark(seed: int, *, height: int = 144, width: int = 180) -> torch.Tensor:
    """Two surfaces side by side, each of one color with coarse texture."""
    random = torch.Generator().manual_seed(seed)
    texture = torch.nn.functional.interpolate(
        torch.randn(1, 1, 24, 30, generator=random), (height, width), mode="bicubic"
    )
    base = torch.rand(3, 2, generator=random).repeat_interleave(width // 2, 1)[:, None]
    return (0.25 + 0.5 * base + 0.12 * texture[0]).clamp(0, 1)


def test_a_result_is_less_opaque_by_it() -> None:
    target, reference = bark(1), bark(2)
    usual = SuperpixelOptions(features="lab-gradient")
    made, without = (
        opacity(target, transfer_color(target, [reference], options).picture, reference)
        for options in (usual, replace(usual, contrast=0))
    )
    assert made < 0.95 * without


@pytest.mark.parametrize("value", [-1.0, 2.5, float("nan")])
def test_impossible_strengths_are_one_line(value: float) -> None:
    with pytest.raises(UserError, match=r"contrast is .*; needed: 0 .* to 2, 1 is usual"):
        SuperpixelOptions(contrast=value)
