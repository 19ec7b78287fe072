"""Harmonizing: the colors of a scene are brought to those of the areas that a run was trained on, before it looks.

A scene is measured once, in a stream; the map from its colors to those of the training areas is fitted on that summary
alone, and then read through window by window, so that memory does not depend on the scene.
"""

from limner.colors.harmonize import Harmonizer
from limner.colors.summary import ALL, ColorSummary, read_summaries, write_summaries
from limner.foundation.errors import UserError
from limner.foundation.progress import say
from limner.learning.library import recipe_of
from limner.learning.runs.run import Run
from limner.segment.predicting.facts import read_facts
from limner.segment.training.recipe_data import fingerprint, load_data, make_source, split_data

COLORS_FILE = "colors.safetensors"
"""In a run: the colors of each training area, to which scenes can be harmonized."""


def harmonizer_of(run: Run, method: str | None, to: str | None, normalize: str) -> Harmonizer | None:
    """What a user asked for with ``--harmonize`` and ``--harmonize-to``, or None.

    normalize: what was asked for with ``--normalize``. Raises `UserError` for what cannot be, or where the run does not
    know the colors of its training areas.
    """
    if method is None:
        if to is not None:
            raise UserError(f"--harmonize-to {to} says what to match, but not how: add --harmonize mkl")
        return None
    if normalize == "scene":
        raise UserError(
            "--harmonize brings the scene to the training colors, --normalize scene keeps it to its own; give one of "
            "them"
        )
    return run_harmonizer(run, method, to or ALL)


def run_harmonizer(run: Run, method: str, to: str) -> Harmonizer:
    """What brings scenes to the colors of a run's training areas."""
    return Harmonizer(method, to, training_colors(run), read_facts(run).dtype or "uint8")


def training_colors(run: Run) -> dict[str, ColorSummary]:
    """The colors of the areas that a run was trained on, by name.

    They are kept in the run. One that was stopped, or is from before they were kept, is measured again where its data
    is still there; where not, that is a `UserError`.
    """
    path = run.folder / COLORS_FILE
    if not path.exists():
        say(f"{run.folder}: measuring the colors of its training areas, once")
        write_summaries(path, _measured(run))
    return read_summaries(path)


def _measured(run: Run) -> dict[str, ColorSummary]:
    recipe = recipe_of(run)
    try:
        data = load_data(recipe, read_facts(run).class_names)
        if fingerprint(recipe, data) != run.status.get("data_fingerprint"):
            raise UserError("its data has changed since")
    except (UserError, KeyError) as error:
        raise UserError(
            f"{run.folder}: keeps no colors of its training areas, and they cannot be measured ({error}); "
            "train it again, or match one of its pictures with limner recolor SCENE --like PICTURE"
        ) from None
    return make_source(recipe, data, split_data(recipe, data)).area_colors
