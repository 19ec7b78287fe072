"""Annotated ground held out in turn: what is learned on one part of it is tested on the other.

A test is worth something for the rest of a scene only where the tested ground lies apart from what was learned from:
parts are whole places, or halves of a single one with a gap between them, not blocks drawn here and there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

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


LEAST_HALF = 0.2
"""Halves are whole places where the smaller half is at least this share of the labelled pixels."""


class HeldBlock(NamedTuple):
    """A block of labelled ground to test on: the number of its chip, its window, and the number of its place, the piece
    of connected labelled ground that it belongs to."""

    chip: int
    window: Window
    place: int = 0


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
    learn on one half and test on the other. Halves are whole places, pieces of connected ground, along the ground's
    longer extent. A single place is cut by a line; what touches the line is then not tested, where enough remains.
    None where the labelled ground is a single block of 32 px.

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
    place_of = dict(zip(everything, places_of(everything), strict=True))
    on_first = halve(everything, place_of)
    folds = []
    for tested_side in (True, False):
        held = [[block for block in ours if (block in on_first) is tested_side] for ours in blocks]
        kept = [[block for block in ours if (block in on_first) is not tested_side] for ours in blocks]
        apart = set(_apart([each for ours in held for each in ours], [each for ours in kept for each in ours]))
        tested = (HeldBlock(each.chip, each.window, place_of[each]) for ours in held for each in ours if each in apart)
        folds.append(Fold(split_of(data, kept, held, counter, ground), tuple(tested)))
    return tuple(folds)


def places_of(blocks: Sequence[Block] | Sequence[HeldBlock]) -> list[int]:
    """The number of each block's place: blocks of a chip that touch, if only with a corner, are of one."""
    near = np.array([[_touch(one, other) for other in blocks] for one in blocks], bool).reshape(len(blocks), -1)
    return [int(number) for number in connected_components(csr_array(near), directed=False)[1]]


def _touch(one: Block | HeldBlock, other: Block | HeldBlock) -> bool:
    if one.chip != other.chip:
        return False
    (row, column, height, width), (top, left, rows, columns) = one.window, other.window
    return row <= top + rows and top <= row + height and column <= left + columns and left <= column + width


def _apart(held: list[Block], kept: list[Block]) -> list[Block]:
    """The held-out blocks that touch none that is learned from; all, where those are fewer than half."""
    apart = [block for block in held if not any(_touch(block, other) for other in kept)]
    return apart if 2 * len(apart) >= len(held) else held


def halve(blocks: list[Block], place_of: Mapping[Block, int]) -> set[Block]:
    """One half of two or more blocks: those before the line across their longer extent that halves their labelled
    pixels; by chips, where they lie on several. The line goes between places, unless a half would be too small.

    place_of: the number of each block's place.
    """
    middles = np.array(
        [(each.chip, each.window.row + each.window.height / 2, each.window.column + each.window.width / 2)
         for each in blocks]
    )  # fmt: skip
    pixels = np.array([block.labelled_px for block in blocks])
    several_chips = bool(np.ptp(middles[:, 0]))
    axis = 0 if several_chips else 1 + int(np.ptp(middles[:, 2]) > np.ptp(middles[:, 1]))
    places = np.array([place_of[block] for block in blocks])
    if (count := places.max() + 1) > 1:
        weights = np.bincount(places, pixels)
        centers = [
            np.average(middles[places == place], axis=0, weights=pixels[places == place]) for place in range(count)
        ]
        order = np.lexsort((np.array(centers)[:, 2], np.array(centers)[:, 1], np.array(centers)[:, axis]))
        first, share = _first_half(weights[order])
        if LEAST_HALF <= share <= 1 - LEAST_HALF:
            return {block for block in blocks if place_of[block] in order[:first]}
    order = np.lexsort((middles[:, 2], middles[:, 1], middles[:, axis]))
    first, _ = _first_half(pixels[order])
    return {blocks[number] for number in order[:first]}


def _first_half(pixels: np.ndarray) -> tuple[int, float]:
    """How many of two or more make nearly a half together, from the first; and the share that they are."""
    reached = np.cumsum(pixels)
    first = int(np.abs(reached[:-1] - reached[-1] / 2).argmin())
    return first + 1, float(reached[first] / reached[-1])


def _one(split: Split, counter: LabelCounter) -> Fold:
    """A division that `hold_out` made, its ground tested in pieces of at most 128 px that hold labels."""
    pieces = [
        HeldBlock(chip, piece)
        for chip, windows in enumerate(split.validation)
        for window in windows
        for piece in window.cells(128)
        if counter.count(chip, piece)
    ]
    places = places_of(pieces)
    return Fold(split, tuple(each._replace(place=place) for each, place in zip(pieces, places, strict=True)))
