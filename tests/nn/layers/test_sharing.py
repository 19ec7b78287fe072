"""Tiled and local layers against loops, and against the convolution that they become at their ends."""

from itertools import product

import pytest
import torch
from torch import Tensor

from limner.nn.layers.convolution import connections, convolve
from limner.nn.layers.local import LocallyConnected
from limner.nn.layers.tiled import TiledConvolution


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("border", ["valid", "same", "full"])
@pytest.mark.parametrize("tiling", [1, 2, 3])
def test_each_place_reads_by_its_own_turn(tiling: int, border: str) -> None:
    layer = TiledConvolution(2, 3, 3, tiling, border).double()
    picture = draw(1, 2, 8, 7)
    found = layer(picture)
    for row, column in product(range(tiling), range(tiling)):
        alone = convolve(picture, layer.weight[row, column], layer.bias[row, column], border=border)
        assert found.shape == alone.shape
        kept = (..., slice(row, None, tiling), slice(column, None, tiling))
        assert torch.allclose(found[kept], alone[kept], atol=1e-12)


def test_it_is_what_the_definition_says() -> None:
    layer = TiledConvolution(2, 2, 2, 2).double()
    picture = draw(1, 2, 5, 6)
    found = layer(picture)
    for out, row, column in product(*map(range, found.shape[1:])):
        total = layer.bias[row % 2, column % 2, out].clone()
        for channel, m, n in product(range(2), range(2), range(2)):
            total += picture[0, channel, row + m, column + n] * layer.weight[row % 2, column % 2, out, channel, m, n]
        assert torch.allclose(found[0, out, row, column], total, atol=1e-12)


def test_one_tile_is_a_convolution() -> None:
    layer = TiledConvolution(3, 4, 5, 1).double()
    picture = draw(1, 3, 33, 47)
    assert torch.allclose(layer(picture), convolve(picture, layer.weight[0, 0], layer.bias[0, 0]), atol=1e-12)


@pytest.mark.parametrize("tiling", [5, 9])
def test_as_many_tiles_as_places_are_local_connections(tiling: int) -> None:
    tiled, local = TiledConvolution(2, 3, 3, tiling).double(), LocallyConnected(2, 3, (7, 6), 3).double()
    with torch.no_grad():
        local.weight.copy_(tiled.weight[:5, :4])
        local.bias.copy_(tiled.bias[:5, :4].permute(2, 0, 1))
    picture = draw(2, 2, 7, 6)
    assert torch.allclose(tiled(picture), local(picture), atol=1e-12)


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1)])
def test_local_connections_read_windows_by_weights_of_their_own(stride: int, padding: int) -> None:
    layer = LocallyConnected(2, 3, (6, 5), 3, stride, padding).double()
    picture = draw(2, 2, 6, 5)
    padded = torch.nn.functional.pad(picture, [padding] * 4)
    found = layer(picture)
    assert found.shape[2:] == layer.places
    for row, column in product(*map(range, layer.places)):
        window = padded[:, :, stride * row : stride * row + 3, stride * column : stride * column + 3]
        wanted = torch.einsum("bcmn,ocmn->bo", window, layer.weight[row, column]) + layer.bias[:, row, column]
        assert torch.allclose(found[:, :, row, column], wanted, atol=1e-12)


@pytest.mark.parametrize("layer", [TiledConvolution(2, 2, 3, 2, "same"), LocallyConnected(2, 2, (5, 5), 3)])
def test_gradients_are_right_and_no_parameter_is_dead(layer) -> None:
    layer = layer.double()
    assert torch.autograd.gradcheck(layer, (draw(1, 2, 5, 5).requires_grad_(),))
    layer(draw(1, 2, 5, 5)).square().sum().backward()
    assert all((each.grad != 0).all() for each in layer.parameters())


def test_counts_are_those_of_the_comparison() -> None:
    counts = connections(3, 8, (12, 10), 3, tiling=2)
    tiled, local = TiledConvolution(3, 8, 3, 2), LocallyConnected(3, 8, (12, 10), 3)
    assert sum(each.numel() for each in tiled.parameters()) == counts["tiled"]
    assert sum(each.numel() for each in local.parameters()) == counts["local"]


def test_darknets_layer_has_its_count() -> None:
    """The locally connected layer of darknet's YOLO v1: 7 x 7 places, 3 x 3 windows of 1024 maps, 256 maps."""
    with torch.device("meta"):
        layer = LocallyConnected(1024, 256, (7, 7), 3, padding=1)
    assert sum(each.numel() for each in layer.parameters()) == 115_618_048


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(ValueError, match="weights for each place"):
        LocallyConnected(1, 1, (5, 5), 3)(torch.zeros(1, 1, 6, 5))
    with pytest.raises(ValueError, match="do not fit"):
        LocallyConnected(1, 1, (2, 5), 3)
    with pytest.raises(ValueError, match="do not fit"):
        TiledConvolution(1, 1, 5, 2)(torch.zeros(1, 1, 4, 9))
    with pytest.raises(ValueError, match="tiling is 0"):
        TiledConvolution(1, 1, 3, 0)
