"""Where the tiles of a scene lie and how much each of them says about a pixel. Pure numpy, one axis at a time.

A tile's answer is spoiled near its edges: the network pads with zeros there, where the scene goes on. So tiles
overlap, and a tile says nothing within a margin of its edges, except at the scene's own edges, where any pass over
the whole scene would pad as well. Over the rest of the overlap one tile fades out while its neighbor fades in.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from limner.foundation.errors import UserError


def padded_length(length: int, stride: int) -> int:
    """``length`` raised to the next multiple of ``stride``, which is what the network accepts."""
    return -(-length // stride) * stride


LARGEST_STEP_PX = 128  # of the network: tiles and overlaps of a resampled scene are multiples of so many at most
SCALE_ERROR = 0.02  # of the resampling, to keep steps small: a fifth of what is not resampled at all


def whole_steps(stride: int, scale: float) -> tuple[int, int]:
    """The least pixels of a scene that become whole strides of a network, and the pixels of the network they become.

    scale: network pixels along the edge of one of the scene's. Networks answer alike wherever a tile begins only when
    that is a multiple of their stride; so tiles of a resampled scene begin at multiples of such a step. The ratio of
    the two is the scale, but for an error of mostly below 2 %.

    >>> whole_steps(32, 1), whole_steps(32, 2), whole_steps(32, 0.887), whole_steps(32, 7.1)
    ((32, 32), (16, 32), (36, 32), (9, 64))
    """
    seen = stride
    while 2 * seen <= LARGEST_STEP_PX and not _nearly_whole(seen / scale):
        seen *= 2
    return max(1, round(seen / scale)), seen


def _nearly_whole(number: float) -> bool:
    return round(number) > 0 and abs(round(number) / number - 1) < SCALE_ERROR


def origins(length: int, tile_px: int, step_px: int, stride: int) -> tuple[int, ...]:
    """The first pixel of each tile along an axis of ``length`` pixels, padded at its end to a multiple of ``stride``.

    All are multiples of ``stride`` (given that ``tile_px`` and ``step_px`` are), the last tile ends exactly at the
    padded end, and neighbors lie at most ``step_px`` apart. An axis that fits in one tile has one, of its padded size.

    >>> origins(1000, tile_px=512, step_px=384, stride=32)
    (0, 384, 512)
    """
    last = max(0, padded_length(length, stride) - tile_px)
    return (*range(0, last, step_px), last)


def check_tiling(tile_px: int, overlap_px: int, margin_px: int, stride: int) -> None:
    """Raise `UserError` for a tile, overlap and margin that leave pixels unseen or that the network cannot take."""
    if tile_px < 1 or tile_px % stride:
        below = max(stride, tile_px // stride * stride)
        raise UserError(f"tile_px is {tile_px}; needed: a multiple of {stride}, such as {below} or {below + stride}")
    if overlap_px < 0 or overlap_px % stride:
        below = max(0, overlap_px // stride * stride)
        raise UserError(
            f"overlap_px is {overlap_px}; needed: a multiple of {stride}, such as {below} or {below + stride}"
        )
    if overlap_px >= tile_px:
        raise UserError(
            f"overlap_px is {overlap_px} and tile_px {tile_px}; needed: an overlap smaller than the tile, "
            f"such as {tile_px // 4 // stride * stride}"
        )
    if not 0 <= margin_px <= overlap_px // 2:
        raise UserError(
            f"margin_px is {margin_px}; needed: 0 to {overlap_px // 2}, half of overlap_px; or take a larger overlap_px"
        )


@dataclass(frozen=True)
class Axis:
    """The tiles along one axis of a scene, and their weights.

    Raises `UserError` as `check_tiling` does.

    >>> axis = Axis(length=1000, tile_px=512, overlap_px=128, margin_px=32, stride=32)
    >>> axis.padded_px, axis.size_px, axis.origins
    (1024, 512, (0, 384, 512))
    """

    length: int  # pixels of the scene along this axis
    tile_px: int  # a multiple of the stride
    overlap_px: int  # what neighbors share at least; a multiple of the stride
    margin_px: int  # how far from its inner edges a tile says nothing; at most half of the overlap
    stride: int  # the network takes multiples of it

    def __post_init__(self) -> None:
        check_tiling(self.tile_px, self.overlap_px, self.margin_px, self.stride)

    @property
    def padded_px(self) -> int:
        """The axis's length with the padding at its end."""
        return padded_length(self.length, self.stride)

    @property
    def size_px(self) -> int:
        """The length of each tile: ``tile_px``, or all of a scene that is smaller."""
        return min(self.tile_px, self.padded_px)

    @property
    def left(self) -> int:
        """The scene's pixel that the first tile begins with."""
        return 0

    @property
    def start(self) -> int:
        """The scene's first pixel that is answered for."""
        return 0

    @cached_property
    def origins(self) -> tuple[int, ...]:
        """The first pixel of each tile, see `origins`."""
        return origins(self.length, self.tile_px, self.tile_px - self.overlap_px, self.stride)

    def share(self, index: int) -> np.ndarray:
        """How much of the answer at each of its pixels tile ``index`` gives: (size_px,) float32, 0 to 1.

        The shares of all tiles at a pixel sum to one; along two axes the product of both shares does.
        """
        own = self._strength(index)
        total = own.copy()
        for step in (-1, 1):
            neighbor = index + step
            while 0 <= neighbor < len(self.origins):
                shift = self.origins[neighbor] - self.origins[index]
                if abs(shift) >= self.size_px:
                    break
                theirs = self._strength(neighbor)
                if shift > 0:
                    total[shift:] += theirs[:-shift]
                else:
                    total[:shift] += theirs[-shift:]
                neighbor += step
        # The margin is half the overlap at most, so at every pixel some tile has strength; elsewhere zero stays zero.
        return np.divide(own, total, out=np.zeros_like(own), where=own > 0).astype(np.float32)

    def _strength(self, index: int) -> np.ndarray:
        """Weight before sharing: (size_px,) float64; zeros in the margin, a ramp, ones; no margin at scene edges."""
        ramp_px = self.overlap_px - 2 * self.margin_px  # ends where the neighbor's margin begins: the two sum to one
        depth = np.arange(self.size_px) - self.margin_px + 0.5
        ramp = np.clip(depth / max(ramp_px, 1), 0, 1) if ramp_px else (depth > 0).astype(np.float64)
        strength = np.ones(self.size_px)
        if index > 0:
            strength = np.minimum(strength, ramp)
        if index < len(self.origins) - 1:
            strength = np.minimum(strength, ramp[::-1])
        return strength


@dataclass(frozen=True)
class Strip:
    """The tiles of an axis that answer for a part of it, named as an `Axis` names its own.

    A wide scene is mapped strip by strip, so that memory does not grow with its width: each pixel gets the answer that
    all tiles of the whole axis give, and tiles that reach over a border are computed for both sides.

    start, stop: the part, of the scene's pixels.
    """

    axis: Axis
    start: int
    stop: int

    @cached_property
    def tiles(self) -> tuple[int, ...]:
        """Numbers of the axis's tiles that have a share in the part."""
        numbers = range(len(self.axis.origins))
        return tuple(number for number in numbers if self._shares(number).any())

    def _shares(self, number: int) -> np.ndarray:
        first = self.axis.origins[number]
        begin, end = max(0, self.start - first), max(0, self.stop - first)
        return self.axis.share(number)[begin:end]

    @property
    def length(self) -> int:
        """Pixels of the part."""
        return self.stop - self.start

    @property
    def size_px(self) -> int:
        """The length of each tile."""
        return self.axis.size_px

    @property
    def left(self) -> int:
        """The scene's pixel that the first tile begins with."""
        return self.axis.origins[self.tiles[0]]

    @cached_property
    def origins(self) -> tuple[int, ...]:
        """The first pixel of each tile, counted from ``left``."""
        return tuple(self.axis.origins[number] - self.left for number in self.tiles)

    @property
    def padded_px(self) -> int:
        """What all its tiles cover."""
        return self.origins[-1] + self.size_px

    def share(self, index: int) -> np.ndarray:
        """As `Axis.share`, of its own tile ``index``."""
        return self.axis.share(self.tiles[index])


Columns = Axis | Strip


def strips(axis: Axis, most_px: int, block_px: int) -> list[Columns]:
    """An axis in parts of like length, ``most_px`` or a little more, that end at multiples of ``block_px``; a short one
    whole.

    >>> axis = Axis(length=1000, tile_px=128, overlap_px=32, margin_px=8, stride=32)
    >>> [(part.start, part.start + part.length) for part in strips(axis, 400, 64)]
    [(0, 320), (320, 640), (640, 1000)]
    """
    count = -(-axis.length // most_px)
    if count == 1:
        return [axis]
    edges = [axis.length * part // count // block_px * block_px for part in range(count)]
    borders = sorted({*edges, axis.length})
    return [Strip(axis, start, stop) for start, stop in pairwise(borders)]
