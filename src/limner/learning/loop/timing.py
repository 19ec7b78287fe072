"""How long steps take here, and so how many fit into minutes."""

import math
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from limner.foundation.machine.memory import freed_memory_is_kept
from limner.learning.loop.budget import planned_stages
from limner.learning.loop.fabric import make_fabric
from limner.learning.loop.settings import LoopSettings
from limner.learning.loop.stream import Stream
from limner.learning.loop.task import Stage, StageContext, Task, number_stages

WARM_UP_STEPS = 2
"""Steps before any is timed: the first ones make buffers and kernels."""
TIMED_SHARE = 0.05
"""Of the minutes, how much may be spent on timing."""
TIMED_STEPS = 50
"""Steps to time at most."""


def steps_within(task: Task, settings: LoopSettings, minutes: float, clock: Callable[[], float] | None = None) -> int:
    """How many steps of a task's last stage fit into so many minutes here, evaluations not counted; 0 where no stage
    steps. Spoils the task for training.

    Measured over a few steps at first hand: another machine gives another. clock: what minutes are counted by, in
    seconds; None: `usual_clock`.
    """
    clock = clock or usual_clock()
    stages = [stage for stage in number_stages(task.stages()) if stage.total_steps]
    if not stages:
        return 0
    seconds = 60 * minutes
    with _ready(task, stages[-1], settings) as step:
        for index in range(WARM_UP_STEPS):
            step(index)
        began, timed = clock(), 0
        while timed < TIMED_STEPS and (timed == 0 or clock() - began < TIMED_SHARE * seconds):
            step(WARM_UP_STEPS + timed)
            timed += 1
        a_step = (clock() - began) / timed
    return max(len(stages), math.floor(seconds / a_step))


def usual_clock() -> Callable[[], float]:
    """What minutes are counted by: a processor's time where a training has one thread of it alone, which no other work
    on the machine makes longer; else time itself."""
    alone = torch.get_num_threads() == 1 and not torch.cuda.is_available()
    return time.process_time if alone else time.monotonic


def estimate_seconds(task: Task, settings: LoopSettings) -> float:
    """How long the stages that step would take here, from one timed step of the first; spoils the task for training."""
    stages = [stage for stage in planned_stages(task, settings) if stage.total_steps]
    if not stages:
        return 0.0
    with _ready(task, stages[0], settings) as step:
        step(0)  # the first step also makes buffers and kernels
        began = time.monotonic()
        step(1)
        a_step = time.monotonic() - began
    return a_step * sum(stage.total_steps for stage in stages)


@contextmanager
def _ready(task: Task, stage: Stage, settings: LoopSettings) -> Iterator[Callable[[int], object]]:
    """Within it the stage has begun, and each call takes its step of that number.

    Memory is kept as in a training: where each step's large arrays came back from the system anew, steps of
    ``generate/sa-dcgan`` took half as long again, and too few of them seemed to fit.
    """
    with tempfile.TemporaryDirectory() as scratch, freed_memory_is_kept():
        task.begin(stage, StageContext(make_fabric(settings), Path(scratch)))
        with Stream(lambda number: task.batch(stage, number)) as batches:
            yield lambda index: task.step(batches, index)
