"""What stands on one side of a score: a folder of pictures, or a run that makes them."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from limner.datasets.pictures.quantized import quantized
from limner.fidelity.described import Described, describe, describe_folder
from limner.fidelity.features import FeatureExtractor
from limner.foundation.errors import UserError
from limner.learning.runs.opening import is_run, open_run
from limner.learning.runs.run import Run

GENERATE = "generate"


def as_run(place: Path | str) -> Run | None:
    """The run that a word names, or None where it is a folder of pictures, or nothing.

    Raises `UserError` for a run that does not generate.
    """
    if not is_run(place):
        return None
    run = open_run(place)
    task = run.task
    if task != GENERATE:
        raise UserError(f"{place}: a run of the room {task}; needed: a folder of pictures, or a run that generates")
    return run


def make_pictures(run: Run, count: int, *, device: torch.device | str = "cpu", seed: int = 0) -> Tensor:
    """(count, C, S, S) uint8 on the CPU that a run makes from one seed: what it would have written to PNG files."""
    from limner.learning.train import load  # only here: folders alone need no networks of runs

    return quantized(load(run.folder, device=str(device)).generate(count, seed=seed)).cpu()


def unseen_by(run: Run) -> Tensor:
    """(n, C, S, S) uint8: the real pictures that a run held out of its data, or where it held out none, all of them."""
    from limner.generate.training.recipe_data import unseen_pictures
    from limner.learning.library import recipe_of

    return unseen_pictures(recipe_of(run))


def describe_side(
    place: Path | str, extractor: FeatureExtractor, *, made: int, seed: int = 0, cached: bool = True
) -> Described:
    """Describe all of a folder's pictures, or ``made`` pictures of a run, drawn from ``seed``.

    Raises `UserError` as `describe_folder` and `limner.load` do.
    """
    run = as_run(place)
    if run is None:
        return describe_folder(place, extractor, cached=cached)
    return describe(make_pictures(run, made, device=extractor.device, seed=seed), extractor)
