"""Reinhard's transfer and the two spaces it works in."""

import numpy as np
import pytest
import torch
from torch import Tensor

from limner.colors.classic.reinhard import reinhard
from limner.foundation.errors import UserError

LMS = np.array([[0.3811, 0.5783, 0.0402], [0.1967, 0.7244, 0.0782], [0.0241, 0.1288, 0.8444]])
LAB = np.diag([3**-0.5, 6**-0.5, 2**-0.5]) @ np.array([[1, 1, 1], [1, 1, -2], [1, -1, 0]])


def colors(seed: int, low: float, high: float) -> Tensor:
    """(3, 500) float32 from ``low`` to ``high``."""
    return low + (high - low) * torch.rand(3, 500, generator=torch.Generator().manual_seed(seed))


def paper(target: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The paper's steps in float64, for colors (3, n) well above black."""

    def forward(picture: np.ndarray) -> np.ndarray:
        return LAB @ np.log10(LMS @ ((picture + 0.055) / 1.055) ** 2.4)

    lab, like = forward(target), forward(reference)
    lab = lab - lab.mean(1, keepdims=True)
    lab *= like.std(1, keepdims=True) / lab.std(1, keepdims=True)
    linear = np.linalg.inv(LMS) @ 10 ** (np.linalg.inv(LAB) @ (lab + like.mean(1, keepdims=True)))
    return np.where(linear > 0.0031308, 1.055 * np.abs(linear) ** (1 / 2.4) - 0.055, 12.92 * linear)


def test_photographs_follow_the_papers_steps() -> None:
    target, reference = colors(1, 0.3, 0.6), colors(2, 0.4, 0.9)
    expected = paper(target.double().numpy(), reference.double().numpy())
    assert np.abs(reinhard(target, reference)(target).numpy() - expected).max() < 2e-5


def test_bands_take_mean_and_deviation() -> None:
    target, reference = 1000 * colors(1, 0.0, 1.0), 5000 * colors(2, 0.2, 0.3)
    result = reinhard(target, reference, space="bands")(target)
    torch.testing.assert_close(result.mean(1), reference.mean(1))
    torch.testing.assert_close(result.std(1), reference.std(1), rtol=1e-4, atol=0)


def test_a_band_of_one_value_is_only_moved() -> None:
    target, reference = colors(1, 0.0, 1.0), colors(2, 0.2, 0.3)
    target[1] = 0.1
    result = reinhard(target, reference, space="bands")(target)
    torch.testing.assert_close(result[1], reference[1].mean().expand(500))


def test_black_keeps_its_place_below_all_others() -> None:
    ramp = torch.linspace(0, 1, 256).repeat(3, 1)
    result = reinhard(ramp, colors(2, 0.2, 0.5))(ramp)
    assert (result.mean(0).diff() > 0).all()


def test_lab_needs_three_bands() -> None:
    with pytest.raises(UserError, match=r"4 bands and space=lab.*use space=bands"):
        reinhard(torch.rand(4, 9), torch.rand(4, 9), space="lab")
