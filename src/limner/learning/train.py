"""The verbs that every room shares: train a recipe, open what it left."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

from limner.foundation.errors import UserError
from limner.foundation.files.writing import as_paths, must_exist
from limner.foundation.progress import duration, say
from limner.foundation.signals import StopRequest
from limner.learning.library import load_recipe, task_class, task_of_recipe
from limner.learning.loop import board
from limner.learning.loop.budget import planned_stages
from limner.learning.loop.fabric import make_fabric
from limner.learning.loop.processes import rank, started_by_torchrun, with_processes
from limner.learning.loop.settings import LoopSettings
from limner.learning.loop.task import Task
from limner.learning.loop.timing import estimate_seconds
from limner.learning.loop.training import learn
from limner.learning.options import make_options, option_names
from limner.learning.recipes.reading import read_recipe
from limner.learning.recipes.recipe import as_overrides, write_recipe
from limner.learning.rooms import all_run_files, room_of_task, verb_of
from limner.learning.runs.evaluations import EVALUATION_FILE, read_evaluation
from limner.learning.runs.folder import claim_folder, start_run
from limner.learning.runs.opening import open_run
from limner.learning.runs.run import Run


@dataclass(frozen=True)
class Training:
    """What `train` did: the run, and the signal that stopped it, if one did."""

    run: Run
    stopped: StopRequest | None = None

    def to_end(self) -> Run:
        """The run of a training that came to its end; one that was asked to stop ends the program here, with the exit
        code of its signal, so that nothing goes on with half a network."""
        if self.stopped is not None:
            raise SystemExit(self.stopped.exit_code)
        return self.run

    def _repr_html_(self) -> str:
        return self.run._repr_html_()

    def to_json(self) -> dict[str, Any]:
        """The run's folder, its status, steps and seconds, and what its ``evaluation.json`` holds, if it has one."""
        status, path = self.run.status, self.run.folder / EVALUATION_FILE
        told = {name: status.get(name) for name in ("status", "steps", "seconds")}
        scores = read_evaluation(path, self.run.task) if path.exists() else None
        return {"run": str(self.run.folder), **told, "evaluation": scores}


def train(
    recipe: str | Path,
    *,
    data: str | Path | Sequence[str | Path] = (),
    overrides: Sequence[str] = (),
    out: Path | str | None = None,
    overwrite: bool = False,
    **settings: Any,
) -> Training:
    """Train a recipe on data; the same call again goes on with what was stopped, or finds it finished.

    >>> train("segment/modern", data="places", epochs=3, network={"name": "unet", "depth": 19})  # doctest: +SKIP

    recipe: a recipe file or a bundled recipe's name. data: in place of the recipe's own. overrides: settings as the
    command line has them, such as ``["--network.depth", "34"]``. out: the run's folder (default: ``runs/<recipe>-001``
    and so on). settings: of the recipe by their names, a section as a dictionary (of its ``data``:
    ``**{"data.tile_px": 400}``); and what the room takes beside (how data is read, such as ``labels="roofs.gpkg"``:
    `limner.segment.labels.reading.Reading`).

    Raises `UserError` for a recipe that is not there, a setting that it does not have, and data that cannot be learned
    from.
    """
    room = room_of_task(task_of_recipe(str(recipe)))
    options_type = verb_of(room, "train").options_type()
    options = {name: value for name, value in settings.items() if name in option_names(options_type)}
    tokens = as_overrides({name: value for name, value in settings.items() if name not in options})
    chosen = make_options(options_type, options, f"limner train {recipe}")
    resolved = resolve(recipe, data=data, overrides=[*overrides, *tokens], options=chosen)
    return train_recipe(resolved, Path(recipe).stem, out=Path(out) if out else None, overwrite=overwrite)


def resolve(
    recipe: str | Path,
    *,
    data: str | Path | Sequence[str | Path] = (),
    overrides: Sequence[str] = (),
    options: Any = None,
) -> Any:
    """The recipe that `train` would train, as its dataclass. options: of its room, as `Task.with_data` takes them."""
    paths = [path.resolve() for path in must_exist(as_paths(data))]
    resolved = load_recipe(str(recipe), overrides)
    if not paths and options is None:
        return resolved
    return task_class(resolved.task).with_data(resolved, paths, options)


def rehearse(recipe: Any) -> str:
    """What ``--dry-run`` prints: the recipe in full, sizes, and an estimate of the time; nothing is written."""
    task = task_class(recipe.task)(recipe)
    time_needed = duration(estimate_seconds(task, recipe.loop))
    return (
        f"{write_recipe(recipe)}\n# {task.summary()}{_budget(recipe.loop)}\n"
        f"# about {time_needed} of steps on this machine, evaluations not counted"
    )


def train_recipe(recipe: Any, name: str, *, out: Path | None = None, overwrite: bool = False) -> Training:
    """`train` with a resolved recipe; ``name`` names the run's folder where ``out`` does not."""
    recipe = replace(recipe, loop=with_processes(recipe.loop))
    task = task_class(recipe.task)(recipe)
    planned_stages(task, recipe.loop)  # what does not fit is refused before anything is written
    if recipe.loop.tensorboard:
        board.check_tensorboard()
    if rank() > 0:  # the first of several processes claims a folder for all
        return _learn(task, None, recipe.loop)
    with claim_folder(name, lambda text: says(text, recipe), task.fingerprint, out, overwrite) as (run, going_on):
        if going_on and run.status["status"] == "finished":
            say(f"{run.folder}: this recipe has already been trained on this data; --overwrite trains it anew")
            if started_by_torchrun():  # the others wait for what to do
                _meet(run, recipe.loop)
            return Training(run)
        if not going_on:
            start_run(run, write_recipe(recipe), task.fingerprint, (*all_run_files(), board.FOLDER))
        say(f"{run.folder}: {'going on' if going_on else 'training'}; {task.summary()}{_budget(recipe.loop)}")
        return _learn(task, run, recipe.loop)


def _budget(settings: LoopSettings) -> str:
    return "" if settings.steps is None else f"; loop.steps ends it after {settings.steps}"


def says(text: str, recipe: Any) -> bool:
    """Whether a text is this recipe, however it is written and whatever comments and defaults the limner had that wrote
    it."""
    try:
        return bool(read_recipe(text, "recipe.yaml", lambda _: type(recipe)) == recipe)
    except UserError:
        return False


def _meet(run: Run | None, settings: LoopSettings) -> tuple[Fabric, Run]:
    """All processes of a training, met, and its run, which the first tells the others."""
    fabric = make_fabric(settings)
    folder: str = fabric.broadcast("" if run is None else str(run.folder))
    return fabric, Run(Path(folder))


def _learn(task: Task, run: Run | None, settings: LoopSettings) -> Training:
    began = time.monotonic()
    fabric, run = _meet(run, settings)
    if run.status["status"] == "finished":
        return Training(run)
    stop = learn(task, run, settings, fabric)
    if stop:
        say(f"stopped; {task.stopped_line(run)}, and the same command goes on from here")
        return Training(run, stop)
    if not fabric.is_global_zero:
        return Training(run)  # the first of several processes writes for all
    task.finish(run)
    line = task.closing_line(run)
    run.set_status("finished", **({"score": line} if line else {}))
    say(f"trained in {duration(time.monotonic() - began)}: see {run.folder / 'report.html'}")
    if line:
        say(line)
    return Training(run)


def load(run: str | Path, device: str = "auto", *, room: str | None = None) -> Any:
    """The predictor of a run, by its folder, ``last``, or a bundled model's name; it shows itself in a notebook.

    room: the one that the run must be of; editors then know what they get.

    Of the room `segment`: a `limner.segment.predicting.predictor.SegmentPredictor`; of `generate`: a
    `limner.generate.making.predictor.PictureGenerator`.
    """
    opened = open_run(run, room)
    return task_class(opened.task).predictor(opened, device)
