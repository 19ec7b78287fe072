"""Whether a scene is like what a run was trained on: bands, pixel type, ground resolution;
what is said where it is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from limner.foundation.errors import UserError
from limner.learning.runs.run import Run
from limner.scenes.bands import check_bands
from limner.scenes.map_tiles import tile_by_folders
from limner.scenes.rasters import Raster
from limner.segment.data.learned_ground import shares_on
from limner.segment.predicting.facts import read_facts

SAME_GROUND = 1.1
"""Up to this factor a scene is mapped as it is: roofs differ in size by more from place to place, crops were scaled by
more in training where a recipe says so, and resampling blurs."""
MOST_FACTOR = 8.0
"""Beyond this one picture shows what the other cannot: no resampling makes a house out of a pixel."""
LEARNED_SHARE, NAMED = 0.01, 3
"""Less of a scene on an area that was learned from is not told, and no more areas are named."""
SAME_NUMBER = 0.01  # a ground resolution told within this share of the file's own does not contradict it


class Trained(Protocol):
    """What a run knows of the pictures that it learned from: a predictor knows it."""

    @property
    def channels(self) -> int:
        """Bands of a picture."""

    @property
    def bands(self) -> tuple[str, ...] | None:
        """Their names, where files said them."""

    @property
    def ground_range_m(self) -> tuple[float, float] | None:
        """Least and most meters that a pixel covered, crops shrunk or enlarged at random among them."""

    @property
    def pictures_ground_m(self) -> tuple[float, float] | None:
        """The same of the pictures as they were read."""

    @property
    def dtype(self) -> str | None:
        """The type of their pixels."""


@dataclass(frozen=True)
class Match:
    """How a scene is to be read for a run, and what its user should know.

    ground_m: meters a pixel covers, None where nobody says. advice: whole lines.
    """

    ground_m: float | None
    advice: tuple[str, ...]


def match_scene(trained: Trained, raster: Raster, *, ground_m: float | None = None, normalize: str = "run") -> Match:
    """How an open scene suits a run.

    ground_m: of the scene, in place of what its file says. normalize: "run" or "scene".

    Raises `UserError` for bands that are not the run's, and for a ground resolution too far from the run's.
    """
    if ground_m is not None and not 0 < ground_m < float("inf"):
        raise UserError(f"--ground-m is {ground_m:g}; needed: the meters that a pixel covers, above 0")
    check_bands(raster, trained.channels, trained.bands)
    scene, said, dtype = raster.path, raster.ground_m, raster.dtype
    advice = [] if raster.misfit is None else [f"{raster.misfit}; mapped without a place, in columns and rows"]
    if raster.lacks_system:
        advice.append(
            "has a place, but names no reference system: the map and its polygons have the file's own coordinates, and "
            "nobody can tell where on the Earth these are; set it (gdal_edit.py -a_srs EPSG:N FILE)"
        )
    elif raster.misfit is None and not raster.georeferenced:
        advice.append("has no georeference: the map and its polygons are in columns and rows, counted downward")
    if raster.placed_by_name and tile_by_folders(scene) is not None:
        advice.append("is placed by its folders, as a web map's tile Z/X/Y; if it is none, rename them")
    if ground_m is not None and said is not None and abs(ground_m / said - 1) > SAME_NUMBER:
        advice.append(f"the file says {meters(said)} a pixel; taken as {meters(ground_m)}, as --ground-m has it")
    ground = said if ground_m is None else ground_m
    if ground_m is not None and trained.ground_range_m is None:
        advice.append("the run does not say at what resolution it was trained: --ground-m changes nothing")
    advice += _advice_on_ground(trained, raster, ground)
    if normalize == "run" and trained.dtype not in (None, dtype):
        advice.append(
            f"pixels of {dtype}, the run was trained on {trained.dtype} and its colors stand for the scene's; "
            "unless the values mean the same, add --normalize scene"
        )
    return Match(ground, tuple(f"{scene}: {line}" for line in advice))


def learned_caution(runs: Sequence[Run], picture: Raster) -> str | None:
    """A line where a picture lies on ground that one of the runs learned from; None where not, where nobody knows where
    one of the two lies, and for runs that do not keep their ground."""
    for run in runs:
        found = shares_on(picture, read_facts(run).ground)
        shares = {name: share for name, share in found.items() if share >= LEARNED_SHARE}
        if total := min(1.0, sum(shares.values())):
            names = sorted(shares, key=lambda name: -shares[name])
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            return (
                f"{total:.0%} of it lies on ground whose pictures {run.name} learned from ({', '.join(names[:NAMED])}"
                f"{more}): how good its map is here says nothing about places that it never saw"
            )
    return None


def network_scale(
    ground_m: float | None,
    ground_range_m: tuple[float, float] | None,
    pictures_ground_m: tuple[float, float] | None = None,
) -> float:
    """How many pixels of the network along an edge a pixel of ``ground_m`` becomes; 1 where nothing is known.

    ground_range_m: least and most meters a pixel covered in training; within 10 % of what lies between them it is 1.
    pictures_ground_m: the same before crops were shrunk or enlarged at random, where it is known. Beyond the first, the
    nearest of the second is aimed at: at the ends of the first little was learned. Raises `UserError` beyond a factor
    of 8.

    >>> network_scale(0.3, (0.1, 0.15)), network_scale(0.12, (0.1, 0.15)), network_scale(0.16, (0.1, 0.15))
    (2.0, 1.0, 1.0)
    >>> network_scale(0.15, (0.2, 0.4), (0.3, 0.3)), network_scale(0.25, (0.2, 0.4), (0.3, 0.3))
    (0.5, 1.0)
    """
    if ground_m is None or ground_range_m is None:
        return 1.0
    scale = _scale_to(ground_range_m, ground_m)
    if 1 / SAME_GROUND <= scale <= SAME_GROUND:
        return 1.0
    if pictures_ground_m is not None:
        scale = _scale_to(pictures_ground_m, ground_m)
    if not 1 / MOST_FACTOR <= scale <= MOST_FACTOR:
        way, factor = ("coarser", scale) if scale > 1 else ("finer", 1 / scale)
        raise UserError(
            f"{meters(ground_m)} a pixel is {factor:.0f} times {way} than what the run was trained at "
            f"({_range(ground_range_m)}); {MOST_FACTOR:.0f} times can be resampled: take a run trained at such a "
            "resolution, or correct it with --ground-m"
        )
    return scale


def _scale_to(ground_range_m: tuple[float, float], ground_m: float) -> float:
    least, most = ground_range_m
    return ground_m / min(max(ground_m, least), most)


def _advice_on_ground(trained: Trained, raster: Raster, ground_m: float | None) -> list[str]:
    scene, seen = raster.path, trained.ground_range_m
    if seen is None:
        return []
    if ground_m is None:
        side = abs(raster.transform.determinant) ** 0.5
        units = f" (it is {side:.3g} of units that nobody names)" if raster.lacks_system else ""
        return [f"does not say what a pixel covers{units}, the run was trained at {_range(seen)}: mapped as it is; "
                "if that differs, add --ground-m METERS"]  # fmt: skip
    try:
        scale = network_scale(ground_m, seen, trained.pictures_ground_m)
    except UserError as error:
        raise UserError(f"{scene}: {error}") from None
    if scale == 1:
        return []
    size = f"{scale:.3g} times enlarged" if scale > 1 else f"{1 / scale:.3g} times shrunk"
    return [f"{meters(ground_m)} a pixel, the run was trained at {_range(seen)}: the network sees it {size}; "
            "the map keeps the scene's own grid"]  # fmt: skip


def meters(value: float) -> str:
    """Meters in three digits.

    >>> meters(0.14878), meters(10)
    ('0.149 m', '10 m')
    """
    return f"{value:.3g} m"


def _range(ground_range_m: tuple[float, float]) -> str:
    least, most = map(meters, ground_range_m)
    return least if least == most else f"{least.removesuffix(' m')} to {most}"
