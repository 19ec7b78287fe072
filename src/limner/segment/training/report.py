"""What a training leaves for people: scores, colors, curves, a model card, and a report that stands alone.

The report shows scores beside the constants, how they came about, examples, and how the run was made.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from limner.colors.summary import write_summaries
from limner.learning.recipes.recipe import to_plain
from limner.learning.runs.outcome import add_commands, add_curves, begin_report, write_outcome
from limner.learning.runs.run import Run
from limner.reporting.report import Report
from limner.reporting.tables import Share, percent
from limner.segment.labels.drawing import how_to_read
from limner.segment.measures.calibration import ThresholdCurve
from limner.segment.measures.counts import Scores
from limner.segment.measures.gallery import WALL, WorstTiles
from limner.segment.measures.held_out import Decision
from limner.segment.measures.objects import Objects
from limner.segment.measures.scores import OBJECT_COLUMNS, Evaluation
from limner.segment.measures.tile_scores import TileScores
from limner.segment.training.colors import COLORS_FILE
from limner.segment.training.outcome import Outcome, mapped_classes, model_card

TILES_SHOWN = 4  # of the wall in a report: more would be too small to see
SCORE_COLUMNS = ("F1", "precision", "recall", "IoU", "accuracy")
FEWEST_TILES = 8
"""Of fewer, quarters say nothing."""
NOT_OF_THE_LEARNING = ("data.paths", "data.labels", "data.within", "data.areas", "data.leave_out", "initial", "task")
"""Settings that a table leaves out: where files lie."""


def finish_training(outcome: Outcome, run: Run) -> None:
    """Write what a training leaves: ``evaluation.json``, ``colors.safetensors``, ``curves.png``,
    ``pictures/worst.jpg``, ``card.md`` and ``report.html``."""
    outcome.worst.write(run.folder / "pictures" / WALL)
    write_summaries(run.folder / COLORS_FILE, outcome.colors)
    evaluation = None if outcome.scored is None else outcome.scored.to_json()
    write_outcome(run, outcome.recipe.task, evaluation, model_card(outcome, run), lambda: training_report(outcome, run))


def training_report(outcome: Outcome, run: Run) -> Report:
    """The run's report: scores beside the constants, curves, examples, the data, the commands."""
    scored = outcome.scored
    report = begin_report(
        run,
        f"{outcome.recipe.network.name} trained to map {mapped_classes(outcome.class_names)}",
        {
            **_headline(outcome),
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
        add_decision(report, outcome.decision, outcome.class_names)
    add_curves(report, run, "Losses and scores over the training.")
    add_tiles(report, outcome.tile_scores, outcome.class_names)
    add_pictures(report, run.folder / "pictures", outcome.worst)
    add_data(report.section("Data"), outcome)
    add_making(report.section("How it was made"), outcome)
    return add_commands(report, run, ("segment RUN SCENE.tif", "refine RUN SCENE.tif --labels BUILDINGS.gpkg"))


def add_scores(report: Report, scored: Evaluation) -> Report:
    """A table of the areas' scores, their mean, and both constants."""
    rows = [score_row(area, counts.scores()) for area, counts in scored.areas.items()]
    rows.append(score_row("mean", scored.mean()))
    rows += [score_row(f"{name} (mean)", constant.mean()) for name, constant in scored.constants().items()]
    pixels = scored.protocol.pixels
    report.table(("area", *SCORE_COLUMNS), rows, f"{pixels[:1].upper()}{pixels[1:]}.")
    return add_objects(report, scored.objects)


def _headline(outcome: Outcome) -> dict[str, Any]:
    """The score that a reader looks for first, where there is one."""
    if outcome.scored is not None:
        return {"validation F1": _share(outcome.scored.mean().f1)}
    if outcome.decision is not None:
        return {"F1 held out": _share(outcome.decision.after.scores().f1)}
    return {}


def add_decision(report: Report, decision: Decision, class_names: Sequence[str]) -> Report:
    """What is kept of the initial run and what was learned, and the scores that tell so."""
    report.section("Before and after, on annotated ground held out").text(
        f"{decision.line[:1].upper()}{decision.line[1:]}."
    )
    rows = {"before": decision.before, "after": decision.after}
    rows |= {f"all {name}": decision.before.constant(number) for number, name in enumerate(class_names)}
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
        curve, threshold = ThresholdCurve.of(scored.calibration.counts), scored.protocol.threshold
        report.picture(
            curve.draw(None if isinstance(threshold, str) else threshold, scored.class_names[1]),
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
            f"the training ground does not have, and for what is taken for something else. pictures/{WALL} shows more "
            "of them."
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
    report.table(
        ("area", "pictures", "learned from", "held out"), rows, "Labelled pixels that were learned from and held out."
    )
    bands = [
        [number + 1, mean, deviation]
        for number, (mean, deviation) in enumerate(zip(*vars(outcome.statistics).values(), strict=True))
    ]
    return report.table(("band", "mean", "deviation"), bands, "Of the training ground, in the files' own units.")


def add_tiles(report: Report, tiles: TileScores, class_names: Sequence[str]) -> Report:
    """F1 by tile, and the first tile of each area with its probabilities."""
    if not tiles.f1:
        return report
    report.section("Tile by tile")
    if len(tiles.f1) >= FEWEST_TILES:
        low, middle, high = (percent(tiles.quantile(share)) for share in (0.25, 0.5, 0.75))
        report.text(
            f"Validation ground in {len(tiles.f1)} tiles of at most 512 px with an object in truth or map. A mean "
            f"hides how much they differ: a quarter score below {low} %, half below {middle} %, "
            f"a quarter above {high} %."
        ).picture(tiles.draw(), "How many tiles have which F1.")
    what = f"the probability of {class_names[1]}" if len(class_names) == 2 else "that of the class it was called"
    for example in tiles.examples:
        report.pictures(
            list(zip(example.pictures, ("picture", "truth", "errors", "probability"), strict=True)),
            f"{example.name}, F1 {percent(example.f1)} %. The first tile of its area with an object, not a chosen one. "
            f"{how_to_read(class_names)} Last: {what}, black 0, white 100 %.",
        )
    return report


def add_making(report: Report, outcome: Outcome) -> Report:
    """The network with its sizes, and the settings that it learned by."""
    data, settings = outcome.data, flat(to_plain(outcome.recipe))
    ground = "unknown" if data.ground_m is None else f"{data.ground_m:.3g} m a pixel"
    rows: list[tuple[str, str]] = [
        ("network", outcome.recipe.network.name),
        ("parameters", f"{outcome.parameters:,}"),
        ("takes", f"{data.channels} bands of {data.dtype}, {ground}"),
        ("gives", ", ".join(outcome.class_names)),
        ("tiles learned from", f"{outcome.tiles:,} of {outcome.recipe.data.tile_px} px"),
    ]
    report.table(("of the network", "is"), rows, "The network, what it takes and what it gives.")
    kept = [(name, value) for name, value in settings.items() if name not in NOT_OF_THE_LEARNING and value]
    return report.table(("setting", "value"), kept, "The recipe; recipe.yaml in the run says what each setting means.")


def flat(settings: Mapping[str, Any], before: str = "") -> dict[str, str]:
    """Nested settings by dotted names, as text; empty for what is not set.

    >>> flat({"seed": 0, "data": {"crop_px": 256, "target": None}})
    {'seed': '0', 'data.crop_px': '256', 'data.target': ''}
    """
    found: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{before}{name}.")
        elif isinstance(value, list | tuple):
            found[f"{before}{name}"] = ", ".join(map(str, value))
        else:
            found[f"{before}{name}"] = "" if value is None else str(value)
    return found
