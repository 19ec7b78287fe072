"""Deep color transfer using histogram analogy (Lee et al. 2020), made light: a trained network says what changes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from limner.foundation.errors import UserError
from limner.foundation.stopwatch import Stopwatch
from limner.learning.runs.opening import open_run
from limner.recolor.fusion.range import bend_into_range
from limner.recolor.fusion.regrain import regrain
from limner.recolor.methods.analogy.model import AnalogyModel, load_model
from limner.recolor.methods.pictures import Pictures
from limner.recolor.methods.recolored import Recolored

NAME = "histogram-analogy"
"""Of the method, and of the model that ships with limner."""
LARGEST_KNEE = 0.5


@dataclass(frozen=True)
class AnalogyOptions:
    """model: a run of the recipe `recolor/histogram-analogy`: its folder, or the name of a bundled model. soft_range:
    within so much of either end of 0..1, colors that would leave it are bent, not cut off (see
    `limner.recolor.fusion.range`); 0 leaves them. smoothness: of a regrain that puts the target's fine structure back;
    0 leaves it out, as the change of colors is smooth itself.

    Raises `UserError` for a soft_range beyond 0 to 0.5.
    """

    model: str | Path = NAME
    soft_range: float = 0.15
    smoothness: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.soft_range <= LARGEST_KNEE:
            raise UserError(f"soft_range is {self.soft_range:g}; needed: 0 (colors are cut off) to 0.5")

    def transfer(self, pictures: Pictures) -> Recolored:
        """See `recolor_by_analogy`."""
        return recolor_by_analogy(pictures, self)


def recolor_by_analogy(pictures: Pictures, options: AnalogyOptions) -> Recolored:
    """The target with its colors changed by what a network makes of it and of both color histograms.

    The network sees pictures of `limner.recolor.methods.analogy.model.SEEN_PX` at most; what it answers changes every
    pixel by its own color and place, so detail stays, and memory holds a strip at a time. The same picture as its own
    reference changes nothing. References count alike, or by their weights, however large they are.

    Raises `UserError` for a run that cannot be read, and masks that leave nothing.
    """
    target = pictures.target
    watch = Stopwatch(target.device)
    with watch.stage("network"):
        model = opened(str(options.model), target.device)
        grid = model.grid(target, list(pictures.masked_references()), pictures.target_mask, pictures.shares)
    with watch.stage("apply"):
        picture = bend_into_range(grid(target), options.soft_range)
    if options.smoothness > 0:
        with watch.stage("regrain"):
            picture = regrain(target, picture, options.smoothness)
    return Recolored(picture, NAME, watch.seconds, {"model": model.digest}, grid=grid)


def opened(model: str, device: torch.device) -> AnalogyModel:
    """The network of a run on a device; that of the same files is kept."""
    run = open_run(model)
    return _loaded(str(run.folder.resolve()), run.digest(), device)


@lru_cache(maxsize=4)
def _loaded(folder: str, digest: str, device: torch.device) -> AnalogyModel:
    return load_model(open_run(folder), device)
