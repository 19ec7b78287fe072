"""`limner evaluate` for a detector: what it held out, or other pictures with objects."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from limner.datasets.pictures.decoding import WHOLE_PX
from limner.detect.boxes.objects import Detections
from limner.detect.data.found import find_objects
from limner.detect.data.options import PLAIN
from limner.detect.data.pictures import load_pictures
from limner.detect.data.split import crossing_duplicates, split_objects, thumbnails_of
from limner.detect.measures.common_boxes import common_boxes, in_pictures
from limner.detect.measures.drawing import draw_precision_recall, missed_sheet
from limner.detect.measures.evaluation import Evaluation, evaluate_detections
from limner.detect.predicting.predictor import above, load_detector
from limner.detect.scoring.options import EvaluateOptions
from limner.foundation.errors import UserError
from limner.foundation.files.writing import make_folder
from limner.foundation.progress import Progress
from limner.learning.library import recipe_of
from limner.learning.runs.run import Run
from limner.reporting.pictures import write_picture


def evaluate_run(run: Run, options: EvaluateOptions, *, data: Sequence[Path] = (), device: str = "auto") -> Evaluation:
    """Score a run.

    Args:
        data: pictures with objects of the run's classes, of which all are scored; without it, what the training held
            out, read as it was.
        device: auto, cpu or cuda.

    Raises:
        UserError: for data that cannot be read, classes that the run does not know, and a run that held nothing out.
    """
    detector, recipe = load_detector(run, device), recipe_of(run)
    reading = recipe.data.reading
    if data:
        reading = replace(options.reading, group=None)
    elif options.reading != PLAIN:
        raise UserError("--objects, --regions, --labels and the like say how other data is read; give it with --data")
    found = find_objects(data or recipe.data.paths, reading)
    where = ", ".join(map(str, data or recipe.data.paths))
    pictures = load_pictures(found.named(detector.class_names, where), detector.sizing)
    common, duplicates = None, []
    if data:
        numbers, on = list(range(len(pictures))), ", ".join(path.name for path in data)
    else:
        sides = split_objects(pictures, recipe.data.group, recipe.data.held_out, recipe.seed)
        numbers, on = list(sides.held_out), f"held out, {sides.how}"
        if not numbers:
            raise UserError(
                f"{run.folder}: its training held nothing out; give pictures that it has not seen with --data"
            )
        learned = [pictures.found.pictures[number] for number in sides.training]
        shares = common_boxes([e.objects for e in learned], [e.size for e in learned], len(detector.class_names))
        common = in_pictures(shares, [pictures.found.pictures[number].size for number in numbers])
        names = [each.name for each in pictures.found.pictures]
        duplicates = [[names[a], names[b]] for a, b in crossing_duplicates(thumbnails_of(pictures), sides)]
    shown = [pictures.found.pictures[number] for number in numbers]
    truths = [each.objects for each in shown]
    detections: list[Detections] = []
    seconds = 0.0
    with Progress("evaluate", len(numbers), "pictures") as progress:
        for number, each in zip(numbers, shown, strict=True):
            pixels, began = pictures.read(number), time.monotonic()
            detections += detector.detect_all([pixels], [each.size])
            seconds += time.monotonic() - began
            progress.advance()
    evaluation = evaluate_detections(
        detections, truths, detector.class_names, on=on, common=common, seconds_a_picture=round(seconds / len(shown), 4)
    )
    if options.missed is not None:
        folder = make_folder(options.missed)
        draw_precision_recall(
            detections, truths, detector.class_names, detector.threshold, folder / "precision-recall.png"
        )
        sheet = missed_sheet(
            [np.asarray(each.opener(WHOLE_PX)) for each in shown],
            [above(each, detector.threshold) for each in detections],
            truths, [each.name for each in shown], detector.class_names,
        )  # fmt: skip
        if sheet is not None:
            write_picture(folder / "missed.png", sheet)
    return replace(evaluation, extras={"duplicates": duplicates})
