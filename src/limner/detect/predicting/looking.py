"""A scene looked through tile by tile: what a detector finds in each, in pixels of the scene."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio.features
import shapely
from PIL import Image
from shapely.affinity import translate

from limner.detect.boxes.objects import Detections
from limner.detect.data.pictures import as_tensor, resized
from limner.detect.predicting.merging import SceneObject, largest_part
from limner.detect.predicting.predictor import BATCH, ObjectDetector, above
from limner.scenes.rasters import Raster
from limner.scenes.windows import Pixels, Window

GRAY = 127
"""What stands where the scene has no data, and beyond it."""
EDGE_PX = 2.0
"""Of what the network sees: an object that ends so near to its tile's edge may go on behind it."""
SIMPLIFY_PX, VALUES = 1.0, 28
"""How far an outline may move to have fewer corners: a pixel, or of a large object one of the values that its mask has
along a side."""
KNOWN = 0.5
"""The least share of an object's box that has data."""


@dataclass(frozen=True)
class Tiling:
    """How a scene is cut. tile_px: side of a square tile in pixels of the scene. overlap_px: what neighbors share.
    seen_px: side at which the network reads a tile."""

    tile_px: int
    overlap_px: int
    seen_px: int

    def origins(self, length: int) -> list[int]:
        """The first pixel of each tile along a side; the last tile ends where the scene does, if that is larger.

        >>> Tiling(100, 20, 100).origins(250), Tiling(100, 20, 100).origins(60)
        ([0, 80, 150], [0])
        """
        last = max(0, length - self.tile_px)
        return [*range(0, last, self.tile_px - self.overlap_px), last]


def tile_rows(raster: Raster, tiling: Tiling) -> Iterator[tuple[list[Window], float]]:
    """The tiles of a scene by rows, top to bottom, each with the first row of pixels that later tiles see."""
    tops = tiling.origins(raster.height)
    for number, top in enumerate(tops):
        below = tops[number + 1] if number + 1 < len(tops) else float("inf")
        yield [Window(top, left, tiling.tile_px, tiling.tile_px) for left in tiling.origins(raster.width)], below


def find_in_row(
    detector: ObjectDetector, raster: Raster, tiles: list[Window], seen_px: int, min_score: float
) -> list[SceneObject]:
    """What is found in a row of tiles; they are read a few at a time, and those without data not looked at."""
    found: list[SceneObject] = []
    for start in range(0, len(tiles), BATCH):
        part = [(tile, pixels) for tile in tiles[start : start + BATCH] if (pixels := raster.read(tile)).valid.any()]
        pictures = [as_tensor(resized(_picture(pixels), (seen_px, seen_px))) for _, pixels in part]
        answers = detector.detect_all(pictures, [(tile.width, tile.height) for tile, _ in part])
        for (tile, pixels), answer in zip(part, answers, strict=True):
            edge_px = EDGE_PX * tile.width / seen_px
            found += _placed(above(answer, min_score), tile, pixels.valid, (raster.height, raster.width), edge_px)
    return found


def _picture(pixels: Pixels) -> Image.Image:
    values = np.where(pixels.valid, pixels.values, np.uint8(GRAY))
    if len(values) == 1:
        values = np.repeat(values, 3, axis=0)
    return Image.fromarray(np.ascontiguousarray(values.transpose(1, 2, 0)))


def _placed(
    found: Detections, tile: Window, valid: np.ndarray, size: tuple[int, int], edge_px: float
) -> list[SceneObject]:
    """Detections of a tile as objects of the scene, whose size is (height, width), cut to it."""
    objects = []
    height, width = min(tile.height, size[0] - tile.row), min(tile.width, size[1] - tile.column)
    for place, (label, score) in enumerate(zip(found.labels.tolist(), found.scores.tolist(), strict=True)):
        x0, y0, x1, y1 = found.boxes[place].tolist()
        x0, y0, x1, y1 = max(0.0, x0), max(0.0, y0), min(float(width), x1), min(float(height), y1)
        if x1 - x0 <= 0 or y1 - y0 <= 0:
            continue
        there = valid[int(y0) : max(int(y0) + 1, round(y1)), int(x0) : max(int(x0) + 1, round(x1))]
        if not there.size or there.mean() < KNOWN:
            continue
        shape = shapely.box(x0, y0, x1, y1)
        if found.masks is not None:
            outline = _outline(found.masks[place], (x0, y0, x1, y1), (height, width))
            if outline is None:
                continue
            shape = outline
        cut = (
            (x0 < edge_px and tile.column > 0) or (y0 < edge_px and tile.row > 0)
            or (x1 > width - edge_px and tile.column + width < size[1])
            or (y1 > height - edge_px and tile.row + height < size[0])
        )  # fmt: skip
        moved = translate(shape, tile.column, tile.row)
        objects.append(SceneObject(label, score, moved, tile, cut))
    return objects


def _outline(
    code: dict[str, Any], box: tuple[float, float, float, float], size: tuple[int, int]
) -> shapely.Polygon | None:
    """The largest piece of a mask in pixels of its tile, with fewer corners; None where the mask is empty."""
    from pycocotools import mask as coco_mask

    x0, y0 = max(0, int(box[0]) - 1), max(0, int(box[1]) - 1)
    x1, y1 = min(size[1], int(box[2]) + 2), min(size[0], int(box[3]) + 2)
    mask = np.ascontiguousarray(coco_mask.decode(code)[y0:y1, x0:x1])
    shapes = [
        shapely.geometry.shape(geometry)
        for geometry, value in rasterio.features.shapes(mask, mask=mask.astype(bool))
        if value
    ]
    if not shapes:
        return None
    tolerance = max(SIMPLIFY_PX, max(x1 - x0, y1 - y0) / VALUES)
    simple = shapely.simplify(largest_part(shapely.MultiPolygon(shapes)), tolerance)
    if not simple.is_valid or simple.is_empty:
        simple = largest_part(shapely.make_valid(simple))
    return translate(simple, x0, y0)
