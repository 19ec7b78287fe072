"""StyleGAN2: counts, modulated convolutions against weights scaled one by one, filters, mixing, truncation, noise."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.generate.networks import StyleGAN2Discriminator, StyleGAN2Generator
from limner.generate.networks.stylegan2.discriminator import batch_differences
from limner.generate.networks.stylegan2.layers import (
    TAPS,
    EqualizedConv,
    EqualizedLinear,
    blurred,
    demodulation,
    doubled,
    halved,
    modulated,
)
from limner.nn.parameters import count_parameters


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def small(**options: object) -> StyleGAN2Generator:
    torch.manual_seed(0)
    return StyleGAN2Generator(32, 3, 0, **{"latent": 6, "style": 7, "width": 2, "mapping_layers": 2, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size_px", "width", "eight", "two", "judging"),
    [
        (64, 64, 23_819_544, 22_243_608, 23_407_361),
        (64, 128, 27_032_600, 25_456_664, 26_488_833),
        (128, 64, 24_525_213, None, 23_882_369),
        (128, 128, 29_328_669, None, 28_389_121),
        (256, 64, 24_767_458, None, 24_001_089),
        (256, 128, 30_034_338, None, 28_864_129),
    ],
)
def test_parameters_are_those_of_the_authors_networks(
    size_px: int, width: int, eight: int, two: int | None, judging: int
) -> None:
    with torch.device("meta"):
        assert count_parameters(StyleGAN2Generator(size_px, 3, 0, width=width)) == eight
        assert count_parameters(StyleGAN2Discriminator(size_px, 3, 0, width=width)) == judging
        if two:
            assert count_parameters(StyleGAN2Generator(size_px, 3, 0, width=width, mapping_layers=2)) == two


def test_the_mapping_of_eight_layers_has_2_101_248_parameters() -> None:
    with torch.device("meta"):
        assert count_parameters(StyleGAN2Generator(64, 3, 0).map) == 2_101_248


@pytest.mark.parametrize("double", [False, True])
def test_a_modulated_convolution_is_one_with_weights_of_its_own_for_each_picture(double: bool) -> None:
    x, weight = numbers(3, 4, 6, 6).double(), numbers(5, 4, 3, 3, seed=1).double()
    style = numbers(3, 4, seed=2).double()
    made = modulated(x, weight, style, double=double) * demodulation(weight, style).double()[:, :, None, None]
    for number in range(3):
        own = weight * style[number][None, :, None, None]
        own = own / (own.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if double:
            expected = functional.conv_transpose2d(x[number : number + 1], own.transpose(0, 1), stride=2)
            expected = blurred(expected, 1, gain=4.0)
        else:
            expected = functional.conv2d(x[number : number + 1], own, padding=1)
        torch.testing.assert_close(made[number : number + 1], expected, rtol=1e-5, atol=1e-5)


def test_demodulation_gives_outputs_the_variance_of_inputs_whatever_the_style() -> None:
    weight, style = numbers(6, 8, 3, 3), 100 * numbers(2, 8, seed=1)
    x = modulated(numbers(2, 8, 60, 60, seed=2), weight, style) * demodulation(weight, style)[:, :, None, None]
    assert x[:, :, 1:-1, 1:-1].std() == pytest.approx(1, abs=0.05)


def reference(x: Tensor, *, up: bool) -> Tensor:
    """Zeros between, the filter, every other place: one number after the other."""
    taps = torch.tensor(TAPS).double() / sum(TAPS)
    side = x.shape[-1]
    if up:
        wide = torch.zeros(2 * side).double()
        wide[::2] = 2 * x
        padded = functional.pad(wide, (2, 1))
        return torch.stack([(padded[at : at + 4] * taps).sum() for at in range(2 * side)])
    padded = functional.pad(x, (1, 1))
    return torch.stack([(padded[at : at + 4] * taps).sum() for at in range(0, side, 2)])


@pytest.mark.parametrize("up", [False, True])
def test_doubling_and_halving_filter_by_1_3_3_1_with_zeros_outside(up: bool) -> None:
    row, column = numbers(8).double(), numbers(8, seed=1).double()
    made = (doubled if up else halved)(torch.outer(row, column)[None, None])[0, 0]
    torch.testing.assert_close(made, torch.outer(reference(row, up=up), reference(column, up=up)))


def test_equalized_layers_keep_the_variance_and_their_weights_begin_with_variance_1() -> None:
    torch.manual_seed(0)
    layer, linear = EqualizedConv(64, 64, 3), EqualizedLinear(300, 400, rate=0.01)
    with torch.no_grad():
        made, mapped = layer(numbers(2, 64, 20, 20))[:, :, 1:-1, 1:-1], linear(numbers(50, 300))
        assert layer.weight.std() == pytest.approx(1, abs=0.02)
        assert (made.std(), mapped.std()) == (pytest.approx(1, abs=0.05), pytest.approx(1, abs=0.05))
    assert float(linear.weight.detach().std()) == pytest.approx(100, rel=0.02)  # and learns a hundredth as fast


def test_truncation_0_gives_the_mean_style_and_1_changes_nothing() -> None:
    network = small()
    for seed in range(20):
        network(numbers(8, 6, seed=seed))  # the mean follows
    network.eval()
    latent = numbers(4, 6, seed=50)
    with torch.no_grad():
        mean = network(latent, truncation=0.0)
        torch.testing.assert_close(mean, mean[:1].expand_as(mean))
        torch.testing.assert_close(network(latent, truncation=1.0), network(latent))
        between = network.styles(latent, truncation=0.5)[:, 0]
        torch.testing.assert_close(between, (network.mapped(latent) + network.mean_style) / 2)
    assert network.mean_style.abs().sum() > 0


def test_the_mean_style_moves_by_a_two_hundredth_in_training_and_not_in_evaluation() -> None:
    network, latent = small(), numbers(5, 6)
    network(latent)
    torch.testing.assert_close(network.mean_style, 0.005 * network.mapped(latent).mean(0))
    kept = network.mean_style.clone()
    network.eval()(latent)
    assert torch.equal(network.mean_style, kept)


@pytest.mark.parametrize("mixing", [0.0, 0.9, 1.0])
def test_a_share_of_the_pictures_takes_later_styles_from_another_latent(mixing: float) -> None:
    network, latent = small(mixing=mixing), numbers(400, 6)
    torch.manual_seed(3)
    styles, own = network.styles(latent), network.mapped(latent)
    others = network.mapped(latent.roll(1, 0))
    taken = (styles != own[:, None]).any(2)  # (B, layers)
    assert not taken[:, 0].any()  # the first is always its own
    assert (taken.int().diff(dim=1) >= 0).all()  # and behind one of another come no more of its own
    assert taken.any(1).float().mean() == pytest.approx(mixing, abs=0.05)
    assert torch.equal(styles, torch.where(taken[:, :, None], others[:, None], own[:, None]))
    assert not (network.eval().styles(latent) != network.mapped(latent)[:, None]).any()


def test_noise_is_new_in_training_and_the_same_in_evaluation() -> None:
    network, latent = small(mixing=0.0), numbers(2, 6)
    for name, parameter in network.named_parameters():
        if name.endswith("strength"):
            parameter.data.fill_(0.5)
    with torch.no_grad():
        assert not torch.equal(network(latent), network(latent))
        network.eval()
        assert torch.equal(network(latent), network(latent))
        torch.testing.assert_close(network(latent)[:1], network(latent[:1]))


def test_differences_of_a_batch_are_the_spread_within_groups() -> None:
    features = numbers(8, 3, 2, 2)
    found = batch_differences(features)
    assert found.shape == (8, 1, 2, 2)
    for number in range(8):
        group = features[number % 2 :: 2]  # of four: k, k + 2, k + 4, k + 6
        expected = (group.var(0, unbiased=False) + 1e-8).sqrt().mean()
        torch.testing.assert_close(found[number], expected.expand(1, 2, 2))
    assert batch_differences(features[:1].expand(4, -1, -1, -1)).max() == pytest.approx(1e-4)
    assert batch_differences(features[:5]).max() == pytest.approx(1e-4)  # five are no groups but of one


def test_the_first_receptive_field_grows_as_the_gradient_reaches() -> None:
    torch.manual_seed(0)
    network = StyleGAN2Discriminator(64, 1, 0, width=1)
    picture = numbers(1, 1, 64, 64).requires_grad_()
    network.features(picture)[0, :, 2, 2].sum().backward()
    assert picture.grad is not None
    rows = picture.grad.abs().sum((0, 1, 3)).nonzero().flatten()
    assert network.receptive_field() >= 64 == int(rows[-1] - rows[0] + 1)


def test_options_that_mean_nothing_are_refused() -> None:
    with pytest.raises(UserError, match=r"generator.mixing is 2; needed: a share, from 0 to 1"):
        small(mixing=2.0)
    with pytest.raises(UserError, match="style is 0; needed: 1 or more"):
        small(style=0)
    with pytest.raises(UserError, match="condition of the generator is 'batch-norm'; choose one of concatenate"):
        small(condition="batch-norm")
