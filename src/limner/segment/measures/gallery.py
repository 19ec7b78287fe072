"""Pictures of what a run gets wrong, drawn while it is scored: each area's errors, and the wall of worst tiles.

Memory stays bounded: an area's pictures are shrunken as they come in and written when the next area begins, and of the
tiles only the worst few are kept.
"""

import heapq
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from limner.foundation.errors import UserError
from limner.foundation.files.writing import remove
from limner.reporting.pictures import (
    GAP_PX,
    IGNORE,
    contact_sheet,
    error_map,
    resized,
    to_display,
    write_picture,
)
from limner.reporting.tables import percent
from limner.scenes.windows import Window
from limner.segment.data.chips import Chip
from limner.segment.labels.drawing import TILE_PX, colors_key, draw_triple, draw_triples, with_key
from limner.segment.measures.counts import Counts
from limner.segment.measures.tally import Observer, ScoredCell

WIDEST_PX = 2000
LARGEST_PX, SMALLEST_PX = 1200, 480  # a picture that stands alone: large scenes shrunken, small chips enlarged
MOST_PICTURES = 60
MOST_TILES = 24
WALL = "worst.jpg"


@contextmanager
def drawing_errors(
    folder: Path | None, chips: Sequence[Chip], windows: Sequence[tuple[int, Window]], class_names: Sequence[str]
) -> Iterator[Observer | None]:
    """An observer that draws into ``folder`` what it sees: ``<area>.jpg`` of each area, and the wall ``worst.jpg``.

    folder: None gives no observer. windows: what will be scored, area by area: (chip number, window).
    Raises `UserError` when a file stands where the folder should be.
    """
    if folder is None:
        yield None
        return
    if blocking := next((part for part in (folder, *folder.parents) if part.exists() and not part.is_dir()), None):
        raise UserError(f"{folder}: the pictures of errors need a folder, but {blocking} is a file; name another")
    areas, worst = AreaErrors(folder, chips, windows, class_names), WorstTiles(chips, class_names)

    def look(seen: ScoredCell) -> None:
        areas(seen)
        worst(seen)

    yield look
    areas.finish()
    worst.write(folder / WALL)


class AreaErrors:
    """Writes each area's error maps side by side, each picture with its F1 (of many classes their mean).

    What is scored of a chip is a picture: the whole, or a block of its validation ground. Of an area with more than 60,
    the 60 with most wrong pixels are shown.
    """

    def __init__(
        self,
        folder: Path,
        chips: Sequence[Chip],
        windows: Sequence[tuple[int, Window]],
        class_names: Sequence[str],
    ) -> None:
        self.folder, self.chips, self.class_names = folder, chips, class_names
        by_area: dict[str, list[Window]] = {}
        for number, window in windows:
            by_area.setdefault(chips[number].area, []).append(window)
        self._layouts = {area: _layout(members) for area, members in by_area.items()}
        self._canvas: _Canvas | None = None
        self._kept: list[tuple[int, int, np.ndarray, str]] = []  # a heap of (wrong pixels, - number, picture, caption)
        self._drawn = 0

    def __call__(self, seen: ScoredCell) -> None:
        """Draw a cell; begin a new picture, and perhaps a new area, where it belongs to another than the last."""
        last = self._canvas
        if last is None or (last.seen.chip, last.seen.window) != (seen.chip, seen.window):
            self._end_picture()
            if last is not None and last.seen.area != seen.area:
                self._end_area(last.seen.area)
            last = self._canvas = _Canvas(seen, self._layouts[seen.area].cell_px, len(self.class_names))
        last.add(seen)

    def finish(self) -> None:
        """Write the last area."""
        if self._canvas is not None:
            self._end_picture()
            self._end_area(self._canvas.seen.area)
            self._canvas = None

    def _end_picture(self) -> None:
        if self._canvas is None:
            return
        picture, counts = self._canvas.draw(), self._canvas.counts
        seen = self._canvas.seen
        caption = f"{_name(self.chips[seen.chip], seen.window)}: F1 {percent(counts.scores().f1)}"
        self._drawn += 1
        heapq.heappush(self._kept, (_wrong(counts), -self._drawn, picture, caption))
        if len(self._kept) > MOST_PICTURES:
            heapq.heappop(self._kept)

    def _end_area(self, area: str) -> None:
        kept = sorted(self._kept, key=lambda item: -item[1])
        some = f": the {len(kept)} pictures of {self._drawn} with most wrong pixels" if len(kept) < self._drawn else ""
        sheet = contact_sheet(
            [picture for _, _, picture, _ in kept],
            [caption for _, _, _, caption in kept],
            columns=self._layouts[area].columns,
            cell_px=self._layouts[area].cell_px,
            title=area + some,
        )
        name = area.replace("/", "-")
        file = f"{name}.jpg" if f"{name}.jpg" != WALL else f"area-{name}.jpg"
        write_picture(self.folder / file, with_key(sheet, colors_key(self.class_names, truth=False)))
        self._kept, self._drawn = [], 0


class _Layout(NamedTuple):
    columns: int
    cell_px: int


def _layout(windows: Sequence[Window]) -> _Layout:
    """How an area's sheet is divided: about square, at most 2000 px wide."""
    columns = min(6, int(np.ceil(np.sqrt(len(windows)))))
    longest = max(max(window.height, window.width) for window in windows)
    room = (WIDEST_PX - GAP_PX) // columns - GAP_PX
    return _Layout(columns, min(room, LARGEST_PX, max(longest, SMALLEST_PX)))


class _Canvas:
    """Every ``step``-th pixel of a window, its truth and its classes, as its cells come in."""

    def __init__(self, seen: ScoredCell, longest_px: int, classes: int) -> None:
        window = seen.window
        self.seen, self.longest_px = seen, longest_px
        self.step = max(1, max(window.height, window.width) // longest_px)
        shape = -(-window.height // self.step), -(-window.width // self.step)
        self.values = np.zeros((min(3, len(seen.pixels.values)), *shape), seen.pixels.values.dtype)
        self.valid = np.zeros(shape, bool)
        self.mask, self.classes = np.full(shape, IGNORE, np.uint8), np.full(shape, IGNORE, np.uint8)
        self.counts = Counts.zero(classes)

    def add(self, seen: ScoredCell) -> None:
        """Put a cell in its place and count it."""
        step, place = self.step, seen.cell.seen_from(self.seen.window)
        sparse = slice(-place.row % step, None, step), slice(-place.column % step, None, step)
        row, column = -(-place.row // step), -(-place.column // step)
        height, width = seen.mask[sparse].shape
        there = slice(row, row + height), slice(column, column + width)
        self.values[(slice(None), *there)] = seen.pixels.values[: len(self.values)][(slice(None), *sparse)]
        self.valid[there] = seen.pixels.valid[sparse]
        self.mask[there], self.classes[there] = seen.mask[sparse], seen.classes[sparse]
        self.counts = self.counts + Counts.of(seen.mask, seen.classes, self.counts.classes)

    def draw(self) -> np.ndarray:
        """The errors over the picture, (H, W, 3) uint8."""
        shown = to_display(self.values, self.valid)
        return resized(error_map(shown, self.mask, self.classes, self.counts.classes), self.longest_px)


class _Tile(NamedTuple):
    wrong: int
    number: int  # negative, so that of tiles as bad the first seen is worse
    pictures: tuple[np.ndarray, ...]  # picture, truth, errors
    place: str
    facts: tuple[str, str]


class WorstTiles:
    """The tiles (cells of at most 512 px) with most wrong pixels, as picture, truth and errors, the worst first."""

    def __init__(self, chips: Sequence[Chip], class_names: Sequence[str], most: int = MOST_TILES) -> None:
        self.chips, self.class_names, self.most = chips, class_names, most
        self._tiles: list[_Tile] = []  # a heap: its first is the least bad
        self._seen = 0

    def __call__(self, seen: ScoredCell) -> None:
        """Keep a tile, shrunken, if it is among the worst."""
        counts = Counts.of(seen.mask, seen.classes, len(self.class_names))
        self._seen += 1
        rank = _wrong(counts), -self._seen
        if rank[0] == 0 or (len(self._tiles) == self.most and rank < self._tiles[0][:2]):
            return
        name = self.chips[seen.chip].image.stem
        place = seen.area if seen.area == name else f"{seen.area}: {name}"
        where = f"row {seen.cell.row}, column {seen.cell.column}"
        pictures = draw_triple(seen.pixels, seen.mask, seen.classes, self.class_names)
        shrunken = tuple(resized(picture, TILE_PX) for picture in pictures)
        tile = _Tile(*rank, shrunken, place, (where, f"{100 * rank[0] / counts.pixels:.0f} % wrong"))
        if len(self._tiles) == self.most:
            heapq.heapreplace(self._tiles, tile)
        else:
            heapq.heappush(self._tiles, tile)

    def draw(self, most: int = MOST_TILES) -> np.ndarray | None:
        """The wall of the ``most`` worst, (H, W, 3) uint8, at most 2000 px wide;
        None when nothing is wrong anywhere.
        """
        if not self._tiles:
            return None
        tiles = list(enumerate(sorted(self._tiles, reverse=True)[:most], 1))
        captions = [(f"{rank}. {tile.place}", *tile.facts) for rank, tile in tiles]
        return draw_triples(
            [tile.pictures for _, tile in tiles],
            self.class_names,
            captions,
            abreast=1 if len(tiles) <= 4 else 2,
            title="The tiles with most wrong pixels, the worst first",
        )

    def write(self, path: Path) -> bool:
        """Write the wall; nothing, and what was there is removed, when nothing is wrong.

        Says whether it was written.
        """
        wall = self.draw()
        if wall is None:
            remove(path)
            return False
        write_picture(path, wall)
        return True


def _wrong(counts: Counts) -> int:
    return counts.pixels - int(np.trace(counts.matrix))


def _name(chip: Chip, window: Window) -> str:
    """The picture's name, and where it is only a part, its first row and column."""
    whole = window == Window(0, 0, chip.height, chip.width)
    return chip.image.stem if whole else f"{chip.image.stem}, row {window.row}, column {window.column}"
