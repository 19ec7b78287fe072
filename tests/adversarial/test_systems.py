"""Systems of several networks on the two updates: stopped anywhere they go on bit for bit, and they learn."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from systems import STEPS, SYSTEMS, Bidirectional, CycleGAN, StarGAN, StyleGAN2, System
from torch import Tensor, nn

from limner.learning.loop.fabric import make_fabric
from limner.learning.loop.settings import LoopSettings
from limner.learning.loop.task import StageContext
from limner.learning.loop.training import learn
from limner.learning.runs.folder import start_run
from limner.learning.runs.run import Run

FAST = LoopSettings(log_every=1, checkpoint_minutes=0, precision="fp32")


def trained(system: System, folder: Path, stop_after: int = 0) -> Run:
    """The run that a training leaves, which SIGTERM ends after so many of its steps."""
    run = Run(folder)
    if not folder.exists():
        start_run(run, "task: system\n", "drawn")
    step = system.step

    def counted(batches: Iterator[Any], index: int) -> dict[str, Tensor]:
        values = step(batches, index)
        if index + 1 == stop_after:
            os.kill(os.getpid(), signal.SIGTERM)
        return values

    system.step = counted  # type: ignore[method-assign]
    stopped = learn(system, run, FAST, make_fabric(FAST))
    assert bool(stopped) == bool(stop_after)
    return run


def steps(system: System, count: int) -> list[dict[str, float]]:
    """The values of so many steps, without a run."""
    (stage,) = system.stages()
    system.begin(stage, StageContext(make_fabric(FAST), Path()))
    batches = (system.batch(stage, number) for number in range(10 * count))
    return [{name: float(value) for name, value in system.step(batches, index).items()} for index in range(count)]


@pytest.mark.parametrize("name", SYSTEMS)
def test_stopped_after_any_step_and_gone_on_with_equals_straight_bit_for_bit(name: str, tmp_path: Path) -> None:
    straight = SYSTEMS[name]()
    begun = straight.weights()
    run = trained(straight, tmp_path / "straight")
    assert run.status["steps"] == STEPS
    assert any(not torch.equal(value, begun[key]) for key, value in straight.weights().items())
    for stop in range(1, STEPS):
        folder = tmp_path / f"stopped-{stop}"
        assert trained(SYSTEMS[name](), folder, stop).status["steps"] == stop
        again = SYSTEMS[name]()
        assert trained(again, folder).metrics() == run.metrics()
        for key, value in straight.weights().items():
            assert torch.equal(value, again.weights()[key]), (stop, key)
        same_state(again.state, straight.state)


def same_state(one: Any, other: Any) -> None:
    if isinstance(one, Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            same_state(one[key], other[key])
    else:
        for part, same in zip(one, other, strict=True):
            same_state(part, same)


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_network_moves_and_every_value_is_a_number(name: str) -> None:
    system = SYSTEMS[name]()
    before = system.weights()
    values = steps(system, STEPS)
    assert all(torch.isfinite(torch.tensor(list(each.values()))).all() for each in values)
    for network in system.networks:
        assert any(
            not torch.equal(value, before[key]) for key, value in system.weights().items() if key.startswith(network)
        )


def test_a_pool_of_earlier_fakes_is_in_use_and_in_the_checkpoint(tmp_path: Path) -> None:
    run = trained(CycleGAN(), tmp_path / "run")
    saved = torch.load(run.folder / "checkpoint" / "state.pt", weights_only=True)
    kept = saved["task"]["state"]["pool"]
    assert [tuple(part.shape) for part in kept] == [(5, 1, 4, 4)] * 2
    with_pool, without = CycleGAN(), CycleGAN()
    without.pool = type(without.pool)(1000)  # never full: fakes are shown as they come
    assert steps(with_pool, STEPS)[-1]["discriminator_loss"] != steps(without, STEPS)[-1]["discriminator_loss"]


def test_cyclegan_learns_to_come_back() -> None:
    system = CycleGAN()
    system.rate = 0.01
    losses = [values["cycle"] for values in steps(system, 60)]
    assert losses[-1] < 0.5 * losses[0]


def test_a_bidirectional_gan_of_lines_finds_that_the_encoder_turns_the_generator_round() -> None:
    system = Bidirectional(batch=64)
    system.rate = 0.02
    with torch.no_grad():
        for name in ("encoder", "generator"):
            system.networks[name].weight.copy_(torch.eye(2))
    latent = system.latent(500, "test", 0, 2)

    def error() -> float:
        with torch.no_grad():
            return float((system.networks["encoder"](system.networks["generator"](latent)) - latent).square().mean())

    with torch.no_grad():
        system.networks["encoder"].weight.mul_(-0.5)
    before = error()
    steps(system, 1000)
    assert error() < 0.3 * before


def test_the_class_head_learns_classes_and_the_generator_obeys_it() -> None:
    system = StarGAN(batch=16)
    system.rate = 2e-3
    values = steps(system, 100)
    assert values[-1]["real_class"] < 0.5 * values[0]["real_class"]
    assert values[-1]["fake_class"] < 0.7 * values[0]["fake_class"]


def test_style_mixing_and_noise_are_pure_functions_of_the_step() -> None:
    first, second = StyleGAN2(), StyleGAN2()
    for system in (first, second):
        (stage,) = system.stages()
        system.begin(stage, StageContext(make_fabric(FAST), Path()))
    second.generate("fake", 3)
    torch.manual_seed(9)
    same = first.generate("fake", 7)
    torch.manual_seed(1)
    assert torch.equal(second.generate("fake", 7), same)
    assert not torch.equal(second.generate("fake", 8), same)


def test_lazy_terms_come_when_they_are_due_and_at_no_other_step() -> None:
    system = StyleGAN2()
    called: list[tuple[str, int]] = []
    path_length = system.path_length
    system.path_length = lambda index: called.append(("path", index)) or path_length(index)  # type: ignore[func-returns-value, method-assign]
    steps(system, STEPS)
    assert called == [("path", 0), ("path", 2), ("path", 4)]
    moments = [int(state["step"]) for state in system.optimizers["discriminator"].state.values()]
    assert set(moments) == {STEPS, STEPS + 2}  # R1 at 0 and 3, each a step of its own; not of the last bias
    assert {int(state["step"]) for state in system.optimizers["generator"].state.values()} == {STEPS, STEPS + 3}


def test_the_average_follows_all_networks_that_make() -> None:
    system = StyleGAN2()
    begun = {name: value.clone() for name, value in system.networks["average"].state_dict().items()}
    steps(system, 1)
    made = nn.ModuleDict({name: system.networks[name] for name in ("mapping", "synthesis")}).state_dict()
    for name, value in system.networks["average"].state_dict().items():
        torch.testing.assert_close(value, 0.9 * begun[name] + 0.1 * made[name])
