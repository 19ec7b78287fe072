"""Pooling in all its kinds against loops, closed forms and the lecture's own numbers."""

from itertools import product

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from limner.nn.layers.pooling import (
    JointPool,
    PartialPool,
    PoolToGrid,
    PyramidPool,
    SmoothedMaxPool,
    StochasticPool,
    probability_pool,
    smoothed_max,
    stochastic_pool,
    windows,
)
from limner.nn.layers.unpooling import max_pool_with_switches, unpool, unpool_fixed

LECTURE = torch.tensor([[12.0, 20, 30, 0], [8, 12, 2, 0], [34, 70, 37, 4], [112, 100, 25, 12]])[None, None]


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_lectures_example_has_its_numbers() -> None:
    """The slide prints 20 for the last mean; it is 19.5."""
    assert max_pool_with_switches(LECTURE)[0].flatten().tolist() == [20, 30, 112, 37]
    assert functional.avg_pool2d(LECTURE, 2).flatten().tolist() == [13, 8, 79, 19.5]


def test_stochastic_pooling_draws_values_by_their_size() -> None:
    maps = torch.tensor([[1.0, 3.0], [0.0, 4.0]]).expand(1, 20_000, 2, 2)
    drawn = stochastic_pool(maps, 2, generator=torch.Generator().manual_seed(0)).flatten()
    shares = [float((drawn == value).double().mean()) for value in (0.0, 1.0, 3.0, 4.0)]
    assert shares[0] == 0 and shares[1:] == pytest.approx([1 / 8, 3 / 8, 4 / 8], abs=0.015)
    assert float(drawn.mean()) == pytest.approx(float(probability_pool(maps[:, :1], 2)), abs=0.03)
    assert float(probability_pool(maps[:, :1], 2)) == pytest.approx((1 + 9 + 16) / 8)


def test_stochastic_pooling_repeats_by_its_generator_and_leaves_zeros_zero() -> None:
    maps = draw(2, 3, 6, 6)
    once, again, other = (stochastic_pool(maps, 2, generator=torch.Generator().manual_seed(seed)) for seed in (5, 5, 6))
    assert torch.equal(once, again) and not torch.equal(once, other)
    for pool in (stochastic_pool, probability_pool):
        assert torch.equal(pool(torch.zeros(1, 1, 4, 4), 2), torch.zeros(1, 1, 2, 2))
    layer = StochasticPool(2).eval()
    assert torch.equal(layer(maps), probability_pool(maps, 2))
    assert (layer.train()(maps) != probability_pool(maps, 2)).any()


def test_windows_overlap_when_they_are_told_to() -> None:
    found = windows(torch.arange(25.0).view(1, 1, 5, 5), 3, 2)
    assert found.shape == (1, 1, 2, 2, 9)
    assert found[0, 0, 1, 0].tolist() == [10, 11, 12, 15, 16, 17, 20, 21, 22]


@pytest.mark.parametrize("cardinality", [1, 2, 4, 16])
def test_the_smoothed_maximum_is_the_expectation_of_the_maximum(cardinality: int) -> None:
    """Over all outcomes of independent binary codes, weighed by their probability."""
    mean = 0.3
    expected = 0.0
    for ones in range(cardinality + 1):
        ways = torch.exp(torch.lgamma(torch.tensor([cardinality + 1.0, ones + 1.0, cardinality - ones + 1.0]))).double()
        expected += float(ways[0] / ways[1] / ways[2]) * mean**ones * (1 - mean) ** (cardinality - ones) * (ones > 0)
    assert float(smoothed_max(torch.tensor(mean, dtype=torch.float64), cardinality)) == pytest.approx(
        expected, rel=1e-5
    )


def test_cardinality_one_is_the_average_and_a_large_one_the_maximum_of_binary_maps() -> None:
    maps = (draw(1, 4, 8, 8) > 0.8).double()
    assert torch.allclose(SmoothedMaxPool(2, cardinality=1)(maps), functional.avg_pool2d(maps, 2))
    assert torch.allclose(SmoothedMaxPool(2, cardinality=1000)(maps), functional.max_pool2d(maps, 2))
    joint = JointPool(4, (1, 16, 256))(maps)
    assert joint.shape == (1, 12, 2, 2)
    assert torch.equal(joint[:, 4:8], SmoothedMaxPool(4, cardinality=16)(maps))


@pytest.mark.parametrize("size", [(7, 7), (33, 47), (13, 9)])
def test_pooling_to_a_grid_takes_any_size(size: tuple[int, int]) -> None:
    maps = draw(1, 3, *size)
    pyramid = PyramidPool()(maps)
    assert pyramid.shape == (1, 3 * 21)
    assert torch.equal(pyramid[:, :3], maps.amax(dim=(2, 3)))
    mean = PoolToGrid(2, largest=False)(maps)
    rows = [(0, -(-size[0] // 2)), (size[0] // 2, size[0])]
    columns = [(0, -(-size[1] // 2)), (size[1] // 2, size[1])]
    for (i, (top, bottom)), (j, (left, right)) in product(enumerate(rows), enumerate(columns)):
        assert torch.allclose(mean[..., i, j], maps[..., top:bottom, left:right].mean(dim=(2, 3)))


def test_a_classifier_behind_a_pyramid_takes_pictures_of_any_size() -> None:
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), PyramidPool((1, 2)), torch.nn.Linear(20, 10)
    )
    for size in ((8, 8), (33, 47)):
        assert network(torch.rand(2, 3, *size)).shape == (2, 10)


def test_partial_pooling_leaves_the_other_maps() -> None:
    maps = draw(1, 5, 9, 8)
    found = PartialPool(2)(maps)
    assert torch.equal(found[:, 2:], maps[:, 2:])
    assert torch.equal(found[:, :2], functional.max_pool2d(maps[:, :2], 3, 1, 1))
    with pytest.raises(ValueError, match="there are 5"):
        PartialPool(6)(maps)
    with pytest.raises(ValueError, match="odd number"):
        PartialPool(1, 2)


@pytest.mark.parametrize("size", [(8, 8), (33, 47), (5, 1)])
@pytest.mark.parametrize("cell", [2, 3])
def test_unpooling_puts_maxima_back_where_they_stood(size: tuple[int, int], cell: int) -> None:
    maps = draw(2, 3, *size) + 0.1
    pooled, switches = max_pool_with_switches(maps, cell)
    back = unpool(pooled, switches)
    assert back.shape == maps.shape
    assert torch.equal(back[back != 0], maps[back != 0])
    assert int((back != 0).sum()) == pooled.numel()
    assert torch.equal(max_pool_with_switches(back, cell)[0], pooled)


def test_unpooling_agrees_with_torch_and_has_its_gradient() -> None:
    maps = draw(1, 2, 6, 6)
    pooled, switches = max_pool_with_switches(maps)
    assert torch.equal(unpool(pooled, switches), functional.max_unpool2d(pooled, switches.places, 2))
    assert torch.autograd.gradcheck(lambda values: unpool(values, switches), (pooled.requires_grad_(),))
    with pytest.raises(ValueError, match="for switches of"):
        unpool(pooled[:, :1], switches)


def test_without_switches_values_stand_in_their_corners() -> None:
    values = draw(1, 2, 3, 4)
    found = unpool_fixed(values)
    assert found.shape == (1, 2, 6, 8)
    assert torch.equal(found[..., ::2, ::2], values) and int((found != 0).sum()) == values.numel()


def test_maps_smaller_than_a_window_are_told() -> None:
    with pytest.raises(ValueError, match="at least as large"):
        stochastic_pool(torch.zeros(1, 1, 2, 5), 3)
