"""Schedules by their closed forms, and learning rates that survive going on."""

import inspect
import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from limner.foundation.errors import UserError
from limner.learning.loop.optimizers import OPTIMIZERS, SCHEDULES, constant, cosine, set_learning_rate, staircase


@given(epochs=st.integers(1, 500), done=st.floats(0, 1))
def test_a_constant_schedule_leaves_the_learning_rate_alone(epochs: int, done: float) -> None:
    assert constant()(done * epochs, epochs) == 1


def test_a_cosine_warms_up_linearly_to_its_height_and_falls_by_half_a_period_to_its_end() -> None:
    factor = cosine(warmup=0.1, final=0.02)
    assert factor(0, 50) == pytest.approx(0.05)
    assert factor(2.5, 50) == pytest.approx((0.05 + 1) / 2)
    assert factor(5, 50) == pytest.approx(1)
    assert factor(27.5, 50) == pytest.approx((1 + 0.02) / 2)  # half of the fall
    assert factor(16.25, 50) == pytest.approx(0.02 + 0.98 * (1 + math.cos(math.pi / 4)) / 2)
    assert factor(50, 50) == pytest.approx(0.02)
    assert factor(60, 50) == pytest.approx(0.02)


def test_a_cosine_without_warm_up_begins_at_its_height() -> None:
    assert cosine(warmup=0)(0, 10) == 1


@given(warmup=st.floats(0, 0.5), final=st.floats(0, 0.5), epochs=st.integers(1, 300))
def test_a_cosine_rises_then_falls_and_has_no_jump(warmup: float, final: float, epochs: int) -> None:
    factor = cosine(warmup, final)
    values = [factor(epochs * part / 1000, epochs) for part in range(1001)]
    top = math.ceil(1000 * warmup)
    assert all(later >= earlier - 1e-12 for earlier, later in pairwise(values[:top]))
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(values[top:]))
    assert max(values) <= 1 + 1e-12
    assert factor(epochs * warmup, epochs) == pytest.approx(1)
    assert values[-1] == pytest.approx(final)


@pytest.mark.parametrize(
    ("epoch", "factor"),
    [(0, 1), (29.99, 1), (30, 1 / 5), (59.99, 1 / 5), (60, 1 / 25), (90, 1 / 125), (119.99, 1 / 125)],
)
def test_the_papers_staircase_divides_by_5_every_30_epochs(epoch: float, factor: float) -> None:
    assert staircase()(epoch, 120) == pytest.approx(factor)


@pytest.mark.parametrize(
    ("epoch", "factor"), [(0, 1), (74.99, 1), (75, 0.1), (104.99, 0.1), (105, 0.01), (134.9, 0.01)]
)
def test_the_first_stair_may_come_later_as_yolos_paper_has_it(epoch: float, factor: float) -> None:
    assert staircase(30, 10, first_epochs=75)(epoch, 135) == pytest.approx(factor)
    assert staircase(30, 10, first_epochs=10)(epoch, 135) == pytest.approx(
        10.0 ** -(0 if epoch < 10 else 1 + (epoch - 10) // 30)
    )
    with pytest.raises(UserError, match=r"first_epochs 0.0; needed: more than 0"):
        staircase(30, 10, first_epochs=0.0)


@pytest.mark.parametrize("steps", [3, 7, 49, 111])
def test_a_stair_comes_with_the_first_step_of_its_epoch_however_many_steps_it_has(steps: int) -> None:
    factor = staircase(every_epochs=2, divide_by=10)
    values = [factor(index / steps, 6) for index in range(6 * steps)]
    assert values == pytest.approx([10.0 ** -(index // (2 * steps)) for index in range(6 * steps)])


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_begins_with_no_more_than_the_whole_learning_rate(name: str) -> None:
    assert 0 < SCHEDULES[name]()(0, 30) <= 1


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_lowers_a_loss_and_takes_its_learning_rate_from_the_recipe(name: str) -> None:
    network = nn.Linear(3, 1)
    optimizer = OPTIMIZERS[name](network.parameters(), learning_rate=0.01)
    assert [group["lr"] for group in optimizer.param_groups] == [0.01]
    inputs, wanted = torch.randn(2, 32, 3, generator=torch.Generator().manual_seed(0)).unbind(0)
    losses = []
    for _ in range(50):
        loss = (network(inputs) - wanted[:, :1]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_setting_of_an_optimizer_has_a_default(name: str) -> None:
    _, *settings = inspect.signature(OPTIMIZERS[name]).parameters.values()
    assert settings[0].name == "learning_rate"
    assert all(setting.default is not inspect.Parameter.empty for setting in settings)


def test_the_papers_sgd_has_momentum_and_decay() -> None:
    (group,) = OPTIMIZERS["sgd"](nn.Linear(2, 1).parameters()).param_groups
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (0.005, 0.9, 1e-4)


def test_a_factor_multiplies_the_rate_that_each_group_was_made_with_never_the_last_one() -> None:
    one, other = nn.Linear(2, 1), nn.Linear(2, 1)
    optimizer = torch.optim.SGD([{"params": one.parameters()}, {"params": other.parameters(), "lr": 0.5}], lr=0.1)
    for factor in (0.5, 0.5, 2.0, 0.25):
        set_learning_rate(optimizer, factor)
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.1 * factor, 0.5 * factor])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_initial_rate_survives_going_on(name: str) -> None:
    network = nn.Linear(2, 1)
    before = OPTIMIZERS[name](network.parameters(), learning_rate=0.2)
    set_learning_rate(before, 0.25)
    after = OPTIMIZERS[name](network.parameters(), learning_rate=0.2)
    after.load_state_dict(before.state_dict())
    set_learning_rate(after, 0.5)
    assert [group["lr"] for group in after.param_groups] == [0.1]
