"""What every training leaves for people: scores, curves, a model card, and a report that stands alone."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from limner.foundation.errors import UserError
from limner.foundation.files.writing import write_text
from limner.foundation.progress import duration
from limner.learning.runs.evaluations import EVALUATION_FILE, evaluation_of, write_evaluation
from limner.learning.runs.run import Run
from limner.reporting.report import Report, draw_curves, has_curve
from limner.reporting.tables import markdown

CURVES_FILE = "curves.png"


@dataclass(frozen=True)
class Card:
    """A model card in Markdown: what it is, what it learned from, how well, what it is not for.

    what: a paragraph. data: where its data is from, with the terms. steps: of what, such as ``8 crops of 256 px``.
    data_facts: sentences of the data that stand before the seed. on: what the scores are on, behind the heading.
    scores: their text, closed by a line's end. advice: what stands below them.
    """

    what: str
    data: str
    steps: str
    scores: str
    not_for: str
    seed: int
    data_facts: str = ""
    on: str = ""
    advice: str = ""

    def to_markdown(self, run: Run) -> str:
        """The card of a run."""
        status = run.status
        facts = f"{self.data_facts} " if self.data_facts else ""
        advice = f"{self.advice}\n\n" if self.advice else ""
        return f"""# {markdown(run.name)}

{self.what}

## Learned from

{self.data}

{facts}Seed {self.seed}, {status.get("steps")} steps of {self.steps}, {duration(status.get("seconds", 0))};
limner {status["versions"]["limner"]}, torch {status["versions"]["torch"]}. The whole recipe: `recipe.yaml`.

## Scores{self.on}

{self.scores}
{advice}## Not for

{self.not_for}
"""


def write_outcome(
    run: Run, task: str, evaluation: Mapping[str, Any] | None, card: Card, report: Callable[[], Report]
) -> None:
    """Write ``evaluation.json`` (where there is one), ``curves.png``, ``card.md`` and ``report.html`` into a run.

    report: makes the report, once the curves are there.
    """
    if evaluation is not None:
        write_evaluation(run.folder / EVALUATION_FILE, task, evaluation)
    if metrics := run.metrics():
        draw_curves(metrics, run.folder / CURVES_FILE)
    write_text(run.folder / "card.md", card.to_markdown(run))
    report().write(run.folder / "report.html")


def closing_words(run: Run, words: Callable[[Mapping[str, Any]], str]) -> str:
    """What a run's evaluation says in words; nothing where none can be read."""
    try:
        found = evaluation_of(run)
        return "" if found is None else words(found)
    except UserError:
        return ""


def begin_report(run: Run, subtitle: str, facts: Mapping[str, object]) -> Report:
    """The report of a run: its name, and facts of it, closed by its steps and its time."""
    status = run.status
    report = Report(f"Run {run.name}", subtitle)
    return report.facts({**facts, "steps": status.get("steps"), "time": duration(status.get("seconds", 0))})


def add_curves(report: Report, run: Run, caption: str) -> Report:
    """A section of the curves, where anything was measured twice."""
    path = run.folder / CURVES_FILE
    return report.section("Curves").picture(path, caption) if path.exists() and has_curve(run.metrics()) else report


def add_commands(report: Report, run: Run, commands: Sequence[str]) -> Report:
    """A section of what can be done with the run. commands: words behind ``limner``, with ``RUN`` for the run."""
    name = shlex.quote(str(run.folder))
    lines = [f"limner {command.replace('RUN', name)}" for command in commands]
    return report.section("Use it").command([*lines, f"limner train {shlex.quote(str(run.folder / 'recipe.yaml'))}"])
