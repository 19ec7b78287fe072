"""Annotated ground held out in turn: what is learned on one part of it is tested on the other.

A test is worth something for the rest of a scene only where the tested ground lies apart from what was learned from:
parts are halves on either side of a line, not blocks drawn here and there.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from limner.scenes.overlaps import Ground
from limner.scenes.windows import Window
from limner.segment.data.blocks import Block, LabelCounter, Split, area_blocks, hold_out, split_of
from limner.segment.data.chips import DataSet
from limner.segment.labels.reader import RING_PX

FEWEST_BLOCKS, SMALLEST_PX = 12, 32
"""Blocks are halved until there are so many, or they are so small: of few, nobody can tell how much luck there is, and
small ones beside each other are of one kind."""
MUCH_BLOCKS = 64
"""Of so many blocks of a tile each a quarter, drawn by chance, is enough to test on, and all but it is learned from."""
QUARTER = 0.25


class HeldBlock(NamedTuple):
    """A block of labelled ground to test on: the number of its chip, and its window."""

    chip: int
    window: Window


@dataclass(frozen=True)
class Fold:
    """A division of the labelled ground: what ``split`` does not erase is learned from, ``tested`` is tested on."""

    split: Split
    tested: tuple[HeldBlock, ...]


def fold_ground(
    data: DataSet, tile_px: int = 364, seed: int = 0, *, share: float = 0.0, ring_px: int = RING_PX
) -> tuple[Fold, ...]:
    """Divisions of the labelled ground, so that together they test as much of it as can be afforded.

    One, which holds out a quarter in blocks, where there is much of it (64 blocks of a tile's size); else two, which
    learn on one half and test on the other: the halves lie on both sides of the line across the ground's longer
    extent that has as many labelled pixels on both. None where the labelled ground is a single block of 32 px.

    share: hold out this share, in one division, however much there is; 0: as above. ring_px: as in `LabelReader`.
    """
    counter, ground = LabelCounter(data.chips, data.reader(ring_px=ring_px)), Ground(data.chips)
    if share:
        return (_one(hold_out(data, share, tile_px, seed, ring_px=ring_px), counter),)
    blocks: list[list[Block]] = []
    first = 0
    for area in data.areas:
        blocks.append(area_blocks(area, first, tile_px, counter, FEWEST_BLOCKS, SMALLEST_PX))
        first += len(area.chips)
    if sum(block.labelled_px >= tile_px**2 / 2 for ours in blocks for block in ours) >= MUCH_BLOCKS:
        return (_one(hold_out(data, QUARTER, tile_px, seed, ring_px=ring_px), counter),)
    everything = [block for ours in blocks for block in ours]
    if len(everything) < 2:
        return ()
    on_first = halve(everything)
    folds = []
    for tested_side in (True, False):
        held = [[block for block in ours if (block in on_first) is tested_side] for ours in blocks]
        kept = [[block for block in ours if (block in on_first) is not tested_side] for ours in blocks]
        tested = tuple(HeldBlock(block.chip, block.window) for ours in held for block in ours)
        folds.append(Fold(split_of(data, kept, held, counter, ground), tested))
    return tuple(folds)


def halve(blocks: list[Block]) -> set[Block]:
    """One half of two or more blocks: those before the line across their longer extent that halves their labelled
    pixels; by chips, where they lie on several."""
    middles = np.array(
        [(each.chip, each.window.row + each.window.height / 2, each.window.column + each.window.width / 2)
         for each in blocks]
    )  # fmt: skip
    several_chips = bool(np.ptp(middles[:, 0]))
    axis = 0 if several_chips else 1 + int(np.ptp(middles[:, 2]) > np.ptp(middles[:, 1]))
    order = np.lexsort((middles[:, 2], middles[:, 1], middles[:, axis]))
    reached = np.cumsum([blocks[number].labelled_px for number in order])
    count = 1 + int(np.abs(reached[:-1] - reached[-1] / 2).argmin())
    return {blocks[number] for number in order[:count]}


def _one(split: Split, counter: LabelCounter) -> Fold:
    """A division that `hold_out` made, its ground tested in pieces of at most 128 px that hold labels."""
    pieces = (
        HeldBlock(chip, piece)
        for chip, windows in enumerate(split.validation)
        for window in windows
        for piece in window.cells(128)
    )
    return Fold(split, tuple(piece for piece in pieces if counter.count(piece.chip, piece.window)))
