"""Whether a scene is like what a run learned from: its colors as the network gets them, its ground resolution, and the
type of its pixels.

The first two were measured on places that networks had never seen: docs/results/unlike-scenes.md says how little colors
tell, and how the bounds were chosen.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from limner.colors.harmonize import distance
from limner.colors.summary import ColorSummary, merged, read_summaries
from limner.foundation.errors import UserError
from limner.learning.runs.run import Run
from limner.scenes.rasters import Raster
from limner.scenes.statistics import Moments, gather
from limner.scenes.windows import spread_tiles
from limner.segment.predicting.fit_to_run import meters, network_scale
from limner.segment.training.colors import COLORS_FILE

FAR_COLORS = 2.0
"""Standard deviations of the training colors. 1 of 54 held-out pictures of the places learned from lay further."""
FAR_VARIATION = 0.3
"""The same of colors that a scene's own mean and deviation were taken out of: 0 of 54."""
FAR_GROUND = 3.0
"""Times coarser than the coarsest training picture: there four networks lost 11 points of F1 in the mean."""
MOST_TILES, TILE_PX = 16, 512


class ColorDistance(NamedTuple):
    """How far a scene's colors lie from those of the ``nearest`` training area, in standard deviations."""

    distance: float
    nearest: str


def color_distance(scene: Moments, areas: Mapping[str, ColorSummary], normalize: str) -> ColorDistance:
    """How far colors lie from those of the nearest training area, as a network gets them.

    Wasserstein's distance of Gaussians (`limner.colors.harmonize.distance`), in deviations of all training colors.
    normalize: "scene" where scene and areas are each standardized by their own mean and deviation first, so that only
    how bands vary together is left; otherwise colors are compared as they are.
    """
    if normalize == "scene":
        scene, unit = scene.standardized(), np.ones(len(scene.mean))
        known = {name: area.moments.standardized() for name, area in areas.items()}
    else:
        unit = np.array(merged(list(areas.values())).moments.statistics().std)
        known = {name: area.moments for name, area in areas.items()}
    found = {name: distance(scene, area, unit) for name, area in known.items()}
    nearest = min(found, key=lambda name: found[name])
    return ColorDistance(found[nearest], nearest)


def color_caution(runs: Sequence[Run], raster: Raster, normalize: str) -> str | None:
    """A line where an open scene's colors lie far from all that one of the runs learned from; None where not.

    Up to 16 tiles of 512 px, evenly spread, stand for the scene. Runs that keep no colors of their training areas say
    nothing.
    """
    known = [path for run in runs if (path := run.folder / COLORS_FILE).exists()]
    if not known:
        return None
    tiles, _ = spread_tiles(raster.height, raster.width, TILE_PX, MOST_TILES)
    scene = gather(raster.read(tile) for tile in tiles)
    if not scene.count:
        return None
    try:
        found = max(color_distance(scene, read_summaries(path), normalize) for path in known)
    except UserError as error:
        return f"its colors cannot be compared with the training's: {error}"
    if normalize == "scene":
        if found.distance <= FAR_VARIATION:
            return None
        return (
            f"how its bands vary together is unlike all that was learned from ({found.distance:.2f} from "
            f"{found.nearest}, the nearest training area; ground like the training's lies below {FAR_VARIATION:g}), as "
            "by strong noise; check that its bands are the run's (--bands), look at the preview, and refine on a part "
            "of it (limner refine) before you rely on the map"
        )
    if found.distance <= FAR_COLORS:
        return None
    return (
        f"its colors are unlike all that was learned from ({found.distance:.1f} standard deviations from "
        f"{found.nearest}, the nearest training area; ground like the training's lies below {FAR_COLORS:g}); try "
        "--normalize scene, look at the preview, and refine on a part of it (limner refine) before you rely on the map"
    )


def kind_caution(
    dtype: str, trained_dtype: str | None, ground_m: float | None, trained: tuple[float, float] | None
) -> str | None:
    """A line where pixels are of another type than all that was learned from, as a satellite's 16 bits beside photos of
    8; None where not. Standardized by its own mean and deviation such a scene looks like any other, to the network and
    to `color_caution`, while its sensor, its ground and what lies on it are others.

    dtype: of the scene's pixels. trained_dtype: of the training pictures', None where nobody knows. ground_m, trained:
    as of `coarse_caution`.

    >>> kind_caution("uint8", "uint8", None, (0.2, 0.4)) is None
    True
    """
    if trained_dtype in (None, dtype):
        return None
    size = "" if ground_m is not None or trained is None else (
        f", and nobody says what a pixel covers ({meters(trained[0])} to {meters(trained[1])} in training): give "
        "--ground-m METERS"
    )  # fmt: skip
    return (
        f"its pixels are {dtype}, all that was learned from was {trained_dtype}: a picture of another kind, "
        f"whose things the network may never have seen (a satellite's ships were mapped as buildings){size}; look at "
        "the preview, and refine on a part of it (limner refine) before you rely on the map"
    )


def coarse_caution(ground_m: float | None, trained: tuple[float, float] | None) -> str | None:
    """A line where a scene is far coarser than all that was learned from; None where not, or where nobody knows.

    ground_m: meters that a pixel covers. trained: least and most of the training pictures.

    >>> coarse_caution(0.6, (0.1, 0.3)) is None
    True
    """
    factor = network_scale(ground_m, trained)
    if ground_m is None or trained is None or factor < FAR_GROUND:
        return None
    return (
        f"{meters(ground_m)} a pixel is {factor:.2g} times coarser than the coarsest picture that was learned from "
        f"({meters(trained[1])}): what is small is gone, and F1 of four towns fell by 2 to 35 points at {FAR_GROUND:g} "
        "times; take a finer scene, correct it with --ground-m if the file is wrong, or refine on a part of it (limner "
        "refine)"
    )
