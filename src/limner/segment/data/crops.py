"""What a network sees in training: crops of overlapping tiles, turned and mirrored, drawn anew in each epoch."""

import copy
import math
from collections.abc import Iterator
from functools import cached_property
from itertools import groupby, islice
from typing import NamedTuple

import numpy as np
import psutil
import torch
from torch import Tensor

from limner.colors.summary import ColorSummary, summarize
from limner.foundation.errors import UserError
from limner.reporting.pictures import IGNORE
from limner.scenes.statistics import NOTHING, Statistics
from limner.scenes.windows import Pixels, Window, cut, row_bands
from limner.segment.data.augmentation import coded, cut_offsets, decoded, draw, flip, jittered, warp
from limner.segment.data.blocks import Split
from limner.segment.data.chips import DataSet
from limner.segment.data.sampling import each_once, grouped, in_turn
from limner.segment.data.tones import Tones, draw_tones, toned
from limner.segment.labels.depths import read_depths
from limner.segment.labels.reader import RING_PX

LEAST_TRAINING = 0.1  # a tile with less training ground than this share of its pixels is not worth a draw


class Crops(NamedTuple):
    """A training batch.

    image: (B, C, crop, crop) float32 in the files' own units, 0 where not valid. valid: (B, crop, crop) bool.
    mask: (B, crop, crop) int64 class numbers, 255 = ignore (also wherever not valid). chip: (B,) int64, the
    number of the chip each crop comes from. depth: (B, crop, crop) uint8, how many pixels deep inside its object each
    pixel lies, see `limner.segment.labels.depths.read_depths`; 0 everywhere where nobody asked for it.
    """

    image: Tensor
    valid: Tensor
    mask: Tensor
    chip: Tensor
    depth: Tensor


class CropSource:
    """Training crops of a data set, and its pictures by windows for evaluation.

    Tiles of 364 px every 120 px; from each tile, half of the time a 256 px crop at a random offset, else a turn
    by any angle about the tile's center and the center crop; then both flips with probability 1/2 each
    (Ghassemi et al. 2018, section IV; the paper's crops are the default here). As 364 >= 256 * sqrt(2), no turned crop
    reaches beyond its tile.

    Each call is a pure function of (seed, epoch, index), free of state, and may come from any thread. Data that fits
    ``memory_bytes`` is held in memory in its own type; else each window is read from its files. Both give the
    same crops.

    Args:
        split: the ground held out; training never sees a pixel of it (values 0, not valid, mask 255).
        memory_bytes: limit of what is held in memory; None: a quarter of what the machine has free.
        ring_px: as in `LabelReader`.
        areas_balanced: draw all areas equally often, so that small ones do not drown; an epoch stays
            ``len(self)`` tiles.
        classes_balanced: seek each class equally often: a place of an epoch picks a class among those that occur (in
            its area, if areas are balanced) and then a tile in proportion to its pixels of that class.
        scale_range: crops are enlarged by a factor from this range (uniform in its logarithm). Crops of a
            factor below 256 * sqrt(2) / 364 may reach beyond their tile; those pixels are not valid.
        jitter: each band of each crop gets a gain from 1 - jitter to 1 + jitter about the band's mean and an
            offset of up to jitter deviations.
        curves: how far each band's tone curve is bent, see `limner.segment.data.tones.toned`: powers from exp(-curves)
            to exp(curves), skews from -curves to curves.
        band_mixing: how much of each other band, at most, a band is given or loses.
        deepest_px: crops tell how deep each pixel lies inside its object, up to so many pixels; 0: they do not.

    Raises:
        UserError: when no tile holds a labelled pixel to learn from.
    """

    def __init__(
        self,
        data: DataSet,
        split: Split,
        *,
        tile_px: int = 364,
        stride_px: int = 120,
        crop_px: int = 256,
        seed: int = 0,
        memory_bytes: int | None = None,
        ring_px: int = RING_PX,
        areas_balanced: bool = True,
        classes_balanced: bool = False,
        scale_range: tuple[float, float] = (1.0, 1.0),
        jitter: float = 0.0,
        curves: float = 0.0,
        band_mixing: float = 0.0,
        deepest_px: int = 0,
    ) -> None:
        if crop_px > tile_px:
            raise UserError(f"a crop of {crop_px} px does not fit in a tile of {tile_px} px; enlarge the tile")
        self.data, self.split = data, split
        self.tile_px, self.stride_px, self.crop_px = tile_px, stride_px, crop_px
        self.areas_balanced, self.classes_balanced = areas_balanced, classes_balanced
        self.seed, self.scale_range, self.jitter, self.deepest_px = seed, scale_range, jitter, deepest_px
        self.curves, self.band_mixing = curves, band_mixing
        self.chips = data.chips
        self._reader = data.reader(ring_px=ring_px)
        self._held: dict[int, tuple[Pixels, np.ndarray]] = {}
        self._held_depths: dict[int, np.ndarray] = {}
        limit = psutil.virtual_memory().available // 4 if memory_bytes is None else memory_bytes
        if memory_needed(data, depths=deepest_px > 0) <= limit:
            whole = self.pictures()
            self._held = {number: self._reader.read_with_pixels(self.chips[number], window) for number, window in whole}
            if deepest_px:
                self._held_depths = {number: self._read_depths(number, window) for number, window in whole}
        self._list_tiles()

    def _list_tiles(self) -> None:
        self.tiles = [tile for number in range(len(self.chips)) for tile in self._training_tiles(number)]
        if not self.tiles:
            raise UserError("no training tile holds a labelled pixel; check the labels with limner check")
        self._last_order: tuple[int, np.ndarray] = (-1, np.zeros(0, int))

    def with_split(self, split: Split) -> "CropSource":
        """The same pictures, what is held in memory shared, with other ground held out.

        Raises `UserError` as making one does.
        """
        other = copy.copy(self)
        for name in ("area_colors", "_chip_class_pixels", "_tile_class_pixels"):
            other.__dict__.pop(name, None)  # of the ground learned from
        other.split = split
        other._list_tiles()
        return other

    def __len__(self) -> int:
        """Training tiles, which is how many crops an epoch has."""
        return len(self.tiles)

    @property
    def in_memory(self) -> bool:
        """Whether all pixels are held in memory."""
        return bool(self._held)

    def batches_per_epoch(self, size: int) -> int:
        """Batches of ``size`` that show every tile of an epoch; the last is filled from the epoch's beginning."""
        return math.ceil(len(self) / size)

    def order(self, epoch: int) -> np.ndarray:
        """(len(self),) int64: which tile each place of an epoch shows; areas in turn and classes sought equally often
        where they are balanced."""
        last_epoch, order = self._last_order
        if last_epoch != epoch:
            order = self._draw_order(self._generator(epoch))
            self._last_order = (epoch, order)  # one assignment: another thread sees the old pair or the new one
        return order

    def batch(self, epoch: int, index: int, size: int, part: tuple[int, int] = (0, 1)) -> Crops:
        """The crops of one step: ``size`` tiles at place ``index`` of the epoch's order, augmented.

        part: (number, count), only the crops of this one of so many equal parts, as they are in the whole.
        """
        order = self.order(epoch)
        own = np.arange(size).reshape(part[1], -1)[part[0]]
        tiles = [self.tiles[number] for number in order[(index * size + own) % len(order)]]
        generator = self._generator(epoch, index)
        draws = draw(generator, size, self.data.channels, self.scale_range, self.jitter).of(torch.from_numpy(own))
        pixels = np.empty((len(own), self.data.channels, self.crop_px, self.crop_px), np.float32)
        code = np.empty((len(own), self.crop_px, self.crop_px), np.float32)
        for place in torch.nonzero(draws.whole_pixels).flatten().tolist():
            number, tile = tiles[place]
            row, column = cut_offsets(draws.offset01[place], self.tile_px, self.crop_px)
            window = Window(tile.row + row, tile.column + column, self.crop_px, self.crop_px)
            pixels[place], code[place] = self._training_pixels(number, window)
        crops = torch.from_numpy(pixels), torch.from_numpy(code)
        others = torch.nonzero(~draws.whole_pixels).flatten()
        if len(others):
            whole_tiles = [self._training_pixels(*tiles[place]) for place in others.tolist()]
            for crop, warped in zip(crops, warp(whole_tiles, draws.of(others), self.crop_px), strict=True):
                crop[others] = warped
        flip(crops, draws.flip)
        valid, mask, depth = decoded(crops[1])
        image = crops[0]
        if self.jitter:
            image = jittered(image, valid, draws, self.statistics())
        if self.curves or self.band_mixing:
            tones = draw_tones(generator, size, self.data.channels, self.curves, self.band_mixing)
            image = toned(image, valid, Tones(*(drawn[own] for drawn in tones)), self.statistics())
        return Crops(image, valid, mask, torch.tensor([number for number, _ in tiles]), depth)

    def pictures(self) -> list[tuple[int, Window]]:
        """Every chip with the window that is all of it."""
        return [(number, Window(0, 0, chip.height, chip.width)) for number, chip in enumerate(self.chips)]

    def validation_blocks(self) -> list[tuple[int, Window]]:
        """Every block held out, with its chip's number."""
        return [(number, block) for number, blocks in enumerate(self.split.validation) for block in blocks]

    def read(self, number: int, window: Window) -> tuple[Pixels, np.ndarray]:
        """A chip's pixels and (height, width) uint8 mask in a window, nothing erased; for evaluation.

        The window may reach beyond the chip: not valid there, mask 255. Treat the arrays as read-only.
        """
        if number not in self._held:
            return self._reader.read_with_pixels(self.chips[number], window)
        (values, valid), mask = self._held[number]
        return Pixels(cut(values, window, 0), cut(valid, window, 0)), cut(mask, window, IGNORE)

    def statistics(self) -> Statistics:
        """Mean and deviation of each band over the training ground: no held-out block, no invalid pixel."""
        total = NOTHING
        for colors in self.area_colors.values():
            total = total.merged(colors.moments)
        return total.statistics()

    def area_statistics(self) -> dict[str, Statistics]:
        """The same for each area that has training ground."""
        return {area: colors.moments.statistics() for area, colors in self.area_colors.items()}

    @cached_property
    def area_colors(self) -> dict[str, ColorSummary]:
        """The colors of the training ground of each area that has some."""
        numbers: dict[str, list[int]] = {}
        for number, chip in enumerate(self.chips):
            numbers.setdefault(chip.area, []).append(number)
        found = {area: summarize(self._training_ground(ours), seed=self.seed) for area, ours in numbers.items()}
        return {area: colors for area, colors in found.items() if colors.count}

    def _training_ground(self, numbers: list[int]) -> Iterator[Pixels]:
        for number in numbers:
            chip = self.chips[number]
            for window in row_bands(chip.height, chip.width):
                values, valid = self.read(number, window)[0]
                yield Pixels(values, valid & self.split.training_ground(number, window))

    def class_pixels(self) -> np.ndarray:
        """(chips, classes) int64: the labelled pixels of each class on each chip's training ground, counted once."""
        return self._chip_class_pixels

    @cached_property
    def _chip_class_pixels(self) -> np.ndarray:
        counts = np.zeros((len(self.chips), len(self.data.class_names)), np.int64)
        for number, chip in enumerate(self.chips):
            for window in row_bands(chip.height, chip.width):
                labels = self._training_labels(number, window)[1]
                counts[number] += np.bincount(labels.ravel(), minlength=IGNORE + 1)[: counts.shape[1]]
        return counts

    @cached_property
    def _tile_class_pixels(self) -> np.ndarray:
        """(tiles, classes) int64: the same for each tile; tiles overlap."""
        counts = np.zeros((len(self), len(self.data.class_names)), np.int64)
        # Tiles of one row are read together: alone, each pixel would be read once more for every overlap.
        places = iter(range(len(self)))
        for (number, row), tiles in groupby(self.tiles, lambda item: (item[0], item[1].row)):
            columns = np.array([tile.column for _, tile in tiles])
            ours = list(islice(places, len(columns)))
            band = Window(row, int(columns[0]), self.tile_px, int(columns[-1] - columns[0]) + self.tile_px)
            labels = self._training_labels(number, band)[1]
            starts = columns - columns[0]
            for of_class in range(counts.shape[1]):
                until = np.append(0, (labels == of_class).sum(0).cumsum())
                counts[ours, of_class] = until[starts + self.tile_px] - until[starts]
        return counts

    def _training_labels(self, number: int, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Where training may look, (h, w) bool, and the classes there, (h, w) uint8, 255 = ignore elsewhere."""
        pixels, mask = self.read(number, window)
        ground = pixels.valid & self.split.training_ground(number, window)
        return ground, np.where(ground, mask, IGNORE)

    def _training_tiles(self, number: int) -> Iterator[tuple[int, Window]]:
        """The tiles of a chip with enough ground to learn from and a label on it."""
        chip, tile_px = self.chips[number], self.tile_px
        columns = tile_starts(chip.width, tile_px, self.stride_px)
        for row in tile_starts(chip.height, tile_px, self.stride_px):
            band = Window(row, columns[0], tile_px, columns[-1] - columns[0] + tile_px)
            ground, labels = self._training_labels(number, band)
            usable = np.append(0, ground.sum(0).cumsum())
            labelled = np.append(0, (labels != IGNORE).sum(0).cumsum())
            for column in columns:
                tile = Window(row, column, tile_px, tile_px)
                on_picture = tile.clipped(chip.height, chip.width)
                first, last = column - columns[0], column - columns[0] + tile_px
                enough = LEAST_TRAINING * on_picture.height * on_picture.width
                if usable[last] - usable[first] >= enough and labelled[last] > labelled[first]:
                    yield number, tile

    def _draw_order(self, generator: torch.Generator) -> np.ndarray:
        if not (self.areas_balanced or self.classes_balanced):
            return each_once(len(self), generator)
        groups = [np.arange(len(self))]
        if self.areas_balanced:
            groups = grouped([self.chips[number].area for number, _ in self.tiles])
        return in_turn(groups, generator, self._tile_class_pixels if self.classes_balanced else None)

    def _generator(self, *place: int) -> torch.Generator:
        """A generator of its own for each (seed, epoch) or (seed, epoch, index)."""
        word = np.random.SeedSequence([self.seed, len(place), *place]).generate_state(1, np.uint64)[0]
        return torch.Generator().manual_seed(int(word) >> 1)

    def _training_pixels(self, number: int, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Values (C, h, w), 0 where training must not look, and the mask's code, see `coded`."""
        (values, valid), mask = self.read(number, window)
        usable = valid & self.split.training_ground(number, window)
        depth = self._depths(number, window) if self.deepest_px else None
        return values if usable.all() else np.where(usable, values, 0), coded(mask, usable, depth)

    def _depths(self, number: int, window: Window) -> np.ndarray:
        """How deep a chip's pixels lie inside their objects, (height, width) uint8; 0 beyond the chip."""
        if number in self._held_depths:
            return cut(self._held_depths[number], window, 0)
        return self._read_depths(number, window)

    def _read_depths(self, number: int, window: Window) -> np.ndarray:
        return read_depths(self._reader, self.chips[number], window, self.deepest_px)


def memory_needed(data: DataSet, *, depths: bool = False) -> int:
    """Bytes that all pixels take in their own type, with a mask, a validity and perhaps a depth each."""
    a_pixel = data.channels * np.dtype(data.dtype).itemsize + 2 + depths
    return sum(chip.height * chip.width for chip in data.chips) * a_pixel


def tile_starts(length: int, tile_px: int, stride_px: int) -> list[int]:
    """Where tiles begin along an edge: every ``stride_px``, the last flush with the end.

    A chip shorter than a tile lies in the middle of one (its start is negative), where every turned crop sees it.

    >>> tile_starts(1000, 364, 120)
    [0, 120, 240, 360, 480, 600, 636]
    >>> tile_starts(256, 364, 120)
    [-54]
    """
    if length <= tile_px:
        return [-((tile_px - length) // 2)]
    return sorted({*range(0, length - tile_px, stride_px), length - tile_px})
