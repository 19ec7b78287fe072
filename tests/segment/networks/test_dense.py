"""FCN, SegNet, DeconvNet, dilated networks and the unpadded U-Net: counts of the papers, and what each is known for."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.nn.inspection.fields import receptive_fields
from limner.nn.inspection.inspection import Inspection
from limner.nn.layers.unpooling import MaxPoolWithSwitches, Unpool
from limner.nn.layers.upsampling import BilinearUpsampling, bilinear_kernel
from limner.nn.parameters import count_parameters
from limner.segment.networks import FCN, DeconvNet, Dilated, SegNet, ValidUNet
from limner.segment.networks.dilated import CONTEXTS, ContextModule
from limner.segment.networks.unet_valid import mirror
from limner.segment.networks.vgg import VggEncoder


def on_meta(kind: type, **options: object) -> nn.Module:
    with torch.device("meta"):
        return kind(**{"channels": 3, **options})


@pytest.mark.parametrize(
    ("kind", "options", "count"),
    [
        (FCN, {"classes": 21, "output_stride": 32}, 134_346_581),
        (FCN, {"classes": 21, "output_stride": 16}, 134_357_354),
        (FCN, {"classes": 21, "output_stride": 8}, 134_362_751),
        (FCN, {"classes": 11, "output_stride": 8}, 134_314_081),
        (FCN, {"classes": 2, "output_stride": 32}, 134_268_738),
        (SegNet, {"classes": 11}, 29_449_355),
        (SegNet, {"classes": 12}, 29_449_932),
        (SegNet, {"classes": 21}, 29_455_125),
        (SegNet, {"classes": 11, "basic": True}, 1_416_587),
        (SegNet, {"classes": 2, "basic": True}, 1_416_002),
        (DeconvNet, {"classes": 21}, 251_805_653),
        (Dilated, {"classes": 21}, 134_346_581),
        (Dilated, {"classes": 11}, 134_305_611),
        (ValidUNet, {"channels": 1, "classes": 2}, 31_030_658),
        (ValidUNet, {"channels": 3, "classes": 2}, 31_031_810),
        (ValidUNet, {"channels": 3, "classes": 11}, 31_032_395),
    ],
)
def test_they_have_the_parameters_of_their_papers(kind: type, options: dict, count: int) -> None:
    assert count_parameters(on_meta(kind, **options)) == count


@pytest.mark.parametrize(
    ("form", "counts"),
    [("basic", {11: 7_832, 19: 23_256, 21: 28_392}), ("large", {11: 1_867_129, 19: 5_569_185, 21: 6_803_139})],
)
def test_the_context_modules_have_the_parameters_of_the_paper(form: str, counts: dict[int, int]) -> None:
    with torch.device("meta"):
        found = {classes: count_parameters(ContextModule(classes, form)) for classes in counts}
    assert found == counts
    if form == "basic":
        assert all(64 * classes**2 + 8 * classes == count for classes, count in counts.items())


def test_deconvnets_parameters_are_in_the_parts_that_the_paper_mirrors() -> None:
    network = on_meta(DeconvNet, classes=21)
    parts = dict.fromkeys((nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d), 0)
    for module in network.modules():
        if type(module) in parts:
            parts[type(module)] += count_parameters(module)
    assert list(parts.values()) == [134_261_909, 117_510_336, 33_408]


@pytest.mark.parametrize(("factors", "released"), [((32,), 1_806_336), ((2, 16), 458_640), ((2, 2, 8), 127_008)])
def test_fcns_released_kernels_would_be_as_many_fixed_numbers(factors: tuple[int, ...], released: int) -> None:
    kernels = [bilinear_kernel(factor) for factor in factors]
    assert sum(21 * 21 * kernel.numel() for kernel in kernels) == released


@pytest.mark.parametrize("factor", [2, 8, 16])
def test_enlarging_is_bilinear_interpolation_away_from_the_border(factor: int) -> None:
    maps = torch.rand(2, 3, 5, 6, dtype=torch.float64)
    enlarged = BilinearUpsampling(factor)(maps)
    expected = functional.interpolate(maps, scale_factor=factor, mode="bilinear")
    assert enlarged.shape == expected.shape
    assert torch.allclose(enlarged[..., factor:-factor, factor:-factor], expected[..., factor:-factor, factor:-factor])
    with pytest.raises(ValueError, match="needed: an even number"):
        BilinearUpsampling(3)


def test_fcns_finer_scores_are_added_and_fixed_kernels_do_not_learn() -> None:
    torch.manual_seed(0)
    network, image = FCN(classes=3, width=1 / 16).eval(), torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before = network(image)
        network.decoder["score8"].bias += 1
        assert torch.allclose(network(image)[..., 8:-8, 8:-8], before[..., 8:-8, 8:-8] + 1, atol=1e-5)
    assert Inspection(network, (3, 64, 64)).fixed == 16 + 256
    assert not any("kernel" in name for name in network.state_dict())


def test_segnet_puts_values_back_where_the_maxima_stood() -> None:
    torch.manual_seed(0)
    network = SegNet(classes=3, width=1 / 16).eval()
    pools = [layer for layer in network.encoder.modules() if isinstance(layer, MaxPoolWithSwitches)]
    before: list[Tensor] = []
    places: list[Tensor] = []
    sparse: list[Tensor] = []
    for pool in pools:
        pool.register_forward_hook(lambda _, given, gave: (before.append(given[0]), places.append(gave[1].places))[0])
    for unpool in network.unpools:
        unpool.register_forward_hook(lambda _, given, gave: sparse.append(gave))
    network(torch.randn(1, 3, 64, 64))
    for maps, where, values in zip(before, places, reversed(sparse), strict=True):
        assert maps.shape == values.shape
        stands = torch.zeros_like(values, dtype=torch.bool).flatten(2).scatter(2, where.flatten(2), True)
        assert not values.flatten(2)[~stands].any()
        cells = functional.max_pool2d(maps, 2)
        assert torch.equal(maps.flatten(2).gather(2, where.flatten(2)), cells.flatten(2))


def test_without_switches_values_stand_in_the_corners_of_their_cells() -> None:
    pooled, switches = MaxPoolWithSwitches()(torch.rand(1, 2, 5, 7))
    fixed = Unpool(switches=False)(pooled, switches)
    assert fixed.shape == (1, 2, 5, 7)
    assert torch.equal(fixed[..., ::2, ::2], pooled)
    assert fixed.count_nonzero() == pooled.count_nonzero()


def test_segnet_basic_has_no_relu_in_its_decoder_and_reads_normalized_pictures() -> None:
    network = on_meta(SegNet, basic=True)
    kinds = {type(module) for module in network.decoder.modules()}
    assert nn.ReLU not in kinds
    assert isinstance(network.encoder.normalize, nn.LocalResponseNorm)
    kernels = {module.kernel_size for module in network.modules() if isinstance(module, nn.Conv2d)}
    assert kernels == {(7, 7), (1, 1)}


def test_the_dilated_front_end_sees_as_fcn_32s_does_at_a_quarter_of_its_stride() -> None:
    image = (3, 64, 64)
    (ours,) = receptive_fields(on_meta(Dilated), ["decoder.score"], image).values()
    (theirs,) = receptive_fields(on_meta(FCN, output_stride=32), ["decoder.score32"], image).values()
    assert ours is not None
    assert theirs is not None
    assert (theirs.rows, theirs.stride) == (404, 32)
    # Of each missing pooling, one row of its 2 x 2 window is missing too: 8 and 16 pixels.
    assert (ours.rows, ours.stride) == (404 - 8 - 16, 8)


def test_the_context_module_sees_what_the_paper_prints() -> None:
    module = ContextModule(2)
    layers = [f"layers.{number}" for number in (*range(0, 14, 2), 14)]
    fields = receptive_fields(module, layers, (2, 128, 128))
    assert [field.rows for field in fields.values() if field] == [3, 5, 9, 17, 33, 65, 67, 67]


@pytest.mark.parametrize("form", CONTEXTS)
@pytest.mark.parametrize("classes", [2, 5, 11])
def test_the_context_module_begins_as_the_identity_in_both_readings(form: str, classes: int) -> None:
    torch.manual_seed(0)
    scores = torch.randn(2, classes, 40, 40, dtype=torch.float64)
    exact = ContextModule(classes, form, noise_std=0).double()
    with torch.no_grad():
        assert torch.allclose(exact(scores.relu()), scores.relu(), atol=1e-12)  # scores of 0 and above: unchanged
        assert torch.allclose(exact(scores), scores.relu(), atol=1e-12)  # below 0: taken by the ReLUs
        noisy = ContextModule(classes, form).double()(scores.relu())
    assert not torch.equal(noisy, scores.relu())
    correlation = torch.corrcoef(torch.stack([noisy.flatten(), scores.relu().flatten()]))[0, 1]
    assert correlation > 0.9


def test_the_unpadded_unet_makes_a_map_of_388_from_a_picture_of_572() -> None:
    assert on_meta(ValidUNet).valid_logits(torch.empty(1, 3, 572, 572, device="meta")).shape == (1, 2, 388, 388)


def test_the_unpadded_unet_answers_for_the_middle_as_if_it_saw_what_is_around() -> None:
    torch.manual_seed(0)
    network = ValidUNet(width=1 / 32).eval()
    large = torch.randn(1, 3, 448, 448)
    with torch.no_grad():
        whole = network(large)
        alone = network.valid_logits(large[..., 4:432, 4:432])  # pooled in the same cells: 4 is 16 - 92 % 16
    assert torch.allclose(whole[..., 96:340, 96:340], alone, rtol=1e-4, atol=1e-4)  # misaligned they differ by 9


def test_a_mirror_image_is_numpys_and_repeats_what_is_too_small() -> None:
    line = torch.arange(5)
    assert mirror(line, 4, 3, 0).tolist() == [4, 3, 2, 1, 0, 1, 2, 3, 4, 3, 2, 1]
    assert mirror(torch.tensor([[7]]), 3, 2, 1).tolist() == [[7] * 6]


def test_imagenets_vgg_fits_into_the_encoder_for_any_number_of_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision

    torch.manual_seed(0)
    theirs = torchvision.models.vgg16().eval()
    monkeypatch.setattr("limner.segment.networks.vgg.load_weights", lambda name: theirs.state_dict())
    ours = FCN(pretrained=True, output_stride=32).eval()
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(ours.encoder(image)[-1], theirs.features(image))
    segnet = SegNet(pretrained=True)
    assert torch.equal(segnet.encoder.features[0].weight, theirs.features[0].weight)
    gray = VggEncoder(1)
    gray.load_imagenet()
    assert torch.allclose(gray.features[0].weight, theirs.features[0].weight.sum(1, keepdim=True), atol=1e-6)


@pytest.mark.parametrize("kind", [FCN, Dilated])
def test_a_light_backbone_begins_with_bundled_weights(kind: type) -> None:
    network = kind(channels=4, classes=5, backbone="efficientnet-lite0", pretrained=True).eval()
    assert network(torch.randn(1, 4, 33, 47)).shape == (1, 5, 33, 47)
    fresh = kind(channels=4, classes=5, backbone="efficientnet-lite0")
    assert not torch.equal(fresh.encoder.conv_stem.weight, network.encoder.conv_stem.weight)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (FCN, {"output_stride": 4}, "no output_stride 4; choose one of 32, 16, 8"),
        (FCN, {"backbone": "vgg"}, "no backbone 'vgg'; choose one of vgg-16, efficientnet-lite0"),
        (FCN, {"width": 0.0}, "width is 0.0; needed: a share of the paper's"),
        (FCN, {"width": 0.5, "pretrained": True}, "pretrained with width 0.5; .* need width 1"),
        (SegNet, {"basic": True, "pretrained": True}, "segnet-basic got pretrained; .* full SegNet"),
        (Dilated, {"context": "huge"}, "no context 'huge'; choose one of none, basic, large"),
        (Dilated, {"backbone": "resnet"}, "dilated has no backbone 'resnet'"),
    ],
)
def test_an_option_out_of_its_range_is_refused(kind: type, options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message), torch.device("meta"):
        kind(**options)
