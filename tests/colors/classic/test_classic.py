"""What every classic method promises, held against the whole table of them."""

import pytest
import torch
from torch import Tensor

from limner.colors.classic import FITS
from limner.colors.classic.clouds import moments, sample
from limner.foundation.errors import UserError

METHODS = list(FITS)
ANY_BANDS = ["reinhard", "xiao", "mkl", "histogram", "idt"]


def cloud(bands: int = 3, count: int = 1551, *, seed: int = 0, center: float = 0.5, spread: float = 0.1) -> Tensor:
    """Correlated colors (bands, count) float32 about ``center``."""
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(bands, bands, generator=generator) @ torch.randn(bands, count, generator=generator)
    return center + spread * mixed / bands**0.5


@pytest.mark.parametrize("method", METHODS)
def test_a_cloud_onto_itself_stays(method: str) -> None:
    colors = cloud().clamp(0, 1)
    torch.testing.assert_close(FITS[method](colors, colors)(colors), colors, rtol=0, atol=2e-5)


@pytest.mark.parametrize("method", METHODS)
def test_colors_come_nearer_to_the_reference(method: str) -> None:
    target, reference = cloud(seed=1, center=0.3).clamp(0, 1), cloud(count=2047, seed=2, center=0.6).clamp(0, 1)
    result = FITS[method](target, reference)(target)
    assert result.shape == target.shape
    assert result.dtype == torch.float32
    assert (result.mean(1) - reference.mean(1)).norm() < 0.3 * (target.mean(1) - reference.mean(1)).norm()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("count", [1, 2, 47])
def test_flat_clouds_and_single_colors_give_finite_colors(method: str, count: int) -> None:
    flat, colors = torch.full((3, count), 0.4), cloud(count=count).clamp(0, 1)
    for target, reference in [(flat, colors), (colors, flat), (flat, torch.full((3, 5), 0.7))]:
        assert FITS[method](target, reference)(target).isfinite().all()
    moved = FITS[method](flat, torch.full((3, 5), 0.7))(flat)
    torch.testing.assert_close(moved, torch.full((3, count), 0.7), rtol=0, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_black_and_white_pictures_give_finite_colors(method: str) -> None:
    gray = torch.linspace(0, 1, 100).expand(3, -1)
    for target, reference in [(gray, cloud().clamp(0, 1)), (cloud().clamp(0, 1), gray)]:
        assert FITS[method](target, reference)(target).isfinite().all()


@pytest.mark.parametrize("method", METHODS)
def test_a_map_takes_colors_it_has_not_seen_of_any_type_and_leaves_its_input(method: str) -> None:
    fitted = FITS[method](cloud(seed=1).clamp(0, 1), cloud(seed=2).clamp(0, 1))
    beyond = torch.tensor([[-0.5, 0.0, 1.0, 1.5]]).repeat(3, 1)
    before = beyond.clone()
    single, double = fitted(beyond), fitted(beyond.double())
    assert torch.equal(beyond, before)
    assert single.isfinite().all()
    assert double.dtype == torch.float64
    torch.testing.assert_close(single.double(), double, rtol=1e-3, atol=1e-3)
    assert fitted(torch.empty(3, 0)).shape == (3, 0)


@pytest.mark.parametrize("method", METHODS)
def test_blocks_change_nothing(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target, reference = cloud(seed=1).clamp(0, 1), cloud(seed=2).clamp(0, 1)
    fitted = FITS[method](target, reference)
    whole = fitted(target)
    monkeypatch.setattr("limner.colors.blocks.CPU_BLOCK", 500)
    torch.testing.assert_close(fitted(target), whole, rtol=0, atol=2e-5)
    if method != "idt":  # whose steps carry on the rounding of sums taken in another order
        torch.testing.assert_close(FITS[method](target, reference)(target), whole, rtol=0, atol=2e-5)


@pytest.mark.parametrize("method", ANY_BANDS)
@pytest.mark.parametrize("bands", [1, 2, 4, 13])
def test_satellite_bands_in_their_own_units_are_matched(method: str, bands: int) -> None:
    target = cloud(bands, 3001, seed=1, center=900.0, spread=120.0).round()
    reference = cloud(bands, 2047, seed=2, center=14000.0, spread=2500.0).round()
    result = FITS[method](target, reference)(target)
    torch.testing.assert_close(result.mean(1), reference.mean(1), rtol=5e-3, atol=0)
    # Ten steps of IDT are not enough for 13 bands.
    torch.testing.assert_close(result.std(1), reference.std(1), rtol=0.3 if method == "idt" else 0.01, atol=0)


@pytest.mark.parametrize("method", ANY_BANDS)
def test_the_unit_of_the_colors_changes_nothing(method: str) -> None:
    target, reference = cloud(4, seed=1), cloud(4, seed=2, center=0.7)
    result = FITS[method](target, reference)(target)
    scaled = FITS[method](target * 65535, reference * 65535)(target * 65535) / 65535
    # Rounding moves single values to another bin, and each step of IDT carries that on.
    torch.testing.assert_close(scaled, result, rtol=0, atol=0.02 if method == "idt" else 1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_unlike_bands_and_empty_clouds_are_the_users_to_mend(method: str) -> None:
    with pytest.raises(UserError, match=r"4 bands and the reference 3; .*choose the same bands"):
        FITS[method](cloud(4), cloud(3))
    with pytest.raises(UserError, match="the reference has no color to learn from"):
        FITS[method](cloud(3), torch.empty(3, 0))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("method", METHODS)
def test_a_gpu_gives_what_the_processor_gives(method: str) -> None:
    target, reference = cloud(seed=1).clamp(0, 1), cloud(seed=2).clamp(0, 1)
    there = FITS[method](target.cuda(), reference.cuda())(target.cuda())
    torch.testing.assert_close(there.cpu(), FITS[method](target, reference)(target), rtol=0, atol=1e-3)


def test_moments_are_those_of_float64_even_far_from_zero() -> None:
    colors = cloud(4, 100_003, center=30000.0, spread=3.0)
    mean, covariance = moments(colors)
    torch.testing.assert_close(mean, colors.double().mean(1))
    torch.testing.assert_close(covariance, torch.cov(colors.double(), correction=0))


def test_samples_of_equal_clouds_are_equal_and_depend_on_the_seed() -> None:
    colors = cloud(count=1000)
    assert torch.equal(sample(colors, 100, 0), sample(colors.clone(), 100, 0))
    assert not torch.equal(sample(colors, 100, 0), sample(colors, 100, 1))
    assert torch.equal(sample(colors, 1000, 0), colors)
