"""What a training leaves for people: scores, curves, a model card, and a report that stands alone."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from limner.colors.summary import write_summaries
from limner.foundation.errors import UserError
from limner.foundation.files import write_text
from limner.foundation.progress import duration
from limner.learning.evaluations import EVALUATION_FILE, evaluation_of, write_evaluation
from limner.learning.run import Run
from limner.reporting.report import Report, draw_curves
from limner.reporting.tables import Share
from limner.segment.labels.drawing import how_to_read
from limner.segment.labels.forms import background_of
from limner.segment.measures.counts import Scores
from limner.segment.measures.evaluation import VALIDATION, as_evaluation
from limner.segment.measures.gallery import WALL, WorstTiles
from limner.segment.measures.scores import Evaluation
from limner.segment.measures.tally import Observer
from limner.segment.training.colors import COLORS_FILE

if TYPE_CHECKING:
    from limner.segment.training.task import SegmentTask

TILES_SHOWN = 4  # of the wall in a report: more would be too small to see
SCORE_COLUMNS = ("F1", "precision", "recall", "IoU", "accuracy")


def finish_training(task: "SegmentTask", run: Run) -> None:
    """Write what a training leaves: ``evaluation.json``, ``colors.safetensors``, ``curves.png``,
    ``pictures/worst.jpg``, ``card.md`` and ``report.html``."""
    worst = WorstTiles(task.data.chips, task.class_names)
    scored = validation_scores(task, worst)
    worst.write(run.folder / "pictures" / WALL)
    if scored is not None:
        write_evaluation(run.folder / EVALUATION_FILE, task.name, scored.to_json())
    write_summaries(run.folder / COLORS_FILE, task.source.area_colors)
    metrics = run.metrics()
    if metrics:
        draw_curves(metrics, run.folder / "curves.png")
    write_text(run.folder / "card.md", model_card(task, run, scored))
    training_report(task, run, scored, worst).write(run.folder / "report.html")


def closing_line(run: Run) -> str:
    """A run's score on validation ground beside those of maps of one class; nothing where none can be read."""
    try:
        found = evaluation_of(run)
        return "" if found is None else f"validation {Evaluation.from_json(found).line()}"
    except UserError:
        return ""


def validation_scores(task: "SegmentTask", observer: Observer | None = None) -> Evaluation | None:
    """Scores on the validation blocks, or None when nothing was held out. observer: is shown what was scored."""
    normalize = "scene" if task.recipe.normalize == "area" else "run"
    try:
        return as_evaluation(task.validation_tallies(observer), VALIDATION, task.current_predictor(), normalize)
    except UserError:
        return None


def training_report(task: "SegmentTask", run: Run, scored: Evaluation | None, worst: WorstTiles) -> Report:
    """The run's report: scores beside the constants, curves, examples, the data, the commands."""
    recipe = task.recipe
    report = Report(f"Run {run.name}", f"{recipe.network.name} trained to map {mapped_classes(task.class_names)}")
    status = run.status
    report.facts(
        {
            "validation F1": _share(scored.mean().f1) if scored else None,
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
        if len(scored.class_names) > 2:
            add_classes(report, scored)
    if (run.folder / "curves.png").exists():
        report.section("Curves").picture(run.folder / "curves.png", "Losses and scores over the training.")
    add_pictures(report, run.folder / "pictures", worst)
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


def add_classes(report: Report, scored: Evaluation) -> Report:
    """Of more than two classes: a table of their scores and one of what was taken for what, over all areas together."""
    counts, names = scored.pooled, scored.class_names
    classes = [
        [*score_row(name, counts.scores(number))[:-1], _share(counts.share(number))]
        for number, name in enumerate(names)
    ]
    report.table(
        ("class", *SCORE_COLUMNS[:-1], "share of the truth"),
        classes,
        "Each class against all others, areas together. A class that is in neither truth nor map has no score, and is "
        "in no mean.",
    )
    confused = [
        [name, *(None if pixels == 0 else round(100 * int(called) / pixels) for called in row)]
        for name, pixels, row in zip(names, counts.truth_pixels, counts.matrix, strict=True)
    ]
    return report.table(
        ("truth", *names),
        confused,
        "What each class was called: percent of its pixels in the truth; each row adds up to 100, but for rounding.",
    )


def add_pictures(report: Report, folder: Path, worst: WorstTiles) -> Report:
    """The last example of a run's pictures, and the worst tiles of its validation ground."""
    reading = how_to_read(worst.class_names)
    examples = sorted(path for path in folder.glob("*.jpg") if path.name != WALL)
    if examples:
        report.section("Examples").picture(examples[-1], f"Picture and truth. {reading}")
    wall = worst.draw(TILES_SHOWN)
    if wall is not None:
        report.section("Worst tiles").text(
            "Where most pixels of the validation ground are wrong. Look here first for wrong labels, for things that "
            "the "
            f"training ground does not have, and for what is taken for something else. pictures/{WALL} shows more of "
            "them."
        )
        report.picture(wall, f"The worst first. {reading}")
    return report


def score_row(name: str, scores: Scores) -> list[object]:
    """A table row: the name and the scores in the order of `SCORE_COLUMNS`."""
    values = (scores.f1, scores.precision, scores.recall, scores.iou, scores.accuracy)
    return [name, *map(_share, values)]


def _share(value: float | None) -> Share | None:
    return None if value is None else Share(value)


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


def mapped_classes(class_names: Sequence[str]) -> str:
    """What a network maps, in words."""
    background = background_of(class_names)
    objects = ", ".join(name for number, name in enumerate(class_names) if number != background)
    return objects if background is None else f"{objects} against {class_names[background]}"


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

Maps {mapped_classes(task.class_names)}: a {recipe.network.name} of {parameters:,} parameters.
Takes {task.data.channels} bands of {task.data.dtype}; ground resolution of the training pictures: {ground} a pixel.

## Learned from

{areas}

Seed {recipe.seed}, {status.get("steps")} steps of {recipe.crops_per_step} crops of {recipe.data.crop_px} px, \
{duration(status.get("seconds", 0))};
limner {status["versions"]["limner"]}, torch {status["versions"]["torch"]}. The whole recipe: `recipe.yaml`.

## Scores on validation ground

{scores}
Validation blocks lie in the same areas as the training ground: on other places expect less. \
`limner evaluate {run.name} --data PLACE`
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
