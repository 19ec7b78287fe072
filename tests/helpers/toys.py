"""Toy tasks for the loop, runs for them, and a request to stop after so many steps."""

import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from limner.learning.loop.fabric import make_fabric
from limner.learning.loop.settings import LoopSettings
from limner.learning.loop.task import Task
from limner.learning.loop.training import learn
from limner.learning.runs.folder import start_run
from limner.learning.runs.run import Run

FAST = LoopSettings(log_every=2, checkpoint_minutes=0, precision="fp32")


def draws(seed: int, number: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed * 100_003 + number))


class ToyTask(Task):
    name = "toy"
    recipe_type = dict
    fingerprint = "toy"

    def __init__(self) -> None:
        self.optimizers, self.state = {}, {}

    @classmethod
    def with_data(cls, recipe: Any, paths: Any, labels: Any, within: Any) -> Any:
        return recipe

    def evaluate(self) -> Mapping[str, float]:
        return {}

    def facts(self) -> dict[str, Any]:
        return {"task": "toy"}

    @classmethod
    def predictor(cls, run: Run, device: str = "auto") -> Any:
        return None

    def summary(self) -> str:
        return "a toy"

    def finish(self, run: Run) -> None:
        pass


@dataclass
class StopAfter:
    """Raises SIGTERM in this process after so many steps, wherever they fall."""

    task: ToyTask
    steps: int

    def __enter__(self) -> None:
        step = self.task.step

        def counted(batches: Iterator[Any], index: int) -> dict[str, Tensor]:
            values = step(batches, index)
            self.steps -= 1
            if self.steps == 0:
                os.kill(os.getpid(), signal.SIGTERM)
            return values

        self.task.step = counted  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        pass


def new_run(folder: Path) -> Run:
    run = Run(folder)
    start_run(run, "task: toy\n", "data")
    return run


def go(task: ToyTask, run: Run) -> Any:
    return learn(task, run, FAST, make_fabric(FAST))
