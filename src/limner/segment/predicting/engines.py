"""Another engine in the place of a predictor's network, checked on tiles of the very scene that is mapped."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from limner.nn.engines.choice import Chosen, openvino_if_alike
from limner.scenes.rasters import Raster
from limner.scenes.statistics import Statistics
from limner.scenes.windows import Pixels, spread_tiles
from limner.segment.predicting.ensemble import Ensemble, Predictor
from limner.segment.predicting.predictor import SegmentPredictor
from limner.segment.predicting.tiles import padded_length
from limner.segment.predicting.turns import TurnedNetwork

TILES = 4
"""Of the scene, on which the engine's classes are held against torch's in float32."""
LOOKED_AT = 16
"""Tiles that are read to find so many with data."""
EXAMPLE_PX = 64
"""Edge of the picture that a network is converted with, or twice its stride."""


def sample_tiles(raster: Raster, edge_px: int) -> list[Pixels]:
    """At most `TILES` tiles of a scene that hold data, evenly spread."""
    windows, _ = spread_tiles(raster.height, raster.width, edge_px, LOOKED_AT)
    read = [pixels for window in windows if (pixels := raster.read(window)).valid.any()]
    count = min(TILES, len(read))
    return [read[int((place + 0.5) * len(read) / count)] for place in range(count)]


@dataclass(frozen=True)
class OpenVino:
    """OpenVINO in torch's place. precision: auto, bf16 or fp32."""

    precision: str = "auto"

    def in_place_of_torch(
        self, predictor: Predictor, raster: Raster, statistics: Statistics, tile_px: int
    ) -> tuple[Predictor, list[str]]:
        """The predictor with each network computed by OpenVINO where that gives 99 % of the pixels of four tiles the
        class that torch gives in float32; and a line about each.

        raster: the scene, in the colors in which it is mapped. statistics: by which it is standardized. tile_px: edge
        of its tiles, in the network's pixels.
        """
        tiles = sample_tiles(raster, max(1, round(tile_px / predictor.scale)))
        return _by_openvino(predictor, tiles, statistics, self.precision)


def _by_openvino(
    predictor: Predictor, tiles: Sequence[Pixels], statistics: Statistics, precision: str
) -> tuple[Predictor, list[str]]:
    if isinstance(predictor, Ensemble):
        given = None if statistics == predictor.statistics else statistics  # as the ensemble itself asks its members
        pairs = [_one_by_openvino(member, tiles, given, precision) for member in predictor.members]
        return Ensemble(tuple(member for member, _ in pairs)), [line for _, line in pairs]
    changed, line = _one_by_openvino(predictor, tiles, statistics, precision)
    return changed, [line]


def _one_by_openvino(
    predictor: SegmentPredictor, tiles: Sequence[Pixels], statistics: Statistics | None, precision: str
) -> tuple[SegmentPredictor, str]:
    if not tiles:
        return predictor, "OpenVINO is not used: no tile of the scene holds data to check it on; computed by torch"
    turned = predictor.network if isinstance(predictor.network, TurnedNetwork) else None
    plain = replace(predictor, network=turned.network if turned else predictor.network, precision="32-true")
    expected = [_classes(plain, tile, statistics) for tile in tiles]

    def alike(network: nn.Module) -> float:
        tried = replace(plain, network=network)
        same = sum(
            int((_classes(tried, tile, statistics) == true).sum()) for tile, true in zip(tiles, expected, strict=True)
        )
        return same / sum(map(len, expected))

    edge = padded_length(max(EXAMPLE_PX, 2 * plain.stride), plain.stride)
    example = torch.zeros(1, plain.channels, edge, edge)
    what = f"the classes of {len(tiles)} {'tile' if len(tiles) == 1 else 'tiles'}"
    chosen: Chosen = openvino_if_alike(plain.network, example, alike, what, precision)
    if chosen.network is None:
        return predictor, chosen.line
    network = TurnedNetwork(chosen.network, turned.classes).eval() if turned else chosen.network
    return replace(plain, network=network), chosen.line


def _classes(predictor: SegmentPredictor, tile: Pixels, statistics: Statistics | None) -> np.ndarray:
    """The classes of a tile's pixels with data, (n,) uint8."""
    probabilities = predictor.probabilities(tile.values[None], tile.valid[None], statistics)
    return predictor.classes_of(probabilities)[0][tile.valid]
