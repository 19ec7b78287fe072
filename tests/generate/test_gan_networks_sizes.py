"""Exact parameter counts of the networks, against the published ones and against counts by hand."""

from typing import Any

import torch
from torch import nn

from limner.generate.networks import DCGANDiscriminator, DCGANGenerator


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
