"""The one training loop: stages, epochs, evaluation, checkpoints, going on, early stopping, progress.

It drives any `Task`, supervised or adversarial, on Lightning Fabric. A checkpoint holds the task's state and how many
batches were drawn; since every draw is a pure function of its number, a training that was killed and goes on ends with
the same weights as one that never was (on the CPU, bit for bit).
"""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

import torch
from lightning_fabric import Fabric

from limner.foundation.draws import Draws
from limner.foundation.errors import UserError
from limner.foundation.files.writing import make_folder, remove, remove_leftovers
from limner.foundation.machine.memory import freed_memory_is_kept
from limner.foundation.progress import Progress, say
from limner.foundation.signals import StopRequest, stop_on_signal
from limner.learning.loop.board import Board
from limner.learning.loop.budget import planned_stages
from limner.learning.loop.checkpoint import read_checkpoint, write_checkpoint
from limner.learning.loop.position import Position
from limner.learning.loop.settings import LoopSettings
from limner.learning.loop.stream import Stream
from limner.learning.loop.task import Stage, StageContext, Task
from limner.learning.runs.metrics import MetricsWriter
from limner.learning.runs.run import Run
from limner.reporting.pictures import write_picture
from limner.reporting.tables import told, told_all


class NotANumberError(UserError):
    """The training has no way on: a loss or a weight is infinite or not a number."""


def learn(task: Task, run: Run, settings: LoopSettings, fabric: Fabric) -> StopRequest:
    """Take ``task`` through its stages, from where ``run``'s checkpoint stands, and leave the model in ``run``.

    Returns the request that stopped it (falsy when it finished). Raises `UserError` for two stages of one name, when
    GPU memory runs out, or when a loss or a weight is no longer a number: the run then holds the model of the last
    checkpoint, in which all were.
    """
    if fabric.is_global_zero:  # of several processes the first alone writes into the run
        remove_leftovers(run.folder)
    loop = _Loop(task, run, settings, fabric)
    with _own_draws(fabric):
        with stop_on_signal() as stop:
            try:
                with freed_memory_is_kept():
                    loop.go(stop)
            except torch.cuda.OutOfMemoryError:
                raise UserError("the GPU's memory ran out; halve the recipe's batch (--batch N) or its crop") from None
            except NotANumberError as error:
                steps = loop.leave_last_good_model()
                raise NotANumberError(f"{error}; the run holds the model of step {steps}") from None
            finally:
                loop.board.close()
        loop.leave_model("interrupted" if stop else "trained")
    return stop


@contextmanager
def _own_draws(fabric: Fabric) -> Iterator[None]:
    """Within the block torch's global generators are the training's; after it they are as they were."""
    with torch.random.fork_rng(devices=[fabric.device] if fabric.device.type == "cuda" else []):
        yield


def seed_torch(seed: int, what: str, *place: int) -> None:
    """Seed torch's global generators by ``seed``, ``what`` begins ("step") and its place, so that nothing that draws
    from them (dropout) depends on what was drawn before."""
    torch.manual_seed(Draws(seed, torch.device("cpu")).of(what, *place).initial_seed())


class _Loop:
    """One training under way."""

    def __init__(self, task: Task, run: Run, settings: LoopSettings, fabric: Fabric) -> None:
        self.task, self.run, self.settings, self.fabric = task, run, settings, fabric
        self.position = Position()
        self.metrics = self._metrics_writer()
        self.board = Board(None)
        self.stages = planned_stages(task, settings)
        self.began = self.saved_at = time.monotonic()

    def go(self, stop: StopRequest) -> None:
        saved = self._load_checkpoint()
        self.fabric.barrier()  # all stand at one place before the first of them leaves a checkpoint
        if self.settings.tensorboard and self.fabric.is_global_zero:
            self.board = Board(self.run.folder, self.position.steps)
        total = sum(stage.total_steps for stage in self.stages)
        done = sum(stage.total_steps for stage in self.stages[: self.position.stage])
        start = min(done + self.position.index, total)
        more = ", evaluations not counted" if self.fabric.is_global_zero else None
        with Progress("train", total, "steps", start=start, foretell=more) as progress:
            context = StageContext(self.fabric, make_folder(self.run.scratch), progress, stop)
            for stage in self.stages[self.position.stage :]:
                self._begin(stage, context, saved)
                saved = None
                if self.position.index == 0:
                    self._save_checkpoint()
                if stage.epochs == 0:
                    self._fit(stage, context)
                elif self.task.skips(stage):
                    progress.total -= stage.total_steps
                else:
                    self._take_steps(stage, context)
                if stop:
                    return
                self.position.stage, self.position.index, self.position.drawn = stage.index + 1, 0, 0
                self.position.stale = 0
            if saved is not None:  # killed after the last step, before the model was written
                self._begin(self.stages[-1], context, saved)
        self._save_checkpoint()

    def _begin(self, stage: Stage, context: StageContext, saved: Mapping[str, Any] | None) -> None:
        """Begin a stage, or go on in it from what was saved."""
        seed_torch(self.task.seed, "begin", stage.index)
        self.task.begin(stage, context)
        if saved is not None:
            self.task.load_state_dict(saved)

    def _fit(self, stage: Stage, context: StageContext) -> None:
        if self.position.index:
            return  # stopped after it
        seed_torch(self.task.seed, "fit", stage.index)
        values = self.task.fit(stage, context)
        if values is None and not context.stop:
            raise TypeError(f"{type(self.task).__name__}.fit gave no values for stage '{stage.name}'")
        if values is None:
            saved = self._load_checkpoint()  # of before it
            self.task.load_state_dict(saved or {})
            return
        self._record(stage, values)
        self.metrics.flush()
        self.position.index = 1
        # What was best before it does not hold what it learned.
        self.position.best_score, self.position.best_weights, self.position.stale = -math.inf, None, 0
        if context.stop:
            self._save_checkpoint()

    def _take_steps(self, stage: Stage, context: StageContext) -> None:
        rank, ranks = self.fabric.global_rank, self.fabric.world_size

        def draw(number: int) -> Any:
            return self.task.batch(stage, number * ranks + rank)

        with Stream(draw, start=self.position.drawn) as batches:
            while self.position.index < stage.total_steps and not context.stop:
                index = self.position.index
                seed_torch(self.task.seed, "step", stage.index, index, rank)
                self.position.add(self.task.step(batches, index))
                self.position.steps += 1
                self.position.index, self.position.drawn = index + 1, batches.position
                self._look_back(stage, context)
                if time.monotonic() - self.saved_at >= 60 * self.settings.checkpoint_minutes:
                    self._save_checkpoint()
        if context.stop:
            self._save_checkpoint()

    def _look_back(self, stage: Stage, context: StageContext) -> None:
        """After a step: losses and scores where they are due, and the end of the stage where patience is."""
        steps = self.position.index
        epoch, rest = divmod(steps, stage.steps)
        ended = steps == stage.total_steps  # perhaps within an epoch
        if steps % self.settings.log_every == 0 or rest == 0 or ended:
            self._log(stage)
        context.progress.advance(1, note=self._note(stage, epoch + bool(rest)))
        if ended or (rest == 0 and epoch % self.settings.evaluate_every == 0):
            self._evaluate(stage, epoch + bool(rest))
            if self.settings.patience is not None and self.position.stale >= self.settings.patience:
                say(f"no better score in {self.position.stale} evaluations: stage '{stage.name}' ends early")
                self.position.index = stage.total_steps  # who goes on from here begins the next stage
        self.metrics.flush()

    def _log(self, stage: Stage) -> None:
        values = self.position.take_means()
        for name, value in values.items():
            if not math.isfinite(value):
                self._give_up(f"{name} is {value}")
        self._record(stage, {f"train/{name}": value for name, value in values.items()})

    def _evaluate(self, stage: Stage, epoch: int) -> None:
        self._check_weights()
        losses = {name: value for name, value in self.metrics.recent.items() if name.startswith("train/")}
        scores = dict(self.task.evaluate())
        self._record(stage, {"epoch": epoch, **scores})
        name, sign = self.task.score
        score = scores.get(name)
        if score is not None and sign * score > self.position.best_score:
            self.position.best_score, self.position.stale = sign * score, 0
            self.position.best_weights = self.task.weights()
        elif score is not None:
            self.position.stale += 1
        self._tell(stage, epoch, losses, scores)
        picture = self.task.picture()
        if picture is not None and self.fabric.is_global_zero:
            write_picture(self.run.folder / "pictures" / f"{stage.name}-{epoch:04d}.jpg", picture)

    def _tell(self, stage: Stage, epoch: int, losses: Mapping[str, float], scores: Mapping[str, float]) -> None:
        """A line for each evaluation: where it stands, losses, scores, and whether they are the best so far."""
        if not self.fabric.is_global_zero:
            return
        where = f"{stage.unit} {epoch}/{stage.epochs}" + (f" of {stage.name}" if len(self.stages) > 1 else "")
        parts = [part for part in (told_all(losses), self.task.told(scores)) if part]
        best = " (best so far)" if self.task.score[0] in scores and not self.position.stale else ""
        say(f"{where}: {'; '.join(parts)}{best}")

    def _record(self, stage: Stage, values: Mapping[str, Any]) -> None:
        """Add to the row of this step: its losses and scores stand together."""
        self.metrics.record(stage.name, self.position.steps, values)
        self.board.add(values, self.position.steps)

    def _note(self, stage: Stage, epoch: int) -> str:
        parts = [f"{stage.unit} {epoch}/{stage.epochs}"] + ([f"stage {stage.name}"] if len(self.stages) > 1 else [])
        newest = list(self.metrics.recent.items())[:2]
        return ", ".join(parts + [told(name, value) for name, value in newest])

    def _give_up(self, why: str) -> NoReturn:
        stage = self.stages[min(self.position.stage, len(self.stages) - 1)]
        raise NotANumberError(
            f"{why} at step {self.position.index} of stage '{stage.name}'; lower the learning rate "
            f"({self.task.learning_rate_options}) or compute in --loop.precision fp32"
        )

    def _check_weights(self) -> None:
        """Refuse to keep what nobody could go on from."""
        for name, network in self.task.networks.items():
            floating = [value for value in network.state_dict().values() if value.is_floating_point()]
            if floating and not all(torch.stack([value.isfinite().all() for value in floating]).tolist()):
                self._give_up(f"a weight of the {name} is not a number")

    def _save_checkpoint(self) -> None:
        self._check_weights()
        self.position.seconds += time.monotonic() - self.began
        self.began = time.monotonic()
        self.position.columns, self.position.rows = list(self.metrics.columns), self.metrics.rows
        if self.fabric.is_global_zero:
            content = {"position": vars(self.position), "task": self.task.state_dict()}
            write_checkpoint(self.run.folder / "checkpoint", content)
        self.saved_at = time.monotonic()

    def _load_checkpoint(self) -> dict[str, Any] | None:
        saved = read_checkpoint(self.run.folder / "checkpoint")
        if saved is None:
            return None
        self.position = Position.from_saved(saved["position"])
        self.metrics = self._metrics_writer()
        task: dict[str, Any] = saved["task"]
        return task

    def _metrics_writer(self) -> MetricsWriter:
        path = self.run.metrics_path if self.fabric.is_global_zero else None
        return MetricsWriter(path, self.position.columns, self.position.rows)

    def leave_last_good_model(self) -> int:
        """Go back to the last checkpoint, write its model, and tell its step."""
        saved = self._load_checkpoint()
        if saved is None:
            return 0
        stage = self.stages[min(self.position.stage, len(self.stages) - 1)]
        self._begin(stage, StageContext(self.fabric, make_folder(self.run.scratch)), saved)
        self.leave_model("interrupted")
        return self.position.steps

    def leave_model(self, status: str) -> None:
        """Write the run's model: the best weights seen, or the last where nothing was scored."""
        best = self.position.best_weights
        if best is not None and self.settings.keep == "best":
            self.task.load_weights(best)
        self.task.calibrate()
        if self.fabric.is_global_zero:
            self.run.save_model(self.task.weights(), self.task.facts())
            self.run.set_status(status, seconds=round(self.position.seconds, 1), steps=self.position.steps)
            if status == "trained" or not any(self.run.scratch.iterdir()):
                remove(self.run.scratch)
