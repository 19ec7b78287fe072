"""Running averages of a generator, and the priors of its latents."""

import copy
from math import erf, exp, pi, sqrt

import pytest
import torch
from torch import nn

from limner.adversarial.priors import PRIORS, draw
from limner.adversarial.weights.spectral import apply_spectral_norm
from limner.foundation.errors import UserError
from limner.learning.loop.average import AVERAGES, decay_of, settle_statistics, update_average
from limner.learning.recipes.recipe import Choice, options_of


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def generator_network() -> nn.Module:
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    apply_spectral_norm(net, draws())
    return net


def test_after_its_half_life_a_weight_counts_half() -> None:
    decay = decay_of(half_life_images=1000, batch=25, images_seen=10**9)
    assert decay ** (1000 / 25) == pytest.approx(0.5)
    average, network = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    nn.init.ones_(average.weight)
    nn.init.zeros_(network.weight)
    for _ in range(40):
        update_average(average, network, decay)
    assert average.weight.item() == pytest.approx(0.5, rel=1e-5)


def test_the_half_life_ramps_up_with_the_images_seen() -> None:
    assert decay_of(10_000, 64, 64) == pytest.approx(0.5 ** (1 / 0.05))
    assert decay_of(10_000, 64, 100_000) == pytest.approx(0.5 ** (64 / 5000))
    assert decay_of(10_000, 64, 300_000) == decay_of(10_000, 64, 10**9) == pytest.approx(0.5 ** (64 / 10_000))
    assert decay_of(10_000, 64, 0) == 0
    assert decay_of(10_000, 64, 0, ramp=None) == decay_of(10_000, 64, 10**9)


def test_an_update_is_the_formula_for_parameters_and_a_copy_for_buffers() -> None:
    network = generator_network()
    average = copy.deepcopy(network).requires_grad_(False)
    with torch.no_grad():
        for weight in network.parameters():
            weight += 1
    for seed in range(3):
        network(torch.randn(5, 3, generator=draws(seed)))
    expected = {
        name: 0.9 * old + 0.1 * new
        for (name, old), new in zip(average.named_parameters(), network.parameters(), strict=True)
    }
    update_average(average, network, 0.9)
    for name, weight in average.named_parameters():
        torch.testing.assert_close(weight, expected[name])
    buffers = dict(network.named_buffers())
    assert {"1.running_mean", "1.num_batches_tracked", "0.parametrizations.weight.0._u"} <= set(buffers)
    for name, buffer in average.named_buffers():
        assert torch.equal(buffer, buffers[name]), name
    assert int(average[1].num_batches_tracked) == 3


def test_without_decay_the_average_is_the_network() -> None:
    network = generator_network()
    average = copy.deepcopy(network)
    with torch.no_grad():
        for weight in network.parameters():
            weight += 1
    update_average(average, network, 0.0)
    assert all(torch.equal(*pair) for pair in zip(average.parameters(), network.parameters(), strict=True))


def test_recipes_name_no_average_a_half_life_or_a_fixed_decay_that_begins_late() -> None:
    assert AVERAGES["none"]() is None
    half_life, fixed = AVERAGES["half-life"](images=1000, ramp=0.5), AVERAGES["fixed"](decay=0.99, start_images=640)
    assert half_life is not None and fixed is not None
    assert half_life(10**6, 64) == decay_of(1000, 64, 10**6)
    assert half_life(100, 64) == decay_of(50, 64, 10**6)
    assert [fixed(seen, 64) for seen in (64, 576, 640, 10**6)] == [0, 0, 0.99, 0.99]


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("half-life", {"images": 0}, "got images 0 and ramp 0.05; needed: at least 1, and at least 0"),
        ("fixed", {"decay": 1.0}, "got decay 1; needed: from 0 to below 1, such as 0.999"),
    ],
)
def test_averages_that_cannot_be_are_refused_in_a_line(name: str, options: dict[str, float], expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        AVERAGES[name](**options)


# --- priors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRIORS)
def test_latents_come_from_their_generator_only(name: str) -> None:
    state = torch.get_rng_state()
    first, again = (draw(Choice(name), 6, 5, draws(3)) for _ in range(2))
    assert first.shape == (6, 5)
    assert first.dtype == torch.float32
    assert torch.equal(first, again)
    assert not torch.equal(first, draw(Choice(name), 6, 5, draws(4)))
    assert torch.equal(state, torch.get_rng_state())


def deviation_within(limit: float) -> float:
    """Of N(0, 1) without what lies beyond the limit."""
    return sqrt(1 - 2 * limit * exp(-(limit**2) / 2) / sqrt(2 * pi) / erf(limit / sqrt(2)))


@pytest.mark.parametrize("limit", [0.1, 0.7, 2.0, 6.0])
def test_truncation_bounds_latents_and_keeps_the_shape_of_the_normal_inside(limit: float) -> None:
    latents = draw(Choice("normal"), 400, 100, draws(), limit)
    assert float(latents.abs().max()) <= limit
    assert float(latents.std()) == pytest.approx(deviation_within(limit), rel=0.02)
    assert float(latents.mean()) == pytest.approx(0, abs=0.02)
    if limit < 6:
        assert float(latents.max()) > 0.98 * limit
        assert (latents.abs() == limit).float().mean() < 1e-3  # drawn again, not clipped


def test_the_normal_and_the_uniform_prior_have_their_moments() -> None:
    normal, uniform = (draw(Choice(name), 400, 100, draws()) for name in ("normal", "uniform"))
    assert float(normal.std()) == pytest.approx(1, rel=0.02)
    assert float(normal.abs().max()) > 3
    assert float(uniform.std()) == pytest.approx(1 / sqrt(3), rel=0.02)
    assert -1 <= float(uniform.min()) < -0.99 and 0.99 < float(uniform.max()) < 1


def test_the_smaller_of_a_priors_limit_and_the_wished_one_holds() -> None:
    limited = Choice("truncated", {"limit": 1.5})
    assert 1.4 < float(draw(limited, 400, 100, draws()).max()) <= 1.5
    assert 1.4 < float(draw(limited, 400, 100, draws(), 9.0).max()) <= 1.5
    assert 0.4 < float(draw(limited, 400, 100, draws(), 0.5).max()) <= 0.5
    assert 1.9 < float(draw(Choice("truncated"), 400, 100, draws()).max()) <= 2
    assert 0.4 < float(draw(Choice("uniform"), 400, 100, draws(), 0.5).max()) <= 0.5


def test_limits_that_leave_nothing_are_refused_in_a_line() -> None:
    with pytest.raises(UserError, match=r"^truncation is 0; it must be above 0, such as 1$"):
        draw(Choice("normal"), 1, 1, draws(), 0.0)
    with pytest.raises(UserError, match=r"^prior.limit is -1; it must be above 0, such as 2$"):
        draw(Choice("truncated", {"limit": -1.0}), 1, 1, draws())


def test_recipes_set_the_limit_of_the_truncated_prior_and_nothing_else() -> None:
    assert {name: list(options_of(prior)) for name, prior in PRIORS.items()} == {
        "normal": [], "uniform": [], "truncated": ["limit"], "sphere": [], "unit": [],
    }  # fmt: skip


def test_settled_statistics_are_the_means_over_the_batches_that_pass() -> None:
    network = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5), nn.Linear(3, 4), nn.BatchNorm1d(4, momentum=0.3)).eval()
    batches = [7 * torch.randn(count, 3, generator=draws(count)) - 2 for count in (5, 8)]
    given: list[torch.Tensor] = []
    network[3].register_forward_pre_hook(lambda _, inputs: given.append(inputs[0].clone()))
    settle_statistics(network, lambda: [network(batch) for batch in batches])
    for layer, seen in ((network[0], batches), (network[3], given)):
        torch.testing.assert_close(layer.running_mean, torch.stack([each.mean(0) for each in seen]).mean(0))
        torch.testing.assert_close(layer.running_var, torch.stack([each.var(0) for each in seen]).mean(0))
    assert not any(each.training for each in network.modules())  # and nothing was dropped
    assert [layer.momentum for layer in (network[0], network[3])] == [0.1, 0.3]


def test_statistics_that_cannot_be_settled_leave_the_layers_as_they_were_used() -> None:
    network = nn.Sequential(nn.BatchNorm1d(3)).eval()
    with pytest.raises(ValueError, match="expected 2D or 3D input"):
        settle_statistics(network, lambda: network(torch.zeros(3)))
    assert (network[0].momentum, network[0].training) == (0.1, False)


def test_a_network_without_batch_normalization_is_not_used() -> None:
    settle_statistics(nn.Linear(1, 1).eval(), lambda: pytest.fail("it has nothing to settle"))
