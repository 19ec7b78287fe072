"""What the loop gives a stage (its place, settings, seeds, scratch folder, stop request) and what a stage changes."""

import dataclasses
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.learning.loop.fabric import make_fabric
from limner.learning.loop.task import Stage, StageContext, number_stages
from limner.learning.loop.training import learn
from limner.learning.runs import metrics
from limner.learning.runs.run import Run
from toys import FAST, StopAfter, ToyTask, draws, go, new_run


class Dropping(ToyTask):
    """A network with dropout, which draws from torch's global generator, in two stages."""

    score = ("distance", -1)

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.seed = seed
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.networks = {"network": nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 3))}
        self.seen: list[tuple[str, int, Any]] = []

    def stages(self) -> tuple[Stage, ...]:
        return (Stage("first", 2, 3, settings=0.1), Stage("second", 1, 4, settings=0.01))

    def begin(self, stage: Stage, context: StageContext) -> None:
        self.stage, self.context = stage, context
        self.seen.append((stage.name, stage.index, stage.settings))
        self.optimizer = torch.optim.SGD(self.networks["network"].parameters(), stage.settings or 1.0)
        self.optimizers = {"network": self.optimizer}

    def batch(self, stage: Stage, number: int) -> Tensor:
        return draws(stage.index, number, 16, 3)

    def step(self, batches: Iterator[Tensor], index: int) -> dict[str, Tensor]:
        x = next(batches)
        self.optimizer.zero_grad()
        loss = (self.networks["network"].train()(x) - x).square().mean()
        loss.backward()
        self.optimizer.step()
        return {"loss": loss.detach()}

    def evaluate(self) -> Mapping[str, float]:
        torch.rand(7)  # an evaluation that draws must not change what the next step draws
        x = draws(9, 9, 32, 3)
        with torch.no_grad():
            return {"distance": float((self.networks["network"].eval()(x) - x).square().mean())}


class Clustering(Dropping):
    """A stage that steps, one that does not, and, where asked, one more that steps."""

    parts = 4

    def stages(self) -> tuple[Stage, ...]:
        return (Stage("all", 2, 3, settings=0.1), Stage("cluster", 0), Stage("again", 1, 3, settings=0.001))

    def fit(self, stage: Stage, context: StageContext) -> dict[str, float] | None:
        """Learns in parts, each kept in the scratch folder; those that stand there are not done again."""
        done = []
        for number in range(self.parts):
            part = context.scratch / f"{number}.pt"
            if not part.exists():
                if context.stop:
                    return None
                torch.save(draws(5, number, 3), part)
                done.append(number)
                self.after_part(number)
            context.progress.advance(0, note=f"part {number}")
        self.done = done
        with torch.no_grad():
            for number in range(self.parts):
                self.networks["network"][2].bias.add_(torch.load(context.scratch / f"{number}.pt"))
        return {"parts": float(self.parts), "drawn": float(torch.rand(()))}

    def after_part(self, number: int) -> None:
        pass


def same_weights(one: ToyTask, other: ToyTask) -> bool:
    return all(torch.equal(value, other.weights()[name]) for name, value in one.weights().items())


# --- place, settings, names ------------------------------------------------------------------------------------------


def test_a_stage_carries_its_place_and_its_settings(tmp_path: Path) -> None:
    task = Dropping()
    go(task, new_run(tmp_path / "run"))
    assert task.seen == [("first", 0, 0.1), ("second", 1, 0.01)]


def test_stages_of_one_name_are_refused(tmp_path: Path) -> None:
    class Twice(Dropping):
        def stages(self) -> tuple[Stage, ...]:
            return (Stage("all", 1, 1, settings=0.1), Stage("all", 1, 1, settings=0.2))

    message = r"^two stages are named 'all'; give each a name of its own$"
    with pytest.raises(UserError, match=message):
        go(Twice(), new_run(tmp_path / "run"))
    with pytest.raises(UserError, match=message):
        number_stages([Stage("a", 1), Stage("all", 2), Stage("all", 1)])
    assert [stage.index for stage in number_stages([Stage("a", 1), Stage("b", 2)])] == [0, 1]


# --- seeds -----------------------------------------------------------------------------------------------------------


def test_dropout_goes_on_bit_for_bit(tmp_path: Path) -> None:
    straight = Dropping()
    go(straight, new_run(tmp_path / "straight"))
    for steps in range(1, 10):
        run = new_run(tmp_path / f"stopped-{steps}")
        first = Dropping()
        with StopAfter(first, steps):
            assert go(first, run)
        torch.rand(steps)  # what the process drew meanwhile must not matter
        second = Dropping()
        assert not go(second, run)
        assert same_weights(straight, second), steps
        assert run.metrics() == Run(tmp_path / "straight").metrics()


def test_another_seed_draws_other_dropout_and_torch_s_own_draws_go_on_as_they_were(tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    tasks = [Dropping(seed) for seed in (0, 0, 1)]
    for number, task in enumerate(tasks):
        go(task, new_run(tmp_path / f"run-{number}"))
    assert torch.equal(torch.rand(3), expected)
    assert same_weights(tasks[0], tasks[1])
    assert not same_weights(tasks[0], tasks[2])


# --- a stage without steps -------------------------------------------------------------------------------------------


def test_what_was_best_before_a_stage_without_steps_is_forgotten(tmp_path: Path) -> None:
    class Worse(Clustering):
        """Each evaluation is worse than the one before: the best of all would be the first."""

        count = 0

        def evaluate(self) -> Mapping[str, float]:
            self.count += 1
            return {"distance": float(self.count)}

    run = new_run(tmp_path / "run")
    task = Worse()
    go(task, run)
    rows = [(row["stage"], row["distance"]) for row in run.metrics() if row["distance"]]
    assert rows == [("all", "1.0"), ("all", "2.0"), ("again", "3.0")]
    shift = sum(draws(5, number, 3) for number in range(4))
    assert run.weights()["network.2.bias"].sub(shift).abs().max() < 1.5, "what the stage without steps learned is kept"


def test_a_stage_without_steps_at_the_end_leaves_its_own_weights(tmp_path: Path) -> None:
    class Ending(Clustering):
        def stages(self) -> tuple[Stage, ...]:
            return super().stages()[:2]

    task = Ending()
    run = new_run(tmp_path / "run")
    go(task, run)
    assert task.evaluate()["distance"] > 1
    assert all(torch.equal(value, task.weights()[name]) for name, value in run.weights().items())


@pytest.mark.parametrize("part", range(4))
def test_a_stage_without_steps_stopped_within_goes_on_from_its_scratch_folder(part: int, tmp_path: Path) -> None:
    class Stopped(Clustering):
        def after_part(self, number: int) -> None:
            if number == part:
                os.kill(os.getpid(), signal.SIGTERM)

    straight = Clustering()
    go(straight, new_run(tmp_path / "straight"))
    run = new_run(tmp_path / "run")
    first = Stopped()
    assert go(first, run).exit_code == 143
    assert run.status["status"] == "interrupted"
    assert len(list(run.scratch.iterdir())) == part + 1
    if part < 3:  # stopped within it: the run holds what was before
        assert not (set(run.metrics()[-1].values()) & {"cluster"})
        before = {name: value for name, value in straight.weights().items() if "2.bias" in name}
        assert not any(torch.equal(value, run.weights()[name]) for name, value in before.items())
    second = Clustering()
    assert not go(second, run)
    if part < 3:
        assert second.done == list(range(part + 1, 4)), "what stands in the scratch folder is not done again"
    else:
        assert not hasattr(second, "done"), "it had ended: it is not begun anew"
    assert same_weights(straight, second)
    assert run.metrics() == Run(tmp_path / "straight").metrics()
    assert not run.scratch.exists()


def test_a_stage_without_steps_that_gives_nothing_though_nobody_asked_is_a_programming_error(tmp_path: Path) -> None:
    class Silent(Clustering):
        def fit(self, stage: Stage, context: StageContext) -> None:
            return None

    with pytest.raises(TypeError, match=r"Silent\.fit gave no values for stage 'cluster'"):
        go(Silent(), new_run(tmp_path / "run"))


def test_a_training_leaves_no_scratch_folder_behind(tmp_path: Path) -> None:
    stopped = new_run(tmp_path / "stopped")
    first = Dropping()
    with StopAfter(first, 2):
        go(first, stopped)
    assert first.context.stop
    assert not stopped.scratch.exists(), "nothing is kept in it"
    whole = new_run(tmp_path / "whole")
    task = Clustering()
    go(task, whole)
    assert task.context.scratch == whole.scratch
    assert task.context.progress.done == sum(stage.total_steps for stage in task.stages())
    assert not whole.scratch.exists()


# --- metrics ---------------------------------------------------------------------------------------------------------


def test_metrics_are_appended_and_rewritten_only_for_new_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Long(Dropping):
        def stages(self) -> tuple[Stage, ...]:
            return (Stage("first", 20, 5, settings=0.1),)

    rewritten: list[Path] = []
    replacing = metrics.replacing
    monkeypatch.setattr(metrics, "replacing", lambda path: rewritten.append(path) or replacing(path))
    run = new_run(tmp_path / "run")
    go(Long(), run)
    assert len(run.metrics()) == 60, "a row every two steps, and at the end of each epoch of five"
    assert len(rewritten) == 2, "one for the losses' columns, one for the scores'"
    saved = torch.load(run.folder / "checkpoint/state.pt", weights_only=True)["position"]
    assert (saved["rows"], saved["columns"]) == (60, ["step", "epoch", "stage", "train/loss", "distance"])


def test_rows_after_the_last_checkpoint_are_written_again_when_a_killed_training_goes_on(tmp_path: Path) -> None:
    class Killed(Dropping):
        def step(self, batches: Iterator[Tensor], index: int) -> dict[str, Tensor]:
            if (self.stage.index, index) == (0, 5):
                raise KeyboardInterrupt
            return super().step(batches, index)

    settings = dataclasses.replace(FAST, checkpoint_minutes=60)  # none but at the beginning of a stage
    run = new_run(tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        learn(Killed(), run, settings, make_fabric(settings))
    path = run.metrics_path
    assert len(run.metrics()) == 3
    path.write_bytes(path.read_bytes() + b"5,,fir")  # half a row
    learn(Dropping(), run, settings, make_fabric(settings))
    straight = new_run(tmp_path / "straight")
    go(Dropping(), straight)
    assert path.read_bytes() == straight.metrics_path.read_bytes()


def test_a_checkpoint_of_limner_0_1_0_goes_on(tmp_path: Path) -> None:
    """It held the rows of metrics.csv themselves, and no columns."""
    straight = new_run(tmp_path / "straight")
    go(Dropping(), straight)
    run = new_run(tmp_path / "run")
    first = Dropping()
    with StopAfter(first, 4):
        go(first, run)
    path = run.folder / "checkpoint/state.pt"
    saved = torch.load(path, weights_only=True)
    del saved["position"]["columns"]
    saved["position"]["rows"] = [{name: value for name, value in row.items() if value} for row in run.metrics()]
    torch.save(saved, path)
    second = Dropping()
    assert not go(second, run)
    assert all(torch.equal(value, run.weights()[name]) for name, value in straight.weights().items())
    assert run.metrics() == straight.metrics()
