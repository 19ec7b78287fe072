"""What a training came to, and its model card."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from limner.colors.summary import ColorSummary
from limner.datasets.licences import terms_beside
from limner.learning.runs.outcome import Card, closing_words
from limner.learning.runs.run import Run
from limner.reporting.tables import markdown
from limner.scenes.statistics import Statistics
from limner.segment.data.blocks import Split
from limner.segment.data.chips import DataSet
from limner.segment.labels.forms import background_of
from limner.segment.measures.gallery import WorstTiles
from limner.segment.measures.held_out import Decision
from limner.segment.measures.scores import Evaluation
from limner.segment.measures.tile_scores import TileScores
from limner.segment.training.recipe import SegmentRecipe


@dataclass(frozen=True)
class Outcome:
    """What a training came to.

    parameters: of the network. tiles: that it learned from. statistics: kept in the run. colors: of each training area.
    scored: on the validation blocks, None where nothing was held out. worst: their worst tiles. tile_scores:
    of all of their tiles. decision: between the initial run and what was learned, where the recipe asked for one.
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
    tile_scores: TileScores
    decision: Decision | None = None


def closing_line(run: Run) -> str:
    """A run's score on validation ground beside those of maps of one class; nothing where none can be read."""
    return closing_words(run, lambda found: f"validation {Evaluation.from_json(found).line()}")


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
