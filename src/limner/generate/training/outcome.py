"""What a training leaves for people: scores, curves, a model card, and a report that stands alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from limner.datasets.licences import terms_beside
from limner.fidelity.result import PictureScores, printed, score_title
from limner.generate.training.alarms import ALARMS
from limner.generate.training.memorization import draw_nearest
from limner.generate.training.recipe import GenerateRecipe
from limner.learning.alarms import add_alarms
from limner.learning.runs.outcome import Card, add_commands, add_curves, begin_report, closing_words, write_outcome
from limner.learning.runs.run import Run
from limner.reporting.grid import grid
from limner.reporting.pictures import write_picture
from limner.reporting.report import Report
from limner.reporting.tables import SHARES, markdown

SHOWN, COLUMNS = 64, 8
MADE, REAL, NEAREST, RECONSTRUCTED = "made.png", "real.png", "nearest.png", "reconstructions.png"


@dataclass(frozen=True)
class Reconstructions:
    """What generator and encoder together make of pictures. given, found: (n, C, S, S) uint8. nearest: as many made
    pictures, each the one most like a given one, as a bar to hold the errors against."""

    given: Tensor
    found: Tensor
    nearest: Tensor

    @staticmethod
    def of(given: Tensor, found: Tensor, made: Tensor) -> Reconstructions:
        """With the nearest of ``made``, (m, C, S, S) uint8, for every picture."""
        apart = torch.cdist(given.flatten(1).float(), made.flatten(1).float())
        return Reconstructions(given, found, made[apart.argmin(dim=1)])

    def sentence(self) -> str:
        """Both errors in words."""
        found, nearest = (_gray_levels(self.given, other) for other in (self.found, self.nearest))
        return (
            f"Reconstructions differ from the pictures by {found:.1f} of 255 gray levels (root mean square); the "
            f"nearest of the made pictures by {nearest:.1f}."
        )

    def draw(self) -> np.ndarray:
        """Every other column is a picture, the one to its right its reconstruction."""
        return grid(torch.stack([self.given, self.found], dim=1).flatten(0, 1), COLUMNS)


def _gray_levels(one: Tensor, other: Tensor) -> float:
    return float((one.float() - other.float()).square().mean().sqrt())


@dataclass(frozen=True)
class Outcome:
    """What a training came to.

    data: the pictures in a line. parameters: of the network that makes pictures. learned, held_out: (n, C, S, S) uint8,
    what it learned from, and what not; the latter may be empty. made: (n, C, S, S) uint8, what it was scored by.
    alarms: their numbers. reconstructions: of a run with an encoder.
    """

    recipe: GenerateRecipe
    data: str
    class_names: tuple[str, ...]
    parameters: int
    learned: Tensor
    held_out: Tensor
    made: Tensor
    scored: PictureScores
    alarms: Mapping[str, float]
    reconstructions: Reconstructions | None = None


def finish_training(outcome: Outcome, run: Run) -> None:
    """Write what a training leaves: ``evaluation.json``, ``curves.png``, ``card.md``, ``report.html`` and, in
    ``pictures/``, ``made.png``, ``real.png`` and ``nearest.png``, with an encoder ``reconstructions.png`` too."""
    draw_pictures(outcome, run)
    evaluation = {**outcome.scored.to_json(), "alarms": outcome.alarms}
    write_outcome(run, outcome.recipe.task, evaluation, model_card(outcome), lambda: training_report(outcome, run))


def evaluation_line(scores: Mapping[str, float], features: str) -> str:
    """What an evaluation gave, in words; KID and FID with their features. scores: by ``where/name``, and alarms."""
    parts, place = [], ""
    for name, value in scores.items():
        where, _, short = name.rpartition("/")
        if where != "alarm":
            unit, place = " %" if short in SHARES else "", where
            parts.append(f"{score_title(short, features).removesuffix(', %')} {printed(short, value)}{unit}")
    return f"{place} {', '.join(parts)}"


def closing_line(run: Run) -> str:
    """The KID of what a run makes, beside that of pictures of one color each; nothing where none can be read."""
    return closing_words(run, lambda found: PictureScores.from_json(found).line())


def draw_pictures(outcome: Outcome, run: Run) -> None:
    """Grids of made and of real pictures, and the made ones that come nearest to learned ones beside those."""
    folder = run.folder / "pictures"
    real = outcome.held_out if len(outcome.held_out) else outcome.learned
    write_picture(folder / MADE, grid(outcome.made[:SHOWN], COLUMNS))
    write_picture(folder / REAL, grid(real[:SHOWN], COLUMNS))
    write_picture(folder / NEAREST, draw_nearest(outcome.made, outcome.learned))
    if outcome.reconstructions is not None:
        write_picture(folder / RECONSTRUCTED, outcome.reconstructions.draw())


def training_report(outcome: Outcome, run: Run) -> Report:
    """The run's report: made beside real pictures, scores and protocol, alarms, nearest neighbors, curves, data."""
    recipe, scored = outcome.recipe, outcome.scored
    report = begin_report(
        run,
        f"{recipe.generator.name} against {recipe.discriminator.name}, at {recipe.data.size_px} px",
        {
            scored.title("kid"): printed("kid", scored["kid"]),
            "pictures learned from": len(outcome.learned),
            "held out": len(outcome.held_out),
        },
    )
    against = (
        "held-out pictures" if len(outcome.held_out) else "the pictures that it learned from, as none are held out"
    )
    folder = run.folder / "pictures"
    report.section("Pictures").pictures(
        [(folder / MADE, "made"), (folder / REAL, "real")], f"Made pictures, not chosen, and real ones: {against}."
    )
    report.section("Scores").text(f"Of {recipe.scores.samples:,} made pictures against {against}.")
    add_scores(report, scored)
    add_alarms(report, ALARMS, outcome.alarms)
    report.section("Nearest neighbors").text(
        "Does it make new pictures, or those that it was shown? Of all made pictures, those that come nearest to a "
        "learned one, and that one."
    ).picture(folder / NEAREST, "The most suspicious first.")
    if outcome.reconstructions is not None:
        report.section("Reconstructions").text(
            f"What the encoder holds of pictures that it did not learn from, made into pictures again. "
            f"{outcome.reconstructions.sentence()}"
            if len(outcome.held_out)
            else f"What the encoder holds of pictures that it learned from. {outcome.reconstructions.sentence()}"
        ).picture(folder / RECONSTRUCTED, "Each picture with its reconstruction to its right.")
    add_curves(
        report,
        run,
        "By steps. A loss says little here: it is the distance to an opponent that learns, too. Go by the scores.",
    )
    report.section("Data").text(f"{outcome.data}.")
    return add_commands(report, run, ("generate RUN -n 64", "generate RUN --interpolate walk.gif", "fid REAL RUN"))


def add_scores(report: Report, scored: PictureScores) -> Report:
    """A table of the scores with their intervals, and their protocol."""
    rows = []
    for name, score in scored.scores.items():
        interval = " to ".join(printed(name, end) for end in score.interval or ())
        rows.append([scored.title(name), printed(name, score.value), interval])
    report.table(("score", "value", "95 % interval"), rows)
    return report.text("\n\n".join([*scored.notes, scored.protocol.sentence()]))


def model_card(outcome: Outcome) -> Card:
    """The model card."""
    recipe = outcome.recipe
    classes = f" Classes: {markdown(', '.join(outcome.class_names))}." if outcome.class_names else ""
    return Card(
        what=f"Makes pictures of {recipe.data.size_px} x {recipe.data.size_px} px ({recipe.data.colors}): "
        f"a {recipe.generator.name} of {outcome.parameters:,} parameters.{classes}",
        data="\n".join(f"- {markdown(path.name)}{terms_beside(path)}" for path in recipe.data.paths),
        data_facts=f"{len(outcome.learned):,} pictures; {len(outcome.held_out):,} more were held out.",
        seed=recipe.seed,
        steps=f"{recipe.images_per_update} pictures",
        scores=outcome.scored.to_markdown(),
        not_for="Passing made pictures off as photographs. Of few or much alike pictures a generator may keep copies: "
        "see the nearest\nneighbors in `report.html`; the terms of the data then hold for what it makes.",
    )
