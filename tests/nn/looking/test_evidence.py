"""Evidence and activation maximization: against definitions, and against captum where it is installed."""

import pytest
import torch
from torch import Tensor, nn

from limner.nn.looking.evidence import class_answer, enlarge, grad_cam, occlusion
from limner.nn.looking.maximize import maximize


@pytest.fixture
def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 4),
    ).train()  # fmt: skip


@pytest.fixture
def image() -> Tensor:
    return torch.randn(1, 3, 23, 30, generator=torch.Generator().manual_seed(1))


def test_a_pixel_gets_the_mean_fall_of_the_squares_that_cover_it(network: nn.Sequential, image: Tensor) -> None:
    found = occlusion(network, image, class_answer(2), window=7, stride=5, batch=3)
    assert network.training
    network.eval()
    falls = torch.zeros(2, 23, 30)
    with torch.no_grad():
        for row in range(0, 21, 5):
            for column in range(0, 26, 5):
                covered = image.clone()
                covered[..., row : row + 7, column : column + 7] = 0
                falls[0, row : row + 7, column : column + 7] += (network(image) - network(covered))[0, 2]
                falls[1, row : row + 7, column : column + 7] += 1
    assert torch.allclose(found, falls[0] / falls[1].clamp_min(1), atol=1e-5)


def test_grad_cam_weighs_maps_by_their_mean_gradient(network: nn.Sequential, image: Tensor) -> None:
    found = grad_cam(network, network[4], image, class_answer(1))[0]
    network.eval()
    maps = network[:5](image).detach().requires_grad_()
    network[5:](maps)[0, 1].backward()
    expected = (maps.grad.mean((2, 3), keepdim=True) * maps).sum(1)[0]
    assert torch.allclose(found, expected.detach(), atol=1e-6)
    with pytest.raises(ValueError, match="gives no maps"):
        grad_cam(network, network[8], image, class_answer(1))


def test_both_equal_captums(network: nn.Sequential, image: Tensor) -> None:
    attribution = pytest.importorskip("captum.attr", reason="captum is a peer for tests only")
    network.eval()
    for layer in (network[2], network[4]):
        theirs = attribution.LayerGradCam(network, layer).attribute(image, target=1)[0, 0]
        assert torch.allclose(grad_cam(network, layer, image, class_answer(1))[0], theirs, atol=1e-6)
    covering = attribution.Occlusion(network)
    theirs = covering.attribute(image, sliding_window_shapes=(3, 7, 7), strides=(3, 5, 5), target=1)
    ours = occlusion(network, image, class_answer(1), window=7, stride=5)
    assert torch.allclose(ours, theirs[0, 0], atol=1e-5)


def test_evidence_of_a_map_is_of_its_class_and_places() -> None:
    dense = nn.Conv2d(1, 2, 1, bias=False)
    nn.init.constant_(dense.weight, 1.0)
    picture, places = torch.ones(1, 1, 8, 8), torch.zeros(8, 8, dtype=torch.bool)
    places[:4] = True
    found = occlusion(dense, picture, class_answer(1, places), window=4, stride=4)
    assert found[:4].unique().tolist() == [16]
    assert found[4:].unique().tolist() == [0]


def test_a_maximized_picture_excites_its_channel_more_than_others_do(network: nn.Sequential) -> None:
    pictures = maximize(network, network[2], [0, 3], (3, 24, 24))
    assert pictures.shape == (2, 3, 24, 24)
    assert pictures.abs().max() <= 3
    network.eval()
    noise = 1.5 * torch.randn(64, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for picture, channel in zip(pictures, (0, 3), strict=True):
            answers = network[:3](noise)[:, channel].mean((1, 2))
            assert network[:3](picture[None])[0, channel].mean() > answers.max()
    assert not network[2]._forward_hooks


def test_enlarging_keeps_what_is_even() -> None:
    assert torch.allclose(enlarge(torch.full((3, 4), 2.0), 9, 11), torch.full((9, 11), 2.0))
