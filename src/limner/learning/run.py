"""Run: the folder that a training leaves, and the only thing the other verbs need."""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from limner.foundation.dependencies import digests
from limner.foundation.documents import as_record, bounds, read_json
from limner.foundation.errors import UserError
from limner.foundation.files import alone_in, is_leftover, make_folder, remove, replacing, write_json, write_text
from limner.foundation.locks import BusyError, is_lock
from limner.foundation.names import spelled
from limner.foundation.progress import say
from limner.foundation.version import __version__
from limner.learning.metrics import read_metrics
from limner.learning.rooms import room_of_task
from limner.reporting.card import card, newest_picture

if TYPE_CHECKING:
    from torch import Tensor


FORMAT_VERSION = 1
RUNS_FOLDER = Path("runs")

RUN_FILES = (
    "run.json", "model.json", "model.safetensors", "checkpoint", "metrics.csv", "curves.png", "pictures",
    "evaluation.json", "card.md", "report.html",
)  # fmt: skip
"""What every training and its conclusion write beside ``recipe.yaml``; rooms add their own
(`limner.learning.rooms.Room`)."""
LAST = "last"
"""Names the newest run."""


DAMAGED = "the run is damaged, train again or choose another"


@dataclass(frozen=True)
class _Status:
    """What ``run.json`` must say."""

    status: Literal["running", "interrupted", "trained", "finished"]
    data_fingerprint: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    steps: int | None = None
    refined_on: str | None = None


@dataclass(frozen=True)
class _Format:
    """What ``model.json`` may say in any version."""

    format_version: int = field(default=FORMAT_VERSION, metadata=bounds(minimum=1))


@dataclass(frozen=True)
class _Facts:
    """What ``model.json`` must say, of whatever room."""

    task: str


@dataclass(frozen=True)
class Run:
    """A training's folder: ``recipe.yaml``, ``model.safetensors`` + ``model.json``, ``checkpoint/``, ``metrics.csv``,
    ``curves.png``, ``pictures/``, ``evaluation.json``, ``card.md``, ``report.html`` and ``run.json`` (status,
    versions), and what the room adds.

    A bundled model is a run with only its model, recipe, card and evaluation, and what the room needs to use it.
    """

    folder: Path

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def status(self) -> dict[str, Any]:
        """What ``run.json`` says: status (running, interrupted, trained, finished), versions,
        data fingerprint, seconds.
        """
        return _read_json(self.folder / "run.json", _Status)

    @property
    def facts(self) -> dict[str, Any]:
        """What ``model.json`` says of the trained network: format version, task, classes, bands, statistics."""
        version = _read_json(self.folder / "model.json", _Format).get("format_version", FORMAT_VERSION)
        if version > FORMAT_VERSION:
            raise UserError(
                f"{self.folder}: written by a newer limner (format {version}, "
                f"this one reads up to {FORMAT_VERSION}); run pip install -U limner"
            )
        return _read_json(self.folder / "model.json", _Facts)

    @property
    def task(self) -> str:
        """The task that it learned, as ``model.json`` says."""
        return str(self.facts["task"])

    def weights(self) -> "dict[str, Tensor]":
        """The model's tensors by ``network.tensor`` names, float32 on the CPU (bundled models are stored as
        float16).
        """
        import torch
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        path = self.folder / "model.safetensors"
        try:
            tensors = load_file(spelled(path))
        except (SafetensorError, OSError) as error:
            raise UserError(f"{path}: cannot be read ({error}); train again or choose another run") from None
        for name, tensor in tensors.items():
            if not tensor.isfinite().all():
                raise UserError(f"{path}: {name} holds NaN or infinity; {DAMAGED}")
        return {key: value.float() if value.dtype is torch.float16 else value for key, value in tensors.items()}

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor of the model, from the head of its file: nothing is loaded."""
        from safetensors import SafetensorError, safe_open

        path = self.folder / "model.safetensors"
        try:
            with safe_open(spelled(path), "numpy") as file:
                return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, ValueError) as error:
            raise UserError(f"{path}: cannot be read ({error}); {DAMAGED}") from None

    def save_model(self, weights: "Mapping[str, Tensor]", facts: Mapping[str, Any]) -> None:
        """Write ``model.safetensors`` and ``model.json``; each is whole or not there."""
        from safetensors.torch import save

        with replacing(self.folder / "model.safetensors") as temporary:
            temporary.write_bytes(save(dict(weights)))  # save_file would let nobody else read it
        write_json(self.folder / "model.json", {"format_version": FORMAT_VERSION, "limner": __version__, **facts})

    def _repr_html_(self) -> str:
        status = self.status if (self.folder / "run.json").exists() else {}
        facts = self.facts if (self.folder / "model.json").exists() else {}
        told = {
            "room": facts.get("task", ""),
            "status": status.get("status", ""),
            "classes": ", ".join(map(str, facts.get("class_names", ()))),
            "score": status.get("score", ""),
        }
        return card(f"limner run {self.folder}", told, newest_picture(self.folder))

    def recipe_text(self) -> str:
        """The resolved recipe as YAML."""
        return (self.folder / "recipe.yaml").read_text(encoding="utf-8")

    def set_status(self, status: str, **more: Any) -> None:
        """Change ``run.json``: the status, and whatever else is given."""
        path = self.folder / "run.json"
        known = _read_json(path, _Status) if path.exists() else {}
        write_json(path, {**known, "status": status, **more})

    @property
    def metrics_path(self) -> Path:
        """Where its losses and scores stand, a row for each step at which something was measured."""
        return self.folder / "metrics.csv"

    @property
    def scratch(self) -> Path:
        """Where stages keep files for later ones; gone when the training has ended."""
        return self.folder / "scratch"

    def metrics(self) -> list[dict[str, str]]:
        """The rows of ``metrics.csv`` as written (empty cells where nothing was measured)."""
        return read_metrics(self.metrics_path) if self.metrics_path.exists() else []

    def digest(self) -> str:
        """A digest of the model's weights and facts, for "is this the same model as before?"."""
        weights, facts = digests([self.folder / name for name in ("model.safetensors", "model.json")])
        return hashlib.sha256(f"{weights} {facts}".encode()).hexdigest()[:16]


def open_run(name: str | Path, room: str | None = None) -> Run:
    """The run at a path, the newest below ``runs/`` for ``last``, or a bundled model by its name.

    room: the one that it must be of. Raises `UserError` when there is none, it holds no model yet, or it is of another
    room.
    """
    run = _found(name)
    if room is not None and (other := room_of_task(run.task)) != room:
        raise UserError(f"{name}: a run of the room {other}; needed: one of the room {room} (limner train {room}/...)")
    return run


def is_run(name: str | Path) -> bool:
    """Whether a word names a run: its folder, be it without a model yet, ``last``, or a bundled model's name."""
    path = Path(name)
    if path.exists():
        return any((path / file).exists() for file in ("model.json", "run.json"))
    return str(name) == LAST or str(name) in bundled_models()


def _found(name: str | Path) -> Run:
    folder = Path(name)
    if str(name) == LAST and not folder.exists():
        folder = _newest_run()
    elif not folder.exists() and (bundled := bundled_models().get(str(name))):
        return Run(bundled)
    if not folder.exists():
        raise UserError(
            f"no run '{name}': give a run's folder, 'last', or a bundled model "
            f"({', '.join(bundled_models()) or 'none'})"
        )
    if not (folder / "model.json").exists():
        hint = "its training has not got that far" if (folder / "run.json").exists() else "it is not a run's folder"
        raise UserError(f"{folder}: no model.json ({hint}); train first with: limner train RECIPE --data DATA")
    return Run(folder)


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


Alike = Callable[[str], bool]
"""Whether a recipe's text says the same recipe."""


def choose_folder(name: str, alike: Alike, data: str, out: Path | None, overwrite: bool) -> tuple[Run, bool]:
    """The folder for a training and whether it goes on with an earlier one.

    The same recipe on the same data finds its own unfinished or finished run again; another recipe in the folder that
    ``out`` names is refused unless ``overwrite``. name: of the run without ``out``, a number follows. alike: whether
    the recipe that stands in a folder is the training's. data: the data's fingerprint.
    """
    if out is None:
        earlier = _numbered(RUNS_FOLDER, name)
        for folder in reversed(earlier.values()):
            if not overwrite and _is_same(Run(folder), alike, data):
                return Run(folder), True
        return Run(RUNS_FOLDER / f"{name}-{max(earlier, default=0) + 1:03d}"), False
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out}: is a file; a run needs a folder")
    if out.is_dir() and not overwrite and not _is_untouched(out, alike):
        if _is_same(Run(out), alike, data):
            return Run(out), True
        what = "a run with another recipe or other data" if (out / "run.json").exists() else "other files"
        raise UserError(f"--out {out}: holds {what}; choose another folder or add --overwrite")
    return Run(out), False


@contextmanager
def claim_folder(name: str, alike: Alike, data: str, out: Path | None, overwrite: bool) -> Iterator[tuple[Run, bool]]:
    """`choose_folder`, and alone there while the block lasts; the folder is made.

    Raises `BusyError` where another limner trains the same, or in the folder that ``out`` names. Of several processes
    of one training the first has the folder for all.
    """
    if int(os.environ.get("LOCAL_RANK", "0")) > 0:
        yield choose_folder(name, alike, data, out, overwrite)
        return
    while True:
        run, going_on = choose_folder(name, alike, data, out, overwrite)
        if going_on and run.status.get("status") == "finished":  # nothing will be written, not even a lock
            yield run, going_on
            return
        fresh = out is None and not going_on
        with ExitStack() as stack:
            try:
                stack.enter_context(alone_in(run.folder, wait=False))
            except BusyError:
                if fresh:  # its number was taken in between: the next is free
                    continue
                raise
            if fresh and not _is_untouched(run.folder, alike):
                continue
            if not fresh:  # what was there when we looked may have been gone on with
                run, going_on = choose_folder(name, alike, data, run.folder, overwrite)
            yield run, going_on
            return


def _numbered(folder: Path, name: str) -> dict[int, Path]:
    """What is called ``<name>-<number>`` in a folder, in order of the numbers."""
    matches = ((re.fullmatch(re.escape(name) + r"-(\d{3,})", path.name), path) for path in folder.glob("*"))
    return dict(sorted((int(match[1]), path) for match, path in matches if match))


def _is_untouched(folder: Path, alike: Alike) -> bool:
    """Whether a folder holds nothing, or no more than `start_run` on this recipe had written when it was killed."""
    held = [path for path in folder.iterdir() if not is_leftover(path) and not is_lock(path)]
    return not held or (held == [folder / "recipe.yaml"] and _holds_recipe(Run(folder), alike))


def _is_same(run: Run, alike: Alike, data: str) -> bool:
    try:
        return run.status.get("data_fingerprint") == data and _holds_recipe(run, alike)
    except (OSError, UserError):
        return False


def _holds_recipe(run: Run, alike: Alike) -> bool:
    try:
        return alike(run.recipe_text())
    except (OSError, UnicodeDecodeError):
        return False


def start_run(run: Run, recipe_text: str, data: str, more: Iterable[str] = ()) -> None:
    """Make a fresh run's folder with its recipe, versions and the data's fingerprint; an earlier one's files go.

    more: what rooms write beside `RUN_FILES`.
    """
    make_folder(run.folder)
    for path in (*(run.folder / name for name in (*RUN_FILES, *more)), run.scratch):
        remove(path)
    write_text(run.folder / "recipe.yaml", recipe_text)
    write_json(
        run.folder / "run.json", {"status": "running", "data_fingerprint": data, "versions": versions(), "seconds": 0.0}
    )


def versions() -> dict[str, str]:
    """Versions that a result depends on, and the commit when limner runs from its own checkout."""
    import platform
    import subprocess
    from importlib.metadata import version

    found = {name: version(name) for name in ("torch", "torchvision", "timm", "lightning-fabric", "numpy", "rasterio")}
    here = Path(__file__).resolve().parents[3]
    commit = ""
    if (here / ".git").exists():
        answer = subprocess.run(
            ["git", "-C", str(here), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
        )
        commit = answer.stdout.strip()
    return {"limner": __version__, "python": platform.python_version(), **found, "commit": commit}


def _read_json(path: Path, schema: type) -> dict[str, Any]:
    """What a file of a run holds, of the kinds that ``schema`` says; rooms look into what is their own."""
    try:
        found = read_json(path, DAMAGED)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; is {path.parent} a run's folder?") from None
    as_record(found, schema, str(path), DAMAGED)
    return dict(found)
