"""What a training leaves for people: scores, missed objects, precision and recall, a model card, and a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from limner.datasets.licences import terms_beside
from limner.datasets.pictures.decoding import WHOLE_PX
from limner.detect.boxes.objects import Detections
from limner.detect.data.found import ObjectSet
from limner.detect.data.split import Sides
from limner.detect.measures.drawing import draw_detections, draw_precision_recall, missed_sheet
from limner.detect.measures.evaluation import HEAD, Evaluation
from limner.detect.predicting.predictor import above
from limner.detect.training.recipe import DetectRecipe
from limner.learning.runs.outcome import Card, add_commands, add_curves, begin_report, closing_words, write_outcome
from limner.learning.runs.run import Run
from limner.reporting.pictures import contact_sheet, write_picture
from limner.reporting.report import Report
from limner.reporting.tables import Share

MISSED, CURVE, SHOWN = "missed.png", "precision-recall.png", "found.jpg"
NOTHING_HELD_OUT = "Nothing was held out: no score tells what it learned."
PICTURES_SHOWN = 6


@dataclass(frozen=True)
class Outcome:
    """What a training came to. detections: all that was found in the held-out pictures; None where there are none."""

    recipe: DetectRecipe
    found: ObjectSet
    sides: Sides
    parameters: int
    threshold: float
    detections: Sequence[Detections] | None
    scored: Evaluation | None


def finish_training(outcome: Outcome, run: Run) -> None:
    """Write what a training leaves: ``evaluation.json``, ``curves.png``, ``card.md``, ``report.html`` and, in
    ``pictures/``, ``found.jpg``, ``missed.png`` and ``precision-recall.png``."""
    if outcome.detections is not None and outcome.scored is not None:
        _draw(outcome, outcome.detections, run)
    evaluation = None if outcome.scored is None else outcome.scored.to_json()
    if evaluation is not None:
        evaluation.pop("seconds_a_picture")  # two equal trainings leave equal files
    write_outcome(run, outcome.recipe.task, evaluation, _card(outcome), lambda: _report(outcome, run))


def closing_line(run: Run) -> str:
    """A run's AP beside what scores without learning; nothing where none can be read."""
    return closing_words(run, lambda found: Evaluation.from_json(found).line())


def _draw(outcome: Outcome, detections: Sequence[Detections], run: Run) -> None:
    folder, names = run.folder / "pictures", outcome.found.class_names
    pictures = [outcome.found.pictures[number] for number in outcome.sides.held_out]
    truths = [each.objects for each in pictures]
    shown = [above(each, outcome.threshold) for each in detections]
    score = outcome.threshold if outcome.scored and outcome.scored.threshold else None
    draw_precision_recall(detections, truths, names, score, folder / CURVE)
    pixels = [np.asarray(each.opener(WHOLE_PX)) for each in pictures]
    drawn = [
        draw_detections(each, found, names) for each, found in list(zip(pixels, shown, strict=True))[:PICTURES_SHOWN]
    ]
    write_picture(folder / SHOWN, contact_sheet(drawn, columns=3, cell_px=420))
    sheet = missed_sheet(pixels, shown, truths, [each.name for each in pictures], names)
    if sheet is not None:
        write_picture(folder / MISSED, sheet)


def _report(outcome: Outcome, run: Run) -> Report:
    scored, recipe = outcome.scored, outcome.recipe
    facts: dict[str, object] = {}
    if scored is not None:
        facts = {"AP50": Share(scored.scores["ap50"] or 0.0), "AP": Share(scored.scores["ap"] or 0.0)}
    classes = len(outcome.found.class_names)
    report = begin_report(
        run,
        f"{recipe.network.name}, shorter side {recipe.data.short_px} px, {classes} class{'es' if classes > 1 else ''}",
        {
            **facts, "pictures learned from": len(outcome.sides.training), "held out": len(outcome.sides.held_out),
            "shown from a score of": f"{outcome.threshold:.2f}",
        },
    )  # fmt: skip
    if scored is None:
        report.section("Scores").text(NOTHING_HELD_OUT)
    else:
        lines = [f"Careful: {each}." for each in scored.cautions()] + [f"{scored.line()}."]
        report.section("Scores").text("\n\n".join(lines))
        report.table(HEAD, scored.class_rows(), "Each class, the least found first.")
        folder = run.folder / "pictures"
        report.section("Precision and recall").text(scored.threshold_line())
        report.picture(folder / CURVE, "Detections at an overlap of a half, from the surest to the least sure.")
        report.section("Errors").text(f"From that score on: {scored.kinds_line()}.")
        if (folder / MISSED).exists():
            report.picture(
                folder / MISSED,
                "The largest objects that nothing found (green), and what was found near them (red); then boxes not "
                "quite there (red) on objects (green) that another box found. Look here for objects that were labeled "
                "wrongly, too.",
            )
        report.section("What it finds").picture(folder / SHOWN, "Held-out pictures.")
    add_curves(report, run, "By steps; the weights of the best evaluation are kept.")
    report.section("Data").text(f"{outcome.found.summary()}. Held out: {outcome.sides.how}.")
    return add_commands(
        report, run, ("detect RUN PICTURE --out found", "evaluate RUN --data OTHER", "compare RUN OTHER")
    )


def _card(outcome: Outcome) -> Card:
    recipe, names = outcome.recipe, outcome.found.class_names
    listed = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    return Card(
        what=f"Finds objects in pictures (shorter side {recipe.data.short_px} px): a {recipe.network.name} of "
        f"{outcome.parameters:,} parameters. Classes: {listed}. Shown from a score of {outcome.threshold:.2f} on.",
        data="\n".join(f"- {path.name}{terms_beside(path)}" for path in recipe.data.paths),
        data_facts=f"{len(outcome.sides.training):,} pictures; {len(outcome.sides.held_out):,} more were held out "
        f"({outcome.sides.how}).",
        seed=recipe.seed,
        steps=f"{recipe.batch} pictures",
        scores=NOTHING_HELD_OUT + "\n" if outcome.scored is None else outcome.scored.to_markdown(),
        not_for="Counting or finding where a missed object does harm: it misses some, see the recall above. Objects\n"
        "of other sizes or in other surroundings than those that it learned from.",
    )
