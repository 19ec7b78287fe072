"""Scores of a run that draws pictures again, on pictures that it did not learn from, or on others."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from limner.foundation.errors import UserError
from limner.learning.library import recipe_of
from limner.learning.runs.run import Run
from limner.learning.runs.score_rows import ScoreRows
from limner.translate.data.attributes import AttributeSet, hold_out_attributes, read_attributes
from limner.translate.measures.attribute_measure import AttributeJudge, measure_attributes
from limner.translate.translating.attributes import load_editor


def evaluate_attributes(run: Run, *, data: Sequence[Path] = (), device: str = "auto") -> ScoreRows:
    """Score what a run draws again beside untouched pictures, the mean picture and the nearest one.

    data: folders with a table of the run's attributes, of which all pictures are scored; without it those that the
    training held out, or where none were, those that it learned from. Raises `UserError` as reading the pictures does.
    """
    recipe: Any = recipe_of(run)
    editor = load_editor(run, device)
    own = _read(recipe, recipe.data.paths, editor.attributes)
    training, held_out = hold_out_attributes(own, recipe.data.held_out, recipe.seed)
    scored, places, on = own, held_out, "held out"
    if data:
        scored, on = _read(recipe, data, editor.attributes), ", ".join(path.name for path in data)
        places = torch.arange(len(scored))
    elif not len(held_out):
        places, on = training, "that it learned from; none were held out"
    if scored.pictures.shape[1] != editor.network.inputs:
        raise UserError(
            f"pictures of {scored.pictures.shape[1]} channels; the run draws pictures of {editor.network.inputs}"
        )
    judge = AttributeJudge(own, training)
    return measure_attributes(editor.network, scored, places, own.pictures[training], judge, on=on)


def _read(recipe: Any, paths: Sequence[Path], attributes: Sequence[str]) -> AttributeSet:
    data = recipe.data
    return read_attributes(paths, table=data.table, wanted=attributes, colors=data.colors, size_px=data.size_px)
