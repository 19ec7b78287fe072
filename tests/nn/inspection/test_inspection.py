"""What networks tell of themselves: published receptive fields, parameters and multiply-adds; nothing is changed."""

import copy

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.nn.inspection.fields import field_of_place, receptive_fields
from limner.nn.inspection.inspection import Inspection, checked_sharings
from limner.nn.inspection.layers import call_layers
from limner.nn.layers.convolution import connections
from limner.nn.receptive_field import Interval
from limner.segment.networks import LiteUNet, ResidualUNet, UNet

IMAGENET = (3, 224, 224)


def on_meta(build: type | object, **options: object) -> nn.Module:
    with torch.device("meta"):
        return build(**options)  # type: ignore[operator,no-any-return]


@pytest.mark.parametrize(
    ("name", "layer", "rows", "stride"),
    [
        ("alexnet", "features", 195, 32),
        ("vgg11", "features", 150, 32),
        ("vgg13", "features", 156, 32),
        ("vgg16", "features", 212, 32),
        ("vgg19", "features", 268, 32),
        ("resnet18", "layer4", 435, 32),
        ("resnet34", "layer4", 899, 32),
        ("resnet50", "layer4", 427, 32),
        ("resnet101", "layer4", 971, 32),
        ("densenet121", "features", 2071, 32),
    ],
)
def test_receptive_fields_of_classifiers_are_the_published_ones(name: str, layer: str, rows: int, stride: int) -> None:
    network = on_meta(getattr(torchvision.models, name))
    assert receptive_fields(network, [layer], IMAGENET) == {layer: (rows, stride)}


def test_a_resnet_that_strides_in_its_first_convolutions_sees_56_pixels_more() -> None:
    layer = "encoder.layer4"
    for strided_first, rows in ((False, 427), (True, 483)):
        network = on_meta(ResidualUNet, channels=3, depth=50, stride_in_1x1=strided_first)
        assert receptive_fields(network, [layer], IMAGENET) == {layer: (rows, 32)}


@pytest.mark.parametrize(
    ("kind", "options"), [(UNet, {"depth": 35}), (ResidualUNet, {"depth": 18}), (LiteUNet, {"pretrained": False})]
)
def test_gradients_agree_with_the_intervals_that_are_followed_through_a_chain(kind: type, options: dict) -> None:
    network = on_meta(kind, channels=3, **options)
    assert receptive_fields(network, ["head"], IMAGENET) == {"head": (network.receptive_field(), 1)}


class Branching(nn.Module):
    """Two branches of unequal reach, a residual, a concatenation, an upsampling."""

    def __init__(self) -> None:
        super().__init__()
        self.near = nn.Conv2d(2, 4, 3, padding=1)
        self.far = nn.Conv2d(2, 4, 3, padding=4, dilation=4)
        self.norm = nn.BatchNorm2d(4)
        self.down = nn.Conv2d(8, 6, 2, stride=2)
        self.up = nn.ConvTranspose2d(6, 6, 3, stride=2, output_padding=1)
        self.last = nn.Conv2d(6, 1, (5, 1), padding=(2, 0))

    def forward(self, x: Tensor) -> Tensor:
        near = torch.relu(self.near(x))
        x = torch.cat([near, self.norm(self.far(x)) + near], 1)
        return self.last(torch.sigmoid(self.up(torch.max_pool2d(self.down(x), 3, 1, 1))))


def rows_that_matter(network: nn.Module, place: tuple[int, int], size: tuple[int, int, int]) -> Interval:
    """By changing one row after the other and looking whether the output changes, all weights being positive."""
    network = copy.deepcopy(network).double().eval()
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.uniform_(module.weight, 0.5, 1)
            nn.init.zeros_(module.bias)
    picture = torch.rand(1, *size, dtype=torch.float64) * 1e-3
    with torch.no_grad():
        before = network(picture)[..., place[0], place[1]]
        changed = []
        for row in range(size[1]):
            other = picture.clone()
            other[:, :, row] += 1.0
            if not torch.equal(network(other)[..., place[0], place[1]], before):
                changed.append(row)
    return Interval(changed[0], changed[-1])


def test_branches_residuals_dilation_and_upsampling_are_seen_as_by_changing_the_picture_row_by_row() -> None:
    torch.manual_seed(0)
    network, size = Branching(), (2, 40, 24)
    rows = {}
    for row in (18, 19, 20, 21):
        rows[row] = rows_that_matter(network, (row, 12), size)
        assert field_of_place(network, "last", size, (row, 12))[0] == rows[row]
    (field,) = receptive_fields(network, ["last"], size).values()
    assert field is not None
    assert field.rows == max(seen.size for seen in rows.values())
    assert field.stride == 1


def test_what_pools_to_a_grid_sees_the_whole_picture() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(2), nn.Conv2d(2, 2, 1))
    assert receptive_fields(network, ["0", "1", "2"], (1, 32, 32)) == {"0": (3, 1), "1": None, "2": None}


@pytest.mark.parametrize(
    ("build", "options", "parameters", "multiply_adds"),
    [
        (torchvision.models.alexnet, {}, 61_100_840, 714_188_480),
        (torchvision.models.vgg16, {}, 138_357_544, 15_470_264_320),
        (torchvision.models.resnet50, {}, 25_557_032, 4_089_184_256),
        (timm.create_model, {"model_name": "tf_efficientnet_lite0"}, 4_652_008, 385_187_552),
    ],
)
def test_parameters_and_multiply_adds_of_classifiers(
    build: object, options: dict, parameters: int, multiply_adds: int
) -> None:
    found = Inspection(on_meta(build, **options), IMAGENET)
    assert found.parameters == sum(layer.parameters for layer in found.layers) == parameters
    assert found.multiply_adds == sum(layer.multiply_adds for layer in found.layers) == multiply_adds


def test_multiply_adds_of_every_kind_of_convolution_are_those_of_counting_by_hand() -> None:
    network = nn.Sequential(
        nn.Conv2d(4, 8, 3, padding=2, dilation=2, groups=2, bias=False),  # 8 of 8 x 8, each reads 2 x 9
        nn.ConvTranspose2d(8, 6, 4, stride=2, padding=1, groups=2),  # each of 8 x 64 inputs goes to 3 x 16
    )
    layers = call_layers(network, (4, 8, 8)).layers
    assert [layer.multiply_adds for layer in layers] == [8 * 64 * 18, 8 * 64 * 48]
    assert [layer.shape for layer in layers] == [(8, 8, 8), (6, 16, 16)]


def test_stages_of_a_resnet_end_with_its_layers() -> None:
    found = Inspection(on_meta(torchvision.models.resnet50), IMAGENET)
    assert [(each.name, each.channels, each.stride, each.receptive_field) for each in found.stages] == [
        ("relu", 64, 2, 7),
        ("layer1", 256, 4, 35),
        ("layer2", 512, 8, 91),
        ("layer3", 1024, 16, 267),
        ("layer4", 2048, 32, 427),
    ]


def test_features_are_the_stages_outputs_and_the_network_stays_as_it_was() -> None:
    torch.manual_seed(0)
    network = Branching().train()
    weights = copy.deepcopy(network.state_dict())
    found = Inspection(network, (2, 40, 24))
    features = found.features(torch.rand(3, 2, 40, 24))
    assert {name: tuple(each.shape) for name, each in features.items()} == {
        stage.name: (3, *found.calls.outputs[stage.name]) for stage in found.stages
    }
    assert network.training
    assert network.norm.training
    assert not any(module._forward_hooks for module in network.modules())
    assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())


def test_frozen_parameters_and_constants_are_fixed_and_running_statistics_are_not() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    network[0].requires_grad_(False)
    network[1].register_buffer("gain", torch.ones(5))
    found = Inspection(network, (1, 8, 8))
    assert (found.parameters, found.fixed) == (4, 20 + 5)
    assert [layer.fixed for layer in found.layers] == [20, 5]


def test_other_ways_of_sharing_need_more_weights_the_less_is_shared() -> None:
    network = nn.Sequential(nn.Conv2d(1, 1, 5), nn.ReLU(), nn.Conv2d(1, 3, 3, stride=2, padding=1, bias=False))
    first, second = Inspection(network, (1, 28, 28)).sharing
    counts = {name: getattr(first, name) for name in ("dense", "local", "tiled", "convolution")}
    assert counts == connections(1, 1, (28, 28), 5, tiling=2)
    assert second.convolution == 27
    assert second.tiled == 4 * 27
    assert second.local == 144 * 27
    assert second.dense == 576 * 3 * 144
    for each in (first, second):
        assert each.convolution < each.tiled < each.local < each.dense


def test_a_layer_from_a_picture_to_its_vertical_edges_is_the_books_example() -> None:
    """Goodfellow, Bengio and Courville 2016, figure 9.6: 320 x 280 pixels, each minus its left neighbor."""
    (edges,) = Inspection(nn.Sequential(nn.Conv2d(1, 1, (1, 2), bias=False)), (1, 280, 320)).sharing
    assert edges.dense == 320 * 280 * 319 * 280
    assert edges.local == 2 * 319 * 280 == 178_640
    assert edges.convolution == 2
    operations = 319 * 280 * 3  # two multiplications and an addition
    assert operations == 267_960
    assert edges.multiply_adds == 319 * 280 * 2
    assert 2 * edges.dense / operations == pytest.approx(59_733, abs=1)


def test_what_cannot_be_answered_is_refused() -> None:
    with pytest.raises(UserError, match=r"Conv2d does not take pictures of 4x8x8: .*; give another --input"):
        _ = Inspection(nn.Conv2d(3, 2, 3), (4, 8, 8)).layers
    with pytest.raises(UserError, match=r"'dens'; needed: dense, local, tiled"):
        checked_sharings(["dens"])
    assert checked_sharings(["tiled", "dense"]) == ("dense", "tiled")
