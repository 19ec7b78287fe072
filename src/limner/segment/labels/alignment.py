"""Masks on another grid than their pictures': brought onto them pixel by pixel, each taking the nearest.

This file imports no torch: `limner check` and `limner score` stay light.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from limner.foundation.errors import UserError
from limner.foundation.orientation import UPRIGHT, swaps_edges
from limner.scenes.georeference import same_system, transformer
from limner.scenes.rasters import Raster
from limner.scenes.turning import TurnedDataset
from limner.scenes.windows import Window

FARTHEST_SHIFT_PX = 0.1  # grids nearer than this are one: tools round their transforms

LEAST_SCALE = 1.1  # sizes nearer than this factor are of one resolution, so they must be equal

GRID_POINTS = 17

Read = Callable[[Raster, Window], tuple[np.ndarray, np.ndarray]]
"""(mask, window) -> its values (height, width) and where it has any."""


def turned_like(mask: Raster, picture: Raster) -> Raster:
    """The mask, turned as its picture's EXIF turns that, where it has the size of the picture as stored alone.

    A mask of the upright picture's size is taken to count its pixels: people draw on what viewers show.
    """
    if not counts_stored(mask, picture):
        return mask
    return replace(mask, dataset=TurnedDataset(mask.dataset, picture.orientation))


def counts_stored(mask: Raster, picture: Raster) -> bool:
    """Whether a mask has the size of its picture as stored, and not that of the picture as its EXIF turns it."""
    size = mask.height, mask.width
    turned = mask.orientation == UPRIGHT and swaps_edges(picture.orientation)
    return turned and size == (picture.width, picture.height) != (picture.height, picture.width)


def is_aligned(mask: Raster, picture: Raster) -> bool:
    """Whether the pixels of a mask are those of its picture."""
    if (mask.height, mask.width) != (picture.height, picture.width):
        return False
    if not (mask.georeferenced and picture.georeferenced):
        return True  # a plain picture takes the grid of what it is laid on
    return same_system(mask.crs, picture.crs) and shift_px(mask, picture) <= FARTHEST_SHIFT_PX


def shift_px(one: Raster, other: Raster) -> float:
    """How far apart the grids of two rasters of one reference system lie, at most, in pixels of the second."""
    to_ground, back = (np.array(raster.transform).reshape(3, 3) for raster in (one, other))
    corners = np.array([(0, 0, 1), (one.width, 0, 1), (0, one.height, 1)]).T  # (column, row, 1)
    return float(np.abs(np.linalg.solve(back, to_ground @ corners) - corners).max())


def check_alignable(mask: Raster, picture: Raster) -> None:
    """Raise `UserError` for a mask that cannot be laid on its picture."""
    if mask.georeferenced and picture.georeferenced:
        if not is_aligned(mask, picture) and not _overlap(mask, picture):
            raise UserError(
                f"{mask.path}: lies elsewhere than its picture {picture.path}; are both of the same place, in their "
                "right reference systems?"
            )
        return
    tall, wide = mask.height / picture.height, mask.width / picture.width
    same = (mask.height, mask.width) == (picture.height, picture.width)
    # Where one was made from the other, both sizes were rounded. At nearly one scale it is another cut of the place.
    of_one_scale = max(tall, wide, 1 / tall, 1 / wide) < LEAST_SCALE
    off_px = min(abs(mask.height - wide * picture.height), abs(mask.width - tall * picture.width))
    if not same and (of_one_scale or off_px > max(1.0, tall, wide) / 2):
        raise UserError(
            f"{mask.path}: is {mask.height} x {mask.width} pixels, but its picture {picture.path} is "
            f"{picture.height} x {picture.width}{_as_turned(picture)}; a mask needs its picture's size or shape, or a "
            "georeference on both"
        )


def _as_turned(picture: Raster) -> str:
    return "" if picture.orientation == UPRIGHT else f" (as its EXIF, orientation {picture.orientation}, turns it)"


def read_onto(picture: Raster, mask: Raster, window: Window, read: Read) -> tuple[np.ndarray, np.ndarray]:
    """The mask's value at the center of each pixel of the picture's ``window``; nothing is known beyond the mask."""
    rows, columns = _places(picture, mask, window)
    inside = (rows >= 0) & (rows < mask.height) & (columns >= 0) & (columns < mask.width)
    if not inside.any():
        values, known = read(mask, Window(0, 0, 1, 1))
        return np.zeros(rows.shape, values.dtype), inside
    first_row, first_column = rows[inside].min(), columns[inside].min()
    needed = Window(
        int(first_row),
        int(first_column),
        int(rows[inside].max() - first_row) + 1,
        int(columns[inside].max() - first_column) + 1,
    )
    values, known = read(mask, needed)
    place = np.where(inside, rows - first_row, 0), np.where(inside, columns - first_column, 0)
    return values[place], known[place] & inside


def _places(picture: Raster, mask: Raster, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """(rows, columns) of the mask's pixels under the centers of a window's pixels, each (height, width) int."""
    row = window.row + np.arange(window.height) + 0.5
    column = window.column + np.arange(window.width) + 0.5
    if not (mask.georeferenced and picture.georeferenced):
        rows, columns = row * (mask.height / picture.height), column * (mask.width / picture.width)
        below, beside = np.broadcast_arrays(np.floor(rows)[:, None], np.floor(columns)[None])
        return below.astype(int), beside.astype(int)
    columns, rows = _below(picture, mask, *np.meshgrid(column, row))
    # What the other system has no place for lies beyond the mask.
    known = (np.abs(columns) < np.iinfo(np.int32).max) & (np.abs(rows) < np.iinfo(np.int32).max)
    return (
        np.where(known, np.floor(rows), -1).astype(int),
        np.where(known, np.floor(columns), -1).astype(int),
    )


def _below(picture: Raster, mask: Raster, column: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(columns, rows) of the mask where points of the picture lie, in pixels; both have a georeference."""
    x, y, _ = np.tensordot(np.array(picture.transform).reshape(3, 3), np.stack([column, row, np.ones_like(row)]), 1)
    here, there = picture.crs, mask.crs
    if here is not None and there is not None and not same_system(here, there):
        between = transformer(here, there)
        if between is None:
            raise UserError(
                f"{mask.path}: its reference system cannot be brought to that of its picture {picture.path}: one of "
                "them is local, tied to no place on the Earth; bring both to one"
            )
        x, y = between.transform(x, y)
    columns, rows, _ = np.tensordot(np.array(~mask.transform).reshape(3, 3), np.stack([x, y, np.ones_like(x)]), 1)
    return columns, rows


def shows_ground_of(picture: Raster, mask: Raster) -> bool:
    """Whether a picture may show ground of a mask; both have a georeference.

    By the bounds of a grid of points of the picture and a step around, so that the answer is at worst yes for a
    picture beside the mask. Systems that cannot be brought to each other show no common ground.
    """
    if not same_system(picture.crs, mask.crs) and transformer(picture.crs, mask.crs) is None:
        return False
    columns, rows = np.meshgrid(*(np.linspace(0, edge, GRID_POINTS) for edge in (picture.width, picture.height)))
    below = _below(picture, mask, columns, rows)
    known = np.isfinite(below[0]) & np.isfinite(below[1])
    if not known.any():
        return False
    for places, edge in zip(below, (mask.width, mask.height), strict=True):
        least, most = places[known].min(), places[known].max()
        step = 1 + (most - least) / (GRID_POINTS - 1)
        if most + step < 0 or least - step > edge:
            return False
    return True


def _overlap(mask: Raster, picture: Raster) -> bool:
    """Whether a mask holds the ground of any of a grid of 16 x 16 points of its picture."""
    step_rows, step_columns = picture.height / 16, picture.width / 16
    for row in range(16):
        for column in range(16):
            window = Window(int((row + 0.5) * step_rows), int((column + 0.5) * step_columns), 1, 1)
            rows, columns = _places(picture, mask, window)
            if 0 <= rows[0, 0] < mask.height and 0 <= columns[0, 0] < mask.width:
                return True
    return False
