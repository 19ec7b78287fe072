"""Before and after an event: how much of each footprint a network no longer sees."""

import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
import shapely
from rasterio.features import geometry_mask
from scipy.ndimage import gaussian_filter
from skimage.registration import phase_cross_correlation

from limner.foundation.errors import UserError
from limner.foundation.files.dependencies import digest
from limner.foundation.files.names import spelled
from limner.foundation.files.records import Account, make_once
from limner.scenes.georeference import shifted
from limner.scenes.rasters import Raster, open_raster
from limner.scenes.windows import Window
from limner.segment.labels.alignment import check_alignable, read_onto
from limner.segment.mapping.record import SceneMap

PARTLY, LOST = 1 / 3, 2 / 3
"""Shares of a footprint from which it is called partly lost, and lost."""
LEAST_SEEN = 0.5
"""Share of a footprint with data in the later scene below which nothing is said of it."""
CLASSES = ("kept", "partly lost", "lost", "not seen")
PATCH_PX, PATCHES, SMOOTH_PX = 512, 9, 2.0
"""Of the windows in which the maps are laid over each other to see how far apart they lie."""
FAR = 0.1
"""Of a footprint's width: maps that lie farther apart lose that share of an unchanged footprint and more."""


@dataclass(frozen=True)
class Damage:
    """What became of the footprints of an earlier scene in a later one.

    path: the footprints, with ``share_lost``, ``share_seen`` and ``damage``. counts: of each of `CLASSES`. shift_px:
    how far the later map lies from the earlier one, (rows, columns) pixels of the earlier scene; None where that cannot
    be told. width_px: of the middling footprint.
    """

    path: Path
    counts: dict[str, int]
    shift_px: tuple[float, float] | None
    width_px: float

    def lines(self) -> list[str]:
        """For people; what may mislead comes first."""
        total = sum(self.counts.values())
        told = [
            f"{self.path.name}: of {total} footprints {self.counts['lost']} are lost, {self.counts['partly lost']} "
            f"partly lost, {self.counts['kept']} kept, {self.counts['not seen']} not seen; lost is what the network no "
            "longer calls by its class, whatever the reason (damage, clouds, other light or season): look before you "
            "believe it"
        ]
        if self.shift_px is None:
            return [f"careful: too little is on both maps to tell whether the scenes lie on each other; {told[0]}"]
        apart = float(np.hypot(*self.shift_px))
        if apart > FAR * self.width_px:
            rows, columns = self.shift_px
            return [
                f"careful: the scenes lie {apart:.1f} pixels apart ({rows:+.1f} rows, {columns:+.1f} columns), "
                f"{apart / self.width_px:.0%} of the middling footprint's width, so that shares lost are too high: lay "
                f"them on each other first; {told[0]}"
            ]
        return told


def check_pair(before: Path, after: Path) -> None:
    """Raise `UserError` for scenes that are not of one place, before anything is mapped."""
    with open_raster(before) as earlier, open_raster(after) as later:
        if earlier.georeferenced != later.georeferenced:
            plain = before if later.georeferenced else after
            raise UserError(
                f"{plain}: does not say where it lies, the other scene does; --before needs both or two pictures of "
                "one size"
            )
        try:
            check_alignable(later, earlier)
        except UserError:
            raise UserError(
                f"{after} and {before} do not show the same ground; --before needs two scenes of one place, in their "
                "right reference systems, or two pictures of one size"
            ) from None


def mark_damage(before: SceneMap, after: SceneMap, out: Path, *, overwrite: bool = False) -> Damage:
    """Write the footprints of ``before`` to ``out`` with the share of each that ``after`` no longer shows.

    before: mapped with polygons as GeoPackage. A pixel of a footprint is lost where the later map has data, brought to
    the earlier one's grid, and another class than the footprint's. out: a ``.gpkg``; found where it was made of the
    same two maps before.

    Raises `UserError` for a file of that name made from something else, unless ``overwrite``.
    """
    request = {
        "before": digest(before.classes),
        "footprints": digest(_polygons(before)),
        "after": digest(after.classes),
    }
    made = make_once(out, request, lambda path: _write(before, after, path), overwrite=overwrite)
    numbers = made.numbers
    shift = numbers["shift_px"]
    return Damage(
        made.path, dict(numbers["counts"]), None if shift is None else (shift[0], shift[1]), numbers["width_px"]
    )


def _polygons(made: SceneMap) -> Path:
    if made.polygons is None or made.polygons.suffix != ".gpkg":
        raise UserError("--before needs the polygons as GeoPackage: leave --polygons out")
    return made.polygons


def _write(before: SceneMap, after: SceneMap, path: Path) -> Account:
    meta, _, found, values = pyogrio.raw.read(spelled(_polygons(before), as_address=True))
    shapes = shapely.from_wkb(found)
    columns = dict(zip(meta["fields"], values, strict=True))
    with open_raster(before.classes) as earlier, open_raster(after.classes) as later:
        shares = [
            _share_lost(earlier, later, shape, number)
            for shape, number in zip(shapes, columns.get("class", ()), strict=True)
        ]
        shift = shift_between(earlier, later)
        pixel = float(np.sqrt(abs(earlier.transform.determinant)))
    lost, seen = (np.array(each, np.float64) for each in zip(*shares, strict=True)) if shares else (np.empty(0),) * 2
    names = np.array([damage_of(*pair) for pair in zip(lost, seen, strict=True)], object)
    columns = {**columns, "share_lost": lost, "share_seen": seen, "damage": names}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="'crs' was not provided")  # columns and rows have none
        pyogrio.raw.write(
            spelled(path, as_address=True), shapely.to_wkb(shapes), list(columns.values()), list(columns),
            layer="damage", driver="GPKG", geometry_type="Polygon", crs=meta["crs"],
        )  # fmt: skip
    counted = Counter(names.tolist())
    width = float(np.median(np.sqrt(shapely.area(shapes)))) / pixel if len(shapes) else 0.0
    counts = {name: counted[name] for name in CLASSES}
    return Account({"counts": counts, "shift_px": None if shift is None else list(shift), "width_px": width})


def damage_of(lost: float, seen: float) -> str:
    """One of `CLASSES`, from the share of a footprint that is lost (NaN: nothing is seen of it) and seen."""
    if seen < LEAST_SEEN:
        return "not seen"
    return "lost" if lost >= LOST else "partly lost" if lost >= PARTLY else "kept"


def _share_lost(earlier: Raster, later: Raster, shape: Any, number: int) -> tuple[float, float]:
    """The share of a footprint's seen pixels that have another class later, NaN for none; and the share seen."""
    window = _window(earlier, shape)
    classes, known = read_onto(earlier, later, window, _read_classes)
    place = shifted(earlier.transform, window.column, window.row)
    inside = geometry_mask([shape], classes.shape, place, invert=True)
    if not inside.any():  # narrower than a pixel: its middle stands for it
        inside[window.height // 2, window.width // 2] = True
    seen = inside & known
    lost = float((classes[seen] != number).mean()) if seen.any() else float("nan")
    return lost, float(seen.sum() / inside.sum())


def _window(raster: Raster, shape: Any) -> Window:
    """The pixels around a shape."""
    left, low, right, high = shapely.bounds(shape)
    corners = [~raster.transform * corner for corner in ((left, low), (left, high), (right, low), (right, high))]
    columns, rows = np.array(corners).T
    first_row, first_column = int(np.floor(rows.min())), int(np.floor(columns.min()))
    height, width = int(np.ceil(rows.max())) - first_row, int(np.ceil(columns.max())) - first_column
    return Window(first_row, first_column, max(1, height), max(1, width))


def _read_classes(raster: Raster, window: Window) -> tuple[np.ndarray, np.ndarray]:
    pixels = raster.read_classes(window)
    return pixels.values[0], pixels.valid


def shift_between(earlier: Raster, later: Raster) -> tuple[float, float] | None:
    """How far the later map of classes lies from the earlier one: (rows, columns), pixels of the earlier.

    The median over up to nine windows of the shift at which both maps correlate best (phase correlation, to a tenth of
    a pixel); None where no window holds enough of more than one class.
    """
    found = []
    for window in _patches(earlier):
        pixels = earlier.read_classes(window)
        classes, known = read_onto(earlier, later, window, _read_classes)
        both = pixels.valid & known
        ours, theirs = (
            gaussian_filter((each * both > 0).astype(float), SMOOTH_PX) for each in (pixels.values[0], classes)
        )
        if both.mean() > 0.5 and min(ours.std(), theirs.std()) > 0.02:
            shift, _, _ = phase_cross_correlation(theirs, ours, upsample_factor=10, normalization=None)
            found.append(shift)
    if not found:
        return None
    rows, columns = np.median(found, axis=0)
    return float(rows), float(columns)


def _patches(raster: Raster) -> Iterator[Window]:
    edge = round(PATCHES**0.5)
    size = min(PATCH_PX, raster.height), min(PATCH_PX, raster.width)
    rows, columns = (
        sorted({round((length - own) * step / (edge - 1)) for step in range(edge)})
        for length, own in zip((raster.height, raster.width), size, strict=True)
    )
    for row in rows:
        for column in columns:
            yield Window(row, column, *size)
