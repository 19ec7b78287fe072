"""Kernels learned without labels, one layer after the other."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.nn.kernels.greedy import convolutions, learn_layer

LAYERS = 2


def small() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 6, 3), nn.ReLU(), nn.Conv2d(6, 4, 3)
    )


@pytest.fixture(scope="module")
def stripes() -> Tensor:
    """(48, 1, 20, 20): stripes of four directions, at any place, with some noise."""
    generator = torch.Generator().manual_seed(1)
    rows, columns = torch.meshgrid(torch.arange(20.0), torch.arange(20.0), indexing="ij")
    angles = torch.arange(48).view(-1, 1, 1) * torch.pi / 4
    shifts = 6 * torch.rand(48, 1, 1, generator=generator)
    waves = (1.3 * (angles.cos() * rows + angles.sin() * columns) + shifts).sin()
    return (waves + 0.1 * torch.randn(waves.shape, generator=generator))[:, None]


@pytest.fixture(scope="module")
def learned(stripes: Tensor) -> tuple[nn.Sequential, list[dict[str, float]]]:
    network = small()
    told = [learn_layer(network, layer, stripes, patches=600, steps=200) for layer in convolutions(network, LAYERS)]
    return network, told


def not_told(kernels: Tensor, pictures: Tensor) -> float:
    """The share of the variance of patches that no sum of kernels rebuilds."""
    patches = functional.unfold(pictures, kernels.shape[-1]).transpose(1, 2).flatten(0, 1)
    patches = patches - patches.mean(0)
    atoms = kernels.flatten(1).T
    rebuilt = atoms @ torch.linalg.lstsq(atoms, patches.T).solution
    return float((rebuilt - patches.T).square().sum() / patches.square().sum())


def test_kernels_come_to_tell_what_pictures_are_made_of(
    stripes: Tensor, learned: tuple[nn.Sequential, list[dict[str, float]]]
) -> None:
    drawn, first = small()[0].weight, learned[0][0].weight
    assert not_told(first.detach(), stripes) < 0.2 * not_told(drawn.detach(), stripes)
    assert not_told(first.detach(), stripes) <= learned[1][0]["not_rebuilt"] < 0.5


def test_answers_keep_their_strength_and_layers_behind_stay(
    stripes: Tensor, learned: tuple[nn.Sequential, list[dict[str, float]]]
) -> None:
    network, fresh = small(), small()
    told = learn_layer(network, network[0], stripes, patches=600, steps=200)  # type: ignore[arg-type]
    assert torch.equal(network[0].weight, learned[0][0].weight)  # type: ignore[arg-type]  # the same draws, the same kernels
    few = stripes[:16]
    torch.testing.assert_close(network[0](few).std(), fresh[0](few).std())
    assert torch.equal(network[3].weight, fresh[3].weight)  # type: ignore[arg-type]
    assert told["patches"] >= 600 and 0 <= told["silent_kernels"] < 1


def test_a_layer_learns_from_what_those_before_answer(
    stripes: Tensor, learned: tuple[nn.Sequential, list[dict[str, float]]]
) -> None:
    network, told = learned
    alone = small()
    learn_layer(alone, alone[3], stripes, patches=600, steps=200)  # type: ignore[arg-type]  # behind drawn kernels
    assert not torch.allclose(alone[3].weight, network[3].weight, atol=1e-3)  # type: ignore[arg-type]
    assert len(told) == LAYERS and network.training


def test_layers_without_patches_are_refused() -> None:
    with pytest.raises(UserError, match=r"greedy_layers is 4, .* has 3 convolutions; give --greedy-layers 3"):
        convolutions(small(), 4)
    grouped = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3, groups=4))
    with pytest.raises(UserError, match=r"convolution 2 of Sequential has 4 groups .* give --greedy-layers 1"):
        convolutions(grouped, 2)
    assert convolutions(grouped, 1) == [grouped[0]]
