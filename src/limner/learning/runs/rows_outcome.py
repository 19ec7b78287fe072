"""What a training leaves for people that is scored by rows: scores, pictures, curves, a model card and a report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from limner.datasets.licences import terms_beside
from limner.learning.runs.outcome import Card, add_commands, add_curves, begin_report, closing_words, write_outcome
from limner.learning.runs.run import Run
from limner.learning.runs.score_rows import ScoreRows
from limner.reporting.pictures import write_picture
from limner.reporting.report import Report
from limner.reporting.tables import markdown


@dataclass(frozen=True)
class RowsOutcome:
    """What a training came to.

    recipe: of the training. what: a sentence of what it makes. data: in a line. paths: of the data. pictures: by file
    name in ``pictures/``, (pixels, caption). not_for: what it should not be used for. commands: what can be done with
    the run.
    """

    recipe: Any
    what: str
    data: str
    paths: Sequence[Path]
    scores: ScoreRows
    pictures: Mapping[str, tuple[np.ndarray, str]]
    not_for: str
    commands: Sequence[str]


def finish_rows(outcome: RowsOutcome, run: Run) -> None:
    """Write ``evaluation.json``, ``curves.png``, ``card.md``, ``report.html`` and pictures into the run."""
    for name, (pixels, _) in outcome.pictures.items():
        write_picture(run.folder / "pictures" / name, pixels)
    paths = "\n".join(f"- {markdown(path.name)}{terms_beside(path)}" for path in outcome.paths)
    card = Card(
        what=outcome.what, data=paths, data_facts=f"{outcome.data}.", seed=outcome.recipe.seed,
        steps=f"{outcome.recipe.batch} samples", scores=outcome.scores.to_markdown(), not_for=outcome.not_for,
    )  # fmt: skip
    write_outcome(run, outcome.recipe.task, outcome.scores.to_json(), card, lambda: rows_report(outcome, run))


def rows_report(outcome: RowsOutcome, run: Run) -> Report:
    """The run's report: pictures, scores beside the bars, curves, data."""
    report = begin_report(run, outcome.what, {"scores": outcome.scores.line()})
    report.section("Made").pictures(
        [(run.folder / "pictures" / name, caption) for name, (_, caption) in outcome.pictures.items()],
        "None of it is chosen.",
    )
    head, rows = outcome.scores.table()
    report.section("Scores").table(head, rows)
    report.text("\n\n".join([outcome.scores.protocol, *outcome.scores.notes]))
    add_curves(report, run, "By steps. A loss says little here: it is the distance to an opponent that learns, too.")
    report.section("Data").text(f"{outcome.data}.")
    return add_commands(report, run, outcome.commands)


def closing_line(run: Run) -> str:
    """What a run scored, beside the bar; nothing where none can be read."""
    return closing_words(run, lambda found: ScoreRows.from_json(found).line())
