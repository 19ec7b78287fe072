"""The verbs that every room shares: find a recipe, train it, open what it left."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from limner.errors import UserError
from limner.progress import duration, say
from limner.recipe import read_recipe, write_recipe
from limner.run import TASKS, Run, choose_folder, open_run, start_run, task_class
from limner.signals import StopRequest


@dataclass(frozen=True)
class Training:
    """What `train` did: the run, and the signal that stopped it, if one did."""

    run: Run
    stopped: StopRequest | None = None


def bundled_recipes() -> dict[str, Path]:
    """The recipes that ship with the package, by ``room/name``."""
    folder = Path(str(resources.files("limner") / "recipes"))
    return {f"{path.parent.name}/{path.stem}": path for path in sorted(folder.glob("*/*.yaml"))}


def list_recipes() -> list[tuple[str, str]]:
    """(name, one line) of each bundled recipe; the line is the comment that opens the file."""
    found = []
    for name, path in bundled_recipes().items():
        comments = [line[1:].strip() for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
        found.append((name, comments[0] if comments else ""))
    return found


def load_recipe(name: str, overrides: Sequence[str] = ()) -> Any:
    """A recipe by its file or its bundled name (``segment/modern``), with command-line overrides on top."""
    import difflib

    path = Path(name)
    bundled = bundled_recipes()
    if not path.is_file():
        if name not in bundled:
            near = difflib.get_close_matches(name, bundled, 1, 0.4)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(bundled)}"
            raise UserError(f"no recipe '{name}' (neither a file nor a bundled recipe); {hint}")
        path = bundled[name]
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{path}: not a text file; a recipe is YAML") from None
    return read_recipe(text, str(path) if path.name != name else name, _recipe_type, overrides)


def _recipe_type(task: str) -> type | None:
    return task_class(task).recipe_type if task in TASKS else None


def train(
    recipe: str | Any,
    *,
    data: Sequence[Path | str] = (),
    labels: Path | str | None = None,
    within: Path | str | None = None,
    overrides: Sequence[str] = (),
    out: Path | str | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
) -> Training:
    """Train a recipe on data; the same call again goes on with what was stopped, or finds it finished.

    recipe: a recipe file, a bundled recipe's name, or a recipe dataclass. data, labels, within: in place of the
    recipe's own. overrides: tokens such as ``["--network.depth", "34"]``. out: the run's folder (default:
    ``runs/<recipe>-001`` and so on). dry_run: print the resolved recipe, sizes and an estimate of time to stderr only.
    """
    name = recipe if isinstance(recipe, str) else recipe.task
    resolved = load_recipe(recipe, overrides) if isinstance(recipe, str) else recipe
    kind = task_class(resolved.task)
    if data:
        paths = [Path(item).resolve() for item in data]
        resolved = kind.with_data(resolved, paths, *(Path(p).resolve() if p else None for p in (labels, within)))
    task = kind(resolved)
    text = write_recipe(resolved)
    if dry_run:
        run = Run(Path(out) if out else Path("runs") / Path(name).stem)
        say(text + "\n" + task.describe())
        return Training(run)
    run, going_on = choose_folder(name, text, task.fingerprint, Path(out) if out else None, overwrite)
    if going_on and run.status["status"] == "finished":
        say(f"{run.folder}: this recipe has already been trained on this data; --overwrite trains it anew")
        return Training(run)
    say(f"{run.folder}: {'going on' if going_on else 'training'}; {task.summary()}")
    if not going_on:
        start_run(run, text, task.fingerprint)
    return _learn(task, run, resolved)


def _learn(task: Any, run: Run, recipe: Any) -> Training:
    from limner.training import learn, make_fabric

    began = time.monotonic()
    stop = learn(task, run, recipe.loop, make_fabric(recipe.loop))
    if stop:
        say(f"stopped; {run.folder} is usable as it is, and the same command goes on from here")
        return Training(run, stop)
    task.conclude(run)
    say(f"trained in {duration(time.monotonic() - began)}: see {run.folder / 'report.html'}")
    return Training(run)


def load(run: str | Path, device: str = "auto") -> Any:
    """The predictor of a run, by its folder, ``last``, or a bundled model's name; it shows itself in a notebook.

    For the segment room: a `limner.segment.predictor.SegmentPredictor`.
    """
    opened = open_run(run)
    return task_class(opened.facts["task"]).predictor(opened, device)
