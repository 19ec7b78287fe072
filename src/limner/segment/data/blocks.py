"""Validation ground: blocks of each area set apart before anything is tiled, so that no pixel is on both sides.

Training tiles overlap (364 px every 120 px): a split by tiles would show the network most of what it is tested on.
"""

import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from limner.foundation.errors import UserError
from limner.reporting.pictures import IGNORE
from limner.scenes.overlaps import Ground
from limner.scenes.windows import Window, covered
from limner.segment.data.chips import Area, Chip, DataSet
from limner.segment.labels.reader import RING_PX, LabelReader

FEWEST_BLOCKS = 5  # so that one of them is a fifth
SMALLEST_PX = 64


@dataclass(frozen=True)
class AreaShare:
    """How many labelled pixels of an area are learned from and how many are held out."""

    area: str
    training_px: int
    validation_px: int


@dataclass(frozen=True)
class Split:
    """Which ground is held out. Chips are numbered as in `DataSet.chips`.

    validation: for each chip its validation blocks, disjoint. erased: for each chip the windows that training must
    not see: its own validation blocks, and where blocks of overlapping georeferenced chips lie on it.
    """

    validation: tuple[tuple[Window, ...], ...]
    erased: tuple[tuple[Window, ...], ...]
    shares: tuple[AreaShare, ...]

    def training_ground(self, chip: int, window: Window) -> np.ndarray:
        """(height, width) bool: False on the pixels of ``window`` that training must not see."""
        return ~covered(self.erased[chip], window)


class Block(NamedTuple):
    """A window of a chip and how many of its pixels are data with a label."""

    chip: int
    window: Window
    labelled_px: int


def hold_out(data: DataSet, share: float = 0.2, tile_px: int = 364, seed: int = 0, *, ring_px: int = RING_PX) -> Split:
    """Hold out about ``share`` of the labelled pixels of each area, in whole blocks of ground.

    Every chip is divided into about equal blocks no smaller than a training tile (a chip that is smaller is a block
    of its own). An area of fewer than five blocks with labels gets smaller ones, down to 64 px. From each area
    blocks are drawn until their pixels come closest to the share: at least one, never all. The draw depends on the
    seed and the area's name alone, so that another area does not change it. An area of a single block is learned
    from whole.

    Ghassemi et al. 2018, section IV: "about 20 % of each scene", areas disjoint.

    Args:
        share: 0 (nothing is held out) to below 1.
        ring_px: as in `LabelReader`.

    Raises:
        UserError: when no area is large enough to hold out anything.
    """
    if not 0 <= share < 1:
        raise UserError(f"a validation share of {share}; needed is 0 (none) to below 1")
    counter = LabelCounter(data.chips, data.reader(ring_px=ring_px))
    ground = Ground(data.chips)
    kept: list[list[Block]] = []
    held: list[list[Block]] = []
    first = 0
    for area in data.areas:
        blocks = area_blocks(area, first, tile_px, counter)
        generator = np.random.default_rng([seed, zlib.crc32(os.fsencode(area.name))])
        wanted_px = share * sum(block.labelled_px for block in blocks)
        chosen = choose(np.array([_lost_px(block, ground) for block in blocks], int), wanted_px, generator)
        held.append([blocks[number] for number in chosen])
        kept.append([block for number, block in enumerate(blocks) if number not in chosen])
        first += len(area.chips)
    if share > 0 and not any(held):
        raise UserError(
            "the labelled ground is too small to hold out a block for validation; give more ground or other areas, "
            "or set the validation share to 0"
        )
    return split_of(data, kept, held, counter, ground)


def area_blocks(
    area: Area,
    first: int,
    tile_px: int,
    counter: "LabelCounter",
    fewest: int = FEWEST_BLOCKS,
    smallest_px: int = SMALLEST_PX,
) -> list[Block]:
    """The blocks of an area that hold labelled pixels. first: the number of the area's first chip. fewest: as long as
    there are fewer, they are halved, down to ``smallest_px``."""
    edge_px = tile_px
    while True:
        windows = [
            (first + number, window)
            for number, chip in enumerate(area.chips)
            for window in grid(chip.height, chip.width, edge_px)
        ]
        blocks = [Block(chip, window, counter.count(chip, window)) for chip, window in windows]
        blocks = [block for block in blocks if block.labelled_px]
        if len(blocks) >= fewest or edge_px <= smallest_px:
            return blocks
        edge_px = max(smallest_px, edge_px // 2)


def grid(height: int, width: int, edge_px: int) -> Iterator[Window]:
    """About equal windows with edges of at least ``edge_px`` (or the whole length, if that is less), without gaps.

    >>> [(w.row, w.height) for w in grid(1000, 100, 364)]
    [(0, 500), (500, 500)]
    """
    rows = np.linspace(0, height, max(1, height // edge_px) + 1).round().astype(int).tolist()
    columns = np.linspace(0, width, max(1, width // edge_px) + 1).round().astype(int).tolist()
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            yield Window(top, left, bottom - top, right - left)


def _lost_px(block: Block, ground: Ground) -> int:
    """The pixels that training loses with a block: its own, and what other chips show of the same ground.

    A chip that shows a whole place from afar is thus not held out where its parts are chips as well.
    """
    others = (window for _, window in ground.other_chips_on(block.chip, block.window))
    return block.labelled_px + sum(window.height * window.width for window in others)


def choose(pixels: np.ndarray, wanted_px: float, generator: np.random.Generator) -> list[int]:
    """Numbers of the blocks to hold out: drawn in random order, each kept if it brings the sum nearer to what is
    wanted.

    At least one and never all, when there are two or more blocks and something is wanted; else none.

    Args:
        pixels: (blocks,) the pixels that are lost with each block.
    """
    if wanted_px == 0 or len(pixels) < 2:
        return []
    chosen: list[int] = []
    total = 0
    for number in generator.permutation(len(pixels)).tolist():
        nearer = abs(total + pixels[number] - wanted_px) < abs(total - wanted_px)
        if nearer and len(chosen) < len(pixels) - 1:
            chosen.append(number)
            total += pixels[number]
    return sorted(chosen) or [int(np.abs(pixels - wanted_px).argmin())]


class LabelCounter:
    """Counts the pixels of a window that are data with a label."""

    def __init__(self, chips: Sequence[Chip], reader: LabelReader) -> None:
        self.chips = chips
        self.reader = reader
        self._may_lack: dict[int, bool] = {}

    def count(self, number: int, window: Window, ground: np.ndarray | None = None) -> int:
        """Labelled pixels of a chip's window. ground: (height, width) bool, count only there."""
        chip = self.chips[number]
        counted = self.reader.read(chip, window) != IGNORE
        if number not in self._may_lack:
            with chip.open() as raster:
                self._may_lack[number] = raster.may_lack_data
        if self._may_lack[number]:  # reading pixels costs far more than asking
            with chip.open() as raster:
                counted &= raster.read(window).valid
        return int(np.count_nonzero(counted if ground is None else counted & ground))


def split_of(
    data: DataSet, kept: list[list[Block]], held: list[list[Block]], counter: LabelCounter, ground: Ground
) -> Split:
    """The split that holds out ``held`` (blocks by area), with what training keeps counted."""
    validation: list[list[Window]] = [[] for _ in data.chips]
    erased: list[list[Window]] = [[] for _ in data.chips]
    elsewhere: set[int] = set()
    for block in (block for blocks in held for block in blocks):
        validation[block.chip].append(block.window)
        erased[block.chip].append(block.window)
        for chip, window in ground.other_chips_on(block.chip, block.window):
            erased[chip].append(window)
            elsewhere.add(chip)
    split = Split(tuple(map(tuple, validation)), tuple(map(tuple, erased)), ())

    def learned(block: Block) -> int:
        if block.chip not in elsewhere:
            return block.labelled_px
        return counter.count(block.chip, block.window, split.training_ground(block.chip, block.window))

    shares = tuple(
        AreaShare(area.name, sum(map(learned, ours)), sum(block.labelled_px for block in theirs))
        for area, ours, theirs in zip(data.areas, kept, held, strict=True)
    )
    return replace(split, shares=shares)
