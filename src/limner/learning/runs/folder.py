"""Choosing the folder of a training: its own earlier run, or a fresh one, and alone in it."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from limner.foundation.errors import UserError
from limner.foundation.files.locks import BusyError, is_lock
from limner.foundation.files.writing import alone_in, is_leftover, make_folder, remove, write_json, write_text
from limner.foundation.version import versions
from limner.learning.runs.opening import RUNS_FOLDER
from limner.learning.runs.run import RUN_FILES, Run

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

    Raises `BusyError` where another limner trains the same, or in the folder that ``out`` names.
    """
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
