"""Which windows of a scene to annotate next: where the network is unsure, and the ground is unlike what it was shown.

Doubt alone asks for the same kind of roof again and again, difference alone for clouds and water. Windows are taken one
by one: each time the one of the highest product of doubt and distance to the nearest window that is annotated or
already taken (a core set in the manner of Sener and Savarese 2018, weighed by entropy).
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyogrio.raw
import shapely

from limner.foundation.errors import UserError
from limner.foundation.files.writing import replacing
from limner.foundation.progress import Progress, say
from limner.learning.runs.run import Run
from limner.reporting.pictures import IGNORE
from limner.scenes.rasters import Raster, open_raster
from limner.scenes.statistics import measure_raster
from limner.scenes.windows import Pixels, Window
from limner.segment.data.chips import Chip
from limner.segment.mapping.outputs import entropy_of
from limner.segment.predicting.fit_to_run import match_scene
from limner.segment.predicting.predictor import SegmentPredictor, load_predictor
from limner.segment.scoring.annotated import AnnotatedGround, annotated_ground

NEXT_FILE = "annotate-next.gpkg"
LAYER = "annotate_next"
WINDOW_PX = 256
"""Edge of a window as the network sees it: a few minutes of drawing."""
MOSTLY = 0.5
"""Windows with less data than this share are not proposed."""
KNOWN = 0.1
"""Windows of which more than this share is annotated are not proposed: they are what others are compared with."""


class Candidate(NamedTuple):
    """A window, how unsure the network is there (mean entropy in bits), what the ground is like, and the share of it
    that is annotated."""

    window: Window
    doubt: float
    looks: np.ndarray
    annotated: float


@dataclass(frozen=True)
class Proposed:
    """A window to annotate. doubt: mean entropy in bits. difference: from the nearest window annotated or proposed
    before, in standard deviations of what windows look like; NaN for the first where nothing is annotated."""

    window: Window
    doubt: float
    difference: float


def propose_windows(run: Run, scene: Path, out: Path, count: int, *, bands: tuple[int, ...] | None = None) -> Path:
    """Write the ``count`` windows of a scene that would help a run most when annotated, as a GeoPackage.

    Each polygon tells ``rank`` from 1, ``doubt`` and ``difference`` (see `Proposed`), in the scene's reference system;
    without one in pixels, x = column and y = row. bands: of the scene, from 1, in the run's order.

    Raises `UserError` where there is no window left to annotate, and for a scene that does not suit the run.
    """
    if count < 1:
        raise UserError(f"--annotate-next is {count}; needed: how many windows to propose, 1 or more")
    predictor = load_predictor(run)
    with open_raster(scene, bands=bands) as raster:
        match = match_scene(predictor, raster)
        fitted = predictor.at_ground(match.ground_m)
        found = list(look_over(fitted, raster, annotated_ground(run)))
        chosen = choose_windows(found, count)
        if not chosen:
            raise UserError(f"{scene}: no window is left to annotate")
        with replacing(out) as temporary:
            _write(temporary, raster, chosen)
    say(f"annotate next: {len(chosen)} windows in {out}; draw all objects in them, and give the windows as --within")
    return out


def look_over(predictor: SegmentPredictor, raster: Raster, known: AnnotatedGround) -> Iterator[Candidate]:
    """Every window of a scene with enough data in it. known: the ground that was annotated."""
    edge = round(WINDOW_PX / predictor.scale)
    normalize = predictor.normalization("auto")
    statistics = measure_raster(raster)
    used = statistics if normalize == "scene" else predictor.statistics
    mean, std = (np.array(values) for values in (statistics.mean, statistics.std))
    chip = Chip("", raster.path, None, None, raster.height, raster.width, bands=raster.chosen, ground_m=raster.ground_m)
    rows = range(0, raster.height, edge)
    with Progress("look for windows", len(rows), "rows of windows") as progress:
        for row in rows:
            height = min(edge, raster.height - row)
            band = raster.read(Window(row, 0, height, raster.width))
            unknown = np.zeros((height, raster.width), np.uint8)
            known.hide(chip, Window(row, 0, height, raster.width), unknown)
            for column in range(0, raster.width, edge):
                place = slice(column, min(column + edge, raster.width))
                pixels = Pixels(band.values[:, :, place], band.valid[:, place])
                area = height * (place.stop - place.start)
                if area < MOSTLY * edge**2 or pixels.valid.sum() < MOSTLY * area:
                    continue
                planes = predictor.probabilities(pixels.values[None], pixels.valid[None], used)[0]
                colors = (pixels.values[:, pixels.valid] - mean[:, None]) / std[:, None]
                looks = np.concatenate([colors.mean(1), colors.std(1), planes[1:, pixels.valid].mean(1)])
                yield Candidate(
                    Window(row, column, height, place.stop - place.start),
                    float(entropy_of(planes)[pixels.valid].mean()),
                    looks,
                    float((unknown[:, place] == IGNORE).mean()),
                )
            progress.advance(1)


def choose_windows(found: list[Candidate], count: int) -> list[Proposed]:
    """The best ``count`` windows, the best first; fewer where there are not so many."""
    if not found:
        return []
    looks = np.stack([each.looks for each in found])
    looks = (looks - looks.mean(0)) / np.maximum(looks.std(0), 1e-9)
    doubt = np.array([each.doubt for each in found])
    annotated = np.array([each.annotated for each in found])
    free = annotated <= KNOWN
    taken = np.flatnonzero(~free).tolist()
    chosen: list[Proposed] = []
    while len(chosen) < count and free.any():
        if taken:
            apart = np.linalg.norm(looks[:, None] - looks[taken][None], axis=2).min(1) / np.sqrt(looks.shape[1])
        else:
            apart = np.full(len(found), np.nan)
        worth = np.where(free, (doubt + 1e-6) * np.nan_to_num(apart, nan=1.0), -1.0)
        best = int(worth.argmax())
        chosen.append(Proposed(found[best].window, float(doubt[best]), float(apart[best])))
        free[best] = False
        taken.append(best)
    return chosen


def _write(path: Path, raster: Raster, chosen: list[Proposed]) -> None:
    place = raster.transform
    shapes = []
    for row, column, height, width in (each.window for each in chosen):
        corners = ((column, row), (column + width, row), (column + width, row + height), (column, row + height))
        points = corners if place.is_identity else [place @ corner for corner in corners]
        shapes.append(shapely.Polygon(points))
    columns = {
        "rank": np.arange(1, len(chosen) + 1, dtype=np.int32),
        "doubt": np.array([each.doubt for each in chosen]),
        "difference": np.array([each.difference for each in chosen]),
    }
    crs = None if raster.crs is None or place.is_identity else raster.crs.to_wkt()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="'crs' was not provided")  # pixels have none
        pyogrio.raw.write(
            path, shapely.to_wkb(shapes), list(columns.values()), list(columns), layer=LAYER, driver="GPKG",
            geometry_type="Polygon", crs=crs,
        )  # fmt: skip
