"""How long steps take here, and so how many fit into minutes."""

import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from limner.learning.loop.settings import LoopSettings
from limner.learning.loop.stream import Stream
from limner.learning.loop.task import StageContext, Task, number_stages
from limner.learning.loop.training import make_fabric

WARM_UP_STEPS = 2
"""Steps before any is timed: the first ones make buffers and kernels."""
TIMED_SHARE = 0.05
"""Of the minutes, how much may be spent on timing."""
TIMED_STEPS = 50
"""Steps to time at most."""


def steps_within(
    task: Task, settings: LoopSettings, minutes: float, clock: Callable[[], float] = time.monotonic
) -> int:
    """How many steps of a task's last stage fit into so many minutes here, evaluations not counted; 0 where no stage
    steps. Spoils the task for training.

    Measured over a few steps at first hand: another machine, or this one when it is busy, gives another number.
    clock: what minutes are counted by, in seconds; `time.process_time` counts the processor's, whatever else it does.
    """
    stages = [stage for stage in number_stages(task.stages()) if stage.total_steps]
    if not stages:
        return 0
    seconds = 60 * minutes
    with tempfile.TemporaryDirectory() as scratch:
        stage = stages[-1]
        task.begin(stage, StageContext(make_fabric(settings), Path(scratch)))
        with Stream(lambda number: task.batch(stage, number)) as batches:
            for index in range(WARM_UP_STEPS):
                task.step(batches, index)
            began, timed = clock(), 0
            while timed < TIMED_STEPS and (timed == 0 or clock() - began < TIMED_SHARE * seconds):
                task.step(batches, WARM_UP_STEPS + timed)
                timed += 1
            a_step = (clock() - began) / timed
    return max(len(stages), math.floor(seconds / a_step))
