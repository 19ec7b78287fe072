"""How much of a map is owed to its tiles: the share of pixels that larger tiles would put into another class."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from limner.foundation.background import Progress
from limner.scenes.rasters import Raster, open_raster
from limner.scenes.statistics import Statistics
from limner.scenes.windows import Window
from limner.segment.mapping.options import MapOptions
from limner.segment.mapping.outputs import decide
from limner.segment.mapping.predictions import Predictor
from limner.segment.mapping.record import Seams
from limner.segment.predicting.tiles import Axis, padded_length, whole_steps

WHOLE_PX = 4_000_000  # of the network: what one pass may see at once, a few GB in a large network
MOST_TILES = 16  # larger tiles that are looked at; more change the share little and take their time


def measure_seams(
    predictor: Predictor,
    raster: Raster,
    classes: Path,
    statistics: Statistics,
    options: MapOptions,
    progress: Progress,
) -> Seams:
    """Compare a finished map with larger tiles.

    A scene of up to four million pixels (as the network sees it) is compared with one pass over all of it. Of a larger
    one, each pixel is compared with the answer of a tile of twice the edge, at least ``overlap_px`` from its inner
    edges; of many such tiles 16 are taken, evenly spread over the scene, always the same ones.

    raster: the scene, in the colors in which it was mapped. classes: the map's class raster. statistics: that it was
    made with. Pixels without data are not counted.
    """
    with open_raster(classes) as mapped:
        rows, columns, against = _reference(raster, options, predictor)
        tiles = [(row, column) for row in range(len(rows.origins)) for column in range(len(columns.origins))]
        chosen = [tiles[number] for number in _spread(len(tiles), MOST_TILES)]
        if len(chosen) < len(tiles):
            against += f", in {len(chosen)} of {len(tiles)} of them"
        different = pixels = 0
        for number, (row, column) in enumerate(chosen):
            progress("checking seams", number, len(chosen))
            window = Window(rows.origins[row], columns.origins[column], rows.size_px, columns.size_px)
            own = np.outer(_nearest(rows, row), _nearest(columns, column))
            answer = _classes(predictor, raster, window, statistics)
            found, known = mapped.read_classes(window)
            counted = own & known
            different += int((answer != found[0])[counted].sum())
            pixels += int(counted.sum())
        progress("checking seams", len(chosen), len(chosen))
    return Seams(different / max(1, pixels), pixels, against)


def _reference(raster: Raster, options: MapOptions, predictor: Predictor) -> tuple[Axis, Axis, str]:
    """Larger tiles, each pixel in the share of one of them, and what to call them."""
    stride, scale = predictor.stride, predictor.scale
    if raster.height * raster.width * scale**2 <= WHOLE_PX:
        step, _ = whole_steps(stride, scale)
        rows, columns = (
            Axis(length, padded_length(length, step), 0, 0, step) for length in (raster.height, raster.width)
        )
        return rows, columns, "one pass over the whole scene"
    larger = replace(
        options, tile_px=2 * options.tile_px, overlap_px=2 * options.overlap_px, margin_px=options.overlap_px
    )
    rows, columns = (larger.axis(length, stride, scale) for length in (raster.height, raster.width))
    return rows, columns, f"tiles of {larger.tile_px} px, {larger.margin} px from their edges"


def _nearest(axis: Axis, index: int) -> np.ndarray:
    """Which pixels of tile ``index`` lie farther inside it than in any other, (size_px,) bool:
    each pixel in one tile.
    """
    starts = np.asarray(axis.origins)
    borders = [0, *((starts[1:] + starts[:-1] + axis.size_px) // 2), axis.padded_px]
    pixels = np.arange(axis.size_px) + starts[index]
    return (pixels >= borders[index]) & (pixels < borders[index + 1])


def _spread(count: int, most: int) -> list[int]:
    """At most ``most`` of the numbers below ``count``, evenly spread.

    >>> _spread(3, 16), _spread(10, 4)
    ([0, 1, 2], [1, 3, 6, 8])
    """
    if count <= most:
        return list(range(count))
    return [int((place + 0.5) * count / most) for place in range(most)]


def _classes(predictor: Predictor, raster: Raster, window: Window, statistics: Statistics) -> np.ndarray:
    """The classes that one pass over ``window`` gives, (height, width) uint8."""
    values, valid = raster.read(window)
    probabilities = predictor.probabilities(values[None], valid[None], statistics)[0]
    return decide(probabilities[1:] if len(probabilities) == 2 else probabilities, predictor.threshold)
