"""What a training on domains leaves for people: scores beside bars, pictures given and made, a card and a report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from limner.colors.classic.clouds import AffineMap
from limner.datasets.licences import terms_beside
from limner.learning.alarms import add_alarms
from limner.learning.runs.outcome import Card, add_commands, add_curves, begin_report, closing_words, write_outcome
from limner.learning.runs.run import Run
from limner.reporting.pictures import captioned_rows, write_picture
from limner.reporting.report import Report
from limner.reporting.tables import markdown
from limner.translate.measures.domain_measure import Edit, recolored
from limner.translate.measures.domain_result import DomainScores
from limner.translate.measures.result import MADE
from limner.translate.training.domains.alarms import ALARMS
from limner.translate.training.pairs.outcome import as_array

PICTURE = "given-and-made.png"
NEAREST = "nearest.png"
CELL_PX = 144
SHOWN = 6


@dataclass(frozen=True)
class DomainOutcome:
    """What a training came to. edits: what was made in every direction. colors: by domain, the map of colors to it.
    batch: what a step shows. nearest: by domain, of the first made pictures the learned ones that look most like
    them."""

    recipe: Any
    data: str
    domains: tuple[str, ...]
    batch: str
    learned: int
    held_out: int
    parameters: int
    scored: DomainScores
    alarms: Mapping[str, float]
    edits: Sequence[Edit]
    colors: Mapping[str, AffineMap]
    nearest: Mapping[str, Sequence[Tensor]]


def finish_domains(outcome: DomainOutcome, run: Run) -> None:
    """Write ``evaluation.json``, ``curves.png``, ``card.md``, ``report.html``, and in ``pictures/``
    ``given-and-made.png`` and ``nearest.png``."""
    write_picture(run.folder / "pictures" / PICTURE, given_and_made(outcome.edits, SHOWN, outcome.colors))
    rows, captions = [], []
    for edit in outcome.edits:
        rows += [list(map(as_array, edit.made[:SHOWN])), list(map(as_array, outcome.nearest[edit.name]))]
        count = min(SHOWN, len(edit.made))
        captions += [[f"made, to {edit.name}"[:24]] * count, ["nearest learned"] * count]
    write_picture(run.folder / "pictures" / NEAREST, captioned_rows(rows, captions, cell_px=CELL_PX))
    evaluation = {**outcome.scored.to_json(), "alarms": dict(outcome.alarms)}
    write_outcome(run, outcome.recipe.task, evaluation, model_card(outcome), lambda: domain_report(outcome, run))


def closing_line(run: Run) -> str:
    """The KID of what a run makes, beside the best bar's; nothing where none can be read."""
    return closing_words(run, lambda found: DomainScores.from_json(found).line())


def given_and_made(edits: Sequence[Edit], count: int, colors: Mapping[str, AffineMap] | None = None) -> np.ndarray:
    """(H, W, 3) uint8: of each direction a row of given pictures, spread evenly over all, one of them recolored (with
    ``colors``), one of what was made of them, and one of what came back."""
    rows, captions = [], []
    for edit in edits:
        shown = np.linspace(0, len(edit.sources) - 1, min(count, len(edit.sources))).round().astype(int)
        given, made = ([pictures[place] for place in shown] for pictures in (edit.sources, edit.made))
        parts: list[tuple[str, Sequence[Tensor]]] = [("given", given)]
        if colors is not None:
            parts.append(("colors alone", [recolored(each, colors[edit.name]) for each in given]))
        parts.append((f"to {edit.name}", made))
        if edit.restored:
            parts.append(("back again", [edit.restored[place] for place in shown]))
        for name, pictures in parts:
            rows.append([as_array(each) for each in pictures])
            captions.append([name] * len(pictures))
    return captioned_rows(rows, captions, cell_px=CELL_PX)


def domain_report(outcome: DomainOutcome, run: Run) -> Report:
    """The run's report: given and made, scores beside bars, alarms, nearest learned pictures, curves, data."""
    recipe, scored = outcome.recipe, outcome.scored
    report = begin_report(
        run,
        f"{recipe.generator.name} against {recipe.discriminator.name}, without pairs: {', '.join(outcome.domains)}",
        {
            scored.title(scored.main): scored.printed(scored.main, scored.rows[MADE].scores[scored.main]),
            "pictures learned from": outcome.learned,
            "held out": outcome.held_out,
        },
    )
    if best := scored.best_bar:
        made, bar = (scored.printed(scored.main, each) for each in (scored.rows[MADE].scores[scored.main], best[1]))
        verdict = "better" if scored.beats_bars else "not better"
        report.text(f"{scored.title(scored.main)}: {made}, {verdict} than {best[0]} ({bar}), which learns no pictures.")
    where = "Held-out pictures" if outcome.held_out else "Pictures that it learned from, as none are held out"
    report.section("Given and made").picture(run.folder / "pictures" / PICTURE, f"{where}, not chosen.")
    head, rows = scored.table()
    report.section("Scores").table(head, rows).text("\n\n".join(scored.all_notes()))
    if recipe.scores.keep_by == "kid" and outcome.held_out:
        report.text("The weights were chosen by KID on these very pictures, so it flatters a little.")
    add_alarms(report, ALARMS, outcome.alarms)
    report.section("Nearest neighbors").picture(
        run.folder / "pictures" / NEAREST, "Made pictures, and below each the learned one that looks most like it."
    )
    add_curves(report, run, "By steps. Go by the scores, not by the losses.")
    report.section("Data").text(f"{outcome.data}.")
    return add_commands(report, run, (f"translate RUN PICTURE --to {outcome.domains[-1]}", "evaluate RUN"))


def model_card(outcome: DomainOutcome) -> Card:
    """The model card."""
    recipe = outcome.recipe
    return Card(
        what=f"Makes pictures of one domain into another ({markdown(', '.join(outcome.domains))}), learned without "
        f"pairs: a {recipe.generator.name} of {outcome.parameters:,} parameters.",
        data="\n".join(f"- {markdown(path.name)}{terms_beside(path)}" for path in recipe.data.paths),
        data_facts=f"{outcome.learned:,} pictures; {outcome.held_out:,} more were held out.",
        seed=recipe.seed,
        steps=outcome.batch,
        scores=outcome.scored.to_markdown(),
        not_for="Evidence. What it changes is likely, not seen: nobody told it which picture belongs to which, so it "
        "may add and\nremove things. Pictures unlike those that it learned from come out worse than the scores say.",
    )
