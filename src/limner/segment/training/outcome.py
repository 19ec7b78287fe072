"""What a training leaves for people: scores, colors, curves, a model card, and a report that stands alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from limner.colors.summary import ColorSummary, write_summaries
from limner.datasets.licences import terms_beside
from limner.learning.outcome import Card, add_commands, add_curves, begin_report, closing_words, write_outcome
from limner.learning.run import Run
from limner.reporting.report import Report
from limner.reporting.tables import Share, markdown
from limner.scenes.statistics import Statistics
from limner.segment.data.blocks import Split
from limner.segment.data.chips import DataSet
from limner.segment.labels.drawing import how_to_read
from limner.segment.labels.forms import background_of
from limner.segment.measures.calibration import ThresholdCurve
from limner.segment.measures.counts import Scores
from limner.segment.measures.gallery import WALL, WorstTiles
from limner.segment.measures.held_out import Decision
from limner.segment.measures.objects import Objects
from limner.segment.measures.scores import OBJECT_COLUMNS, Evaluation
from limner.segment.training.colors import COLORS_FILE
from limner.segment.training.recipe import SegmentRecipe

TILES_SHOWN = 4  # of the wall in a report: more would be too small to see
SCORE_COLUMNS = ("F1", "precision", "recall", "IoU", "accuracy")


@dataclass(frozen=True)
class Outcome:
    """What a training came to.

    parameters: of the network. tiles: that it learned from. statistics: kept in the run. colors: of each training area.
    scored: on the validation blocks, None where nothing was held out. worst: their worst tiles. decision: between
    the initial run and what was learned, where the recipe asked for one.
    """

    recipe: SegmentRecipe
    data: DataSet
    split: Split
    class_names: Sequence[str]
    parameters: int
    tiles: int
    statistics: Statistics
    colors: Mapping[str, ColorSummary]
    scored: Evaluation | None
    worst: WorstTiles
    decision: Decision | None = None


def finish_training(outcome: Outcome, run: Run) -> None:
    """Write what a training leaves: ``evaluation.json``, ``colors.safetensors``, ``curves.png``,
    ``pictures/worst.jpg``, ``card.md`` and ``report.html``."""
    outcome.worst.write(run.folder / "pictures" / WALL)
    write_summaries(run.folder / COLORS_FILE, outcome.colors)
    evaluation = None if outcome.scored is None else outcome.scored.to_json()
    write_outcome(run, outcome.recipe.task, evaluation, model_card(outcome, run), lambda: training_report(outcome, run))


def closing_line(run: Run) -> str:
    """A run's score on validation ground beside those of maps of one class; nothing where none can be read."""
    return closing_words(run, lambda found: f"validation {Evaluation.from_json(found).line()}")


def training_report(outcome: Outcome, run: Run) -> Report:
    """The run's report: scores beside the constants, curves, examples, the data, the commands."""
    scored = outcome.scored
    report = begin_report(
        run,
        f"{outcome.recipe.network.name} trained to map {mapped_classes(outcome.class_names)}",
        {
            "validation F1": _share(scored.mean().f1) if scored else None,
            "areas": len(outcome.data.areas),
            "training tiles": outcome.tiles,
        },
    )
    if scored:
        report.section("Scores on validation ground").text(
            "Blocks of ground that training never saw. What a map of one class everywhere would score on the same "
            "pixels stands below."
        )
        add_scores(report, scored)
        if len(scored.class_names) > 2:
            add_classes(report, scored)
        else:
            add_confusion(report, scored)
        add_calibration(report, scored)
    if outcome.decision is not None:
        add_decision(report, outcome.decision)
    add_curves(report, run, "Losses and scores over the training.")
    add_pictures(report, run.folder / "pictures", outcome.worst)
    add_data(report.section("Data"), outcome)
    return add_commands(report, run, ("segment RUN SCENE.tif", "refine RUN SCENE.tif --labels BUILDINGS.gpkg"))


def add_scores(report: Report, scored: Evaluation) -> Report:
    """A table of the areas' scores, their mean, and both constants."""
    rows = [score_row(area, counts.scores()) for area, counts in scored.areas.items()]
    rows.append(score_row("mean", scored.mean()))
    rows += [score_row(f"{name} (mean)", constant.mean()) for name, constant in scored.constants().items()]
    report.table(("area", *SCORE_COLUMNS), rows, scored.protocol.pixels + ".")
    return add_objects(report, scored.objects)


def add_decision(report: Report, decision: Decision) -> Report:
    """What is kept of the initial run and what was learned, and the scores that tell so."""
    report.section("Before and after, on annotated ground held out").text(
        f"{decision.line[:1].upper()}{decision.line[1:]}."
    )
    rows = {"before": decision.before, "after": decision.after}
    rows |= {f"all class {number}": decision.before.constant(number) for number in range(decision.before.classes)}
    return report.table(
        ("map", *SCORE_COLUMNS),
        [score_row(name, counts.scores()) for name, counts in rows.items() if counts.pixels],
        "Each block was mapped by a network that had not learned from it, at a threshold set on other ground.",
    )


def add_objects(report: Report, objects: Objects) -> Report:
    """A table of the areas' objects and their mean, where objects were counted."""
    if not objects.areas:
        return report
    rows = [
        [area, scores.true, scores.mapped, *(_share(getattr(scores, name)) for name in OBJECT_COLUMNS.values())]
        for area, scores in objects.areas.items()
    ]
    mean = objects.mean()
    rows.append(["mean", None, None, *(_share(mean[name]) for name in OBJECT_COLUMNS.values())])
    protocol = objects.protocol[:1].upper() + objects.protocol[1:]
    return report.table(("objects", "true", "mapped", *OBJECT_COLUMNS), rows, f"{protocol}.")


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
    return add_confusion(report, scored)


def add_confusion(report: Report, scored: Evaluation) -> Report:
    """A table of what was taken for what, over all areas together."""
    counts, names = scored.pooled, scored.class_names
    confused = [
        [name, *(None if pixels == 0 else round(100 * int(called) / pixels) for called in row)]
        for name, pixels, row in zip(names, counts.truth_pixels, counts.matrix, strict=True)
    ]
    return report.table(
        ("truth", *names),
        confused,
        "What each class was called: percent of its pixels in the truth; each row adds up to 100, but for rounding.",
    )


def add_calibration(report: Report, scored: Evaluation) -> Report:
    """The reliability diagram of a run's probabilities, and of two classes the scores at every threshold."""
    if scored.calibration is None:
        return report
    report.section("How far its probabilities can be believed").text(scored.calibration.line())
    if len(scored.class_names) == 2:
        curve = ThresholdCurve.of(scored.calibration.counts)
        report.picture(
            curve.draw(scored.protocol.threshold, scored.class_names[1]),
            "Scores at every threshold, all areas together: a lower one finds more and invents more. Map with "
            "--threshold to take another than the run's.",
        )
    return report.picture(
        scored.calibration.draw(),
        "Above: pixels by the probability that the network gave, and how many of them were so; on the dotted line it "
        "means what it says, below it the network is too sure. Underneath: how often it said so.",
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


def add_data(report: Report, outcome: Outcome) -> Report:
    """A table of the areas: pictures, ground learned from and held out; and the statistics kept in the run."""
    shares = {share.area: share for share in outcome.split.shares}
    rows = [
        [area.name, len(area.chips), shares[area.name].training_px, shares[area.name].validation_px]
        for area in outcome.data.areas
    ]
    report.table(("area", "pictures", "labelled pixels learned from", "held out"), rows)
    bands = [
        [number + 1, mean, deviation]
        for number, (mean, deviation) in enumerate(zip(*vars(outcome.statistics).values(), strict=True))
    ]
    return report.table(("band", "mean", "deviation"), bands, "Of the training ground, in the files' own units.")


def scores_of(outcome: Outcome) -> str:
    """The scores for the card, in Markdown."""
    if outcome.decision is not None:
        line = outcome.decision.line
        return f"{line[:1].upper()}{line[1:]}.\n"
    return outcome.scored.to_markdown() if outcome.scored else "Nothing was held out; no scores.\n"


def mapped_classes(class_names: Sequence[str]) -> str:
    """What a network maps, in words."""
    background = background_of(class_names)
    objects = ", ".join(name for number, name in enumerate(class_names) if number != background)
    return objects if background is None else f"{objects} against {class_names[background]}"


def model_card(outcome: Outcome, run: Run) -> Card:
    """The model card."""
    recipe, data = outcome.recipe, outcome.data
    ground = f"{data.ground_m:.3g} m" if data.ground_m else "unknown"
    terms = {area.name: terms_beside(area.chips[0].image.parent) for area in data.areas}
    return Card(
        what=f"Maps {markdown(mapped_classes(outcome.class_names))}: a {recipe.network.name} of {outcome.parameters:,} "
        f"parameters.\nTakes {data.channels} bands of {data.dtype}; ground resolution of the training pictures: "
        f"{ground} a pixel.",
        data="\n".join(f"- {markdown(area.name)}: {len(area.chips)} pictures{terms[area.name]}" for area in data.areas),
        seed=recipe.seed,
        steps=f"{recipe.crops_per_step} crops of {recipe.data.crop_px} px",
        on=" on validation ground",
        scores=scores_of(outcome),
        advice="Validation blocks lie in the same areas as the training ground: on other places expect less. "
        f"`limner evaluate {markdown(run.name)} --data PLACE`\n"
        "tells, and `limner refine` mends with a few minutes of drawing.",
        not_for="Decisions about people's safety or property without somebody looking at the map.",
    )
