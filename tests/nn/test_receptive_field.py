"""The receptive field agrees with what a gradient reaches, layer by layer and for whole networks."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.layers import Conv2dSame
from torch import nn

from limner.nn.receptive_field import Interval, input_interval, receptive_field
from limner.segment.networks import LiteUNet, ResidualUNet, UNet

HEIGHT = 720  # a multiple of every stride that is drawn below


def reached_by_gradient(network: nn.Module, image: torch.Tensor, position: int) -> Interval:
    """The first and last row of ``image`` whose change changes output row ``position``."""
    image = image.clone().requires_grad_()
    network(image)[0, :, position].sum().backward()
    rows = image.grad.abs().sum(dim=(0, 1, 3)).nonzero()
    return Interval(int(rows.min()), int(rows.max()))


def averaging(network: nn.Module) -> nn.Module:
    """The same network with positive weights, unit BN and average pooling: no path can vanish."""
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        if isinstance(module, nn.MaxPool2d):
            pool = nn.AvgPool2d(module.kernel_size, module.stride, module.padding)
            network.set_submodule(name, pool)
    return network.eval().double()


@st.composite
def layers(draw: st.DrawFn) -> nn.Module:
    kernel = draw(st.integers(1, 5))
    stride = draw(st.integers(1, 3))
    kind = draw(st.sampled_from(["convolution", "same", "pool", "transposed", "nearest", "bilinear"]))
    if kind == "convolution":
        dilation, padding = draw(st.integers(1, 3)), draw(st.integers(0, 2))
        return nn.Conv2d(1, 1, (kernel, 1), (stride, 1), (padding, 0), (dilation, 1), bias=False)
    if kind == "same":
        return nn.Conv2d(1, 1, (kernel, 1), padding="same", bias=False)
    if kind == "pool":
        return nn.AvgPool2d((kernel, 1), (stride, 1), (draw(st.integers(0, kernel // 2)), 0))
    if kind == "transposed":
        kernel = max(kernel, stride)
        padding = draw(st.integers(0, kernel // 2))
        return nn.ConvTranspose2d(1, 1, (kernel, 1), (stride, 1), (padding, 0), bias=False)
    return nn.Upsample(scale_factor=(stride, 1), mode=kind)


@settings(max_examples=60, deadline=None)
@given(st.lists(layers(), min_size=1, max_size=5))
def test_every_output_row_depends_on_exactly_the_rows_that_the_interval_names(chain: list[nn.Module]) -> None:
    network = averaging(nn.Sequential(*chain))
    image = torch.ones(1, 1, HEIGHT, 1, dtype=torch.float64)
    outputs = network(image).shape[2]
    for position in range(outputs // 2, outputs // 2 + 4):
        named = input_interval(chain, position)
        if named.first >= 0 and named.last < HEIGHT:
            assert reached_by_gradient(network, image, position) == named


def test_two_by_two_steps_down_and_up_see_unequally_many_rows_by_phase() -> None:
    chain = [nn.Conv2d(1, 1, 3, stride=2, padding=1), nn.ConvTranspose2d(1, 1, 4, stride=2, padding=1)]
    assert [input_interval(chain, position) for position in (8, 9)] == [Interval(5, 9), Interval(7, 11)]
    assert receptive_field(chain) == 5
    assert receptive_field([nn.Conv2d(1, 1, 3), nn.ConvTranspose2d(1, 1, 3, stride=2)]) == 4  # else 3
    assert {input_interval([nn.ConvTranspose2d(1, 1, 3, stride=2)], position).size for position in (8, 9)} == {1, 2}


@pytest.mark.parametrize(("dilations", "extent"), [([1], 3), ([1, 1], 5), ([1, 1, 2], 9), ([1, 1, 2, 4, 8, 16, 1], 67)])
def test_dilated_context_module_has_the_published_receptive_field(dilations: list[int], extent: int) -> None:
    chain = [nn.Conv2d(2, 2, 3, padding=dilation, dilation=dilation) for dilation in dilations]
    assert receptive_field([*chain, nn.Conv2d(2, 2, 1)]) == extent


def test_max_pooling_sees_what_average_pooling_sees() -> None:
    maximum, average = nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(3, 2, 1)
    assert input_interval([maximum], 7) == input_interval([average], 7) == Interval(13, 15)
    assert input_interval([nn.MaxPool2d(3, 2, dilation=2)], 1) == Interval(2, 6)


@pytest.mark.parametrize("kernel", [3, 5])
def test_padding_as_tensorflow_does_it_puts_the_odd_row_below(kernel: int) -> None:
    layer = averaging(Conv2dSame(1, 1, kernel, stride=2, bias=False))
    image = torch.ones(1, 1, 32, 32, dtype=torch.float64)
    assert reached_by_gradient(layer, image, 7) == input_interval([layer], 7)


def test_layers_inside_containers_count_and_pointwise_layers_do_not() -> None:
    convolution = nn.Sequential(nn.Conv2d(1, 1, 3), nn.BatchNorm2d(1), nn.ReLU())
    assert receptive_field([nn.Sequential(convolution, nn.Identity()), nn.Conv2d(1, 1, 5)]) == 7


@pytest.mark.parametrize(
    ("layer", "error"),
    [
        (nn.AdaptiveAvgPool2d(1), TypeError),
        (nn.MultiheadAttention(4, 2), TypeError),
        (nn.ConvTranspose2d(1, 1, 2, stride=3), ValueError),
        (nn.ConvTranspose2d(1, 1, 3, stride=2, dilation=2), ValueError),
        (nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), ValueError),
        (nn.Upsample(size=(8, 8)), ValueError),
    ],
)
def test_a_layer_without_a_known_window_is_refused(layer: nn.Module, error: type[Exception]) -> None:
    with pytest.raises(error):
        receptive_field([layer])


@pytest.mark.parametrize(("depth", "extent"), [(18, 499), (34, 963), (50, 491), (101, 1035), (152, 1515), (200, 1771)])
def test_residual_unet_sees_its_resnet_and_two_of_its_deepest_pixels_more(depth: int, extent: int) -> None:
    with torch.device("meta"):
        network = ResidualUNet(depth=depth)
    assert network.receptive_field() == extent


def assert_gradient_reaches(network: nn.Module, height: int, width: int) -> None:
    """The receptive field is the gradient's extent at the output row where that is largest."""
    image = torch.full((1, network.channels, height, width), 1e-3, dtype=torch.float64)
    middle = height // 2
    extents = [reached_by_gradient(network, image, row).size for row in range(middle, middle + network.stride, 11)]
    assert max(extents) == network.receptive_field()


def test_residual_unet_sees_exactly_as_far_as_its_gradient_reaches() -> None:
    network = averaging(ResidualUNet(channels=1, depth=18))
    assert_gradient_reaches(network, height=640, width=32)


def test_lite_unet_sees_exactly_as_far_as_its_gradient_reaches() -> None:
    network = averaging(LiteUNet(channels=1, pretrained=False))
    assert_gradient_reaches(network, height=1152, width=32)


@pytest.mark.parametrize(("depth", "extent"), [(19, 204), (35, 328)])
def test_unet_sees_exactly_as_far_as_its_gradient_reaches(depth: int, extent: int) -> None:
    with torch.device("meta"):
        assert UNet(depth=depth).receptive_field() == extent
    if depth == 19:  # depth 35 has the same layers, only more of them
        assert_gradient_reaches(averaging(UNet(channels=1)), height=320, width=16)
