"""What a training leaves for people: scores beside bars, pictures before and after, a model card and a report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from limner.datasets.licences import terms_beside
from limner.datasets.pictures.quantized import quantized
from limner.learning.alarms import add_alarms
from limner.learning.runs.outcome import Card, add_commands, add_curves, begin_report, closing_words, write_outcome
from limner.learning.runs.run import Run
from limner.reporting.pictures import captioned_rows, write_picture
from limner.reporting.report import Report
from limner.reporting.tables import markdown
from limner.translate.data.clips import beside
from limner.translate.data.crops import Whole
from limner.translate.data.pairs import Frame
from limner.translate.measures.bars import Bar, Known, all_bars
from limner.translate.measures.feature_distance import three_channels
from limner.translate.measures.result import MADE, PairScores
from limner.translate.training.pairs.alarms import ALARMS
from limner.translate.training.pairs.recipe import PairRecipe

PICTURE = "before-and-after.png"
CELL_PX = 160


@dataclass(frozen=True)
class Outcome:
    """What a training came to. shown: some scored pairs and what was made of them, (C, H, W) in [0, 1]."""

    recipe: PairRecipe
    data: str
    learned: int
    held_out: int
    parameters: int
    scored: PairScores
    alarms: Mapping[str, float]
    shown: Sequence[tuple[Whole, Tensor]]
    bars: Mapping[str, Bar]
    known: Known


def finish_training(outcome: Outcome, run: Run) -> None:
    """Write ``evaluation.json``, ``curves.png``, ``card.md``, ``report.html`` and ``pictures/before-and-after.png``."""
    best, data = outcome.scored.best_bar, outcome.recipe.data
    frame = None if data.frames is None else data.frame
    bars = {best[0]: outcome.bars[best[0]]} if best is not None else {}
    write_picture(run.folder / "pictures" / PICTURE, before_and_after(outcome.shown, bars, outcome.known, frame=frame))
    evaluation = {**outcome.scored.to_json(), "alarms": dict(outcome.alarms)}
    write_outcome(run, outcome.recipe.task, evaluation, model_card(outcome), lambda: training_report(outcome, run))


def closing_line(run: Run) -> str:
    """The PSNR of what a run makes, beside the best bar's; nothing where none can be read."""
    return closing_words(run, lambda found: PairScores.from_json(found).line())


def before_and_after(
    shown: Sequence[tuple[Whole, Tensor]],
    bars: Mapping[str, Bar] | None = None,
    known: Known | None = None,
    *,
    frame: Frame | None = None,
) -> np.ndarray:
    """(H, W, 3) uint8: a row for each pair: given, what bars make of it, made, true. frame: sources are frames of a
    clip; those beside the one that is made are shown."""
    rows, captions = [], []
    for pair, made in shown:
        cells = {"given": pair.source}
        if frame is not None:
            names = {"next": ("last of the given",), "between": ("before", "after")}[frame]
            cells = dict(zip(names, beside(pair.source, len(pair.target), frame), strict=True))
        if bars and known is not None:
            cells |= all_bars(bars, pair.source, pair.mask, known)
        cells |= {"made": made, "true": pair.target}
        rows.append([as_array(each) for each in cells.values()])
        captions.append(list(cells))
    return captioned_rows(rows, captions, cell_px=CELL_PX)


def as_array(picture01: Tensor) -> np.ndarray:
    """(H, W, 3) uint8 of (C, H, W) in [0, 1]."""
    pixels: np.ndarray = quantized(three_channels(picture01[None]))[0].permute(1, 2, 0).contiguous().numpy()
    return pixels


def training_report(outcome: Outcome, run: Run) -> Report:
    """The run's report: before and after, scores beside bars, alarms, curves, data."""
    recipe, scored = outcome.recipe, outcome.scored
    against = f" against {recipe.discriminator.name}" if recipe.adversarial else ", by content alone"
    report = begin_report(
        run,
        f"{recipe.generator.name}{against}",
        {
            scored.title("psnr"): f"{scored.rows[MADE].scores['psnr']:.2f}",
            "pairs learned from": outcome.learned,
            "held out": outcome.held_out,
        },
    )
    if best := scored.best_bar:
        made = scored.rows[MADE].scores["psnr"]
        verdict = "more than" if made > best[1] else "not more than"
        report.text(f"{made:.2f} dB, {verdict} {best[0]} ({best[1]:.2f} dB), which learns nothing.")
    where = "Held-out pairs" if outcome.held_out else "Pairs that it learned from, as none are held out"
    report.section("Before and after").picture(
        run.folder / "pictures" / PICTURE, f"{where}: given, the best way without learning, made, true."
    )
    head, rows = scored.table()
    report.section("Scores").table(head, rows).text("\n\n".join(scored.all_notes()))
    if not recipe.adversarial:
        report.text("It learned from the content alone: what cannot be known comes out as a mean, which looks soft.")
    add_alarms(report, ALARMS, outcome.alarms)
    add_curves(report, run, "By steps. With a discriminator go by the scores, not by the losses.")
    report.section("Data").text(f"{outcome.data}.")
    mask = " --mask HOLES.png" if recipe.degrade.name == "hole" else ""
    given = "PICTURE" if recipe.data.frames is None else "CLIP"
    return add_commands(report, run, (f"translate RUN {given}{mask}", "evaluate RUN"))


def model_card(outcome: Outcome) -> Card:
    """The model card."""
    recipe = outcome.recipe
    made = f" Sources were made by {recipe.degrade.name}." if recipe.degrade.name != "none" else ""
    return Card(
        what=f"Makes pictures of pictures: a {recipe.generator.name} of {outcome.parameters:,} parameters.{made}",
        data="\n".join(f"- {markdown(path.name)}{terms_beside(path)}" for path in recipe.data.paths),
        data_facts=f"{outcome.learned:,} pairs; {outcome.held_out:,} more were held out.",
        seed=recipe.seed,
        steps=f"{recipe.batch} pairs",
        scores=outcome.scored.to_markdown(),
        not_for="Evidence. What it adds is likely, not seen: a number plate or a face that it sharpens, enlarges or "
        "fills in is\ninvented. Pictures unlike those that it learned from come out worse than the scores say.",
    )
