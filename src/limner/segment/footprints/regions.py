"""Connected regions of a class raster of any size, found block of rows by block of rows and joined over the seams.

GDAL's own polygonizer, as rasterio offers it, keeps every polygon of the raster in memory until the last one is done.
Here a region leaves as soon as the rows it reaches are behind: a block of rows and the regions that cross its lower
edge are all that is held.
"""

from collections.abc import Callable, Iterator, Sequence
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

from limner.scenes.windows import row_bands

BLOCK_PIXELS = 2**21  # of the raster at once; labels, probabilities and their sums take about 40 bytes a pixel
NO_REGION = -1
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
        """Its polygon, with holes, along the pixels' sides.

        Of a region of very many corners (a map of noise) the pieces are not joined, as that would take minutes.
        """
        if len(self.pieces) == 1 or shapely.get_num_coordinates(self.pieces).sum() > MOST_CORNERS:
            return self.pieces
        # A corner at every pixel makes the pieces' sides match along the seams: then they are a coverage, whose union
        # takes time in proportion to its corners.
        matching = [_with_corner_at_every_pixel(piece) for piece in self.pieces]
        return [_rebuilt(shapely.coverage_union_all(matching), _corners_only)]


class _Block(NamedTuple):
    """Regions within one block of rows; label n is regions[n - 1]."""

    labels: np.ndarray  # (rows, width) int32, 0 where no wanted class is
    class_of: list[int]  # of each label, from 0
    regions: list[Region | None]  # None: too small, and no seam where it might go on


def find_regions(
    classes: Path,
    probability: Path,
    probability_bands: dict[int, int],
    minimum_area_px: int,
    block_pixels: int = BLOCK_PIXELS,
) -> Iterator[Region]:
    """The regions of at least ``minimum_area_px`` pixels, each once, in the order in which their last rows come.

    classes: a class raster. probability: the raster that holds, for each wanted class, its probability in the band
    (from 1) that ``probability_bands`` names; other classes have no regions.
    """
    with rasterio.open(classes) as class_raster, rasterio.open(probability) as probability_raster:
        height, width = class_raster.shape
        open_regions: list[Region] = []
        open_at = np.full(width, NO_REGION)  # which open region each column of the last row belongs to
        for band in row_bands(height, width, block_pixels):
            numbers = class_raster.read(1, window=band.rasterio)
            seams = (band.row > 0, band.row + band.height < height)
            probabilities = _probabilities(probability_raster, band.rasterio, numbers, probability_bands)
            block = _block(numbers, probabilities, tuple(probability_bands), band.row, minimum_area_px, seams)
            closed, open_regions, open_at = _join(open_regions, open_at, block, goes_on=seams[1])
            yield from (region for region in closed if region.area_px >= minimum_area_px)


def _probabilities(dataset: Any, window: Any, numbers: np.ndarray, bands: dict[int, int]) -> np.ndarray:
    """The probability of each pixel's own class, (rows, width) float32; zero where the class is not wanted."""
    own = np.zeros(numbers.shape, np.float32)
    for number, band in bands.items():
        mask = numbers == number
        if mask.any():
            np.copyto(own, dataset.read(band, window=window), where=mask)
    return own


def _block(
    numbers: np.ndarray,
    probabilities: np.ndarray,
    wanted: Sequence[int],
    first_row: int,
    minimum_area_px: int,
    seams: tuple[bool, bool],
) -> _Block:
    """Label the regions of one block and outline those that are large enough or reach a seam (above, below)."""
    labels = np.zeros(numbers.shape, np.int32)
    class_of = [0]
    for number in wanted:
        found, count = ndimage.label(numbers == number)  # 4-connected
        labels += np.where(found > 0, found + np.int32(len(class_of) - 1), np.int32(0))
        class_of += [number] * count
    areas = np.bincount(labels.ravel(), minlength=len(class_of))
    sums = np.bincount(labels.ravel(), weights=probabilities.ravel(), minlength=len(class_of))
    kept = areas >= minimum_area_px
    for reaches, edge in zip(seams, (labels[0], labels[-1]), strict=True):
        if reaches:
            kept[edge] = True
    kept[0] = False
    regions: list[Region | None] = [
        Region(class_of[label], int(areas[label]), float(sums[label])) if kept[label] else None
        for label in range(1, len(class_of))
    ]
    place = Affine.translation(0, first_row)
    for geometry, label in shapes(labels, mask=kept[labels], connectivity=4, transform=place):
        region = regions[int(label) - 1]
        if region is not None:
            outer, *holes = [shapely.linearrings(np.array(ring)) for ring in geometry["coordinates"]]
            region.pieces.append(shapely.polygons(outer, holes or None))
    return _Block(labels, class_of, regions)


def _join(
    open_regions: list[Region], open_at: np.ndarray, block: _Block, goes_on: bool
) -> tuple[list[Region], list[Region], np.ndarray]:
    """Join a block's regions with those that came down to it.

    Returns the regions that are complete, those that reach the block's last row, and which of these each column of
    that row belongs to.
    """
    parts = [*open_regions, *block.regions]
    offset = len(open_regions) - 1  # label n is parts[n + offset]
    group = _groups(open_regions, open_at, block, len(parts))
    merged: dict[int, Region] = {}
    for number, part in zip(group, parts, strict=True):
        if part is None:
            continue
        if number in merged:
            merged[number].absorb(part)
        else:
            merged[number] = part
    last = block.labels[-1]
    below = np.full(len(last), NO_REGION)
    if goes_on:
        below[last > 0] = group[last[last > 0] + offset]
    numbers, open_at = np.unique(below, return_inverse=True)
    has_gap = bool(numbers[0] == NO_REGION)
    still_open = [merged.pop(int(number)) for number in numbers[has_gap:]]
    return list(merged.values()), still_open, open_at - has_gap


def _with_corner_at_every_pixel(polygon: Any) -> Any:
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


def _groups(open_regions: list[Region], open_at: np.ndarray, block: _Block, count: int) -> np.ndarray:
    """A number for each part, equal where parts touch across the seam and are of one class: (count,) int32."""
    first = block.labels[0]
    meet = np.unique(np.stack([open_at, first])[:, (open_at != NO_REGION) & (first > 0)], axis=1)
    same = [
        (above, label + len(open_regions) - 1)
        for above, label in meet.T.tolist()
        if open_regions[above].class_number == block.class_of[label]
    ]
    links = np.array(same, np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(links)), (links[:, 0], links[:, 1])), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1])
