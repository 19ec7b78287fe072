"""Which run a word names: a folder, the newest one, or a model that ships with the package."""

from functools import cache
from importlib import resources
from pathlib import Path

from limner.foundation.errors import UserError
from limner.foundation.nearest import near_names
from limner.foundation.progress import say
from limner.learning.rooms import room_of_task
from limner.learning.runs.run import Run

RUNS_FOLDER = Path("runs")
"""Where trainings leave their runs, beside the user's work."""
LAST = "last"
"""Names the newest run."""


def open_run(name: str | Path, room: str | None = None) -> Run:
    """The run at a path, the newest below ``runs/`` for ``last``, or a bundled model by its name.

    room: the one that it must be of. Raises `UserError` when there is none, it holds no model yet, or it is of another
    room.
    """
    run = _found(name, room)
    if room is not None and (other := room_of_task(run.task)) != room:
        raise UserError(f"{name}: a run of the room {other}; needed: one of the room {room} (limner train {room}/...)")
    return run


def is_run(name: str | Path) -> bool:
    """Whether a word names a run: its folder, be it without a model yet, ``last``, or a bundled model's name."""
    path = Path(name)
    if path.exists():
        return any((path / file).exists() for file in ("model.json", "run.json"))
    return str(name) == LAST or str(name) in bundled_models()


def _found(name: str | Path, room: str | None) -> Run:
    folder = Path(name)
    if str(name) == LAST and not folder.exists():
        folder = _newest_run()
    elif not folder.exists() and (bundled := bundled_models().get(str(name))):
        return Run(bundled)
    if not folder.exists():
        raise UserError(f"no run '{name}': {_what_to_give(str(name), room)}")
    if folder.is_file():
        raise UserError(f"{folder}: a file, not a run: {_what_to_give(str(name), room)}")
    if not (folder / "model.json").exists():
        hint = "its training has not got that far" if (folder / "run.json").exists() else "it is not a run's folder"
        raise UserError(f"{folder}: no model.json ({hint}); train first with: limner train RECIPE --data DATA")
    return Run(folder)


def _what_to_give(name: str, room: str | None) -> str:
    """What names a run of a room (None: of any), in words; the name that was probably meant."""
    bundled = [
        model for model, path in bundled_models().items() if room is None or room_of_task(Run(path).task) == room
    ]
    if near := near_names(name, [LAST, *bundled]):
        return f"did you mean '{near[0]}'?"
    also = f", or a bundled model ({', '.join(bundled)})" if bundled else ""
    return f"give a run's folder{',' if bundled else ' or'} '{LAST}'{also}"


def bundled_models() -> dict[str, Path]:
    """The trained models that ship with the package, by name."""
    models = Path(str(resources.files("limner") / "bundled" / "models"))
    if not models.is_dir():
        return {}
    return {path.parent.name: path.parent for path in sorted(models.glob("*/model.json"))}


def _newest_run() -> Path:
    runs = [path.parent for path in RUNS_FOLDER.glob("*/model.json")]
    if not runs:
        raise UserError(f"'{LAST}' names the newest run in {RUNS_FOLDER}/, and there is none yet")
    newest = max(runs, key=lambda folder: (folder / "model.json").stat().st_mtime_ns)
    _tell_newest(newest)
    return newest


@cache
def _tell_newest(folder: Path) -> None:
    """Say once which run 'last' is."""
    say(f"{LAST}: {folder}")
