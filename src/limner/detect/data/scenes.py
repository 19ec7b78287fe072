"""Objects drawn as polygons over georeferenced scenes, and the scenes cut into chips that a detector learns from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import shapely
from PIL import Image
from shapely.affinity import translate

from limner.detect.data.object_set import ObjectPicture, ObjectSet, fingerprint_of
from limner.detect.data.options import ObjectReading
from limner.foundation.errors import UserError
from limner.foundation.files.suffixes import RASTERS, ends_with
from limner.foundation.nearest import did_you_mean
from limner.foundation.progress import Progress
from limner.scenes.bands import check_bands
from limner.scenes.names import chips_folder
from limner.scenes.rasters import Raster, open_raster
from limner.scenes.windows import Window
from limner.segment.labels.vector_files import VectorLayer, open_layer
from limner.segment.labels.vectors import Polygons, check_ground, drawn, moved, read_polygons

CHIP_PX = 512
"""Side of a chip where none is asked for."""
LEAST_CHIP = 0.5
"""The least side of the chips at a scene's end, as a share of the others'."""
KNOWN = 0.1
"""The least share of a chip that has data."""
VISIBLE = 0.3
"""Of an object's area in a chip: of which less lies in it, it need not be found there."""
GRAY = 127
NAMED = "{stem}@{row},{column}"


def find_in_scenes(paths: Sequence[Path], reading: ObjectReading) -> ObjectSet:
    """Polygons of a vector file as objects of the scenes that they lie on, cut into chips side by side.

    Chips share no ground, so what is held out was never seen. A polygon that lies in several chips is an object of
    each, with the part of it that lies there; where that is less than `VISIBLE`, it is neither learned from nor
    counted as missed. Without a field of the class all are of one, which is called as the file. Chips without a
    polygon are learned from, too: there is nothing.

    Raises `UserError` for what is no scene, one without a place on the ground or of other than 8-bit red, green and
    blue, vector files that cannot be read, and where no polygon lies on any scene.
    """
    assert reading.labels is not None
    if reading.regions is not None:
        raise UserError("--regions is for masks, and --labels gives polygons; leave one of them out")
    layer = open_layer(reading.labels)
    scenes = [scene for path in paths for scene in _scenes(path)]
    single = reading.labels.stem
    names = tuple(sorted(layer.texts(reading.label_field))) if reading.label_field is not None else (single,)
    for name in reading.objects or ():
        if name not in names:
            raise UserError(f"--objects: {reading.labels} has no '{name}'; {did_you_mean(name, names)}")
    classes = tuple(reading.objects or names)
    pictures: list[ObjectPicture] = []
    with Progress("polygons", len(scenes), "scenes") as progress:
        for path in scenes:
            with open_raster(path) as raster:
                _check(raster, path, reading.labels)
                found = _in_pixels(raster, layer, reading.label_field)
                pictures += _chips(raster, path, found, classes, single, reading.chip_px or CHIP_PX)
            progress.advance()
    if not sum(len(each.boxes) for each in pictures):
        raise UserError(f"{reading.labels}: none of its polygons lies on {paths[0]}; do they show the same place?")
    empty = sum(not len(each.boxes) for each in pictures)
    notes = [f"{len(pictures):,} chips of {reading.chip_px or CHIP_PX} px side by side, of {len(scenes):,} scenes"]
    if empty:
        notes.append(f"{empty:,} chips without a polygon are learned from as ground where there is no object")
    return ObjectSet(
        form="scenes with polygons",
        pictures=tuple(pictures),
        class_names=classes,
        fingerprint=fingerprint_of(pictures, [reading.labels], classes),
        notes=tuple(notes),
    )


def _scenes(path: Path) -> list[Path]:
    """The scene at a path, or those in a folder (or in its ``images``)."""
    if not path.exists():
        raise UserError(f"{path}: no such file or folder; needed: scenes that the polygons lie on")
    if not path.is_dir():
        return [path]
    folder = chips_folder(path)
    found = sorted(each for each in folder.iterdir() if ends_with(each, RASTERS) and each.name[0] != ".")
    if not found:
        raise UserError(f"{folder}: holds no scene; needed: GeoTIFF files, or the scene itself")
    return found


def _check(raster: Raster, path: Path, labels: Path) -> None:
    check_ground(raster, labels)
    check_bands(raster, 3, None)
    if raster.dtype != "uint8":
        raise UserError(
            f"{path}: has pixels of {raster.dtype}; detectors read red, green and blue of 8 bits: convert it (QGIS: "
            "Export, or gdal_translate -ot Byte -scale)"
        )


def _in_pixels(raster: Raster, layer: VectorLayer, field: str | None) -> tuple[Polygons, np.ndarray]:
    """The polygons of a layer, and the same in pixels of the scene, x = column and y = row."""
    polygons = read_polygons(layer, raster.crs, field)
    return polygons, moved(np.asarray(polygons.tree.geometries, object), ~raster.transform)


def _chips(
    raster: Raster, path: Path, found: tuple[Polygons, np.ndarray], classes: Sequence[str], single: str, chip_px: int
) -> Iterator[ObjectPicture]:
    polygons, shapes = found
    tree = shapely.STRtree(shapes)
    for window in Window(0, 0, raster.height, raster.width).cells(chip_px):
        if min(window.height, window.width) < LEAST_CHIP * min(chip_px, raster.height, raster.width):
            continue
        if raster.may_lack_data and raster.read(window).valid.mean() < KNOWN:
            continue
        boxes, labels, ignored, masks = [], [], [], []
        corner = (window.column, window.row, window.column + window.width, window.row + window.height)
        for number in np.sort(tree.query(shapely.box(*corner), predicate="intersects")).tolist():
            name = polygons.texts[number] if polygons.texts else single
            if name not in classes:
                continue
            shape = shapes[number]
            inside = drawn([shape], window)
            rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
            if not rows.size:
                continue  # less than a pixel of it lies here
            box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
            here = translate(shape, -window.column, -window.row)
            seen = shapely.clip_by_rect(here, 0, 0, window.width, window.height).area
            boxes.append(box)
            labels.append(classes.index(name))
            ignored.append(seen < VISIBLE * shape.area)
            masks.append(inside[box[1] : box[3], box[0] : box[2]])
        yield ObjectPicture(
            path=path,
            name=NAMED.format(stem=path.stem, row=window.row, column=window.column),
            size=(window.width, window.height),
            boxes=np.array(boxes, np.float32).reshape(-1, 4),
            labels=np.array(labels, np.int64),
            ignored=np.array(ignored, bool),
            masks=tuple(masks),
            outlined=True,
            opener=_Opener(path, window),
            ground_m=raster.ground_m,
        )


class _Opener:
    """Reads a chip of a scene as a picture; what has no data is gray."""

    def __init__(self, path: Path, window: Window) -> None:
        self.path, self.window = path, window

    def __call__(self, least_px: int) -> Image.Image:
        with open_raster(self.path) as raster:
            pixels = raster.read(self.window)
        values = np.where(pixels.valid, pixels.values, np.uint8(GRAY))
        return Image.fromarray(np.ascontiguousarray(values.transpose(1, 2, 0)))
