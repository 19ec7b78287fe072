"""The verbs that every room shares, but training: evaluate, compare, networks, check, demo. Each asks the table of
rooms.

In Python a room's options are keywords: those of the dataclass that its entry in `limner.learning.rooms.ROOMS` names.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from limner.foundation.errors import UserError
from limner.foundation.files.writing import as_paths, must_exist
from limner.learning.networks.listing import NetworkRow
from limner.learning.options import make_options
from limner.learning.rooms import SharedVerb, demo_called, demos, named, room_of_task, rooms_with, verb_of
from limner.learning.runs.evaluations import EVALUATION_FILE, Compared, read_word, write_evaluation
from limner.learning.runs.opening import bundled_models, open_run
from limner.learning.runs.run import Run

CHECKED = "segment"
"""The room that `check` serves where none is named."""


def evaluate(
    run: str | Path | Run,
    *,
    data: str | Path | Sequence[str | Path] = (),
    device: str = "auto",
    out: str | Path | None = None,
    **options: Any,
) -> Any:
    """Score a run as its room does, and write ``evaluation.json`` into it, or to ``out`` (only there, for a bundled
    model).

    data: what to score on, in place of what the run held out. options: of the run's room,
    `limner.segment.scoring.options.EvaluateOptions` or `limner.generate.scoring.options.EvaluateOptions`, by name.
    Gives a `limner.segment.measures.scores.Evaluation` or a `limner.fidelity.result.PictureScores`.

    Raises `UserError` for no run, an option that its room does not have, and data that cannot be scored.
    """
    opened = run if isinstance(run, Run) else open_run(run)
    chosen = _options(room_of_task(opened.task), "evaluate", options)
    return evaluate_with(opened, chosen, data=data, device=device, out=out)


def evaluate_with(
    run: str | Path | Run,
    options: Any,
    *,
    data: str | Path | Sequence[str | Path] = (),
    device: str = "auto",
    out: str | Path | None = None,
) -> Any:
    """`evaluate`, with the options of the run's room as an instance of their dataclass."""
    opened = run if isinstance(run, Run) else open_run(run)
    task = opened.task
    paths = must_exist(as_paths(data))
    result = verb_of(room_of_task(task), "evaluate")(opened, options, data=paths, device=device)
    if out is not None or opened.folder not in bundled_models().values():
        write_evaluation(Path(out or opened.folder / EVALUATION_FILE), task, result.to_json())
    return result


def compare(runs: Sequence[str | Path], *, device: str = "auto", **options: Any) -> Any:
    """Put runs and evaluations side by side as their room does; with runs that generate, folders of pictures too.

    runs: each a run, the path of an evaluation, a folder of pictures, or NAME=any of these. options: of the room,
    `limner.segment.scoring.options.CompareOptions` or `limner.generate.scoring.options.CompareOptions`, by name. Gives
    a `limner.segment.scoring.comparison.Comparison` or a `limner.generate.scoring.comparison.PictureComparison`.

    Raises `UserError` for runs of several rooms, and whatever cannot be compared.
    """
    items = [read_word(str(word)) for word in as_paths(runs)]
    return compare_with(items, _options(room_of(items), "compare", options), device=device)


def compare_with(items: Sequence[str | Compared], options: Any, *, device: str = "auto") -> Any:
    """`compare`, with the options of the room as an instance of their dataclass."""
    found = [read_word(item) if isinstance(item, str) else item for item in items]
    return verb_of(room_of(found), "compare")(found, options, device=device)


def room_of(items: Sequence[Compared]) -> str:
    """The room that compares these. Raises `UserError` where there is none for all of them."""
    if not items:
        raise UserError("nothing to compare; name at least one evaluated run")
    found = {room_of_task(item.task): item for item in items if item.task is not None}
    folders = [item for item in items if item.task is None]
    if len(found) > 1:
        (one, first), (two, second) = list(found.items())[:2]
        raise UserError(
            f"{first.place} is of the room {one}, {second.place} of {two}; runs of one room can be compared"
        )
    if not folders:
        return next(iter(found))
    taking = [name for name, room in rooms_with("compare").items() if room.compares_folders]
    for name, item in found.items():
        if name not in taking:
            raise UserError(
                f"{item.place}: a run of the room {name}, and {folders[0].place} a folder of pictures; a folder is "
                f"compared with runs of {' or '.join(taking)}"
            )
    return next(iter(found), taking[0])


def networks(room: str, **options: Any) -> list[NetworkRow]:
    """The networks of a room, each with its exact parameters and its receptive field; nothing is allocated.

    options: of the room, as `limner.learning.networks.listing.NetworkSizes`, by name.
    """
    rows: list[NetworkRow] = verb_of(room, "networks")(_options(room, "networks", options))
    return rows


def check(
    data: str | Path | Sequence[str | Path], *, room: str = CHECKED, sheet: str | Path | None = None, **options: Any
) -> Any:
    """Look at data before training, as a room reads it; every problem is in the report, none raises.

    options: of the room, `limner.segment.labels.reading.Reading`, by name. sheet: where to write a contact sheet. Gives
    a `limner.segment.data.findings.CheckReport`.
    """
    chosen = _options(room, "check", options)
    return verb_of(room, "check")(as_paths(data), chosen, sheet=None if sheet is None else Path(sheet))


def demo(name: str = CHECKED, *, out: str | Path | None = None, quick: bool = False) -> Path:
    """Run a story on bundled real pictures, or drawn ones, and give the path of its report.

    out: the folder (default: ``limner-demo``, and for others than the first ``limner-demo-NAME``). quick: only to see
    that all works.
    """
    run_demo = named(demo_called(name).function)
    usual = "limner-demo" if name == next(iter(demos())) else f"limner-demo-{name}"
    report: Path = run_demo(Path(out or usual), quick=quick)
    return report


def _options(room: str, verb: SharedVerb, given: dict[str, Any]) -> Any:
    return make_options(verb_of(room, verb).options_type(), given, f"limner {verb} in the room {room}")
