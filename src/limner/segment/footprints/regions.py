"""Connected regions of a class raster of any size, found block of rows by block of rows and joined over the seams.

GDAL's own polygonizer, as rasterio offers it, keeps every polygon of the raster in memory until the last one is done.
Here a region leaves as soon as the rows it reaches are behind: a part of a block of rows, the block's regions and those
that cross its lower edge are all that is held.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
from limner.segment.footprints.blocks import (
    PART_PIXELS,
    Part,
    Seam,
    Sizes,
    agreed,
    alike,
    blocks_of_rows,
    shared_pixels,
)
from limner.segment.footprints.objects import split
from limner.segment.footprints.options import Splitting
from limner.segment.footprints.rings import as_outlined, with_corner_at_every_pixel

BLOCK_PIXELS = 2**21  # of the raster at once; labels, probabilities and their sums take about 40 bytes a pixel
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
        return [as_outlined(part) for part in shapely.get_parts(whole)]


def inside_as_bytes(inside: np.ndarray) -> np.ndarray:
    """How far inside its object each pixel lies, 0..1, as uint8 0..`DEEP`: a file of a quarter of the size."""
    return np.rint(np.clip(inside, 0, 1) * DEEP).astype(np.uint8)


def find_regions(
    classes: Path,
    probability: Path | None,
    probability_bands: dict[int, int],
    minimum_area_px: int,
    block_pixels: int = BLOCK_PIXELS,
    splitting: Splitting | None = None,
    inside: Path | None = None,
    part_pixels: int = PART_PIXELS,
) -> Iterator[Region]:
    """The regions of at least ``minimum_area_px`` pixels, each once, in the order in which their last rows come.

    classes: a class raster. probability: the raster that holds, for each wanted class, its probability in the band
    (from 1) that ``probability_bands`` names; other classes have no regions; without that raster all are 1. splitting:
    how objects that touch are told apart; without it a region is all that hangs together. inside: a raster of how far
    inside its object each pixel lies (uint8, 254 = deep inside), where a network tells. block_pixels, part_pixels: see
    `limner.segment.footprints.blocks`.
    """
    with ExitStack() as stack:
        class_raster = stack.enter_context(rasterio.open(spelled(classes)))
        probability_raster = None if probability is None else stack.enter_context(rasterio.open(spelled(probability)))
        inside_raster = None if inside is None else stack.enter_context(rasterio.open(spelled(inside)))
        finder = _Finder(minimum_area_px, splitting)
        height, width = class_raster.shape
        for block in blocks_of_rows(height, width, splitting, block_pixels, part_pixels):
            for part in block:
                seen = part.seen.rasterio
                numbers = class_raster.read(1, window=seen)
                depth = None if inside_raster is None else inside_raster.read(1, window=seen) / np.float32(DEEP)
                own_probability = _probabilities(
                    probability_raster, part.own.rasterio, numbers[part.inner], probability_bands, splitting is not None
                )
                finder.add(part, numbers, tuple(probability_bands), own_probability, depth)
            yield from finder.finished()


class _Finder:
    """The regions that are open while blocks of rows come by, and how blocks and their parts are joined."""

    def __init__(self, minimum_area_px: int, splitting: Splitting | None) -> None:
        self.minimum_area_px, self.splitting = minimum_area_px, splitting
        self.open: list[Region] = []
        self.upper = Seam()  # labels of the block above
        self.open_of = np.zeros(1, np.int32)  # of each of them its open region, counted from 1; 0: none
        self.block = _Block()

    def add(
        self,
        part: Part,
        numbers: np.ndarray,
        wanted: Sequence[int],
        probabilities: np.ndarray,
        inside: np.ndarray | None = None,
    ) -> None:
        """Take the next part of this block. numbers: the classes that it sees. probabilities: of its own pixels.
        inside: (rows, width) float32, 0..1, see `split`."""
        block = self.block
        labels, edges = self._label(part, numbers, wanted, inside)
        above, below = labels[part.around(part.above)], labels[part.around(part.below)]
        if above.size:
            before = self.open_of[self.upper.columns(part.own.column, part.own.column + part.own.width)]
            block.met.append(shared_pixels(before, above))
            block.sizes_before.add(before)
            block.sizes.add(above)
        block.lower.append(below)
        block.at_lower.append(np.flatnonzero(np.bincount(below.ravel())))
        block.regions += self._regions(part, labels[part.inner], probabilities, [above, below, *edges])

    def _label(
        self, part: Part, numbers: np.ndarray, wanted: Sequence[int], inside: np.ndarray | None
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Labels (rows, width) int32, 0 where no wanted class is, and those around the seams with the parts beside."""
        block = self.block
        labels = np.zeros(numbers.shape, np.int32)
        edges: list[np.ndarray] = []
        for number in wanted:
            if self.splitting is None:
                found, count = ndimage.label(numbers == number)  # 4-connected
            else:
                found, count = split(numbers == number, self.splitting, inside)
            np.add(found, len(block.class_of) - 1, out=found, where=found > 0)
            left, right = found[:, part.left].copy(), found[:, part.right].copy()
            if left.size:
                block.links.append(agreed(block.right[number], left))
            block.right[number] = right
            edges += [left, right]
            if self.splitting is not None:
                found[(labels > 0) | (numbers == IGNORE)] = 0  # filled holes take neither objects nor unknown ground
            labels += found
            block.class_of += [number] * count
        return labels, edges

    def _regions(
        self, part: Part, mine: np.ndarray, probabilities: np.ndarray, edges: Sequence[np.ndarray]
    ) -> list[Region | None]:
        """A part's regions with their outlines, where they are large enough or reach a seam."""
        class_of, first = self.block.class_of, 1 + len(self.block.regions)
        if first == len(class_of):
            return []  # nothing is there to be outlined
        areas = np.bincount(mine.ravel(), minlength=len(class_of))
        sums = np.bincount(mine.ravel(), weights=probabilities.ravel(), minlength=len(class_of))
        kept = areas >= self.minimum_area_px
        for edge in edges:
            kept[edge.ravel()] = True
        kept &= areas > 0
        kept[0] = False
        regions: list[Region | None] = [
            Region(class_of[label], int(areas[label]), float(sums[label])) if kept[label] else None
            for label in range(first, len(class_of))
        ]
        place = Affine.translation(part.own.column, part.own.row)
        for geometry, label in shapes(np.ascontiguousarray(mine), mask=kept[mine], connectivity=4, transform=place):
            region = regions[int(label) - first]
            if region is not None:
                outer, *holes = [shapely.linearrings(np.array(ring)) for ring in geometry["coordinates"]]
                region.pieces.append(shapely.polygons(outer, holes or None))
        return regions

    def finished(self) -> Iterator[Region]:
        """End the block: join its regions with each other and with those that came down to it; gives those that are
        complete and large enough."""
        block, offset = self.block, len(self.open)
        order = np.argsort(block.class_of[1:], kind="stable")  # class by class
        node = np.zeros(len(block.class_of), np.int64)  # of each label, behind the open regions
        node[1 + order] = np.arange(offset, offset + len(order))
        parts = [*self.open, *(block.regions[number] for number in order.tolist())]
        group = self._groups(node, len(parts))
        merged: dict[int, Region] = {}
        for number in np.argsort(group, kind="stable").tolist():
            part = parts[number]
            if part is None:
                continue
            if group[number] in merged:
                merged[group[number]].absorb(part)
            else:
                merged[group[number]] = part
        labels = np.unique(np.concatenate(block.at_lower))
        going_on = np.unique(group[node[labels[labels > 0]]])
        numbers = [number for number in going_on.tolist() if number in merged]
        self.open = [merged.pop(number) for number in numbers]
        place = np.zeros(len(parts) + 1, np.int32)
        place[numbers] = np.arange(1, len(numbers) + 1)
        self.open_of = place[group[node]] if len(parts) else np.zeros(1, np.int32)
        self.open_of[0] = 0
        self.upper, self.block = block.lower, _Block()
        yield from (region for region in merged.values() if region.area_px >= self.minimum_area_px)

    def _groups(self, node: np.ndarray, count: int) -> np.ndarray:
        """A number for each of ``count`` parts, equal where both blocks mean the same region: (count,) int32."""
        block = self.block
        beside = np.concatenate([np.zeros((0, 2), np.int64), *block.links])
        row_of = _connected(beside, len(node))  # labels of this block that are one, seen from it alone
        _, first = np.unique(row_of, return_index=True)
        met = np.concatenate([np.zeros((0, 3), np.int64), *block.met])
        pairs, place = np.unique(np.stack([met[:, 0], row_of[met[:, 1]]], axis=1), axis=0, return_inverse=True)
        if self.splitting is not None and len(pairs):
            shared = np.bincount(place.ravel(), weights=met[:, 2]).astype(np.int64)
            sizes = np.bincount(row_of[: len(block.sizes.counts)], weights=block.sizes.counts, minlength=len(first))
            pairs = alike(np.column_stack([pairs, shared]), block.sizes_before.counts, sizes)
        down = np.stack([pairs[:, 0] - 1, node[first[pairs[:, 1]]]], axis=1)
        return _connected(np.concatenate([node[beside], down]), count)


class _Block:
    """What is known of a block of rows while its parts come by; labels count from 1 through all of them.

    class_of: of each label. regions: of label n at n - 1; None: too small, and no seam where it might go on. links:
    pairs of labels (n, 2) that are one. met: (n, 3), an open region of the block above (from 1), a label of this one,
    and how many pixels around their seam have both. sizes_before, sizes: of those regions and labels, around that seam.
    lower, at_lower: labels around the lower seam. right: of each class, those around the last part's right seam.
    """

    def __init__(self) -> None:
        self.class_of = [0]
        self.regions: list[Region | None] = []
        self.links: list[np.ndarray] = []
        self.met: list[np.ndarray] = []
        self.sizes_before, self.sizes = Sizes(), Sizes()
        self.lower = Seam()
        self.at_lower: list[np.ndarray] = []
        self.right: dict[int, np.ndarray] = {}


def _connected(links: np.ndarray, count: int) -> np.ndarray:
    """A number for each of ``count`` things, equal where pairs (n, 2) link them, from 0 in the order of each one's
    first thing: (count,) int32."""
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
