"""Evaluations as files, and what the words of `limner compare` stand for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from limner.foundation.command_line import split_name
from limner.foundation.errors import UserError
from limner.foundation.files.documents import read_json
from limner.foundation.files.writing import write_json
from limner.learning.runs.opening import is_run, open_run
from limner.learning.runs.run import Run

EVALUATION_FILE = "evaluation.json"
FIRST_WITHOUT_TASK = "generate"
"""Whose evaluations limner 0.1.0 wrote without saying of which task they are."""


class Compared(NamedTuple):
    """What a word of `limner compare` stands for.

    place: as it was written. run: None for a file or a folder of pictures. path: of its evaluation, which a run may not
    have yet; None for a folder of pictures. evaluation: what it holds, where it is there.
    """

    name: str
    place: str
    run: Run | None
    path: Path | None
    evaluation: Mapping[str, Any] | None

    @property
    def task(self) -> str | None:
        """What it is an evaluation of; None for a folder of pictures."""
        if self.evaluation is not None:
            return str(self.evaluation["task"])
        return None if self.run is None else self.run.task

    def needed(self) -> Mapping[str, Any]:
        """The evaluation. Raises `UserError` for a run that has none."""
        if self.evaluation is None:
            raise UserError(f"{self.path}: no evaluation there; run limner evaluate {self.place} first")
        return self.evaluation


def write_evaluation(path: Path, task: str, value: Mapping[str, Any]) -> None:
    """Write an evaluation with the task that it is of."""
    write_json(path, {**value, "task": task})


def read_evaluation(path: Path, task: str = FIRST_WITHOUT_TASK) -> Mapping[str, Any]:
    """An evaluation with its ``task``; where an older limner wrote none, the one given.

    Raises `UserError` for a file that is not there or holds no evaluation.
    """
    try:
        value = read_json(path, "run limner evaluate again")
    except OSError:
        raise UserError(f"{path}: no evaluation there; run limner evaluate {path.parent} first") from None
    if not isinstance(value, dict):
        raise UserError(f"{path}: not an evaluation; run limner evaluate again")
    return {"task": task, **value}


def evaluation_of(run: Run) -> Mapping[str, Any] | None:
    """What a run's ``evaluation.json`` holds; None where it has none."""
    path = run.folder / EVALUATION_FILE
    return read_evaluation(path, str(run.facts.get("task", FIRST_WITHOUT_TASK))) if path.exists() else None


def read_word(word: str) -> Compared:
    """What a word stands for: a run, the path of an evaluation, a folder of pictures, or NAME=any of these.

    Raises `UserError` for a run, or an evaluation, that is none.
    """
    name, place = split_name(word)
    path = Path(place)
    if path.suffix == ".json":
        return Compared(name or path.stem, place, None, path, read_evaluation(path))
    if not is_run(place):
        if not path.is_dir():
            raise UserError(
                f"{place}: no such run, evaluation or folder; needed: a run's folder, an evaluation (.json), a folder "
                "of pictures, or NAME=any of these"
            )
        return Compared(name or path.name, place, None, None, None)
    run = open_run(place)
    return Compared(name or run.name, place, run, run.folder / EVALUATION_FILE, evaluation_of(run))
