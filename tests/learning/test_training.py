"""The loop, on toy tasks of every kind that the rooms will bring: it must serve more than supervised learning."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.learning.loop.fabric import make_fabric
from limner.learning.loop.settings import LoopSettings
from limner.learning.loop.task import Stage, StageContext
from limner.learning.loop.training import learn
from limner.learning.runs.run import Run
from toys import StopAfter, ToyTask, draws, go, new_run

PLACES = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "helpers")]


class ToyGan(ToyTask):
    """Two optimizers, three critic steps for one generator step, and a pool of earlier fakes in ``state``."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.networks = {
            "generator": nn.Linear(4, 2),
            "critic": nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1)),
        }

    def stages(self) -> tuple[Stage, ...]:
        return (Stage("train", epochs=2, steps=4),)

    def begin(self, stage: Stage, context: StageContext) -> None:
        self.fabric = fabric = context.fabric
        self.models = {name: fabric.setup_module(network) for name, network in self.networks.items()}
        self.optimizers = {n: torch.optim.Adam(m.parameters(), 1e-2) for n, m in self.networks.items()}
        self.updaters = {name: fabric.setup_optimizers(item) for name, item in self.optimizers.items()}
        self.state = {"pool": torch.zeros(3, 2)}

    def batch(self, stage: Stage, number: int) -> Tensor:
        return draws(1, number, 8, 2) + 3

    def step(self, batches: Iterator[Tensor], index: int) -> dict[str, Tensor]:
        for round_ in range(3):
            real, latent = next(batches), draws(2, 3 * index + round_, 8, 4)
            fake = torch.cat([self.models["generator"](latent).detach()[:5], self.state["pool"]])
            loss = (self.models["critic"](fake) - self.models["critic"](real)).mean()
            self.updaters["critic"].zero_grad()
            self.fabric.backward(loss)
            self.updaters["critic"].step()
            self.state["pool"] = fake[:3]
        made = self.models["generator"](draws(3, index, 8, 4))
        generator_loss = -self.models["critic"](made).mean()
        self.updaters["generator"].zero_grad()
        self.fabric.backward(generator_loss)
        self.updaters["generator"].step()
        return {"critic": loss.detach(), "generator": generator_loss.detach()}


class ToyLayers(ToyTask):
    """Greedy pretraining: each layer as an autoencoder, then k-means without steps, then all layers together."""

    score: tuple[str, int] = ("distance", -1)
    calls: ClassVar[list[str]] = []

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.networks = {"first": nn.Linear(3, 3), "second": nn.Linear(3, 3), "centers": nn.Linear(3, 2, bias=False)}

    def stages(self) -> tuple[Stage, ...]:
        return (Stage("first", 2, 3), Stage("second", 1, 3), Stage("cluster", 0), Stage("all", 2, 3))

    def begin(self, stage: Stage, context: StageContext) -> None:
        self.stage, self.fabric = stage, context.fabric
        learning = ["first", "second"] if stage.name == "all" else [stage.name]
        self.optimizers = {
            n: torch.optim.SGD(self.networks[n].parameters(), 0.05) for n in learning if n in self.networks
        }
        self.updaters = [self.fabric.setup_optimizers(item) for item in self.optimizers.values()]

    def batch(self, stage: Stage, number: int) -> Tensor:
        return draws(len(stage.name), number, 16, 3)

    def step(self, batches: Iterator[Tensor], index: int) -> dict[str, Tensor]:
        x = next(batches)
        out = (
            self.networks["second"](self.networks["first"](x))
            if self.stage.name != "first"
            else self.networks["first"](x)
        )
        loss = (out - x).square().mean()
        for updater in self.updaters:
            updater.zero_grad()
        self.fabric.backward(loss)
        for updater in self.updaters:
            updater.step()
        return {"loss": loss.detach()}

    def fit(self, stage: Stage, context: StageContext) -> dict[str, float]:
        self.calls.append(stage.name)
        with torch.no_grad():
            self.networks["centers"].weight.copy_(draws(9, 0, 2, 3))
        return {"inertia": 1.5}

    def evaluate(self) -> Mapping[str, float]:
        x = draws(7, 0, 32, 3)
        with torch.no_grad():
            return {"distance": float((self.networks["second"](self.networks["first"](x)) - x).square().mean())}


@pytest.mark.parametrize("kind", [ToyGan, ToyLayers])
def test_a_training_stopped_anywhere_and_gone_on_with_equals_one_never_stopped(
    kind: type[ToyTask], tmp_path: Path
) -> None:
    straight = kind()
    go(straight, new_run(tmp_path / "straight"))
    total = sum(stage.total_steps for stage in straight.stages())
    for steps in range(1, total):
        run = new_run(tmp_path / f"stopped-{steps}")
        first = kind()
        with StopAfter(first, steps):
            assert go(first, run).exit_code == 143
        assert run.status["status"] == "interrupted"
        assert run.status["steps"] == steps
        second = kind()
        assert not go(second, run)
        for name, value in straight.weights().items():
            assert torch.equal(value, second.weights()[name]), (steps, name)
        assert [{**row} for row in run.metrics()] == Run(tmp_path / "straight").metrics()


def test_a_stage_without_steps_is_fitted_once_and_recorded(tmp_path: Path) -> None:
    ToyLayers.calls.clear()
    run = new_run(tmp_path / "run")
    go(ToyLayers(), run)
    assert ToyLayers.calls == ["cluster"]
    assert [row["inertia"] for row in run.metrics() if row["stage"] == "cluster"] == ["1.5"]


def test_the_best_weights_by_the_score_are_kept(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    task = ToyLayers()
    go(task, run)
    best = min(float(row["distance"]) for row in run.metrics() if row.get("distance"))
    assert task.evaluate()["distance"] == pytest.approx(best, abs=1e-6)
    assert torch.equal(run.weights()["first.weight"], task.networks["first"].weight)


def test_patience_ends_a_stage_early(tmp_path: Path) -> None:
    class Worse(ToyLayers):
        def stages(self) -> tuple[Stage, ...]:
            return (Stage("all", epochs=50, steps=1),)

        def evaluate(self) -> Mapping[str, float]:
            return {"distance": 1.0}

    run = new_run(tmp_path / "run")
    settings = LoopSettings(patience=3, precision="fp32")
    learn(Worse(), run, settings, make_fabric(settings))
    assert run.status["steps"] == 4
    assert [row["step"] for row in run.metrics() if row.get("distance")] == ["1", "2", "3", "4"]


def test_without_a_score_patience_ends_nothing(tmp_path: Path) -> None:
    class Unscored(ToyLayers):
        def evaluate(self) -> Mapping[str, float]:
            return {}

    run = new_run(tmp_path / "run")
    settings = LoopSettings(patience=1, precision="fp32")
    task = Unscored()
    learn(task, run, settings, make_fabric(settings))
    assert run.status["steps"] == sum(stage.total_steps for stage in task.stages())


def test_a_loss_that_is_no_number_stops_with_advice(tmp_path: Path) -> None:
    class Exploding(ToyLayers):
        def step(self, batches: Iterator[Tensor], index: int) -> dict[str, Tensor]:
            next(batches)
            return {"loss": torch.tensor(float("nan"))}

    with pytest.raises(UserError, match=r"loss is nan at step 2 .* lower the learning rate"):
        go(Exploding(), new_run(tmp_path / "run"))


def test_an_error_while_reading_ahead_reaches_the_user(tmp_path: Path) -> None:
    class Broken(ToyLayers):
        def batch(self, stage: Stage, number: int) -> Tensor:
            if number == 2:
                raise UserError("chip.tif: cannot read its pixels")
            return super().batch(stage, number)

    with pytest.raises(UserError, match=r"chip\.tif: cannot read"):
        go(Broken(), new_run(tmp_path / "run"))


def test_a_killed_training_leaves_no_temporary_file_after_it_went_on(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    (run.folder / "checkpoint").mkdir()
    (run.folder / "checkpoint" / ".state.0123abcd.pt").write_bytes(b"half")
    go(ToyLayers(), run)
    assert not list(run.folder.rglob(".*"))


@pytest.mark.kills
def test_killed_by_sigkill_at_random_moments_twice_in_a_row_it_still_ends_the_same(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import sys, time, pathlib
        sys.path[:0] = sys.argv[3:]
        from test_training import ToyGan
        from toys import FAST
        from limner.learning.runs.run import Run
        from limner.learning.runs.folder import start_run
        from limner.learning.loop.fabric import make_fabric
        from limner.learning.loop.training import learn
        folder = pathlib.Path(sys.argv[1])
        run = Run(folder)
        if not folder.exists():
            start_run(run, "task: toy", "data")
        task = ToyGan()
        step = task.step
        def slow(batches, index):
            values = step(batches, index)
            print(index, flush=True)
            if index == int(sys.argv[2]):
                time.sleep(60)
            return values
        task.step = slow
        learn(task, run, FAST, make_fabric(FAST))
        """
    )
    folder = tmp_path / "run"
    for last in (2, 5, -1):
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(folder), str(last), *PLACES],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == last:
                process.kill()
        process.wait()
    assert process.returncode == 0
    straight = ToyGan()
    go(straight, new_run(tmp_path / "straight"))
    assert all(torch.equal(value, Run(folder).weights()[name]) for name, value in straight.weights().items())
