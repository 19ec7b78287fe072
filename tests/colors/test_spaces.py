"""Color spaces, against scikit-image and closed forms."""

import numpy as np
import pytest
import torch
from skimage import color

from limner.colors.spaces import (
    lab_to_srgb,
    linear_to_srgb,
    ruderman_to_srgb,
    srgb_to_lab,
    srgb_to_linear,
    srgb_to_ruderman,
)

PAIRS = [(srgb_to_linear, linear_to_srgb), (srgb_to_lab, lab_to_srgb), (srgb_to_ruderman, ruderman_to_srgb)]


def corners_and_more() -> torch.Tensor:
    """(3, 33, 47) float64 in [0, 1] with all corners of the cube."""
    picture = torch.rand(3, 33, 47, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    steps = torch.tensor([0.0, 1.0], dtype=torch.float64)
    picture[:, 0, :8] = torch.cartesian_prod(steps, steps, steps).T
    return picture


def test_lab_is_scikit_images() -> None:
    picture = corners_and_more()
    expected = color.rgb2lab(picture.movedim(0, 2).numpy())
    assert np.abs(srgb_to_lab(picture).movedim(0, 2).numpy() - expected).max() < 1e-9
    assert np.abs(srgb_to_lab(picture.float()).movedim(0, 2).numpy() - expected).max() < 1e-3


@pytest.mark.parametrize(("there", "back"), PAIRS)
def test_every_number_comes_back_also_beyond_the_range(there, back) -> None:
    picture = 3 * corners_and_more() - 1
    torch.testing.assert_close(back(there(picture)), picture, rtol=0, atol=1e-8)
    torch.testing.assert_close(back(there(picture.float())), picture.float(), rtol=0, atol=5e-4)


@pytest.mark.parametrize(("there", "back"), PAIRS)
def test_colors_without_rows_and_without_pixels_pass(there, back) -> None:
    assert back(there(torch.rand(3, 1))).shape == (3, 1)
    assert there(torch.empty(3, 0)).shape == (3, 0)


def test_negative_light_mirrors_positive_light() -> None:
    ramp = torch.linspace(0, 2, 101).repeat(3, 1)
    torch.testing.assert_close(srgb_to_linear(-ramp), -srgb_to_linear(ramp))
    torch.testing.assert_close(linear_to_srgb(-ramp), -linear_to_srgb(ramp))


def test_gray_has_no_color_in_lab() -> None:
    gray = torch.linspace(0, 1, 11, dtype=torch.float64).repeat(3, 1)
    assert srgb_to_lab(gray)[1:].abs().max() < 0.01  # scikit-image's white is rounded
    assert srgb_to_ruderman(gray)[1:].abs().max() < 1e-12


def test_black_is_finite_in_rudermans_lab() -> None:
    assert srgb_to_ruderman(torch.zeros(3, 1)).isfinite().all()
