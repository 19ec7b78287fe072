"""What a training leaves for people: scores, the worst mistakes, a model card, and a report that stands alone."""

from dataclasses import dataclass

from torch import Tensor

from limner.classify.data.examples import Examples
from limner.classify.data.split import Sides
from limner.classify.measures.drawing import draw_calibration, draw_confusion
from limner.classify.measures.mistakes import draw_mistakes, worst_mistakes
from limner.classify.measures.scores import CLASS_HEAD, Evaluation, evaluate_logits
from limner.classify.predicting.predictor import PictureClassifier
from limner.classify.training.recipe import ClassifyRecipe
from limner.datasets.licences import terms_beside
from limner.learning.runs.outcome import Card, add_commands, add_curves, begin_report, closing_words, write_outcome
from limner.learning.runs.run import Run
from limner.reporting.pictures import write_picture
from limner.reporting.report import Report
from limner.reporting.tables import Share

MISTAKES, CONFUSION, CALIBRATION = "mistakes.png", "confusion.png", "calibration.png"
NOTHING_HELD_OUT = "Nothing was held out: no score tells what it learned."


@dataclass(frozen=True)
class Outcome:
    """What a training came to.

    counts: pictures of each class that it learned from. logits: (n, classes) of the held-out pictures; None where none
    are.
    """

    recipe: ClassifyRecipe
    examples: Examples
    sides: Sides
    counts: tuple[int, ...]
    parameters: int
    classifier: PictureClassifier
    logits: Tensor | None

    def scored(self) -> Evaluation | None:
        """The scores on what was held out."""
        if self.logits is None:
            return None
        held_out = self.sides.held_out
        return evaluate_logits(
            self.logits, self.examples.labels[held_out], self.examples.found.class_names,
            on=f"held out, {self.sides.how}", learned=self.counts,
        )  # fmt: skip


def finish_training(outcome: Outcome, run: Run) -> None:
    """Write what a training leaves: ``evaluation.json``, ``curves.png``, ``card.md``, ``report.html`` and, in
    ``pictures/``, ``mistakes.png``, ``confusion.png`` and ``calibration.png``."""
    scored = outcome.scored()
    if scored is not None and outcome.logits is not None:
        folder = run.folder / "pictures"
        draw_confusion(scored, folder / CONFUSION)
        draw_calibration(scored, folder / CALIBRATION)
        sides = outcome.sides
        found = worst_mistakes(outcome.classifier, outcome.examples, sides.held_out, outcome.logits, sides.training)
        if found:
            write_picture(folder / MISTAKES, draw_mistakes(outcome.classifier, outcome.examples, found))
    evaluation = None if scored is None else scored.to_json()
    write_outcome(
        run, outcome.recipe.task, evaluation, model_card(outcome, scored), lambda: training_report(outcome, scored, run)
    )


def closing_line(run: Run) -> str:
    """A run's accuracy beside that of always saying one class; nothing where none can be read."""
    return closing_words(run, lambda found: Evaluation.from_json(found).line())


def training_report(outcome: Outcome, scored: Evaluation | None, run: Run) -> Report:
    """The run's report: scores, worst mistakes, confusion, calibration, curves, data."""
    recipe = outcome.recipe
    facts: dict[str, object] = {} if scored is None else {"accuracy": Share(scored.accuracy)}
    report = begin_report(
        run,
        f"{recipe.network.name}, pictures of {recipe.data.seen_px} px, "
        f"{len(outcome.examples.found.class_names)} classes",
        {**facts, "pictures learned from": len(outcome.sides.training), "held out": len(outcome.sides.held_out)},
    )
    if scored is None:
        report.section("Scores").text(NOTHING_HELD_OUT)
    else:
        add_scores(report, scored)
        add_pictures(report, run)
    add_curves(report, run, "By steps; the weights of the best evaluation are kept.")
    report.section("Data").text(f"{outcome.examples.summary()}. Held out: {outcome.sides.how}.")
    return add_commands(
        report, run, ("classify RUN PICTURE", "evaluate RUN --robustness", "evaluate RUN --suspects suspects")
    )


def add_scores(report: Report, scored: Evaluation) -> Report:
    """What may mislead, the scores in a line, and a table of the classes, the worst first."""
    report.section("Scores").text(
        "\n\n".join([*(f"Careful: {each}." for each in scored.cautions()), f"{scored.line()}."])
    )
    return report.table(CLASS_HEAD, scored.class_rows(), "Each class, the least found first.")


def add_pictures(report: Report, run: Run) -> Report:
    """The mistakes, confusion and calibration that a training drew."""
    folder = run.folder / "pictures"
    if (folder / MISTAKES).exists():
        report.section("Worst mistakes").picture(
            folder / MISTAKES,
            "The mistakes of which it was most sure, the surest first: the picture with its true class; what spoke for "
            "the wrong class (yellow: most); and, of the pictures of the true class that it learned from and gets "
            "right, the one whose features are nearest. Look here for wrong labels first.",
        )
    else:
        report.section("Worst mistakes").text("It made none.")
    report.section("Confusion and calibration").pictures(
        [
            (folder / CONFUSION, "what was said of each class"),
            (folder / CALIBRATION, "how often it is right when so sure"),
        ],
        "Of the pictures held out: of each true class (a row) the share that was said to be of each; and how many of "
        "those are right of which it was so sure. On the dotted line, confidence means what it says.",
    )
    return report


def model_card(outcome: Outcome, scored: Evaluation | None) -> Card:
    """The model card."""
    recipe, names = outcome.recipe, outcome.examples.found.class_names
    listed = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    paths = [f"- {path.name}{terms_beside(path)}" for path in recipe.data.paths]
    return Card(
        what=f"Tells classes of pictures apart ({recipe.data.colors}, {recipe.data.seen_px} px): a "
        f"{recipe.network.name} of {outcome.parameters:,} parameters. Classes: {listed}.",
        data="\n".join(paths) or f"- {outcome.examples.found.form}",
        data_facts=f"{len(outcome.sides.training):,} pictures; {len(outcome.sides.held_out):,} more were held out "
        f"({outcome.sides.how}).",
        seed=recipe.seed,
        steps=f"{recipe.pictures_per_step} pictures",
        scores=NOTHING_HELD_OUT + "\n" if scored is None else scored.to_markdown(),
        not_for="Pictures of other things than its classes: it always names one of them. Its probabilities are those "
        "of pictures\nlike the ones it learned from; see the calibration in `report.html`.",
    )
