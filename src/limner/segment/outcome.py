"""What a training leaves for people: scores, curves, a model card, and a report that stands alone."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from limner.errors import UserError
from limner.files import write_json, write_text
from limner.progress import duration
from limner.report import Report, draw_curves
from limner.run import Run
from limner.segment.counts import Scores
from limner.segment.evaluation import VALIDATION, as_evaluation
from limner.segment.scores import Evaluation

if TYPE_CHECKING:
    from limner.segment.task import SegmentTask

SCORE_COLUMNS = ("F1", "precision", "recall", "IoU", "accuracy")


def conclude_training(task: "SegmentTask", run: Run) -> None:
    """Write ``evaluation.json``, ``curves.png``, ``card.md`` and ``report.html`` of a finished training."""
    scored = validation_scores(task)
    if scored is not None:
        write_json(run.folder / "evaluation.json", scored.to_json())
    metrics = run.metrics()
    if metrics:
        draw_curves(metrics, run.folder / "curves.png")
    write_text(run.folder / "card.md", model_card(task, run, scored))
    training_report(task, run, scored).write(run.folder / "report.html")


def validation_scores(task: "SegmentTask") -> Evaluation | None:
    """Scores on the validation blocks, or None when nothing was held out."""
    normalize = "scene" if task.recipe.normalize == "area" else "run"
    try:
        return as_evaluation(task.validation_tallies(), VALIDATION, task.current_predictor(), normalize)
    except UserError:
        return None


def training_report(task: "SegmentTask", run: Run, scored: Evaluation | None) -> Report:
    """The run's report: scores beside the constants, curves, examples, the data, the commands."""
    recipe = task.recipe
    report = Report(f"Run {run.name}", f"{recipe.network.name} trained to map {', '.join(recipe.data.classes[1:])}")
    status = run.status
    report.facts(
        {
            "validation F1": scored.mean().f1 if scored else None,
            "areas": len(task.data.areas),
            "training tiles": len(task.source),
            "steps": status.get("steps"),
            "time": duration(status.get("seconds", 0)),
        }
    )
    if scored:
        report.section("Scores on validation ground").text(
            "Blocks of ground that training never saw. What a map of one class everywhere would score on the same "
            "pixels stands below."
        )
        add_scores(report, scored)
    if (run.folder / "curves.png").exists():
        report.section("Curves").picture(run.folder / "curves.png", "Losses and scores over the training.")
    shown = sorted((run.folder / "pictures").glob("*.jpg"))
    if shown:
        report.section("Examples").picture(
            shown[-1], "Picture, truth, and errors: found green, invented red, missed blue."
        )
    add_data(report.section("Data"), task)
    report.section("Use it").command(
        [
            f"limner segment {shlex.quote(str(run.folder))} SCENE.tif",
            f"limner refine {shlex.quote(str(run.folder))} SCENE.tif --labels BUILDINGS.gpkg",
            f"limner train {shlex.quote(str(run.folder / 'recipe.yaml'))}",
        ]
    )
    return report


def add_scores(report: Report, scored: Evaluation) -> Report:
    """A table of the areas' scores, their mean, and both constants."""
    rows = [score_row(area, counts.scores()) for area, counts in scored.areas.items()]
    rows.append(score_row("mean", scored.mean()))
    rows += [score_row(f"{name} (mean)", constant.mean()) for name, constant in scored.constants().items()]
    return report.table(("area", *SCORE_COLUMNS), rows, scored.protocol.pixels + ".")


def score_row(name: str, scores: Scores) -> list[object]:
    """A table row: the name and the scores in the order of `SCORE_COLUMNS`."""
    return [name, scores.f1, scores.precision, scores.recall, scores.iou, scores.accuracy]


def add_data(report: Report, task: "SegmentTask") -> Report:
    """A table of the areas: pictures, ground learned from and held out; and the statistics kept in the run."""
    shares = {share.area: share for share in task.split.shares}
    rows = [
        [area.name, len(area.chips), shares[area.name].training_px, shares[area.name].validation_px]
        for area in task.data.areas
    ]
    report.table(("area", "pictures", "labelled pixels learned from", "held out"), rows)
    bands = [
        [number + 1, mean, deviation]
        for number, (mean, deviation) in enumerate(zip(*vars(task.statistics).values(), strict=True))
    ]
    return report.table(("band", "mean", "deviation"), bands, "Of the training ground, in the files' own units.")


def model_card(task: "SegmentTask", run: Run, scored: Evaluation | None) -> str:
    """The model card in Markdown: what it is, what from, how well, what it is not for."""
    recipe, status = task.recipe, run.status
    parameters = sum(parameter.numel() for parameter in task.networks["network"].parameters())
    areas = "\n".join(
        f"- {area.name}: {len(area.chips)} pictures{_licence_of(area.chips[0].image)}" for area in task.data.areas
    )
    scores = scored.to_markdown() if scored else "Nothing was held out; no scores.\n"
    ground = f"{task.data.ground_m:.3g} m" if task.data.ground_m else "unknown"
    return f"""# {run.name}

Maps {", ".join(recipe.data.classes[1:])} against {recipe.data.classes[0]}: a {recipe.network.name} of {parameters:,} parameters.
Takes {task.data.channels} bands of {task.data.dtype}; ground resolution of the training pictures: {ground} a pixel.

## Learned from

{areas}

Seed {recipe.seed}, {status.get("steps")} steps of {recipe.batch} crops of {recipe.data.crop_px} px, {duration(status.get("seconds", 0))};
limner {status["versions"]["limner"]}, torch {status["versions"]["torch"]}. The whole recipe: `recipe.yaml`.

## Scores on validation ground

{scores}
Validation blocks lie in the same areas as the training ground: on other places expect less. `limner evaluate {run.name} --data PLACE`
tells, and `limner refine` mends with a few minutes of drawing.

## Not for

Decisions about people's safety or property without somebody looking at the map.
"""


def _licence_of(picture: Path) -> str:
    """The licence line of the data, where a LICENSE or NOTICE file lies beside it."""
    for folder in list(picture.parents)[1:4]:
        for name in ("LICENSE", "LICENSE.txt", "LICENSE.md", "NOTICE.md"):
            if (folder / name).is_file():
                return f" (terms: {name} in {folder.name}/)"
    return " (terms not stated beside the data)"
