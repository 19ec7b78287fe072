"""What each room does for the verbs that all rooms share: `limner evaluate`, `compare` and `networks` know none by
name.

The tables name functions as module:name, so that looking at them imports no torch.
"""

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limner.foundation.errors import UserError
from limner.learning.run import Run, open_run

if TYPE_CHECKING:
    from limner.learning.task import Task

EVALUATIONS = {
    "segment": "limner.segment.scoring.evaluate:evaluate_run",
    "generate": "limner.generate.scoring.evaluate:evaluate_run",
}
"""Scores a run: a function of it and of options of its own."""
COMPARISONS = {
    "segment": "limner.segment.scoring.comparison:compare_runs",
    "generate": "limner.generate.scoring.comparison:compare_pictures",
}
"""Puts runs side by side: a function of what names them, and of options of its own."""
HOW_READ = "limner.segment.labels.reading:Reading"
"""Options of how labels are read, for functions that take them as they come."""
NETWORKS = {
    "segment": "limner.segment.networks.listing:list_networks",
    "generate": "limner.generate.networks.listing:list_networks",
}
"""Lists a room's networks: a function of channels and classes."""


def evaluate(run: str | Path | Run, **options: Any) -> Any:
    """Score a run as its room does, and write ``evaluation.json`` into it, or to ``out``.

    Options and answer are those of `limner.segment.scoring.evaluate.evaluate_run` or
    `limner.generate.scoring.evaluate.evaluate_run`. Raises `UserError` for an option that the run's room does not know.
    """
    opened = run if isinstance(run, Run) else open_run(run)
    task = opened.facts["task"]
    function = _named(EVALUATIONS[task])
    _check_options(function, options, f"{opened.folder}, a run of the room {task}")
    return function(opened, **options)


def compare(runs: Sequence[str], **options: Any) -> Any:
    """Put runs and evaluations side by side as their room does; with made pictures among them, folders of pictures too.

    Options and answer are those of `limner.segment.scoring.comparison.compare_runs` or, of made pictures,
    `limner.generate.scoring.comparison.compare_pictures`.
    """
    room = "generate" if any(map(_shows_pictures, runs)) else "segment"
    function = _named(COMPARISONS[room])
    _check_options(function, options, "maps" if room == "segment" else "made pictures")
    return function(runs, **options)


def list_networks(room: str, channels: int, classes: int | None = None) -> Any:
    """Rows of the networks of a room; without classes, as many as its list takes."""
    return _named(NETWORKS[room])(channels, **({} if classes is None else {"classes": classes}))


def _named(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


def _check_options(function: Callable[..., Any], options: Mapping[str, Any], what: str) -> None:
    parameters = inspect.signature(function).parameters.values()
    known = [each.name for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY]
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters):  # how data is read
        known += [each.name for each in fields(_named(HOW_READ))]
    for name in options:
        if name not in known:
            raise UserError(f"{_option(name)} does not fit {what}; it takes {', '.join(map(_option, known))}")


def _option(name: str) -> str:
    return "--class" if name == "class_name" else f"--{name.replace('_', '-')}"


def _shows_pictures(word: str) -> bool:
    """Whether a word of `compare` stands for made pictures: a run that makes them, their scores,
    or a folder of them.
    """
    place = word.partition("=")[2] if "=" in word and not Path(word).exists() else word
    path = Path(place)
    if path.suffix == ".json":
        try:
            return "flat_kid" in json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError):
            return False  # said by who reads it
    if path.is_dir() and not any((path / name).exists() for name in ("model.json", "run.json")):
        return True
    return open_run(place).facts.get("task") == "generate"


TASKS = {
    "segment": "limner.segment.training.task:SegmentTask",
    "generate": "limner.generate.training.task:GenerateTask",
}
"""Each task's class, as module:name, so that listing runs and recipes imports no torch."""


def task_class(name: str) -> "type[Task]":
    """The class behind a recipe's ``task:``."""
    module, _, attribute = TASKS[name].partition(":")
    found: type[Task] = getattr(import_module(module), attribute)
    return found
