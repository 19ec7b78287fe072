"""The annotated ground: which part of a scene has labels, drawn by chance for an experiment, and kept as a mask."""

import dataclasses
from pathlib import Path

import numpy as np

from limner.foundation.files.writing import replacing
from limner.reporting.pictures import IGNORE
from limner.scenes.windows import Window, row_bands
from limner.scenes.writing import create_raster
from limner.segment.data.chips import Area, Chip, DataSet
from limner.segment.labels.reader import RING_PX, LabelReader

SQUARE_PX = 256
ANNOTATED_FILE = "annotated.tif"
"""In a refined run: the labels that were learned from, 255 where nothing was annotated."""


def annotate_share(data: DataSet, share: float, seed: int, *, ring_px: int = RING_PX) -> DataSet:
    """The same data with labels on only a share of each picture's labelled ground, in squares drawn by the seed.

    As if somebody had annotated a few places: Ghassemi et al. 2018, section IV, refine on about 7 % or 15 % of a scene.
    As many squares of 256 px as come nearest to the share by their labelled pixels; at least one for each picture with
    labels.
    """
    reader = data.reader(ring_px=ring_px)
    areas = tuple(
        Area(area.name, tuple(_with_squares(chip, reader, share, seed) for chip in area.chips)) for area in data.areas
    )
    return dataclasses.replace(data, areas=areas)


def _with_squares(chip: Chip, reader: LabelReader, share: float, seed: int) -> Chip:
    squares = Window(0, 0, chip.height, chip.width).cells(SQUARE_PX)
    labelled = np.array([int((reader.read(chip, square) != IGNORE).sum()) for square in squares])
    order = np.random.default_rng(seed).permutation(len(squares))
    reached = np.cumsum(labelled[order])
    first = int(np.searchsorted(reached, 1))  # the first that has labels
    count = first + 1 + int(np.abs(reached[first:] - share * reached[-1]).argmin())
    return dataclasses.replace(chip, annotated=tuple(squares[number] for number in sorted(order[:count])))


def write_annotated(chip: Chip, reader: LabelReader, path: Path) -> int:
    """Write the labels of a chip as a mask (255 = not annotated) on the picture's grid; gives the pixels annotated."""
    annotated = 0
    with (
        chip.open() as scene,
        replacing(path) as temporary,
        create_raster(temporary, scene, "uint8") as file,
    ):
        for window in row_bands(scene.height, scene.width):
            mask = reader.read(chip, window)
            annotated += int((mask != IGNORE).sum())
            file.write(mask, 1, window=window.rasterio)
    return annotated
