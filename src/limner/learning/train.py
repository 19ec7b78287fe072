"""The verbs that every room shares: train a recipe, open what it left."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limner.foundation.progress import duration, say
from limner.foundation.signals import StopRequest
from limner.learning.library import load_recipe
from limner.learning.recipe import write_recipe
from limner.learning.rooms import task_class
from limner.learning.run import Run, choose_folder, open_run, start_run
from limner.learning.task import Task
from limner.learning.training import LoopSettings, estimate_seconds, learn, make_fabric


@dataclass(frozen=True)
class Training:
    """What `train` did: the run, and the signal that stopped it, if one did."""

    run: Run
    stopped: StopRequest | None = None


def train(
    recipe: str | Path,
    *,
    data: Sequence[Path | str] = (),
    overrides: Sequence[str] = (),
    out: Path | str | None = None,
    overwrite: bool = False,
    **reading: Any,
) -> Training:
    """Train a recipe on data; the same call again goes on with what was stopped, or finds it finished.

    recipe: a recipe file or a bundled recipe's name. data: in place of the recipe's own. overrides: tokens such as
    ``["--network.depth", "34"]``. out: the run's folder (default: ``runs/<recipe>-001`` and so on). reading: how the
    data is read, such as ``labels="roofs.gpkg"`` (`limner.segment.labels.reading.Reading` has them all).
    """
    resolved = resolve(recipe, data=data, overrides=overrides, **reading)
    return train_recipe(resolved, Path(recipe).stem, out=Path(out) if out else None, overwrite=overwrite)


def resolve(
    recipe: str | Path,
    *,
    data: Sequence[Path | str] = (),
    overrides: Sequence[str] = (),
    **reading: Any,
) -> Any:
    """The recipe that `train` would train, as its dataclass."""
    resolved = load_recipe(str(recipe), overrides)
    if not (data or reading):
        return resolved
    return task_class(resolved.task).with_data(resolved, [Path(item).resolve() for item in data], reading)


def rehearse(recipe: Any) -> str:
    """What ``--dry-run`` prints: the recipe in full, sizes, and an estimate of the time; nothing is written."""
    task = task_class(recipe.task)(recipe)
    time_needed = duration(estimate_seconds(task, recipe.loop))
    return (
        f"{write_recipe(recipe)}\n# {task.summary()}\n"
        f"# about {time_needed} of steps on this machine, evaluations not counted"
    )


def train_recipe(recipe: Any, name: str, *, out: Path | None = None, overwrite: bool = False) -> Training:
    """`train` with a resolved recipe; ``name`` names the run's folder where ``out`` does not."""
    task = task_class(recipe.task)(recipe)
    text = write_recipe(recipe)
    run, going_on = choose_folder(name, text, task.fingerprint, out, overwrite)
    if going_on and run.status["status"] == "finished":
        say(f"{run.folder}: this recipe has already been trained on this data; --overwrite trains it anew")
        return Training(run)
    if not going_on:
        start_run(run, text, task.fingerprint)
    say(f"{run.folder}: {'going on' if going_on else 'training'}; {task.summary()}")
    return _learn(task, run, recipe.loop)


def _learn(task: Task, run: Run, settings: LoopSettings) -> Training:
    began = time.monotonic()
    stop = learn(task, run, settings, make_fabric(settings))
    if stop:
        say(f"stopped; {run.folder} is usable as it is, and the same command goes on from here")
        return Training(run, stop)
    task.finish(run)
    run.set_status("finished")
    say(f"trained in {duration(time.monotonic() - began)}: see {run.folder / 'report.html'}")
    return Training(run)


def load(run: str | Path, device: str = "auto") -> Any:
    """The predictor of a run, by its folder, ``last``, or a bundled model's name; it shows itself in a notebook.

    Of the room `segment`: a `limner.segment.predicting.predictor.SegmentPredictor`; of `generate`: a
    `limner.generate.making.predictor.PictureGenerator`.
    """
    opened = open_run(run)
    return task_class(opened.facts["task"]).predictor(opened, device)
