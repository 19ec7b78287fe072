"""What a training leaves for people: scores, curves, a model card, and a report that stands alone."""

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from limner.datasets.pictures.licences import terms_beside
from limner.fidelity.result import PictureScores, printed
from limner.fidelity.score import score_pictures
from limner.foundation.files import write_text
from limner.foundation.progress import duration
from limner.generate.training.alarms import ALARMS, ringing
from limner.generate.training.memorization import draw_nearest
from limner.learning.evaluations import EVALUATION_FILE, write_evaluation
from limner.learning.run import Run
from limner.reporting.grid import grid
from limner.reporting.pictures import write_picture
from limner.reporting.report import Report, draw_curves

if TYPE_CHECKING:
    from limner.generate.training.task import GenerateTask

SHOWN, COLUMNS = 64, 8
MADE, REAL, NEAREST = "made.png", "real.png", "nearest.png"


def finish_training(task: "GenerateTask", run: Run) -> None:
    """Write what a training leaves: ``evaluation.json``, ``curves.png``, ``card.md``, ``report.html`` and, in
    ``pictures/``, ``made.png``, ``real.png`` and ``nearest.png``."""
    _, pictures, made = task.look()
    scored = score_pictures(task.watch.real, made, task.watch.extractor)
    alarms = task.alarms(pictures, made)
    write_evaluation(run.folder / EVALUATION_FILE, task.name, {**scored.to_json(), "alarms": alarms})
    draw_pictures(task, run, pictures)
    if metrics := run.metrics():
        draw_curves(metrics, run.folder / "curves.png")
    write_text(run.folder / "card.md", model_card(task, run, scored))
    training_report(task, run, scored, alarms).write(run.folder / "report.html")


def draw_pictures(task: "GenerateTask", run: Run, made: Tensor) -> None:
    """Grids of made and of real pictures, and the made ones that come nearest to learned ones beside those."""
    folder = run.folder / "pictures"
    write_picture(folder / MADE, grid(made[:SHOWN], COLUMNS))
    write_picture(folder / REAL, grid(task.watch.against[:SHOWN], COLUMNS))
    write_picture(folder / NEAREST, draw_nearest(made, task.watch.learned))


def training_report(task: "GenerateTask", run: Run, scored: PictureScores, alarms: Mapping[str, float]) -> Report:
    """The run's report: made beside real pictures, scores with their protocol, alarms, nearest neighbors,
    curves, data.
    """
    recipe, status = task.recipe, run.status
    report = Report(
        f"Run {run.name}", f"{recipe.generator.name} against {recipe.discriminator.name}, at {recipe.data.size_px} px"
    )
    report.facts(
        {
            scored.title("kid"): printed("kid", scored["kid"]),
            "pictures learned from": len(task.training),
            "held out": len(task.held_out),
            "rounds": status.get("steps"),
            "time": duration(status.get("seconds", 0)),
        }
    )
    against = "held-out pictures" if len(task.held_out) else "the pictures that it learned from, as none are held out"
    folder = run.folder / "pictures"
    report.section("Pictures").pictures(
        [(folder / MADE, "made"), (folder / REAL, "real")], f"Made pictures, not chosen, and real ones: {against}."
    )
    report.section("Scores").text(f"Of {recipe.scores.samples:,} made pictures against {against}.")
    add_scores(report, scored)
    add_alarms(report, alarms)
    report.section("Nearest neighbors").text(
        "Does it make new pictures, or those that it was shown? Of all made pictures, those that come nearest to a "
        "learned one, and that one."
    ).picture(folder / NEAREST, "The most suspicious first.")
    if (run.folder / "curves.png").exists():
        report.section("Curves").picture(
            run.folder / "curves.png",
            "By rounds. A loss says little here: it is the distance to an opponent that learns, too. Go by the scores.",
        )
    report.section("Data").text(f"{task.pictures.summary()}.")
    name = shlex.quote(str(run.folder))
    report.section("Use it").command(
        [
            f"limner generate {name} -n 64",
            f"limner generate {name} --interpolate walk.gif",
            f"limner fid REAL {name}",
            f"limner train {shlex.quote(str(run.folder / 'recipe.yaml'))}",
        ]
    )
    return report


def add_scores(report: Report, scored: PictureScores) -> Report:
    """A table of the scores with their intervals, and their protocol."""
    rows = []
    for name, score in scored.scores.items():
        interval = " to ".join(printed(name, end) for end in score.interval or ())
        rows.append([scored.title(name), printed(name, score.value), interval])
    report.table(("score", "value", "95 % interval"), rows)
    return report.text("\n\n".join([*scored.notes, scored.protocol.sentence()]))


def add_alarms(report: Report, alarms: Mapping[str, float]) -> Report:
    """A table of the alarms' numbers, which ring, and what they mean."""
    measured = [(alarm, alarms[alarm.name]) for alarm in ALARMS if alarm.name in alarms]
    rows = [
        [
            alarm.name.removeprefix("alarm/"),
            value,
            f"{'above' if alarm.above else 'below'} {alarm.limit}",
            "rings" if alarm.rings(value) else "",
            alarm.meaning,
        ]
        for alarm, value in measured
    ]
    report.section("Alarms").table(("alarm", "now", "rings", "", "what it is"), rows)
    return report.text("\n\n".join(ringing(alarms).values()))


def model_card(task: "GenerateTask", run: Run, scored: PictureScores) -> str:
    """The model card in Markdown: what it is, what from, how well, what it is not for."""
    recipe, status = task.recipe, run.status
    parameters = sum(parameter.numel() for parameter in task.maker.parameters())
    classes = f" Classes: {', '.join(task.pictures.class_names)}." if task.pictures.class_names else ""
    folders = "\n".join(f"- {path.name}{terms_beside(path)}" for path in recipe.data.paths)
    return f"""# {run.name}

Makes pictures of {recipe.data.size_px} x {recipe.data.size_px} px ({recipe.data.colors}): \
a {recipe.generator.name} of {parameters:,} parameters.{classes}

## Learned from

{folders}

{len(task.training):,} pictures; {len(task.held_out):,} more were held out. \
Seed {recipe.seed}, {status.get("steps")} rounds of
{recipe.batch} pictures, {duration(status.get("seconds", 0))}; \
limner {status["versions"]["limner"]}, torch {status["versions"]["torch"]}.
The whole recipe: `recipe.yaml`.

## Scores

{scored.to_markdown()}
## Not for

Passing made pictures off as photographs. Of few or much alike pictures a generator may keep copies: see the nearest
neighbors in `report.html`; the terms of the data then hold for what it makes.
"""
