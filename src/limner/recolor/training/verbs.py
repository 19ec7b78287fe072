"""What the room does for the verbs evaluate and compare."""

from collections.abc import Sequence
from pathlib import Path

from limner.learning.library import recipe_of
from limner.learning.runs.evaluations import Compared
from limner.learning.runs.run import Run
from limner.learning.runs.score_rows import RowsComparison, ScoreRows, compare_rows
from limner.recolor.methods.analogy.model import load_model
from limner.recolor.training.measure import measure_analogy
from limner.recolor.training.photos import read_photo_set
from limner.recolor.training.task import AnalogyTask


def evaluate_run(run: Run, options: None, *, data: Sequence[Path] = (), device: str = "auto") -> ScoreRows:
    """Score a run on the photos that it held out, or on all of other folders.

    Raises `UserError` as reading the photos does.
    """
    recipe = recipe_of(run)
    network = load_model(run, device).network
    if not data:
        task = AnalogyTask(recipe)
        photos, on = task.scored
    else:
        photos = list(read_photo_set(data, recipe.data.longest_px).photos)
        on = f"of {', '.join(path.name for path in data)}"
    return measure_analogy(network, photos, recipe.data.crop_px, seed=recipe.seed + 1, on=on)


def compare_runs(items: Sequence[Compared], options: None, *, device: str = "auto") -> RowsComparison:
    """Runs side by side by their evaluations. Raises `UserError` as `compare_rows` does."""
    return compare_rows(items)
