"""Classifiers have the parameters of their papers, read any bands, and LeNet-5 of 1998 computes what its paper says."""

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch.nn import functional

from limner.classify.networks import NETWORKS, PictureNetwork
from limner.classify.networks.digit_codes import digit_codes
from limner.classify.networks.lenet_1998 import CONNECTIONS, LeNet1998, PartialConvolution, Subsampling
from limner.classify.networks.listing import list_networks
from limner.foundation.errors import UserError
from limner.learning.networks.listing import NetworkSizes
from limner.nn.initialize import shapes_only
from limner.nn.parameters import count_parameters
from limner.nn.pretrained import LITE0, load_weights

IMAGENET = {
    ("alexnet", ""): 61_100_840,
    ("alexnet-two-towers", ""): 60_965_224,
    ("vgg", "depth 11"): 132_863_336,
    ("vgg", "depth 13"): 133_047_848,
    ("vgg", "depth 16"): 138_357_544,
    ("vgg", "depth 19"): 143_667_240,
    ("googlenet", "heads true"): 13_378_280,
    ("googlenet", "heads false"): 6_998_552,
    ("googlenet-bn", ""): 6_624_904,
    ("resnet", "depth 18"): 11_689_512,
    ("resnet", "depth 34"): 21_797_672,
    ("resnet", "depth 50"): 25_557_032,
    ("resnet", "depth 101"): 44_549_160,
    ("resnet", "depth 152"): 60_192_808,
    ("resnet", "depth 200"): 64_673_832,
    ("densenet", "depth 121"): 7_978_856,
    ("densenet", "depth 161"): 28_681_000,
    ("densenet", "depth 169"): 14_149_480,
    ("densenet", "depth 201"): 20_013_928,
    ("densenet", "depth 264"): 33_337_704,
    ("efficientnet-lite", "size 0"): 4_652_008,
}
"""Parameters for three bands and 1,000 classes, summed by hand from the papers' tables; lite0's are those of timm."""
QUICK = ("lenet", "lenet-1998", "googlenet", "googlenet-bn", "resnet", "densenet", "efficientnet-lite")
"""Those that run in a moment."""


def make(name: str, channels: int = 3, classes: int = 5, **options: Any) -> PictureNetwork:
    kind: Any = NETWORKS[name]
    if "pretrained" in inspect.signature(kind).parameters:
        options.setdefault("pretrained", False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network: PictureNetwork = kind(channels=channels, classes=classes, **options)
    return network


def size_for(network: PictureNetwork) -> int:
    return network.sizes_px[0] if network.sizes_px else max(network.least_px, 33)


def test_parameters_for_imagenet_are_those_of_the_papers() -> None:
    found = {(row.name, row.options): row.parameters for row in list_networks(NetworkSizes())}
    assert {key: found[key] for key in IMAGENET} == IMAGENET
    assert {name for name, _ in found} == set(NETWORKS)


def test_lenets_for_digits_have_the_papers_parameters() -> None:
    found = {row.name: row.parameters for row in list_networks(NetworkSizes(1, 10))}
    assert (found["lenet"], found["lenet-1998"]) == (61_706, 60_000)


def test_the_layers_of_lenet_1998_and_alexnet_have_the_papers_parameters() -> None:
    with shapes_only():
        lenet, alexnet = LeNet1998(1, 10), NETWORKS["alexnet-two-towers"](3, 1000)
    layers = (lenet.c1, lenet.s2, lenet.c3, lenet.s4, lenet.c5, lenet.f6)
    assert [count_parameters(layer) for layer in layers] == [156, 12, 1516, 32, 48_120, 10_164]
    kept = [layer for layer in alexnet.modules() if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear)]
    assert [count_parameters(layer) for layer in kept] == [
        34_944, 307_456, 885_120, 663_936, 442_624, 37_752_832, 16_781_312, 4_097_000,
    ]  # fmt: skip


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("name", QUICK)
def test_any_number_of_bands_gives_logits_of_the_classes(name: str, channels: int) -> None:
    network = make(name, channels).eval()
    size = size_for(network)
    logits = network(torch.randn(1, channels, size, size))
    assert (logits.shape, logits.dtype) == ((1, 5), torch.float32)


@pytest.mark.parametrize("name", QUICK)
def test_every_parameter_learns(name: str) -> None:
    network = make(name).train()
    size = max(size_for(network), 64 if not network.sizes_px else 0)
    outputs = network(torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1)))
    logits = outputs if isinstance(outputs, tuple) else (outputs,)
    sum(functional.cross_entropy(each, torch.tensor([0, 1])) for each in logits).backward()
    dead = [key for key, value in network.named_parameters() if value.grad is None or not value.grad.abs().sum()]
    assert dead == []


@pytest.mark.parametrize("name", NETWORKS)
def test_the_head_is_what_depends_on_the_classes(name: str) -> None:
    with shapes_only():
        few, many = (make(name, classes=count) for count in (4, 9))
    differing = {key for key, value in few.named_parameters() if value.shape != many.get_parameter(key).shape}
    of_head = {id(parameter) for parameter in few.head().parameters()}
    helping = {key for key, _ in few.named_parameters() if key.startswith("heads.")}  # only while it trains
    assert {id(few.get_parameter(key)) for key in differing - helping} <= of_head
    assert of_head


def test_googlenet_gives_its_auxiliary_logits_while_it_trains_only() -> None:
    network = make("googlenet")
    image = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        assert [tuple(each.shape) for each in network.train()(image)] == [(1, 5)] * 3
        assert network.eval()(image).shape == (1, 5)
        assert make("googlenet", heads=False).train()(image).shape == (1, 5)


# --- LeNet-5 of 1998 -------------------------------------------------------------------------------------------------


def test_table_1_of_the_paper() -> None:
    assert [len(each) for each in CONNECTIONS] == [3] * 6 + [4] * 9 + [6]
    assert len(set(CONNECTIONS)) == 16
    assert [sum(place in each for each in CONNECTIONS) for place in range(6)] == [10] * 6  # each map feeds ten


def test_partial_convolution_and_subsampling_are_those_of_three_loops() -> None:
    generator = torch.Generator().manual_seed(2)
    layer = PartialConvolution(CONNECTIONS, 3).double()
    pooled = Subsampling(6).double()
    with torch.no_grad():
        for parameter in [*layer.parameters(), *pooled.parameters()]:
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
        x = torch.randn(1, 6, 6, 6, generator=generator, dtype=torch.float64)
        expected, weights = np.zeros((16, 4, 4)), iter(layer.weight.numpy())
        for output, seen in enumerate(CONNECTIONS):
            expected[output] += float(layer.bias[output])
            for place in seen:
                kernel = next(weights)
                for row in range(4):
                    for column in range(4):
                        expected[output, row, column] += (
                            x[0, place, row : row + 3, column : column + 3].numpy() * kernel
                        ).sum()
        assert np.allclose(layer(x)[0].numpy(), expected, atol=1e-12)
        halved = np.zeros((6, 3, 3))
        for place in range(6):
            for row in range(3):
                for column in range(3):
                    cell = x[0, place, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].sum()
                    halved[place, row, column] = float(pooled.coefficient[place] * cell + pooled.bias[place])
        assert np.allclose(pooled(x)[0].numpy(), halved, atol=1e-12)


def test_a_partial_convolution_gradchecks() -> None:
    layer = PartialConvolution(((0, 1), (1,), (0, 2)), 2).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3)))
    x = torch.randn(1, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (x,))


def test_its_logits_are_squared_distances_to_the_codes() -> None:
    network = make("lenet-1998", channels=1, classes=10).eval()
    image = torch.randn(3, 1, 32, 32)
    features = network.features(image)  # type: ignore[operator]
    expected = [[-float(((row - code) ** 2).sum()) for code in digit_codes(10)] for row in features.detach()]
    assert torch.allclose(network(image), torch.tensor(expected), atol=1e-3)
    assert "codes" not in dict(network.named_parameters())


def test_a_picture_of_28_px_is_the_one_of_32_with_an_empty_border() -> None:
    network = make("lenet-1998", channels=1, classes=10).eval()
    image = torch.randn(1, 1, 28, 28)
    assert torch.equal(network(image), network(functional.pad(image, (2, 2, 2, 2), value=-0.1)))


@pytest.mark.parametrize("classes", [2, 10, 37, 300])
def test_codes_are_far_apart_and_always_the_same(classes: int) -> None:
    codes = digit_codes(classes)
    assert (codes.shape, set(codes.unique().tolist())) == ((classes, 84), {-1.0, 1.0})
    apart = (codes[:, None] != codes).sum(2).fill_diagonal_(84)
    assert apart.min() >= 8
    assert torch.equal(codes, digit_codes(classes))


# --- kernels without labels ------------------------------------------------------------------------------------------


def test_kernels_without_labels_see_as_three_loops_say_and_learn_nothing_from_labels() -> None:
    network = make("kmeans-linear", channels=1, classes=3, kernels=5, size=4, grid=2, patches=300)
    pictures = torch.randint(0, 256, (20, 1, 13, 13), generator=torch.Generator().manual_seed(6), dtype=torch.uint8)
    found = network.learn_kernels(pictures, seed=0)  # type: ignore[operator]
    assert found["patches"] == 300 and found["unused_kernels"] < 1
    assert {name for name, _ in network.named_parameters()} == {"classes.weight", "classes.bias"}
    image01 = pictures[:1].float() / 255
    encoder: Any = network.encoder
    expected = torch.zeros(2, 2, 5, dtype=torch.float64)
    for row in range(10):
        for column in range(10):
            patch = image01[0, :, row : row + 4, column : column + 4].flatten().double()
            patch = (patch - patch.mean()) / (patch.var(unbiased=False) + 10 / 255**2).sqrt()
            white = (patch - encoder.mean) @ encoder.matrix.double()
            distance = torch.stack([(white - each.double()).norm() for each in encoder.centroids])
            expected[row // 5, column // 5] += (distance.mean() - distance).clamp(min=0)
    features = network.features(image01)  # type: ignore[operator]
    assert torch.allclose(features[0].double(), expected.flatten(), atol=1e-3)
    standardized = (network.features(pictures.float() / 255) - network.feature_mean) / network.feature_std  # type: ignore[operator]
    assert torch.allclose(standardized.mean(0), torch.zeros(20), atol=1e-4)
    assert standardized.std(0).max() <= 1 + 1e-4


def test_kernels_that_cannot_be_learned_are_told() -> None:
    with pytest.raises(UserError, match="kmeans-linear got kernels 50, size 6, grid 2, patches 40; needed"):
        make("kmeans-linear", kernels=50, patches=40)


# --- pretrained weights ----------------------------------------------------------------------------------------------


def test_a_pretrained_lite0_has_the_features_of_timms() -> None:
    network = make("efficientnet-lite", pretrained=True).eval()
    peer: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    peer.load_state_dict(load_weights(LITE0))
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(network.body.forward_features(image), peer.eval().forward_features(image), atol=1e-5)


def test_a_gray_picture_gives_the_same_features_with_one_band_as_with_three() -> None:
    one, three = (make("efficientnet-lite", channels, pretrained=True).eval() for channels in (1, 3))
    image = torch.randn(1, 1, 64, 64)
    with torch.no_grad():
        expected = three.body.forward_features(image.expand(-1, 3, -1, -1))
        assert torch.allclose(one.body.forward_features(image), expected, atol=1e-3)


@pytest.mark.parametrize("name", ["resnet", "densenet", "googlenet-bn"])
def test_weights_of_a_file_are_taken_but_for_the_last_layer(name: str, tmp_path: Path) -> None:
    source = make(name, classes=7, **({"depth": 18} if name == "resnet" else {}))
    state = dict(source.body.state_dict())
    if name == "densenet":  # as the published files name them
        state = {key.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): value for key, value in state.items()}
    save_file(state, tmp_path / "w.safetensors")
    options = {"depth": 18} if name == "resnet" else {}
    network = make(name, classes=4, weights=tmp_path / "w.safetensors", **options)
    given, taken = source.body.state_dict(), network.body.state_dict()
    kept = {key for key in given if not key.startswith(f"{network.last}.")}
    assert all(torch.equal(taken[key], given[key]) for key in kept)
    assert network.head().out_features == 4


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("vgg", {"depth": 17}, "vgg has no depth 17; choose one of 11, 13, 16, 19"),
        ("resnet", {"depth": 200, "pretrained": True}, "ResNet has no published ImageNet weights of this size"),
        ("resnet", {"pretrained": True, "weights": Path("w.pth")}, "ResNet got both pretrained and weights"),
        ("resnet", {"weights": Path("gone.pth")}, "gone.pth: no such file"),
        ("densenet", {"depth": 1}, "densenet has no depth 1"),
        ("efficientnet-lite", {"size": 3}, "efficientnet-lite has no size 3; choose 0, 1 or 2"),
    ],
)
def test_what_a_network_cannot_be_is_told(name: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        make(name, **options)


def test_weights_of_another_network_are_told(tmp_path: Path) -> None:
    save_file(make("resnet", depth=18).body.state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(UserError, match=r"layer1.0.conv1.weight has the shape .*; needed: weights of this size"):
        make("resnet", depth=50, weights=tmp_path / "w.safetensors")
    with pytest.raises(UserError, match=r"w.safetensors: has no layer1.2.conv1.weight"):
        make("resnet", depth=34, weights=tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("name", "size", "says"),
    [
        ("lenet-1998", 40, "LeNet1998 reads pictures of 28 or 32 px and got 40; give --data.size-px 28"),
        ("lenet", 20, "LeNet needs pictures of 28 px or more and got 20"),
        ("alexnet-two-towers", 224, "reads pictures of 227 px and got 224; give --data.size-px 227"),
    ],
)
def test_a_size_that_a_network_cannot_read_is_told(name: str, size: int, says: str) -> None:
    with shapes_only():
        network = make(name)
    with pytest.raises(UserError, match=says):
        network.check_size(size)
