"""U-Net: the exact sizes of both depths, the shape of every level, how it begins."""

import math

import pytest
import torch
from torch import Tensor, nn

from limner.segment.networks import UNet


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def on_meta(**options: int) -> UNet:
    with torch.device("meta"):
        return UNet(**options)


@pytest.mark.parametrize(("depth", "total", "encoder"), [(19, 31_032_386, 18_843_776), (35, 43_569_986, 25_112_576)])
def test_it_has_the_exact_parameters_of_each_depth(depth: int, total: int, encoder: int) -> None:
    network = on_meta(channels=4, classes=2, depth=depth)
    assert parameters(network) == total
    assert parameters(network.encoder) == encoder
    assert parameters(network.head) == 64 * 2 + 2


def test_the_parameters_follow_from_the_widths_alone() -> None:
    def convolution(inputs: int, maps: int, area: int = 9) -> int:
        return inputs * maps * area + maps

    down = [convolution(a, b) + convolution(b, b) for a, b in ((4, 64), (64, 128), (128, 256), (256, 512), (512, 1024))]
    up = [
        convolution(2 * maps, maps, area=4) + convolution(2 * maps, maps) + convolution(maps, maps)
        for maps in (512, 256, 128, 64)
    ]
    network = on_meta(channels=4, classes=2)
    assert [parameters(level) for level in network.encoder.levels] == down
    assert [parameters(level) for level in network.decoder] == up
    assert parameters(network) == sum(down) + sum(up) + convolution(64, 2, area=1)


@pytest.mark.parametrize("depth", [19, 35])
def test_the_depth_counts_every_convolution_but_the_transposed_ones(depth: int) -> None:
    modules = list(on_meta(depth=depth).modules())
    assert sum(isinstance(module, nn.Conv2d) for module in modules) == depth
    assert sum(isinstance(module, nn.ConvTranspose2d) for module in modules) == 4


@pytest.mark.parametrize("depth", [19, 35])
def test_each_level_has_the_papers_maps_and_as_many_from_below_as_from_the_side(depth: int) -> None:
    network = on_meta(depth=depth)
    seen: list[tuple[torch.Size, torch.Size, torch.Size]] = []
    skips: list[Tensor] = []
    network.encoder.register_forward_hook(lambda *call: skips.extend(call[2]))
    for level in network.decoder:
        level.up.register_forward_hook(lambda *call: seen.append(call[2].shape[1:]))
        level.register_forward_hook(lambda *call: seen.append(call[2].shape[1:]))
    assert network(torch.empty(1, 4, 256, 256, device="meta")).shape == (1, 2, 256, 256)
    shapes = [skip.shape[1:] for skip in skips]
    assert shapes == [(64, 256, 256), (128, 128, 128), (256, 64, 64), (512, 32, 32), (1024, 16, 16)]
    assert seen[::2] == seen[1::2] == shapes[-2::-1]


@pytest.mark.parametrize("depth", [19, 35])
def test_it_begins_as_the_paper_draws_it(depth: int) -> None:
    torch.manual_seed(0)
    network = UNet(depth=depth)
    second = network.encoder.levels[1][3]  # 128 maps of 3 x 3 go into each value
    assert second.weight.std().item() == pytest.approx(math.sqrt(2 / (128 * 9)), rel=0.01)
    up = network.decoder[0].up  # of a stride of 2, each value reads one of the 2 x 2
    assert up.weight.std().item() == pytest.approx(math.sqrt(2 / 1024), rel=0.01)
    assert all(not bias.any() for name, bias in network.named_parameters() if name.endswith("bias"))


def test_batch_normalization_stands_behind_each_convolution_and_takes_its_bias() -> None:
    plain, normalized = on_meta(depth=19), on_meta(depth=19, batch_norm=True)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in plain.modules())
    normal = [module for module in normalized.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(normal) == 18  # all but the head
    maps = sum(module.num_features for module in normal)
    assert parameters(normalized) == parameters(plain) + maps  # a bias less, a gain and an offset more
    assert normalized(torch.empty(1, 4, 64, 64, device="meta")).shape == (1, 2, 64, 64)


def test_with_batch_normalization_one_step_moves_every_parameter() -> None:
    torch.manual_seed(0)
    network = UNet(channels=3, batch_norm=True)
    network(torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))).square().mean().backward()
    assert [name for name, value in network.named_parameters() if value.grad is None or not value.grad.any()] == []
