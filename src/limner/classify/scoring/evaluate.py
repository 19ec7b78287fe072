"""`limner evaluate` for a classifier: what it held out, or other pictures with classes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from limner.classify.data.examples import Examples, load_examples
from limner.classify.data.sources import find_pictures
from limner.classify.data.split import Sides, crossing_duplicates, split_examples
from limner.classify.measures.mistakes import draw_mistakes, worst_mistakes
from limner.classify.measures.scores import Evaluation, evaluate_logits
from limner.classify.predicting.predictor import PictureClassifier, load_classifier
from limner.classify.scoring.options import EvaluateOptions
from limner.classify.scoring.robustness import measure_robustness
from limner.classify.scoring.suspects import find_suspects, write_suspects
from limner.classify.training.recipe import ClassifyRecipe
from limner.foundation.errors import UserError
from limner.foundation.files.writing import make_folder, write_text
from limner.foundation.progress import Progress
from limner.learning.library import recipe_of
from limner.learning.runs.run import Run
from limner.reporting.pictures import write_picture
from limner.reporting.tables import csv_cell, csv_table

READ = 256
"""Pictures that are read at once."""


def evaluate_run(run: Run, options: EvaluateOptions, *, data: Sequence[Path] = (), device: str = "auto") -> Evaluation:
    """Score a run.

    Args:
        data: pictures with the run's classes, of which all are scored; without it, those that the training held out.
        device: auto, cpu or cuda.

    Raises:
        UserError: for data that cannot be read, classes that the run does not know, and a run that held nothing out.
    """
    classifier, recipe = load_classifier(run, device), recipe_of(run)
    examples, sides = load_side(run, recipe, classifier, data)
    scored = sides.held_out
    logits = logits_of(classifier, examples, scored)
    evaluation = evaluate_logits(
        logits, examples.labels[scored], classifier.class_names,
        on=", ".join(path.name for path in data) if data else f"held out, {sides.how}",
        learned=run.facts.get("class_counts"),
    )  # fmt: skip
    extras: dict[str, object] = {}
    if not data:
        pairs = crossing_duplicates(examples, sides)
        names = examples.found.names
        extras["duplicates"] = [[names[one], names[other]] for one, other in pairs]
    if options.robustness:
        extras["robustness"] = measure_robustness(classifier, examples, scored)
    if options.suspects is not None:
        suspects = find_suspects(examples, seed=recipe.seed, device=classifier.device)
        write_suspects(options.suspects, examples, suspects)
        extras["suspects"] = [
            [examples.found.names[each.picture], *(classifier.class_names[n] for n in each[1:3]), each.doubt]
            for each in suspects
        ]
    if options.mistakes is not None:
        write_mistakes(options.mistakes, classifier, examples, sides, logits)
    return replace(evaluation, extras=extras)


def load_side(
    run: Run, recipe: ClassifyRecipe, classifier: PictureClassifier, data: Sequence[Path]
) -> tuple[Examples, Sides]:
    """The pictures to score, as the run reads pictures, and which of them they are (``held_out``)."""
    settings = recipe.data
    found = find_pictures(
        data or settings.paths, class_folder=settings.class_folder, torchvision=None if data else settings.torchvision
    )
    where = ", ".join(map(str, data or settings.paths)) or "digits"
    examples = load_examples(
        found.named(classifier.class_names, where),
        size_px=classifier.size_px, colors=classifier.colors, fit=classifier.fit, memory=settings.memory,
    )  # fmt: skip
    if data:
        return examples, Sides(torch.empty(0, dtype=torch.int64), torch.arange(len(examples)), "all")
    sides = split_examples(examples, settings.rule, recipe.seed)
    if not len(sides.held_out):
        raise UserError(f"{run.folder}: its training held nothing out; give pictures that it has not seen with --data")
    return examples, sides


def logits_of(classifier: PictureClassifier, examples: Examples, numbers: Tensor) -> Tensor:
    """(n, classes) float32 on the CPU, of pictures ``numbers``."""
    parts = []
    with Progress("evaluate", len(numbers), "pictures") as progress:
        for part in numbers.split(READ):
            parts.append(classifier.logits(examples.read(part)))
            progress.advance(len(part))
    return torch.cat(parts)


def write_mistakes(
    folder: Path, classifier: PictureClassifier, examples: Examples, sides: Sides, logits: Tensor
) -> None:
    """Write ``mistakes.csv``, every mistake with how sure it was, the surest first, and ``mistakes.png``, the worst."""
    probabilities = logits.softmax(dim=1)
    confidence, said = probabilities.max(dim=1)
    truth, names = examples.labels[sides.held_out], examples.found.class_names
    rows = []
    order = confidence.argsort(descending=True, stable=True)
    for place in order[said[order] != truth[order]].tolist():
        picture = examples.found.names[int(sides.held_out[place])]
        true, answer = int(truth[place]), int(said[place])
        numbers = [f"{float(value):.6f}" for value in (confidence[place], probabilities[place, true])]
        rows.append([picture, csv_cell(names[true]), csv_cell(names[answer]), *numbers])
    table = csv_table(["picture", "true", "said", "confidence", "of_the_true"], rows)
    write_text(make_folder(folder) / "mistakes.csv", table)
    found = worst_mistakes(classifier, examples, sides.held_out, logits, sides.training)
    if found:
        write_picture(folder / "mistakes.png", draw_mistakes(classifier, examples, found))
