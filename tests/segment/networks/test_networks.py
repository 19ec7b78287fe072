"""The networks of the segment room: exact sizes, balanced skips, clear refusals, and live parameters."""

import inspect
import math
from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor, nn
from torchvision.models import resnet18, resnet50

from limner.foundation.errors import UserError
from limner.learning.recipes.recipe import options_of
from limner.nn.initialize import shapes_only
from limner.nn.pretrained import LITE0, load_weights
from limner.segment.networks import NETWORKS, LiteUNet, ResidualUNet, UNet
from limner.segment.networks.backbones import ENCODER_MAPS, IMAGENET_MEAN, IMAGENET_STD

BASIC_DECODER = [2_097_664, 1_048_832, 262_272, 131_200, 131_200]
BOTTLENECK_DECODER = [33_556_480, 16_778_240, 4_194_816, 524_416, 131_200]


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def picture(channels: int, height: int = 64, width: int = 64, batch: int = 2) -> Tensor:
    return torch.randn(batch, channels, height, width, generator=torch.Generator().manual_seed(0))


def small(name: str, **options: int) -> nn.Module:
    fast = {"residual-unet": {"depth": 18}, "lite-unet": {"pretrained": False}}
    fast |= {name: {"width": 0.125} for name in ("unet-valid", "fcn", "segnet", "deconvnet", "dilated")}
    torch.manual_seed(0)
    return NETWORKS[name](**{**fast.get(name, {}), **options})


# --- every network ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("channels", "height", "width"), [(1, 33, 47), (3, 1, 1), (4, 32, 96), (13, 7, 65)])
def test_any_number_of_bands_and_any_size_gives_logits_of_the_pictures_size(
    name: str, channels: int, height: int, width: int
) -> None:
    network = small(name, channels=channels, classes=5).eval()
    with torch.inference_mode():
        logits = network(picture(channels, height, width, batch=1))
    assert logits.shape == (1, 5, height, width)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("height", "width"), [(33, 47), (32, 47), (5, 64)])
def test_a_picture_of_another_size_is_mapped_as_if_padded_with_the_mean_below_and_to_the_right(
    name: str, height: int, width: int
) -> None:
    network = small(name, channels=3).eval()
    image = picture(3, height, width)
    padded = torch.zeros(2, 3, *(-(-side // network.stride) * network.stride for side in (height, width)))
    padded[..., :height, :width] = image
    with torch.inference_mode():
        assert torch.equal(network(image), network.logits(padded)[..., :height, :width])


@pytest.mark.parametrize("name", NETWORKS)
def test_a_padded_picture_can_be_learned_from(name: str) -> None:
    network = small(name, channels=3)
    image = picture(3, 33, 47).requires_grad_()
    network(image).square().mean().backward()
    assert image.grad is not None
    assert image.grad.abs().sum(1).bool().all()  # every pixel has been seen


@pytest.mark.parametrize("name", NETWORKS)
def test_one_step_back_moves_every_parameter_even_with_a_batch_of_one(name: str) -> None:
    network = small(name, channels=3)
    network(picture(3, batch=1)).square().mean().backward()
    dead = [key for key, parameter in network.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert dead == []


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_no_picture_of_the_right_bands_is_refused(name: str) -> None:
    network = small(name, channels=3)
    with pytest.raises(UserError, match="got 0 x 64 pixels; it needs one or more"):
        network(picture(3, 0, 64))
    with pytest.raises(UserError, match="got 64 x 0 pixels; it needs one or more"):
        network(picture(3, 64, 0))
    with pytest.raises(UserError, match="got 4 bands; it was made for 3"):
        network(picture(4))
    with pytest.raises(UserError, match=r"shape \(3, 64, 64\); it needs \(B, 3, H, W\)"):
        network(picture(3)[0])


def test_learning_from_one_tiny_crop_is_refused_only_where_batch_normalization_needs_more() -> None:
    for name in ("residual-unet", "lite-unet"):
        network = small(name, channels=3)
        with pytest.raises(UserError, match="one crop of 32 x 32 pixels is too little for batch normalization"):
            network(picture(3, 20, 32, batch=1))
        assert network(picture(3, 20, 32, batch=2)).shape == (2, 2, 20, 32)
        assert network.eval()(picture(3, 20, 32, batch=1)).shape == (1, 2, 20, 32)
    assert small("unet", channels=3)(picture(3, 16, 16, batch=1)).shape == (1, 2, 16, 16)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_recipe_can_read_every_option_from_the_signature(name: str) -> None:
    signature = list(inspect.signature(NETWORKS[name]).parameters.values())
    assert [option.name for option in signature[:2]] == ["channels", "classes"]
    for option in options_of(NETWORKS[name]).values():
        if option.default is None:
            assert option.annotation == Path | None
        else:
            assert option.annotation in (int, bool, str, float)
            assert isinstance(option.default, option.annotation)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_docstring_begins_with_one_sentence_for_the_list_of_networks(name: str) -> None:
    first = (NETWORKS[name].__doc__ or "").splitlines()[0]
    assert first.endswith(".")
    assert 20 < len(first) < 110


@pytest.mark.parametrize("name", NETWORKS)
def test_freezing_the_encoder_leaves_a_decoder_that_learns(name: str) -> None:
    network = small(name, channels=3)
    network.encoder.requires_grad_(False)
    network(picture(3)).square().mean().backward()
    assert all(parameter.grad is None for parameter in network.encoder.parameters())
    assert all(parameter.grad is not None for parameter in network.decoder.parameters())


# --- residual-unet ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("depth", "total", "encoder", "decoder"),
    [
        (18, 14.854, 11.180, 3.671),
        (34, 24.962, 21.288, 3.671),
        (50, 78.699, 23.511, 55.185),
        (101, 97.691, 42.503, 55.185),
        (152, 113.335, 58.147, 55.185),
        (200, 117.816, 62.628, 55.185),
    ],
)
def test_residual_unet_has_the_exact_parameters_of_each_depth(
    depth: int, total: float, encoder: float, decoder: float
) -> None:
    with shapes_only():
        network = ResidualUNet(channels=4, classes=2, depth=depth)
    assert round(parameters(network) / 1e6, 3) == total
    assert round(parameters(network.encoder) / 1e6, 3) == encoder
    assert round(parameters(network.decoder) / 1e6, 3) == decoder
    assert [parameters(block) for block in network.decoder] == (BASIC_DECODER if depth < 50 else BOTTLENECK_DECODER)
    assert parameters(network.full_resolution) == 2_432
    assert parameters(network.head) == 258


@pytest.mark.parametrize("depth", [18, 34, 50, 101, 152, 200])
def test_the_depth_counts_every_convolution_of_the_encoder_and_the_dropped_classifier(depth: int) -> None:
    with shapes_only():
        encoder = ResidualUNet(depth=depth).encoder
    convolutions = [
        name for name, module in encoder.named_modules() if isinstance(module, nn.Conv2d) and "downsample" not in name
    ]
    assert len(convolutions) + 1 == depth


@pytest.mark.parametrize(
    ("depth", "encoder_maps", "decoder_maps"),
    [
        (18, [64, 64, 128, 256, 512], [256, 128, 64, 64, 64]),
        (50, [64, 256, 512, 1024, 2048], [1024, 512, 256, 64, 64]),
    ],
)
def test_each_stage_has_the_papers_shape_and_as_many_maps_as_its_skip(
    depth: int, encoder_maps: list[int], decoder_maps: list[int]
) -> None:
    with shapes_only():
        network = ResidualUNet(depth=depth)
        image = torch.empty(1, 4, 256, 256)
    seen: dict[str, list[tuple[int, ...]]] = {"encoder": [], "decoder": [], "side": [], "head": []}
    network.encoder.register_forward_hook(lambda *call: seen["encoder"].extend(x.shape[1:] for x in call[2]))
    network.full_resolution.register_forward_hook(lambda *call: seen["side"].append(call[2].shape[1:]))
    network.head.register_forward_hook(lambda *call: seen["head"].append(call[1][0].shape[1:]))
    for block in network.decoder:
        block.register_forward_hook(lambda *call: seen["decoder"].append(call[2].shape[1:]))

    assert network(image).shape == (1, 2, 256, 256)
    assert seen["encoder"] == list(zip(encoder_maps, *[[128, 64, 32, 16, 8]] * 2, strict=True))
    assert seen["decoder"] == list(zip(decoder_maps, *[[16, 32, 64, 128, 256]] * 2, strict=True))
    skips = [*seen["encoder"][-2::-1], *seen["side"]]
    assert seen["decoder"] == skips
    assert seen["head"] == [(128, 256, 256)]


def test_the_first_skip_is_taken_after_its_relu_and_before_the_pool() -> None:
    network = small("residual-unet", channels=3).eval()
    image = picture(3)
    with torch.inference_mode():
        first = network.encoder(image)[0]
        expected = network.encoder.bn1(network.encoder.conv1(image)).relu()
    assert first.shape == (2, 64, 32, 32)
    assert torch.equal(first, expected)


@pytest.mark.parametrize(("depth", "reference"), [(18, resnet18), (50, resnet50)])
def test_the_encoder_is_torchvisions_resnet_by_name_and_by_number(depth: int, reference: object) -> None:
    resnet = reference(weights=None).eval()
    network = ResidualUNet(channels=3, depth=depth).eval()
    weights = {name: tensor for name, tensor in resnet.state_dict().items() if not name.startswith("fc.")}
    network.encoder.load_state_dict(weights)
    image = picture(3)
    with torch.inference_mode():
        deepest = network.encoder(image)[-1]
        assert torch.allclose(resnet.fc(deepest.mean(dim=(2, 3))), resnet(image), atol=1e-4, rtol=1e-4)


def test_a_bottleneck_steps_in_its_three_by_three_unless_the_paper_is_asked_for() -> None:
    with shapes_only():
        ours, papers = (ResidualUNet(depth=50, stride_in_1x1=choice) for choice in (False, True))
    assert [unit.stride for unit in (ours.encoder.layer2[0].conv1, ours.encoder.layer2[0].conv2)] == [(1, 1), (2, 2)]
    assert [unit.stride for unit in (papers.encoder.layer2[0].conv1, papers.encoder.layer2[0].conv2)] == [
        (2, 2),
        (1, 1),
    ]
    assert parameters(ours) == parameters(papers)
    assert papers(torch.empty(1, 4, 64, 64, device="meta")).shape == (1, 2, 64, 64)


def test_pooling_two_by_two_gives_the_same_sizes() -> None:
    network = small("residual-unet", channels=3, pool=2)
    assert network.encoder.maxpool.padding == 0
    assert network(picture(3)).shape == (2, 2, 64, 64)


def test_fresh_weights_keep_the_variance_of_what_they_read() -> None:
    torch.manual_seed(0)
    block = ResidualUNet(depth=18).decoder[0][0]  # 512 maps, of which each output reads 2 x 2 pixels
    assert block.weight.std().item() == pytest.approx(math.sqrt(2 / (512 * 4)), rel=0.01)
    signal = torch.randn(1, 512, 16, 16, generator=torch.Generator().manual_seed(1)).relu()
    with torch.inference_mode():
        assert block(signal)[..., 2:-2, 2:-2].var().item() == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize(
    ("network", "options", "message"),
    [
        (ResidualUNet, {"depth": 19}, "no depth 19; choose one of 18, 34, 50, 101, 152, 200"),
        (ResidualUNet, {"pool": 4}, "set pool to 2 or 3"),
        (
            ResidualUNet,
            {"depth": 200, "pretrained": True},
            "of depth 200; pretrained takes a depth of 18, 34, 50, 101, 152",
        ),
        (ResidualUNet, {"pool": 2, "pretrained": True}, "pretrained with pool 2; ImageNet's weights need pool 3"),
        (
            ResidualUNet,
            {"stride_in_1x1": True, "pretrained": True},
            "with stride_in_1x1 true; .* need .* stride_in_1x1 false",
        ),
        (ResidualUNet, {"weights": "w.pth", "pretrained": True}, "both pretrained and weights; give one"),
        (ResidualUNet, {"weights": "gone.pth"}, "gone.pth: no such file"),
        (LiteUNet, {"width": 1}, "width 1; it needs 2 or more"),
        (UNet, {"depth": 23}, "unet has no depth 23; choose one of 19, 35"),
    ],
)
def test_an_option_out_of_its_range_is_refused(network: type, options: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        network(**options)


# --- lite-unet -------------------------------------------------------------------------------------------------------


def test_lite_unet_fits_in_ten_megabytes_of_float16() -> None:
    with shapes_only():
        network = LiteUNet()
    assert parameters(network.encoder) == 2_958_848
    assert parameters(network) == 3_661_170
    stored = sum(tensor.numel() for tensor in network.state_dict().values())
    assert 2 * stored < 10e6


def test_lite_unet_concatenates_as_many_maps_from_below_as_from_the_side() -> None:
    with shapes_only():
        network = LiteUNet()
        image = torch.empty(1, 3, 256, 256)
    pairs: list[tuple[torch.Size, torch.Size]] = []
    for block in network.decoder:
        block.reduce.register_forward_hook(lambda *call: pairs.append((call[2].shape,)))
        block.register_forward_pre_hook(lambda *call: pairs.append((call[1][1].shape,)))
    assert network(image).shape == (1, 2, 256, 256)
    skips, reduced = pairs[::2], pairs[1::2]
    assert [skip[0][1] for skip in skips] == [112, 40, 24, 16, 16] == [maps[0][1] for maps in reduced]
    assert [skip[0][2] for skip in skips] == [2 * maps[0][2] for maps in reduced] == [16, 32, 64, 128, 256]
    assert tuple(network.encoder.feature_info.channels()) == ENCODER_MAPS


@pytest.mark.parametrize(("encoder", "count"), [("efficientnet-lite1", 4_425_842), ("efficientnet-lite2", 5_124_050)])
def test_lite_unet_takes_the_next_larger_encoders(encoder: str, count: int) -> None:
    with shapes_only():
        network = LiteUNet(encoder=encoder)
        assert network(torch.empty(2, 3, 70, 90)).shape == (2, 2, 70, 90)
    assert parameters(network) == count
    with pytest.raises(UserError, match="lite-unet got encoder 'efficientnet-lite9'; did you mean"):
        LiteUNet(encoder="efficientnet-lite9")


def test_a_standardized_photograph_gives_the_features_that_imagenet_gave() -> None:
    network = LiteUNet(channels=3).eval()
    original = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    original.load_state_dict(load_weights(LITE0))
    standardized = picture(3, batch=1)
    mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    with torch.inference_mode():
        ours = network.encoder.bn1(network.encoder.conv_stem(standardized))
        imagenets = original.bn1(original.conv_stem(standardized * deviation + mean))
    # The last row and column read padding: grey for ImageNet's network, the mean color for ours.
    assert torch.allclose(ours[..., :-1, :-1], imagenets[..., :-1, :-1], atol=1e-4)


@pytest.mark.parametrize("channels", [1, 2, 4, 13])
def test_a_grey_picture_gives_the_same_features_with_any_number_of_bands(channels: int) -> None:
    grey = picture(1, batch=1)
    with torch.inference_mode():
        three = LiteUNet(channels=3).eval().encoder(grey.expand(-1, 3, -1, -1))
        other = LiteUNet(channels=channels).eval().encoder(grey.expand(-1, channels, -1, -1))
    for ours, expected in zip(other, three, strict=True):
        assert torch.allclose(ours, expected, atol=1e-3)


def test_without_pretrained_weights_the_encoder_begins_fresh() -> None:
    torch.manual_seed(0)
    fresh = LiteUNet(pretrained=False).encoder.blocks[3][0].conv_pw.weight
    assert not torch.allclose(fresh, LiteUNet(pretrained=True).encoder.blocks[3][0].conv_pw.weight)
