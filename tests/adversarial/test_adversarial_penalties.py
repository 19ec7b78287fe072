"""The penalties against closed forms, and under bfloat16 autocast."""

from collections.abc import Callable
from math import sqrt

import pytest
import torch
from torch import Tensor, nn

from limner.adversarial.regularizers.penalties import (
    PenaltySettings,
    consistency_penalty,
    dragan_penalty,
    follow_logits,
    gradient_penalty,
    lecam_averages,
    lecam_penalty,
    r1_penalty,
)


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(seed: int, count: int = 5) -> Tensor:
    return torch.rand(count, 3, 7, 9, generator=draws(seed)) * 2 - 1


def linear(slope: float) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """A linear judge whose slope has this length everywhere."""
    weight = torch.randn(3, 7, 9, generator=draws(9))
    weight = (weight / weight.norm() * slope).requires_grad_()
    return weight, lambda image: (image * weight).sum((1, 2, 3)) + 0.7


def squares(image: Tensor) -> Tensor:
    """A judge whose slope at a picture is the picture."""
    return image.square().sum((1, 2, 3)) / 2


def test_penalties_on_slope_one_are_zero_for_a_linear_critic_of_slope_one_and_grow_as_squares() -> None:
    for slope in (1.0, 3.5):
        _, judge = linear(slope)
        expected = pytest.approx((slope - 1) ** 2, abs=1e-5)
        assert gradient_penalty(judge, pictures(1), pictures(2), draws()).item() == expected
        assert dragan_penalty(judge, pictures(1), draws()).item() == expected


def test_r1_of_a_linear_discriminator_is_half_the_square_of_its_weight_and_pulls_along_it() -> None:
    weight, judge = linear(2.5)
    penalty = r1_penalty(judge, pictures(1))
    assert penalty.item() == pytest.approx(2.5**2 / 2, rel=1e-6)
    (pull,) = torch.autograd.grad(penalty, weight)
    torch.testing.assert_close(pull, weight.detach())


def test_r1_of_a_curved_discriminator_is_taken_at_the_real_pictures() -> None:
    real = pictures(1)
    assert r1_penalty(squares, real).item() == pytest.approx(float(real.square().sum((1, 2, 3)).mean()) / 2, rel=1e-6)


def test_the_gradient_penalty_mixes_with_one_share_a_picture() -> None:
    real, fake = torch.ones(6, 3, 4, 5), torch.zeros(6, 3, 4, 5)
    share = torch.rand(6, 1, 1, 1, generator=draws(3)).flatten()  # what the penalty draws from this seed
    expected = (share * sqrt(60) - 1).square().mean()
    assert float(gradient_penalty(squares, real, fake, draws(3))) == pytest.approx(float(expected), rel=1e-5)


def test_dragan_looks_no_farther_than_half_a_deviation_from_the_real_pictures() -> None:
    real, seen = pictures(1), []
    dragan_penalty(lambda image: seen.append(image.detach()) or squares(image), real, draws())  # type: ignore[func-returns-value]
    away = seen[0] - real
    assert float(away.min()) >= 0
    assert 0 < float(away.max()) <= float(real.std()) / 2


def test_a_flat_discriminator_is_penalized_without_numbers_that_are_none() -> None:
    weight = torch.zeros(3, 7, 9, requires_grad=True)

    def judge(image: Tensor) -> Tensor:
        return (image * weight).sum((1, 2, 3))

    for penalty in (gradient_penalty(judge, pictures(1), pictures(2), draws()), r1_penalty(judge, pictures(1))):
        (pull,) = torch.autograd.grad(penalty, weight)
        assert torch.isfinite(pull).all()


def small_discriminator() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 6, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(6, 8, 3), nn.LeakyReLU(0.2),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 1), nn.Flatten(0),
        ).to(memory_format=torch.channels_last)  # fmt: skip


PENALTIES: dict[str, Callable[[nn.Module], Tensor]] = {
    "gradient": lambda judge: gradient_penalty(judge, pictures(1), pictures(2), draws()),
    "dragan": lambda judge: dragan_penalty(judge, pictures(1), draws()),
    "r1": lambda judge: r1_penalty(judge, pictures(1)),
}


@pytest.mark.parametrize("name", PENALTIES)
def test_slopes_are_differentiated_twice_in_float32_whatever_autocast_does(name: str) -> None:
    outcomes = []
    for autocast in (False, True):
        network = small_discriminator()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            network(pictures(3))  # what autocast caches of the weights must not leak into the penalty
            penalty = PENALTIES[name](network)
        assert penalty.dtype == torch.float32
        penalty.backward()
        outcomes.append([weight.grad for weight in network.parameters()])
        assert all(grad is not None and torch.isfinite(grad).all() for grad in outcomes[-1][:4])
    torch.testing.assert_close(*outcomes)


@pytest.mark.parametrize("name", PENALTIES)
def test_the_pull_of_a_slope_penalty_equals_finite_differences(name: str) -> None:
    network = small_discriminator()
    weight = network[2].weight
    PENALTIES[name](network).backward()
    direction = torch.randn(weight.shape, generator=draws(4))
    direction /= direction.norm()
    values = []
    for step in (-1e-2, 1e-2):
        with torch.no_grad():
            weight += step * direction
        values.append(float(PENALTIES[name](network).detach()))
        with torch.no_grad():
            weight -= step * direction
    slope = float((weight.grad * direction).sum())
    assert slope == pytest.approx((values[1] - values[0]) / 2e-2, rel=2e-2, abs=1e-4)


def test_penalties_leave_pictures_as_they_are_and_draw_from_their_generator_only() -> None:
    real, state = pictures(1), torch.get_rng_state()
    network = small_discriminator()
    first = [penalty(network).item() for penalty in PENALTIES.values()]
    r1_penalty(network, real)
    assert not real.requires_grad
    assert torch.equal(state, torch.get_rng_state())
    assert [penalty(network).item() for penalty in PENALTIES.values()] == first


# --- LeCam and consistency -------------------------------------------------------------------------------------------


def test_lecam_averages_begin_with_the_first_logits_and_then_follow_slowly() -> None:
    averages = lecam_averages(torch.device("cpu"))
    means = [(2.0, -1.0), (4.0, -3.0), (3.0, 0.0)]
    expected: list[float] = []
    for real, fake in means:
        averages = follow_logits(averages, torch.full((4,), real), torch.full((4,), fake))
        expected.append(float(averages["lecam_real"] / averages["lecam_share"]))
    assert expected[0] == pytest.approx(2.0, rel=1e-5)
    weights = [0.01 * 0.99**age for age in (2, 1, 0)]
    by_hand = sum(weight * real for weight, (real, _) in zip(weights, means, strict=True)) / sum(weights)
    assert expected[2] == pytest.approx(by_hand, rel=1e-5)


def test_lecam_penalizes_only_what_lies_beyond_the_other_sides_average() -> None:
    averages = follow_logits(lecam_averages(torch.device("cpu")), torch.tensor([2.0]), torch.tensor([-1.0]))
    real, fake = torch.tensor([3.0, -2.0]), torch.tensor([-4.0, 2.5])
    expected = ((3 + 1) ** 2 + 0) / 2 + ((2 + 4) ** 2 + 0) / 2
    assert float(lecam_penalty(averages, real, fake)) == pytest.approx(expected, rel=1e-5)


def test_lecam_averages_go_on_bit_for_bit_from_what_was_stored() -> None:
    logits = torch.randn(20, 2, 3, generator=draws())
    straight = stopped = lecam_averages(torch.device("cpu"))
    for real, fake in logits:
        straight = follow_logits(straight, real, fake)
    for real, fake in logits:
        stopped = follow_logits({name: value.clone() for name, value in stopped.items()}, real, fake)
    assert all(torch.equal(straight[name], stopped[name]) for name in straight)


def test_consistency_is_zero_for_a_judge_who_does_not_mind_moves_and_positive_for_one_who_does() -> None:
    color = torch.tensor([0.3, -0.2, 0.9])[:, None, None].expand(5, 3, 16, 24).contiguous()
    noise = torch.randn(5, 3, 16, 24, generator=draws())

    def corner(image: Tensor) -> Tensor:
        return image[:, 0, 0, 0]

    assert float(consistency_penalty(corner, color, corner(color), draws())) == 0
    assert float(consistency_penalty(corner, noise, corner(noise), draws())) > 0.1


def test_consistency_moves_by_at_most_an_eighth_and_mirrors_half() -> None:
    seen = []
    columns = torch.arange(16.0).expand(200, 1, 16, 16)

    def judge(image: Tensor) -> Tensor:
        seen.append(image)
        return image[:, 0, 8, 8]

    consistency_penalty(judge, columns, columns[:, 0, 8, 8], draws())
    (moved,) = seen
    steps = moved[:, 0, 8, 9] - moved[:, 0, 8, 8]
    assert set(steps.tolist()) == {-1.0, 1.0}
    assert 70 < int((steps < 0).sum()) < 130
    centers = torch.where(steps > 0, moved[:, 0, 8, 8], 15 - moved[:, 0, 8, 8])
    assert sorted(set((8 - centers).tolist())) == [-2, -1, 0, 1, 2]


def test_no_penalty_is_on_until_a_recipe_says_so() -> None:
    settings = PenaltySettings()
    weights = ("gradient", "dragan", "r1", "lecam", "consistency", "orthogonal")
    assert [getattr(settings, name) for name in weights] == [0] * 6
