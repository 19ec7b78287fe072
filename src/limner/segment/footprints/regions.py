"""Connected regions of a class raster of any size, found block of rows by block of rows and joined over the seams.

GDAL's own polygonizer, as rasterio offers it, keeps every polygon of the raster in memory until the last one is done.
Here a region leaves as soon as the rows it reaches are behind: a block of rows and the regions that cross its lower
edge are all that is held.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio
import shapely
from rasterio import Affine
from rasterio.features import shapes
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from limner.foundation.files.names import spelled
from limner.reporting.pictures import IGNORE
from limner.scenes.windows import Window
from limner.segment.footprints.objects import agreed, split_by_columns
from limner.segment.footprints.options import Splitting

BLOCK_PIXELS = 2**21  # of the raster at once; labels, probabilities and their sums take about 40 bytes a pixel
NO_REGION = -1
DEEP = 254
"""What a raster of insides has where a pixel lies deep in its object; 255 is none."""
MOST_CORNERS = 200_000  # of a region whose pieces are joined; a town's largest block of houses has a few thousand


@dataclass
class Region:
    """Pixels of one class that hang together by their sides (4-connected: pixels that touch by a corner do not).

    pieces: polygons of its parts in pixel coordinates (x = column, y = row), which meet along the seams.
    """

    class_number: int
    area_px: int = 0
    probability_sum: float = 0.0
    pieces: list[Any] = field(default_factory=list)

    def absorb(self, other: "Region") -> None:
        """Take what belongs to ``other``, a part of the same region."""
        self.area_px += other.area_px
        self.probability_sum += other.probability_sum
        self.pieces += other.pieces

    @property
    def mean_probability(self) -> float:
        """Mean over its pixels of its class's probability, 0..1."""
        return self.probability_sum / self.area_px

    def outlines(self) -> list[Any]:
        """Its polygon, with holes, along the pixels' sides; several where blocks agreed on parts that do not touch.

        Of a region of very many corners (a map of noise) the pieces are not joined, as that would take minutes.
        """
        if len(self.pieces) == 1 or shapely.get_num_coordinates(self.pieces).sum() > MOST_CORNERS:
            return self.pieces
        # A corner at every pixel makes the pieces' sides match along the seams: then they are a coverage, whose union
        # takes time in proportion to its corners.
        matching = [with_corner_at_every_pixel(piece) for piece in self.pieces]
        whole = shapely.coverage_union_all(matching)
        return [_rebuilt(part, _corners_only) for part in shapely.get_parts(whole)]


def inside_as_bytes(inside: np.ndarray) -> np.ndarray:
    """How far inside its object each pixel lies, 0..1, as uint8 0..`DEEP`: a file of a quarter of the size."""
    return np.rint(np.clip(inside, 0, 1) * DEEP).astype(np.uint8)


class _Block(NamedTuple):
    """Regions within one block of rows; label n is regions[n - 1].

    above, below: (rows, width) int32 labels around its upper and its lower seam, beyond the block, too.
    """

    class_of: list[int]  # of each label, from 0
    regions: list[Region | None]  # None: too small, and no seam where it might go on
    above: np.ndarray
    below: np.ndarray


def find_regions(
    classes: Path,
    probability: Path | None,
    probability_bands: dict[int, int],
    minimum_area_px: int,
    block_pixels: int = BLOCK_PIXELS,
    splitting: Splitting | None = None,
    inside: Path | None = None,
) -> Iterator[Region]:
    """The regions of at least ``minimum_area_px`` pixels, each once, in the order in which their last rows come.

    classes: a class raster. probability: the raster that holds, for each wanted class, its probability in the band
    (from 1) that ``probability_bands`` names; other classes have no regions; without that raster all are 1. splitting:
    how objects that touch are told apart; without it a region is all that hangs together. inside: a raster of how far
    inside its object each pixel lies (uint8, 254 = deep inside), where a network tells.

    A block sees some rows beyond its own. Two blocks name the same rows around their seam, and what they agree on is
    one region.
    """
    halo = 1 if splitting is None else splitting.reach_px
    with ExitStack() as stack:
        class_raster = stack.enter_context(rasterio.open(spelled(classes)))
        probability_raster = None if probability is None else stack.enter_context(rasterio.open(spelled(probability)))
        inside_raster = None if inside is None else stack.enter_context(rasterio.open(spelled(inside)))
        height, width = class_raster.shape
        block_rows = max(1 if splitting is None else 4 * halo, block_pixels // max(1, width))
        finder = _Finder(minimum_area_px, splitting)
        for row in range(0, height, block_rows):
            own = Window(row, 0, min(block_rows, height - row), width)
            top, end = max(0, row - halo), min(height, row + own.height + halo)
            seen = Window(top, 0, end - top, width).rasterio
            numbers = class_raster.read(1, window=seen)
            depth = None if inside_raster is None else inside_raster.read(1, window=seen) / np.float32(DEEP)
            labels, class_of = finder.label(numbers, tuple(probability_bands), depth)
            inner = slice(row - top, row - top + own.height)
            own_probability = _probabilities(
                probability_raster, own.rasterio, numbers[inner], probability_bands, splitting is not None
            )
            above, below = (
                labels[max(0, seam - halo) - top : min(height, seam + halo) - top] if 0 < seam < height else labels[:0]
                for seam in (row, row + own.height)
            )
            yield from finder.finished(finder.block(labels[inner], class_of, own_probability, row, above, below))


class _Finder:
    """The regions that are open while blocks of rows come by, and how blocks are joined."""

    def __init__(self, minimum_area_px: int, splitting: Splitting | None) -> None:
        self.minimum_area_px, self.splitting = minimum_area_px, splitting
        self.open: list[Region] = []
        self.seam = np.zeros((0, 0), int)  # (rows, width): which open region each pixel around the seam belongs to

    def label(
        self, numbers: np.ndarray, wanted: Sequence[int], inside: np.ndarray | None = None
    ) -> tuple[np.ndarray, list[int]]:
        """Labels (rows, width) int32 from 1, 0 where no wanted class is, and the class of each label. inside: (rows,
        width) float32, 0..1, see `split`."""
        labels = np.zeros(numbers.shape, np.int32)
        class_of = [0]
        for number in wanted:
            if self.splitting is None:
                found, count = ndimage.label(numbers == number)  # 4-connected
            else:
                found, count = split_by_columns(numbers == number, self.splitting, inside)
                found[(labels > 0) | (numbers == IGNORE)] = 0  # filled holes take neither objects nor unknown ground
            np.add(found, len(class_of) - 1, out=found, where=found > 0)
            labels += found
            class_of += [number] * count
        return labels, class_of

    def block(
        self,
        mine: np.ndarray,
        class_of: list[int],
        probabilities: np.ndarray,
        first_row: int,
        above: np.ndarray,
        below: np.ndarray,
    ) -> _Block:
        """Outline the regions of one block that are large enough or reach a seam."""
        areas = np.bincount(mine.ravel(), minlength=len(class_of))
        sums = np.bincount(mine.ravel(), weights=probabilities.ravel(), minlength=len(class_of))
        kept = areas >= self.minimum_area_px
        for edge in (above, below):
            kept[edge.ravel()] = True
        kept &= areas > 0
        kept[0] = False
        regions: list[Region | None] = [
            Region(class_of[label], int(areas[label]), float(sums[label])) if kept[label] else None
            for label in range(1, len(class_of))
        ]
        place = Affine.translation(0, first_row)
        for geometry, label in shapes(mine, mask=kept[mine], connectivity=4, transform=place):
            region = regions[int(label) - 1]
            if region is not None:
                outer, *holes = [shapely.linearrings(np.array(ring)) for ring in geometry["coordinates"]]
                region.pieces.append(shapely.polygons(outer, holes or None))
        return _Block(class_of, regions, above, below)

    def finished(self, block: _Block) -> Iterator[Region]:
        """Join a block's regions with those that came down to it; gives those that are complete and large enough."""
        parts = [*self.open, *block.regions]
        offset = len(self.open) - 1  # label n is parts[n + offset]
        group = self._groups(block, len(parts))
        merged: dict[int, Region] = {}
        for number, part in zip(group.tolist(), parts, strict=True):
            if part is None:
                continue
            if number in merged:
                merged[number].absorb(part)
            else:
                merged[number] = part
        below = np.full(block.below.shape, NO_REGION)
        known = block.below > 0
        below[known] = group[block.below[known] + offset]
        reaches = np.zeros(len(parts) + 1, bool)
        reaches[below.ravel()] = True  # the last is `NO_REGION`
        numbers = [number for number in np.flatnonzero(reaches[:-1]).tolist() if number in merged]
        self.open = [merged.pop(number) for number in numbers]
        place = np.full(len(parts) + 1, NO_REGION)
        place[numbers] = np.arange(len(numbers))
        self.seam = place[below]
        yield from (region for region in merged.values() if region.area_px >= self.minimum_area_px)

    def _groups(self, block: _Block, count: int) -> np.ndarray:
        """A number for each part, equal where both blocks mean the same region: (count,) int32."""
        links = np.zeros((0, 2), np.int64)
        if block.above.size:
            links = agreed(self.seam + 1, block.above, most_of_smaller=self.splitting is not None)
            links += [-1, len(self.open) - 1]
        graph = coo_array((np.ones(len(links)), (links[:, 0], links[:, 1])), shape=(count, count))
        return np.asarray(connected_components(graph, directed=False)[1])


def _probabilities(dataset: Any, window: Any, numbers: np.ndarray, bands: dict[int, int], filled: bool) -> np.ndarray:
    """The probability of each pixel's own class, (rows, width) float32; zero where the class is not wanted.

    filled: holes may have been filled, whose probability counts, too, where there is one class alone.
    """
    if dataset is None:
        return np.ones(numbers.shape, np.float32)
    if filled and len(bands) == 1:
        return np.nan_to_num(dataset.read(next(iter(bands.values())), window=window))
    own = np.zeros(numbers.shape, np.float32)
    for number, band in bands.items():
        mask = numbers == number
        if mask.any():
            np.copyto(own, dataset.read(band, window=window), where=mask)
    return own


def with_corner_at_every_pixel(polygon: Any) -> Any:
    """The same polygon along the pixels' sides, with a corner wherever two pixels meet.

    In numpy, as `shapely.segmentize` buffers polygons to make sure that they are valid, which takes minutes for large
    ones.
    """
    return _rebuilt(polygon, _densified)


def _rebuilt(polygon: Any, change: Callable[[np.ndarray], np.ndarray]) -> Any:
    """The polygon with each of its rings, (n, 2) closed, changed."""
    outer, *holes = [shapely.linearrings(change(shapely.get_coordinates(ring))) for ring in shapely.get_rings(polygon)]
    return shapely.polygons(outer, holes or None)


def _densified(ring: np.ndarray) -> np.ndarray:
    """Points (n, 2) of a closed ring whose sides lie along axes, with all whole places between them."""
    sides = np.diff(ring, axis=0)
    lengths = np.abs(sides).sum(axis=1).astype(np.int64)
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    along = np.arange(lengths.sum()) - first
    steps = np.repeat(np.sign(sides), lengths, axis=0) * along[:, None]
    return np.concatenate([np.repeat(ring[:-1], lengths, axis=0) + steps, ring[-1:]])


def _corners_only(ring: np.ndarray) -> np.ndarray:
    """The points of a closed ring along axes where it turns."""
    sides = np.sign(np.diff(ring, axis=0))
    turns = (sides != np.roll(sides, 1, axis=0)).any(axis=1)  # the first point belongs to the first and the last side
    corners = ring[:-1][turns]
    return np.concatenate([corners, corners[:1]])
