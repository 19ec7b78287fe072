"""A budget for a training: a number of steps in place of its recipe's epochs.

A training that is only cut short has not lowered its learning rate; so stages are planned anew, and schedules end with
the budget.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from limner.foundation.errors import UserError
from limner.learning.loop.settings import LoopSettings
from limner.learning.loop.task import Stage, Task, number_stages


def planned_stages(task: Task, settings: LoopSettings) -> tuple[Stage, ...]:
    """The stages of a training in order, of ``settings.steps`` steps in all where that is given.

    Raises `UserError` for two stages of one name, and for fewer steps than there are stages that step.
    """
    stages = number_stages(task.stages())
    return stages if settings.steps is None else share_steps(stages, settings.steps)


def share_steps(stages: Sequence[Stage], steps: int) -> tuple[Stage, ...]:
    """The stages with ``steps`` steps in all; each keeps its share of them, and has one at least.

    Epochs stay as long as they were, but for the last one, which may be shorter. Stages that do not step stay.

    >>> [stage.total_steps for stage in share_steps([Stage("head", 1, 30), Stage("all", 3, 30)], 50)]
    [12, 38]
    """
    stepping = [stage for stage in stages if stage.total_steps]
    if not stepping:
        return tuple(stages)
    if steps < len(stepping):
        raise UserError(f"loop.steps is {steps}, and {len(stepping)} stages step; needed: {len(stepping)} or more")
    total, spare = sum(stage.total_steps for stage in stepping), steps - len(stepping)
    bounds, before = [0], 0
    for stage in stepping:
        before += stage.total_steps
        bounds.append(spare * before // total)
    shares = {stage.name: 1 + end - start for stage, start, end in zip(stepping, bounds[:-1], bounds[1:], strict=True)}
    return tuple(_of_steps(stage, shares[stage.name]) if stage.name in shares else stage for stage in stages)


def _of_steps(stage: Stage, steps: int) -> Stage:
    epochs = math.ceil(steps / stage.steps)
    return replace(stage, epochs=epochs, short=epochs * stage.steps - steps)
