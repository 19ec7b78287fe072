"""Trainings that stop before a step, as Ctrl-C stops them, and go on."""

from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from limner.learning.loop.fabric import make_fabric
from limner.learning.loop.training import learn
from limner.learning.runs.folder import start_run
from limner.learning.runs.run import Run
from limner.segment.training.recipe import SegmentRecipe
from limner.segment.training.task import SegmentTask


def trained_until(recipe: SegmentRecipe, folder: Path, end: int | None = None) -> Run:
    """A run of all steps, or, by KeyboardInterrupt, stopped before step ``end``; what is in the folder goes on."""
    run = Run(folder)
    if not folder.exists():
        start_run(run, "", "")
    task = SegmentTask(recipe)
    step = task.step

    def ending(batches: Iterator[Tensor], index: int) -> dict[str, Tensor]:
        if index == end:
            raise KeyboardInterrupt
        return step(batches, index)

    task.step = ending  # type: ignore[method-assign]
    learn(task, run, recipe.loop, make_fabric(recipe.loop))
    return run
