"""Curves between distributions, against sorting."""

import numpy as np
import pytest
import torch
from torch import Tensor

from limner.colors.classic.curves import count_torch, match_distributions
from limner.colors.classic.histogram import histogram
from limner.colors.classic.loops import count_values


def by_sorting(target: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Cumulative matching of values (n,) to (m,) in float64: a share counts half of the values that are equal."""
    _, places, counts = np.unique(target, return_inverse=True, return_counts=True)
    new_values, new_counts = np.unique(reference, return_counts=True)
    shares = (np.cumsum(counts) - counts / 2) / target.size
    new_shares = (np.cumsum(new_counts) - new_counts / 2) / reference.size
    return np.interp(shares, new_shares, new_values)[places]


def random_values(levels: int, count: int, power: float, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(2, count, generator=generator) ** power * levels).round()


@pytest.mark.parametrize("levels", [255, 65535])
def test_whole_numbers_are_matched_as_by_sorting(levels: int) -> None:
    target, reference = random_values(levels, 4000, 2.0, 1), random_values(levels, 3000, 0.5, 2)
    target[:, 0], target[:, 1] = 0, levels  # the full range: a bin a level
    result = histogram(target, reference)(target).double().numpy()
    for band in range(2):
        expected = by_sorting(target[band].double().numpy(), reference[band].double().numpy())
        assert np.abs(result[band] - expected).max() < 2e-3 * levels
        assert np.abs(result[band] - expected).mean() < 2e-6 * levels


def test_8_bit_values_in_part_of_the_range_stay_within_a_quarter_of_a_step() -> None:
    target, reference = (20 + random_values(190, 5000, 3.0, 1)) / 255, random_values(255, 3000, 0.5, 2) / 255
    result = histogram(target, reference)(target).double().numpy()
    for band in range(2):
        expected = by_sorting(target[band].double().numpy(), reference[band].double().numpy())
        assert np.abs(result[band] - expected).max() < 0.25 / 255


def test_equal_pictures_come_back_bit_by_bit() -> None:
    values = random_values(255, 3000, 2.0, 1) / 255
    unseen = torch.linspace(-1, 2, 500).repeat(2, 1)
    fitted = histogram(values, values.flip(1))
    assert torch.equal(fitted(values), values)
    assert torch.equal(fitted(unseen), unseen)


def test_curves_rise_and_go_on_with_slope_one() -> None:
    target, reference = random_values(255, 3000, 2.0, 1), random_values(255, 3000, 0.5, 2)
    line = torch.linspace(-100, 400, 4001, dtype=torch.float64).repeat(2, 1)
    curve = histogram(target, reference)(line)
    assert (curve.diff(dim=1) > -1e-9).all()
    torch.testing.assert_close(curve.diff(dim=1)[:, :700], line.diff(dim=1)[:, :700])
    torch.testing.assert_close(curve.diff(dim=1)[:, -700:], line.diff(dim=1)[:, -700:])


def test_a_value_that_is_no_number_stays_none_and_harms_no_other() -> None:
    target, reference = random_values(255, 300, 2.0, 1), random_values(255, 300, 0.5, 2)
    fitted = histogram(target, reference)
    spoiled = target.clone()
    spoiled[0, 7] = torch.nan
    result = fitted(spoiled)
    assert result[0, 7].isnan()
    result[0, 7] = fitted(target)[0, 7]
    assert torch.equal(result, fitted(target))


def test_few_bins_still_give_the_distribution() -> None:
    generator = torch.Generator().manual_seed(0)
    target, reference = torch.rand(1, 20000, generator=generator), torch.randn(1, 20000, generator=generator)
    matched = match_distributions(target, reference, 512)(target)
    assert (matched.sort()[0] - reference.sort()[0]).abs().mean() < 0.01


@pytest.mark.parametrize("count", [1, 2, 5000])
def test_the_compiled_count_and_torchs_agree(count: int) -> None:
    values = torch.randn(count, generator=torch.Generator().manual_seed(0))
    for compiled, plain in zip(count_values(values.numpy(), 64), count_torch(values, 64), strict=True):
        np.testing.assert_allclose(compiled, plain)
