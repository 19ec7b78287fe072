"""Exact parameter counts of the networks, against the published ones and against counts by hand."""

import re
from typing import Any

import pytest
import torch
from torch import nn

from limner.foundation.errors import UserError
from limner.generate.media.listing import list_networks
from limner.generate.networks import (
    DISCRIMINATORS,
    GENERATORS,
    SIZES_PX,
    BigGANDiscriminator,
    BigGANGenerator,
    BiggerDiscriminator,
    BiggerGenerator,
    DCGANDiscriminator,
    DCGANGenerator,
    ResNet18Discriminator,
    ResNet18Generator,
    ResNet34Discriminator,
    ResNet34Generator,
    SNGANDiscriminator,
    SNGANGenerator,
)
from limner.learning.networks.listing import NetworkSizes


def made(kind: Any, *arguments: int, **options: Any) -> nn.Module:
    with torch.device("meta"):
        return kind(*arguments, **options)


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def stored(network: nn.Module) -> int:
    """With running means and variances and counts of batches, as files of weights hold them."""
    return sum(tensor.numel() for tensor in network.state_dict().values())


def test_dcgan_at_64_pixels_is_the_tutorials_network() -> None:
    generator, discriminator = made(DCGANGenerator, 64, 3, 0), made(DCGANDiscriminator, 64, 3, 0)
    assert (parameters(generator), stored(generator)) == (3_576_704, 3_578_628)
    assert (parameters(discriminator), stored(discriminator)) == (2_765_568, 2_767_363)


def test_dcgan_at_other_sizes_has_a_layer_fewer_or_more() -> None:
    for size_px, convolutions in ((32, 4), (64, 5), (128, 6), (256, 7)):
        generator, discriminator = made(DCGANGenerator, size_px, 3, 0), made(DCGANDiscriminator, size_px, 3, 0)
        assert sum(isinstance(layer, nn.ConvTranspose2d) for layer in generator.modules()) == convolutions
        assert sum(isinstance(layer, nn.Conv2d) for layer in discriminator.modules()) == convolutions
    more = 16 * 512 * 512 + 2 * 512
    assert parameters(made(DCGANGenerator, 256, 3, 0)) == 3_576_704 + 2 * more
    assert parameters(made(DCGANDiscriminator, 256, 3, 0)) == 2_765_568 + 2 * more
    assert parameters(made(DCGANGenerator, 32, 3, 0)) == 3_576_704 - 16 * 512 * 256 - 2 * 512 - 16 * 100 * 256
    assert parameters(made(DCGANDiscriminator, 32, 3, 0)) == 2_765_568 - 16 * 512 * 256 - 2 * 512 - 16 * 256


def test_conditions_cost_what_their_layers_cost() -> None:
    base, judge = 3_576_704, 2_765_568
    assert parameters(made(DCGANGenerator, 64, 3, 10)) == base + 10 * 16 * 512
    assert parameters(made(DCGANGenerator, 64, 3, 10, condition="batch-norm")) == base + 9 * 2 * (512 + 256 + 128 + 64)
    assert parameters(made(DCGANDiscriminator, 64, 3, 10)) == judge + 10 * 16 * 64
    assert parameters(made(DCGANDiscriminator, 64, 3, 10, condition="projection")) == judge + 10 * 512


def test_a_discriminator_without_batch_normalization_has_biases_instead() -> None:
    network = made(DCGANDiscriminator, 64, 3, 0, batch_norm=False)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())
    assert parameters(network) == 2_765_568 - 2 * (128 + 256 + 512) + (64 + 128 + 256 + 512 + 1)


@pytest.mark.parametrize(
    ("kind", "learned", "kept"),
    [
        (ResNet18Discriminator, 11_173_569, 11_183_318),
        (ResNet34Discriminator, 21_281_729, 21_298_918),
        (ResNet18Generator, 14_677_763, 14_689_046),
        (ResNet34Generator, 22_941_443, 22_958_884),
    ],
)
def test_residual_gans_have_the_numbers_of_the_study(kind: Any, learned: int, kept: int) -> None:
    network = made(kind, 64, 3, 0)
    assert (parameters(network), stored(network)) == (learned, kept)


def test_biggan_at_128_pixels_and_1000_classes_has_the_published_numbers() -> None:
    options = {"width": 96, "attention": 64}
    assert parameters(made(BigGANGenerator, 128, 3, 1000, **options)) == 70_433_988
    assert parameters(made(BigGANDiscriminator, 128, 3, 1000, **options)) == 87_982_370


def test_biggan_cuts_its_latent_into_equal_parts_or_gives_it_whole_to_every_block() -> None:
    generator = BigGANGenerator(64, 3, 0, latent=20, width=2)
    assert (generator.bottom.in_features, generator.blocks[0].normalize_first.gain.in_features) == (4, 4)
    latent = torch.randn(3, 20, generator=torch.Generator().manual_seed(0)).requires_grad_()
    generator.bottom(latent[:, :4]).sum().backward()
    generator(latent).square().sum().backward()
    assert latent.grad is not None
    assert latent.grad.all()  # every part counts
    assert BigGANGenerator(64, 3, 0, latent=21, width=2).bottom.in_features == 21


def test_bigger_dcgan_has_the_layers_and_about_the_weights_that_the_study_states() -> None:
    generator, discriminator = made(BiggerGenerator, 64, 3, 0), made(BiggerDiscriminator, 64, 3, 0)
    assert sum(isinstance(layer, nn.ConvTranspose2d) for layer in generator.modules()) == 7
    assert sum(isinstance(layer, nn.Conv2d) for layer in discriminator.modules()) == 6
    assert (parameters(generator), stored(generator)) == (15_996_888, 16_001_502)
    assert (parameters(discriminator), stored(discriminator)) == (9_053_440, 9_056_772)
    assert parameters(generator) == pytest.approx(16e6, rel=0.02)
    assert parameters(discriminator) == pytest.approx(9.1e6, rel=0.02)


def test_sngan_has_the_published_sizes() -> None:
    assert parameters(made(SNGANGenerator, 32, 3, 0)) == 4_276_739
    assert parameters(made(SNGANGenerator, 64, 3, 0)) == 12_220_675
    assert parameters(made(SNGANDiscriminator, 64, 3, 0)) == 10_141_441
    assert parameters(made(SNGANDiscriminator, 64, 3, 0, inner="outputs")) == 19_542_721


@pytest.mark.parametrize(
    ("size_px", "expected"),
    [
        (32, [(128, 16), (128, 8), (128, 8), (128, 8)]),
        (64, [(64, 32), (128, 16), (256, 8), (512, 4), (1024, 2)]),
        (128, [(64, 64), (128, 32), (256, 16), (512, 8), (1024, 4), (1024, 4)]),
    ],
)
def test_the_blocks_of_sngans_discriminator_halve_where_the_paper_has_it(
    size_px: int, expected: list[tuple[int, int]]
) -> None:
    network = made(SNGANDiscriminator, size_px, 3, 0)
    seen: list[tuple[int, ...]] = []
    for block in network.get_submodule("blocks").children():
        block.register_forward_hook(lambda *call: seen.append(tuple(call[2].shape[1:3])))
    network(torch.empty(1, 3, size_px, size_px, device="meta"))
    assert seen == expected


def test_a_shortcut_that_shrinks_first_gives_what_shrinking_last_gives() -> None:
    torch.manual_seed(0)
    shortcut, x = nn.Conv2d(3, 5, 1).double(), torch.randn(2, 3, 6, 8, dtype=torch.float64)
    assert torch.allclose(shortcut(nn.AvgPool2d(2)(x)), nn.AvgPool2d(2)(shortcut(x)), atol=1e-12)
    double = nn.Upsample(scale_factor=2.0)
    assert torch.allclose(double(shortcut(x)), shortcut(double(x)), atol=1e-12)


def test_sngan_refuses_another_word_for_its_inner_maps() -> None:
    with pytest.raises(UserError, match="inner is 'half'; choose one of inputs, outputs"):
        made(SNGANDiscriminator, 64, 3, 0, inner="half")


@pytest.mark.parametrize("name", ["dcgan", "light"])
def test_the_receptive_field_is_as_far_as_the_gradient_of_one_feature_reaches(name: str) -> None:
    torch.manual_seed(0)
    network: Any = DISCRIMINATORS[name](64, 1, 0, width=2).eval()
    image_pm1 = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    network.features(image_pm1)[0, :, 1, 1].sum().backward()
    rows = image_pm1.grad.abs().sum((0, 1, 3)).nonzero().flatten()  # type: ignore[union-attr]
    assert rows[0] == 16 - 15  # the second feature, of stride 16, begins within the picture
    assert rows[-1] - rows[0] + 1 == network.receptive_field() == 46


def test_the_list_has_every_player_at_every_size_with_its_exact_numbers() -> None:
    rows = list_networks(NetworkSizes())
    pictures = [row for row in rows if re.fullmatch(r"(generator|discriminator) \d+ px", row.options)]
    assert len(pictures) == (len(GENERATORS) + len(DISCRIMINATORS)) * len(SIZES_PX)
    media = {(row.name, row.options.split(",")[0]): row.parameters for row in rows if row not in pictures}
    assert media["gan-cls", "generator of text"] == 18_909_699
    assert media["3d-gan", "discriminator of voxels"] == 11_049_665
    assert media["vgan", "discriminator of clips"] == 11_057_858
    assert media["midinet", "generator of music"] == 502_337
    assert media["c-rnn-gan", "discriminator of music"] == 2_957_501
    found = {(row.name, row.options): row for row in rows}
    assert found["dcgan", "generator 64 px"].parameters == 3_576_704
    assert found["dcgan", "generator 64 px"].receptive_field_px is None
    assert found["dcgan", "discriminator 64 px"][2:4] == (2_765_568, 46)
    assert all(row.line.endswith(".") for row in rows)
    with pytest.raises(UserError, match="channels is 0; needed: 1 or more"):
        list_networks(NetworkSizes(channels=0))
