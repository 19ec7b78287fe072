"""Objects of maps counted against those of the truth while both come in by windows, as pixels do.

Truth and map of a window stand in working files until it is complete, so that memory holds polygons, not pixels.
This file imports no torch: `limner score` stays light.
"""

import tempfile
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import rasterio
import shapely
from scipy import ndimage

from limner.reporting.pictures import IGNORE
from limner.scenes.windows import Window, row_bands
from limner.scenes.writing import BLOCK_PX, RasterFile
from limner.segment.data.chips import Chip
from limner.segment.footprints.options import AS_MEASURED, FootprintOptions
from limner.segment.footprints.regions import find_regions, inside_as_bytes
from limner.segment.labels.depths import object_borders
from limner.segment.labels.reader import LabelReader
from limner.segment.labels.vector_files import is_vector
from limner.segment.measures.objects import IOU, NO_OBJECTS, ObjectCounts, Objects, count_objects

OBJECT = 1
"""Objects are told of maps of two classes, of which this is theirs."""
LEAST_M2, LEAST_PX = 1.0, 16
"""Smaller objects of the truth, such as slivers at a picture's border, do not count."""
BOUNDARY_M, BOUNDARY_PX = 1.0, 3
"""How far apart borders may lie and still be one, where the size of a pixel is known and where not."""
PIXELS_AT_ONCE = 2**19
HELD_PIXELS = 2**23
AS_DRAWN = "polygons as limner segment draws them"
AS_DELIVERED = "polygons as they were delivered"
WHOLE = 0.5
"""Of an object's or polygon's area must be scored ground for it to count."""


class ObjectCounter:
    """Counts the objects of maps of two classes. Use it in a ``with`` block; `counts` gives those of each area.

    Polygons are those that `limner segment` draws by default; objects of the truth are its polygons, or the connected
    regions of its mask. Both are cut where a window ends.

    chips: the pictures, by number. reader: of the truth's labels. polygons: of each chip those of its map, in its
    pixels, where they are there already; else they are drawn.
    """

    def __init__(
        self,
        chips: Sequence[Chip],
        reader: LabelReader,
        *,
        footprints: FootprintOptions = AS_MEASURED,
        polygons: Mapping[int, np.ndarray] | None = None,
    ) -> None:
        self.chips, self.reader, self.footprints = chips, reader, footprints
        self.polygons = polygons or {}
        self._counted: dict[str, list[ObjectCounts]] = {}
        self._open: _WindowFiles | None = None

    def __enter__(self) -> "ObjectCounter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open is not None:
            self._open.remove()

    def add(
        self,
        chip: int,
        window: Window,
        cell: Window,
        mask: np.ndarray,
        classes: np.ndarray,
        inside: np.ndarray | None = None,
    ) -> None:
        """Take a cell of a window of a chip; the cells of one window come together.

        mask, classes: (h, w) uint8 truth and map, 255 = ignore. inside: (h, w) floating in 0..1, where the network
        tells how far inside its object each pixel lies.
        """
        if self._open is None or (self._open.chip, self._open.window) != (chip, window):
            self._end_window()
            self._open = _WindowFiles(chip, window, inside is not None)
        self._open.write(cell, mask, classes, inside)

    def counts(self) -> dict[str, ObjectCounts]:
        """The counts of each area of which something was scored."""
        self._end_window()
        return {area: reduce(add, counted) for area, counted in self._counted.items()}

    def _end_window(self) -> None:
        files, self._open = self._open, None
        if files is None:
            return
        try:
            files.close()
            counted = self._count(files)
        finally:
            files.remove()
        self._counted.setdefault(self.chips[files.chip].area, []).append(counted)

    def _count(self, files: "_WindowFiles") -> ObjectCounts:
        chip = self.chips[files.chip]
        pixel_m2 = None if chip.ground_m is None else chip.ground_m**2
        unknown = outlines(files.truth, IGNORE)
        mapped = _on_known_ground(self._mapped(files), unknown)
        truth = _on_known_ground(self._true(files), unknown)
        least = LEAST_PX if pixel_m2 is None else LEAST_M2 / pixel_m2
        truth = truth[shapely.area(truth) >= least]
        counts = count_objects(mapped, truth, unit_m2=pixel_m2)
        reach = BOUNDARY_PX if chip.ground_m is None else max(1.0, BOUNDARY_M / chip.ground_m)
        counts.boundary[:] = boundary_counts(files.truth, files.map, reach)
        return counts

    def _mapped(self, files: "_WindowFiles") -> np.ndarray:
        chip = self.chips[files.chip]
        if files.chip in self.polygons:
            return cut_out(self.polygons[files.chip], files.window)
        return outlines(
            files.map,
            OBJECT,
            self.footprints.minimum_px(chip.ground_m),
            splitting=self.footprints.splitting(chip.ground_m, 2),
            inside=files.inside,
        )

    def _true(self, files: "_WindowFiles") -> np.ndarray:
        chip = self.chips[files.chip]
        if chip.labels is None or not is_vector(chip.labels):
            return outlines(files.truth, OBJECT)
        return cut_out(self.reader.objects(chip, chip.labels, OBJECT), files.window)


class _WindowFiles:
    """Truth and map of one window of a chip, in files of their own."""

    def __init__(self, chip: int, window: Window, has_inside: bool) -> None:
        self.chip, self.window = chip, window
        self._folder = tempfile.TemporaryDirectory(prefix="limner-")
        folder = Path(self._folder.name)
        self.truth, self.map = folder / "truth.tif", folder / "map.tif"
        self.inside = folder / "inside.tif" if has_inside else None
        self._paths = [path for path in (self.truth, self.map, self.inside) if path is not None]
        self._files = [self._create(path) for path in self._paths]
        self._written = 0

    def _create(self, path: Path) -> RasterFile:
        profile: dict[str, Any] = {"height": self.window.height, "width": self.window.width, "count": 1}
        return RasterFile(
            path, driver="GTiff", dtype="uint8", nodata=IGNORE, tiled=True, blockxsize=BLOCK_PX, blockysize=BLOCK_PX,
            compress="deflate", zlevel=1, **profile,
        )  # fmt: skip

    def write(self, cell: Window, mask: np.ndarray, classes: np.ndarray, inside: np.ndarray | None) -> None:
        self._written += mask.size
        if self._written > HELD_PIXELS:  # GDAL keeps what was written until a file is closed
            self.close()
            self._files, self._written = [RasterFile(path, "r+") for path in self._paths], mask.size
        place = cell.seen_from(self.window).rasterio
        shares = [] if inside is None else [inside_as_bytes(inside)]
        for file, values in zip(self._files, [mask, classes, *shares], strict=True):
            file.write(values, 1, window=place)

    def close(self) -> None:
        for file in self._files:
            file.__exit__(None, None, None)

    def remove(self) -> None:
        for file in self._files:
            file.dataset.close()
        self._folder.cleanup()


def outlines(raster: Path, number: int, minimum_px: int = 1, **how: Any) -> np.ndarray:
    """Polygons of the regions of one class of a class raster, in its pixels: x = column, y = row.

    how: ``splitting`` and ``inside`` of `limner.segment.footprints.regions.find_regions`.
    """
    regions = find_regions(raster, None, {number: 1}, minimum_px, PIXELS_AT_ONCE, **how)
    return _array(outline for region in regions for outline in region.outlines())


def cut_out(shapes: np.ndarray, window: Window) -> np.ndarray:
    """The parts of polygons (in a chip's pixels) that lie on a window, in the window's pixels."""
    place = shapely.box(0, 0, window.width, window.height)
    moved = shapely.transform(shapes, lambda points: points - (window.column, window.row))
    moved = shapely.make_valid(moved[shapely.intersects(moved, place)])
    parts = shapely.get_parts(shapely.intersection(moved, place))
    return parts[(shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & (shapely.area(parts) > 0)]


def boundary_counts(truth: Path, mapped: Path, reach_px: float) -> np.ndarray:
    """(2, 2) int64: border pixels of the objects of a map and of its truth: all, and those with one of the other's at
    most ``reach_px`` pixels away.

    A border pixel is one of an object with one of four neighbors that is known and is none.
    """
    margin = int(np.ceil(reach_px)) + 1
    total = np.zeros((2, 2), np.int64)
    with rasterio.open(truth) as dataset:
        height, width = dataset.shape
    for band in row_bands(height, width, PIXELS_AT_ONCE):
        top, end = max(0, band.row - margin), min(height, band.row + band.height + margin)
        masks = [_read(path, Window(top, 0, end - top, band.width)) for path in (mapped, truth)]
        unknown = (masks[0] == IGNORE) | (masks[1] == IGNORE)
        masks = [np.where(unknown, np.uint8(IGNORE), mask) for mask in masks]
        borders = [object_borders(mask, (mask == OBJECT).astype(np.int8)) for mask in masks]
        own = slice(band.row - top, band.row - top + band.height)
        for number, (ours, others) in enumerate((borders, borders[::-1])):
            if ours.any():
                near = ndimage.distance_transform_edt(~others) <= reach_px if others.any() else np.zeros_like(ours)
                total[number] += int(ours[own].sum()), int((ours & near)[own].sum())
    return total


def _read(path: Path, window: Window) -> np.ndarray:
    with rasterio.open(path) as dataset:  # opened anew: GDAL keeps what it read until a file is closed
        return np.asarray(dataset.read(1, window=window.rasterio))


def _on_known_ground(shapes: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    """The polygons of which at least half lies on no unknown ground."""
    if not len(unknown) or not len(shapes):
        return shapes
    own, other = shapely.STRtree(unknown).query(shapes, predicate="intersects")
    hidden = shapely.area(shapely.intersection(shapes[own], unknown[other]))
    return shapes[np.bincount(own, hidden, len(shapes)) <= (1 - WHOLE) * shapely.area(shapes)]


def _array(shapes: Any) -> np.ndarray:
    found = list(shapes)
    array = np.empty(len(found), object)
    array[:] = found
    return array


def objects_of(counter: ObjectCounter, chips: Sequence[Chip], ours: str = AS_DRAWN) -> Objects:
    """The scores of each area's objects with their protocol. ours: which polygons were counted, in words."""
    scored = {area: counts.scores() for area, counts in counter.counts().items()}
    return Objects(scored, _protocol(chips, ours)) if scored else NO_OBJECTS


def _protocol(chips: Sequence[Chip], ours: str) -> str:
    vectors = any(chip.labels is not None and is_vector(chip.labels) for chip in chips)
    mask = "the connected regions of the truth's mask, where roofs that touch are one object"
    truth = "the truth's polygons" if vectors else mask
    reach = f"{BOUNDARY_PX} px" if any(chip.ground_m is None for chip in chips) else f"{BOUNDARY_M:g} m"
    return f"{ours} against {truth}; found from an IoU of {IOU:g}; borders up to {reach} apart are one"
