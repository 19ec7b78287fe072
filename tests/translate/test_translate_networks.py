"""The networks of the room translate against published and counted numbers, and what they do with sizes."""

from typing import Any

import pytest
import torch
from torch import nn

from limner.foundation.errors import UserError
from limner.nn.initialize import shapes_only
from limner.nn.parameters import count_parameters
from limner.translate.networks import (
    DISCRIMINATORS,
    GENERATORS,
    AttributeDiscriminator,
    AttributeGenerator,
    Colorizer,
    ContextDiscriminator,
    ContextEncoder,
    DTNDiscriminator,
    DTNExtractor,
    DTNGenerator,
    LightResidual,
    PatchDiscriminator,
    PictureReader,
    RandomContextEncoder,
    ResNet,
    SRGANDiscriminator,
    SRResNet,
    StarDiscriminator,
    StarGenerator,
    UNet,
    VoxelFlow,
)
from limner.translate.networks.dtn import Transfer
from limner.translate.networks.icgan import Redrawing
from limner.translate.networks.stargan import Told, with_maps

COUNTS: list[tuple[type[nn.Module], dict[str, Any], int]] = [
    (UNet, {"levels": 8}, 54_413_955),
    (UNet, {"levels": 7}, 41_828_995),
    (UNet, {"levels": 6}, 29_244_035),
    (UNet, {"levels": 5}, 16_659_075),
    (UNet, {"levels": 8, "width": 32}, 13_608_259),
    (UNet, {"levels": 7, "width": 32}, 10_461_507),
    (UNet, {"levels": 6, "width": 32}, 7_314_755),
    (UNet, {"levels": 8, "inputs": 1, "outputs": 2}, 54_409_858),
    (UNet, {"levels": 8, "inputs": 1}, 54_411_907),
    (ResNet, {}, 11_378_179),
    (ResNet, {"blocks": 6}, 7_837_699),
    (ResNet, {"norm": "batch"}, 11_383_427),
    (ResNet, {"blocks": 6, "norm": "batch"}, 7_841_411),
    (ResNet, {"width": 32}, 2_850_563),
    (ResNet, {"blocks": 6, "width": 32}, 1_965_059),
    (ResNet, {"dropout": 0.5, "convolutions": 1}, 6_067_459),
    (SRResNet, {"scale": 4}, 1_549_462),
    (SRResNet, {"scale": 2}, 1_401_749),
    (ContextEncoder, {}, 71_130_531),
    (ContextEncoder, {"bottleneck": 512}, 13_972_675),
    (ContextEncoder, {"bottleneck": 100}, 7_221_231),
    (RandomContextEncoder, {}, 71_196_259),
    (
        Colorizer,
        {"inputs": 1, "levels": 8, "width": 64, "seen_px": 256, "upsample": "transposed"},
        54_409_858,
    ),
    (VoxelFlow, {"inputs": 2 * 3}, 332_496),
    (StarGenerator, {"inputs": 3 + 5}, 8_430_528),
    (StarGenerator, {"inputs": 3 + 2}, 8_421_120),
    (StarGenerator, {"inputs": 3 + 8}, 8_439_936),
    (StarGenerator, {"inputs": 3 + 15}, 8_461_888),
]
PATCHES = {
    1: (139_585, 16, (126, 62, 30)),
    2: (666_433, 34, (62, 30, 14)),
    3: (2_768_705, 70, (30, 14, 6)),
    4: (6_964_033, 142, (14, 6, 2)),
    5: (11_159_361, 286, (6, 2)),
    6: (15_354_689, 574, ()),
}
"""By layers: parameters in six channels with batch normalization, receptive field, output side at 256, 128, 64 px."""
SMALL: dict[str, dict[str, Any]] = {
    "unet": {"levels": 3, "width": 4},
    "resnet": {"blocks": 1, "width": 4},
    "light-residual": {"blocks": 1, "width": 4},
    "srresnet": {"blocks": 1, "width": 4, "scale": 4},
    "context-encoder": {"bottleneck": 8, "width": 4},
    "context-encoder-random": {"bottleneck": 8, "width": 4},
    "multi-scale": {"width": 4},
    "colorizer": {"levels": 3, "width": 4, "seen_px": 16},
    "voxel-flow": {"inputs": 6, "blocks": 1, "width": 4},
}


@pytest.mark.parametrize(("kind", "options", "count"), COUNTS)
def test_generators_have_the_parameters_that_were_counted(
    kind: type[nn.Module], options: dict[str, Any], count: int
) -> None:
    with torch.device("meta"):
        assert count_parameters(kind(**{"inputs": 3, "outputs": 3, **options})) == count


@pytest.mark.parametrize("layers", PATCHES)
def test_patch_discriminators_have_the_counts_fields_and_sides_that_were_published(layers: int) -> None:
    count, seen, sides = PATCHES[layers]
    with torch.device("meta"):
        network = PatchDiscriminator(6, layers=layers)
        assert count_parameters(network) == count
        assert network.receptive_field() == seen
        for side_px, side in zip((256, 128, 64), sides, strict=False):
            assert network(torch.empty(2, 6, side_px, side_px)).shape == (2, 1, side, side)


def test_other_discriminators_have_the_counts_that_were_published() -> None:
    with torch.device("meta"):
        cycle = [count_parameters(PatchDiscriminator(3, layers=n, norm="instance")) for n in (1, 2, 3, 4)]
        assert cycle == [136_385, 662_977, 2_764_737, 6_959_553]
        assert count_parameters(PatchDiscriminator(6, layers=0)) == 9_024
        assert count_parameters(PatchDiscriminator(3, layers=0, norm="instance")) == 8_705
        assert PatchDiscriminator(6, layers=0).receptive_field() == 1
        dense = [count_parameters(SRGANDiscriminator(3, size_px)) for size_px in (96, 128, 64)]
        assert dense == [23_565_505, 38_245_569, 13_079_745]
        assert [count_parameters(ContextDiscriminator(3, size)) for size in (64, 128)] == [2_766_529, 2_832_257]
        deblur = PatchDiscriminator(3, layers=3, norm="instance", padding=2)
        assert deblur(torch.empty(1, 3, 256, 256)).shape == (1, 1, 35, 35)


@pytest.mark.parametrize(
    ("size_px", "classes", "layers", "count"),
    [(128, 5, 6, 44_762_048), (128, 13, 6, 44_827_584), (64, 5, 5, 11_175_872), (64, 2, 5, 11_163_584),
     (256, 5, 6, 44_884_928)],
)  # fmt: skip
def test_stargans_discriminator_has_the_parameters_that_were_counted(
    size_px: int, classes: int, layers: int, count: int
) -> None:
    with torch.device("meta"):
        network = StarDiscriminator(3, size_px, classes, layers=layers)
        assert count_parameters(network) == count
        opinion = network(torch.empty(2, 3, size_px, size_px))
    side = size_px // 2**layers
    assert opinion.logits.shape == (2, 1, side, side) and opinion.classes.shape == (2, classes)


def test_dtns_networks_have_the_parameters_that_were_counted() -> None:
    with torch.device("meta"):
        extractor, generator = DTNExtractor(3), DTNGenerator(128, 1)
        assert count_parameters(extractor) == 896_384 and count_parameters(nn.Linear(extractor.code, 10)) == 1_290
        assert count_parameters(generator) == count_parameters(DTNGenerator(128, 1, upsample="resize")) == 2_526_977
        assert [count_parameters(DTNDiscriminator(1, kinds=n)) for n in (1, 3)] == [1_486_593, 1_502_979]
        code = extractor(torch.empty(2, 3, 32, 32))
        assert code.shape == (2, 128) and generator(code).shape == (2, 1, 32, 32)
        assert DTNDiscriminator(1, 48)(torch.empty(2, 1, 48, 48)).shape == (2, 3)


def test_dtn_brings_pictures_of_other_sizes_to_its_own_and_back() -> None:
    network = Transfer(DTNExtractor(3, 16, width=4, features=8), DTNGenerator(8, 3, 16, width=4), 3).eval()
    small = torch.rand(1, 3, 16, 16) * 2 - 1
    made = network(small)
    assert torch.equal(made, network.generator(network.extractor(small)))
    large = network(small.repeat_interleave(3, 2).repeat_interleave(2, 3))
    assert large.shape == (1, 3, 48, 32)
    torch.testing.assert_close(
        nn.functional.interpolate(large, (16, 16), mode="area"), made, atol=0.05, rtol=0
    )  # a rectangle is squashed, seen, and stretched again


def test_stargans_generator_hears_which_domain_it_is_told() -> None:
    """Beside `test_reflected_borders_and_instance_normalization_remove_constant_maps`."""
    torch.manual_seed(0)
    network, image = StarGenerator(3 + 2, 3, blocks=1, width=4), torch.rand(1, 3, 16, 16) * 2 - 1
    first, second = (Told(network, torch.tensor(label))(image) for label in ([1.0, 0.0], [0.0, 1.0]))
    assert first.shape == (1, 3, 16, 16) and (first - second).abs().max() > 0.01
    assert torch.equal(with_maps(image, torch.tensor([[1.0, 0.0]]))[:, 3:].mean((2, 3)), torch.tensor([[1.0, 0.0]]))


def test_icgans_networks_have_the_parameters_that_were_counted() -> None:
    with shapes_only():
        generator, discriminator = AttributeGenerator(64, 3, 18), AttributeDiscriminator(64, 3, 18)
        latents, attributes = PictureReader(64, 3, 100), PictureReader(64, 3, 18, dense=512)
        networks = (generator, discriminator, latents, attributes)
        assert list(map(count_parameters, networks)) == [3_725_123, 2_803_393, 18_278_244, 3_186_962]
        drawn = generator(torch.empty(2, 100), torch.empty(2, 18))
        assert drawn.shape == (2, 3, 64, 64)
        assert discriminator(drawn, torch.empty(2, 18)).shape == (2,)
        assert latents(drawn).shape == (2, 100) and attributes(drawn).shape == (2, 18)
    assert discriminator.layers[0].in_channels == 64 + 18  # told behind its first layer


@pytest.mark.parametrize("size_px", [16, 32, 128])
def test_icgans_networks_take_powers_of_two(size_px: int) -> None:
    latent, attributes = torch.rand(2, 5), torch.tensor([[1.0, -1.0], [-1.0, -1.0]])
    image = AttributeGenerator(size_px, 1, 2, latent=5, width=2)(latent, attributes)
    assert image.shape == (2, 1, size_px, size_px)
    assert AttributeDiscriminator(size_px, 1, 2, width=2)(image, attributes).shape == (2,)
    assert PictureReader(size_px, 1, 5, width=2, dense=4)(image).shape == (2, 5)


def test_icgan_refuses_sizes_and_numbers_that_cannot_be() -> None:
    with pytest.raises(UserError, match="pictures of 48 px; needed: a power of 2"):
        AttributeGenerator(48, 3, 2)
    with pytest.raises(UserError, match="got dense 0"):
        PictureReader(32, 3, 2, dense=0)


def test_redrawing_asks_for_what_is_changed_and_keeps_what_is_read() -> None:
    torch.manual_seed(0)
    asked_of: list[torch.Tensor] = []

    class Drawing(nn.Module):
        def forward(self, latent: torch.Tensor, attributes: torch.Tensor) -> torch.Tensor:
            asked_of.append(attributes)
            return torch.zeros(len(latent), 3, 16, 16)

    readers = [PictureReader(16, 3, count, width=2, dense=4).eval() for count in (5, 3)]
    network = Redrawing(Drawing(), *readers, size_px=16, channels=3)
    image = torch.rand(2, 3, 11, 7) * 2 - 1
    assert network(image).shape == image.shape
    network.asked_for(torch.tensor([torch.nan, 1.0, -1.0]))(image)
    read, changed = asked_of
    assert set(read.flatten().tolist()) <= {-1.0, 1.0}
    assert torch.equal(changed[:, 0], read[:, 0])
    assert changed[:, 1:].tolist() == [[1.0, -1.0], [1.0, -1.0]]


@pytest.mark.parametrize("name", GENERATORS)
def test_generators_keep_their_promise_of_size_and_range(name: str) -> None:
    network: Any = GENERATORS[name](**{"inputs": 3, "outputs": 3, **SMALL[name]})
    side = 128 if name.startswith("context") else 16
    image = torch.rand(2, network.inputs, side, side) * 2 - 1
    made = network(image)
    wanted = side * network.scale // (2 if network.takes_center else 1)
    assert made.shape == (2, 3, wanted, wanted) and made.dtype == torch.float32
    assert made.abs().max() <= 1 + 1e-6 or name == "light-residual"
    made.square().mean().backward()
    assert [key for key, value in network.named_parameters() if value.grad is None] == []


def test_a_light_residual_network_begins_as_the_plain_enlargement() -> None:
    image = torch.rand(1, 3, 12, 8) * 2 - 1
    made = LightResidual(3, 3, 4, blocks=1, width=4)(image)
    plain = torch.nn.functional.interpolate(image, scale_factor=4, mode="bicubic", align_corners=False)
    torch.testing.assert_close(made, plain)
    torch.testing.assert_close(LightResidual(3, 3, squeeze=4, blocks=1, width=4)(image), image)


@pytest.mark.parametrize("upsample", ["transposed", "resize"])
@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_unet_and_resnet_take_every_normalization_and_upsampling(norm: Any, upsample: Any) -> None:
    image = torch.rand(2, 4, 16, 24)
    for network in (
        UNet(4, 2, levels=3, width=4, norm=norm, upsample=upsample),
        ResNet(4, 2, blocks=1, width=4, norm=norm, upsample=upsample),
    ):
        assert network(image).shape == (2, 2, 16, 24)


def test_reflected_borders_and_instance_normalization_remove_constant_maps() -> None:
    """Why StarGAN, which is told its domain by constant maps, pads with zeros."""
    network = ResNet(4, 3, blocks=1, width=4)
    image = torch.rand(1, 3, 16, 16)
    off, on = (network(torch.cat([image, torch.full((1, 1, 16, 16), value)], dim=1)) for value in (0.0, 1.0))
    torch.testing.assert_close(off, on, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: UNet(3, 3, levels=3, width=4)(torch.zeros(1, 3, 16, 20)), "pad to 16 x 24"),
        (lambda: UNet(3, 3, levels=3, width=4)(torch.zeros(1, 4, 16, 16)), r"it needs \(B, 3, H, W\)"),
        (lambda: UNet(3, 3, 4), "not 4 times as large"),
        (lambda: UNet(3, 3, levels=1), "levels 1"),
        (lambda: UNet(3, 3, norm="group"), "norm is 'group'"),  # type: ignore[arg-type]
        (lambda: ResNet(1, 3, residual_out=True), "equally many"),
        (lambda: StarGenerator(5, 3, 2), "scale 2"),
        (lambda: StarDiscriminator(3, 100, 5), "a multiple of 64"),
        (lambda: DTNExtractor(3, 20), "a multiple of 8"),
        (lambda: DTNGenerator(0, 3), "code 0"),
        (lambda: DTNDiscriminator(3, kinds=2), "kinds 2; needed: 3 as printed"),  # type: ignore[arg-type]
        (lambda: DTNExtractor(3, width=4)(torch.zeros(1, 3, 16, 16)), "the dtn extractor got 16 x 16 px"),
        (lambda: StarDiscriminator(3, 64, 5, layers=2, width=4)(torch.zeros(1, 3, 32, 32)), "takes 64 px"),
        (lambda: ResNet(3, 3, upsample="bilinear"), "upsample is 'bilinear'"),  # type: ignore[arg-type]
        (lambda: SRResNet(3, 3, 3), "3 times as large"),
        (lambda: LightResidual(1, 3), "1 channels cannot become 3"),
        (lambda: LightResidual(3, 3, squeeze=3), "squeeze 3"),
        (lambda: VoxelFlow(6, 3, squeeze=3), "squeeze 3"),
        (lambda: VoxelFlow(3, 3), "makes a frame of two others or more, and got 3 channels for frames of 3"),
        (lambda: VoxelFlow(7, 3), "got 7 channels for frames of 3"),
        (lambda: VoxelFlow(6, 3, 2), "not 2 times as large"),
        (lambda: ContextEncoder(3, 3, bottleneck=4, width=2)(torch.zeros(1, 3, 256, 256)), "made for 128"),
        (lambda: PatchDiscriminator(3, layers=7), "layers 7"),
        (lambda: PatchDiscriminator(3, layers=5)(torch.zeros(1, 3, 64, 64)), "fewer layers or larger crops"),
        (lambda: SRGANDiscriminator(3, 100), "multiple of 16"),
        (lambda: SRGANDiscriminator(3, 32, width=2)(torch.zeros(1, 3, 48, 48)), "made for 32"),
        (lambda: ContextDiscriminator(3, 96), "64 or 128"),
    ],
)
def test_networks_refuse_what_they_cannot_do_in_one_line(make: Any, says: str) -> None:
    with pytest.raises(UserError, match=says):
        make()


def test_every_discriminator_gives_logits() -> None:
    for name, size_px in (("patch", 32), ("srgan", 32), ("context", 64)):
        network: Any = DISCRIMINATORS[name](3, size_px, width=4)
        logits = network(torch.rand(2, 3, size_px, size_px))
        assert len(logits) == 2 and logits.isfinite().all()
