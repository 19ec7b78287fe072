"""Means over superpixels agree with what enlarging and averaging would give."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from limner.nn.tiled_features import FeatureSource
from limner.recolor.matching.features import features_of
from limner.recolor.superpixels.pooling import Regions, _moments_torch, measure_regions, pool_features


def blocks(height: int, width: int, edge: int = 7) -> Tensor:
    """Labels of squares of ``edge`` pixels."""
    rows, columns = torch.arange(height) // edge, torch.arange(width) // edge
    return (rows[:, None] * (columns.max() + 1) + columns).int()


def noise(*size: int) -> Tensor:
    return torch.rand(*size, generator=torch.Generator().manual_seed(0))


def test_centers_and_covariances_are_those_of_numpy() -> None:
    image, labels = noise(3, 33, 47), blocks(33, 47)
    regions = measure_regions(image, labels)
    rows, columns = np.indices((33, 47))
    points = np.stack([rows / 33, columns / 47, *image.double().numpy()])
    for number in range(int(labels.max()) + 1):
        own = points[:, labels.numpy() == number]
        assert regions.count[number] == own.shape[1]
        np.testing.assert_allclose(regions.mean[number], own.mean(1), atol=1e-6)
        full = np.cov(own, bias=True)
        full[:2, 2:] = full[2:, :2] = 0
        np.testing.assert_allclose(regions.covariance[number], full, atol=1e-6)


def test_weights_decide_what_a_center_is_a_mean_of() -> None:
    image, labels = noise(3, 14, 14), blocks(14, 14)
    weights = torch.zeros(14, 14)
    weights[0, 0] = weights[0, 1] = 1
    regions = measure_regions(image, labels, weights)
    assert (regions.colors[0] - image[:, 0, :2].mean(1)).abs().max() < 1e-5
    assert (regions.colors[3] - image[:, 7:, 7:].flatten(1).mean(1)).abs().max() < 1e-5  # without any weight: all alike
    assert regions.count.tolist() == [49] * 4


def test_sums_on_any_device_are_those_of_the_compiled_loop() -> None:
    image, labels = noise(3, 20, 31), blocks(20, 31)
    moments = _moments_torch(image, labels, None, int(labels.max()) + 1)
    regions = measure_regions(image, labels)
    assert (moments[:, 2:7] / moments[:, 1:2] - regions.mean).abs().max() < 1e-6


def test_joined_regions_stand_in_order() -> None:
    first, second = (measure_regions(noise(3, 9, size), blocks(9, size)) for size in (8, 15))
    joined = Regions.joined([first, second])
    assert len(joined.mean) == len(first.mean) + len(second.mean)
    assert torch.equal(joined.colors[len(first.mean) :], second.colors)


@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("size", [(33, 47), (1, 40), (64, 64), (40, 1)])
def test_pooling_equals_enlarging_the_maps_and_averaging(stride: int, size: tuple[int, int]) -> None:
    image, labels = noise(3, *size), blocks(*size)

    def shrunk(picture: Tensor) -> list[Tensor]:
        return [functional.avg_pool2d(picture, stride) * torch.tensor([1.0, -2.0, 5.0])[:, None, None]]

    source = FeatureSource("shrunk", shrunk, stride, 0)
    padded = functional.pad(image[None], (0, -size[1] % stride, 0, -size[0] % stride), mode="replicate")
    whole = functional.interpolate(shrunk(padded)[0], padded.shape[2:], mode="bilinear")[0, :, : size[0], : size[1]]
    expected = torch.stack([whole[:, labels == number].mean(1) for number in range(int(labels.max()) + 1)])
    assert (pool_features(image, labels, source) - expected).abs().max() < 1e-5


@pytest.mark.parametrize("name", ["efficientnet-lite0", "lab-gradient"])
def test_tiles_give_the_super_features_of_one_pass(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image, labels = noise(3, 150, 203), blocks(150, 203, 9)
    source = features_of(name, ("stem", "block1") if name == "efficientnet-lite0" else ())
    whole = pool_features(image, labels, source)
    monkeypatch.setattr(FeatureSource.tiles, "__defaults__", (64,))
    assert len(list(source.tiles(image))) == 12
    assert (pool_features(image, labels, source) - whole).abs().max() < 1e-4 * whole.abs().max()


def test_a_large_superpixels_mean_loses_no_digits() -> None:
    image = torch.full((3, 600, 700), 0.3)
    source = FeatureSource("itself", lambda picture: [picture + 1000], 1, 0)
    pooled = pool_features(image, torch.zeros(600, 700, dtype=torch.int32), source)
    assert (pooled - 1000.3).abs().max() < 1e-3
