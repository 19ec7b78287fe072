"""Contrast normalization and whitening: their properties, and loops in float64."""

from itertools import product
from math import exp

import pytest
import torch
from torch import Tensor

from limner.nn.layers.contrast import normalize_global, normalize_local
from limner.nn.layers.whitening import Whitening


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("channels", [1, 3, 13])
def test_global_normalization_gives_mean_0_and_the_scale_asked_for(channels: int) -> None:
    found = normalize_global(draw(2, channels, 33, 47), scale=2.0)
    assert torch.allclose(found.mean(dim=(1, 2, 3)), torch.zeros(2, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(found.square().mean(dim=(1, 2, 3)).sqrt(), torch.full((2,), 2.0, dtype=torch.float64))


def test_global_normalization_sees_no_brightness_and_no_contrast() -> None:
    picture = draw(1, 3, 9, 8)
    assert torch.allclose(normalize_global(picture), normalize_global(0.3 * picture + 5), atol=1e-12)
    patch = 255 * picture
    wanted = (patch - patch.mean()) / (10 + (patch - patch.mean()).square().mean()).sqrt()
    assert torch.allclose(normalize_global(patch, regularizer=10, floor=0), wanted)


@pytest.mark.parametrize("normalize", [normalize_global, normalize_local])
@pytest.mark.parametrize("value", [0.0, 0.7, 255.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_flat_picture_becomes_zeros(normalize, value: float, dtype: torch.dtype) -> None:
    flat = torch.full((1, 3, 12, 10), value, dtype=dtype)
    assert torch.equal(normalize(flat), torch.zeros_like(flat))
    assert torch.equal(normalize_global(flat, floor=0), torch.zeros_like(flat))


def test_local_normalization_is_what_the_paper_says() -> None:
    picture, window, std = draw(1, 2, 7, 6), 3, 0.8
    height, width = picture.shape[2:]

    def mean_around(maps: Tensor, row: int, column: int) -> float:
        total = weight = 0.0
        for m, n in product((-1, 0, 1), (-1, 0, 1)):
            if 0 <= row + m < height and 0 <= column + n < width:
                each = exp(-0.5 * (m * m + n * n) / std**2)
                total += each * float(maps[0, :, row + m, column + n].mean())
                weight += each
        return total / weight

    detail = picture.clone()
    for row, column in product(range(height), range(width)):
        detail[0, :, row, column] -= mean_around(picture, row, column)
    sigma = torch.zeros(height, width, dtype=torch.float64)
    for row, column in product(range(height), range(width)):
        sigma[row, column] = mean_around(detail.square(), row, column) ** 0.5
    wanted = detail / torch.maximum(sigma, sigma.mean())
    assert torch.allclose(normalize_local(picture, window, std), wanted, atol=1e-10)


def test_local_normalization_takes_a_shadow_away_that_global_leaves() -> None:
    picture = draw(1, 1, 48, 48)
    shadowed = picture.clone()
    shadowed[..., 24:] *= 0.2
    changed = {
        name: float((normalize(shadowed) - normalize(picture)).square()[..., 30:].mean())
        for name, normalize in (("global", normalize_global), ("local", normalize_local))
    }
    assert changed["local"] < 0.4 * changed["global"]


def test_both_have_gradients() -> None:
    picture = draw(1, 2, 5, 6).requires_grad_()
    assert torch.autograd.gradcheck(normalize_global, (picture,))
    assert torch.autograd.gradcheck(lambda x: normalize_local(x, 3), (picture,))
    with pytest.raises(ValueError, match="odd number"):
        normalize_local(picture, 4)


def test_whitened_data_has_no_correlation_and_comes_back() -> None:
    mixing = draw(6, 6, seed=1)
    data = draw(500, 6) @ mixing + 3
    whitening = Whitening.fit(data, regularizer=0.0)
    white = whitening(data)
    assert torch.allclose(torch.cov(white.T), torch.eye(6, dtype=torch.float64), atol=1e-8)
    assert torch.allclose(white.mean(0), torch.zeros(6, dtype=torch.float64), atol=1e-10)
    assert torch.allclose(whitening.undo(white), data, atol=1e-8)
    assert torch.allclose(whitening.matrix, whitening.matrix.T, atol=1e-8)  # ZCA, not PCA


def test_whitening_is_the_one_of_the_paper() -> None:
    data = draw(40, 4)
    covariance = torch.cov(data.T)
    values, vectors = torch.linalg.eigh(covariance + 0.1 * torch.eye(4, dtype=torch.float64))
    wanted = (data - data.mean(0)) @ (vectors @ torch.diag(values**-0.5) @ vectors.T)
    assert torch.allclose(Whitening.fit(data)(data), wanted, atol=1e-10)
    assert torch.autograd.gradcheck(Whitening.fit(data), (draw(3, 4).requires_grad_(),))


def test_data_that_cannot_be_whitened_are_told() -> None:
    with pytest.raises(ValueError, match="n at least 2"):
        Whitening.fit(draw(1, 4))
    with pytest.raises(ValueError, match="does not vary"):
        Whitening.fit(torch.ones(5, 3), regularizer=0.0)
