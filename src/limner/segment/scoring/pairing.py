"""Which map is scored against which truth: files paired by name, on one grid.

A map is a class raster, or footprints as they are delivered: a vector file of polygons. Footprints take the grid of the
truth's mask; where the truth is polygons, too, nobody gives a grid, and one is laid over the ground.

This file imports no torch: `limner score` stays light.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapely
from rasterio.crs import CRS
from rasterio.transform import Affine

from limner.foundation.errors import UserError
from limner.foundation.files.names import paired_by
from limner.foundation.files.suffixes import RASTERS, VECTORS, ends_with
from limner.foundation.files.writing import files_below
from limner.scenes.georeference import transformer
from limner.scenes.rasters import open_mask
from limner.scenes.writing import BLOCK_PX, RasterFile
from limner.segment.data.chips import Chip
from limner.segment.labels.forms import LabelForm
from limner.segment.labels.reader import RING_PX, LabelReader
from limner.segment.labels.vector_files import NO_LAYERS, Layers, is_vector, open_layer
from limner.segment.labels.vectors import read_polygons

CELL_M = 0.25
"""Edge of a cell where polygons are scored against polygons."""
MOST_CELLS = 400_000_000
"""Of more ground cells are larger."""
CLASS_FIELD = "class_name"
"""The field that limner's own polygons tell their class by."""
DEGREES = CRS.from_epsg(4326)


class Pair(NamedTuple):
    """A map with its truth, as chips of one grid: labels of ``map`` are the map itself."""

    map: Chip
    truth: Chip

    @property
    def area(self) -> str:
        """What the pair counts to."""
        return self.truth.area

    @property
    def label(self) -> Path:
        """The truth's file."""
        return self.truth.labels or self.truth.image

    @property
    def map_file(self) -> Path:
        """The map's file."""
        return self.map.labels or self.map.image

    @property
    def delivered(self) -> bool:
        """Whether the map is footprints, not a class raster."""
        return is_vector(self.map_file)


def pair_files(prediction: Path, truth: Path, within: Path | None, layers: Layers, scratch: Path) -> list[Pair]:
    """Maps with their truths, paired by stem (a final ``_classes`` does not count; footprints may go on after the
    truth's name and ``_``, as ``scene_building.gpkg`` does).

    layers: which are read of the truth and of ``within``. scratch: a folder for grids that no file gives.

    Raises `UserError` for what is not there, cannot be scored or does not pair.
    """
    kinds = VECTORS if _holds_footprints(prediction) else RASTERS
    maps, truths = _files(prediction, kinds), _files(truth, RASTERS + VECTORS)
    if kinds is VECTORS:
        maps |= _of_longer_names(maps, truths)
    if truth.is_file() and (prediction.is_file() or is_vector(truth)):
        (label,) = truths.values()
        found = [(_area(key, prediction), path, label) for key, path in maps.items()]
    else:
        keys = [key for key in truths if key in maps or (truth.is_dir() and prediction.is_dir())]
        missing = [key for key in keys or truths if key not in maps]
        if missing:
            raise UserError(
                f"{prediction}: no map for {len(missing)} of {len(truths)} truths in {truth}, such as "
                f"{'/'.join(missing[0])}; needed: a map of the truth's name, or of that name with _classes"
            )
        found = [(_area(key, truth), maps[key], truths[key]) for key in keys]
    pairs = []
    for number, (area, path, label) in enumerate(found):
        if not is_vector(path):
            grid = path
        elif is_vector(label):
            grid = lay_grid(path, label, within, layers, scratch / str(number) / f"{path.stem}.tif")
        else:
            grid = label
        with open_mask(grid) as raster:
            size, ground_m = (raster.height, raster.width), raster.ground_m
        sides = (Chip(area, grid, labels, ground, *size, ground_m=ground_m) for labels, ground in (
            (path, None), (label, within),
        ))  # fmt: skip
        pairs.append(Pair(*sides))
    return pairs


def _holds_footprints(prediction: Path) -> bool:
    """Whether a map is a vector file, or a folder of them without any raster."""
    if not prediction.is_dir():
        return is_vector(prediction)
    files = [file for file in files_below(prediction) if file.name[0] != "."]
    return not any(ends_with(file, RASTERS) for file in files) and any(is_vector(file) for file in files)


def _of_longer_names(
    maps: dict[tuple[str, ...], Path], truths: dict[tuple[str, ...], Path]
) -> dict[tuple[str, ...], Path]:
    """Footprints of truths that have none of their own name, but one that begins with it and ``_``."""
    found = {}
    for key in truths:
        longer = [each for each in maps if each[:-1] == key[:-1] and each[-1].startswith(f"{key[-1]}_")]
        if key not in maps and len(longer) == 1:
            found[key] = maps[longer[0]]
    return found


def _files(path: Path, suffixes: tuple[str, ...]) -> dict[tuple[str, ...], Path]:
    """The files that ``path`` is or holds, by their folders below it and their stem. Masks outrank all else."""
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    if path.is_file():
        if not ends_with(path, suffixes):
            raise UserError(f"{path}: cannot be scored; needed: a file of type {' '.join(suffixes)}, or a folder")
        return {(path.stem.removesuffix("_classes"),): path}
    files = [file for file in files_below(path) if ends_with(file, suffixes) and file.name[0] != "."]
    masks = [file for file in files if "masks" in file.relative_to(path).parts[:-1]]
    found: dict[tuple[str, ...], Path] = {}
    for file in masks or files:
        folders = [part for part in file.relative_to(path).parts[:-1] if part != "masks"]
        key = (*folders, paired_by(Path(file.name)).removesuffix("_classes"))
        if key in found and found[key].stem == file.stem:
            raise UserError(f"{found[key]} and {file.name}: two files of one name; keep one of them")
        if key not in found or file.stem.endswith("_classes"):
            found[key] = file
    if not found:
        raise UserError(f"{path}: holds no file of type {' '.join(suffixes)}")
    return found


def _area(key: tuple[str, ...], folder: Path) -> str:
    if len(key) > 1:
        return key[0]
    return folder.name if (folder / "masks").is_dir() else key[0]


def lay_grid(footprints: Path, truth: Path, within: Path | None, layers: Layers, out: Path) -> Path:
    """Write a grid of square cells over the ground that is scored, an empty GeoTIFF.

    Its reference system is an equal-area one around the middle of that ground, so that areas are those of the ground
    whatever the files are in: over ``within``, else over the truth's polygons and the ring around them, else (where
    there is no object) over the footprints. Cells are `CELL_M` wide, of very much ground wider.
    """
    layer = layers.open(truth, of_ground=False)
    if within is not None:
        layer = layers.open(within, of_ground=True)
    elif not layer.features:
        layer = NO_LAYERS.open(footprints, of_ground=False)
    if not layer.features:
        raise UserError(f"{footprints} and {truth}: hold no polygon, so there is no ground to score; give --within")
    own = CRS.from_user_input(layer.crs)
    crs: Any = own
    between = transformer(own, DEGREES)
    if between is not None:  # else local, tied to no place on the Earth: only files of the same system meet there
        left, bottom, right, top = shapely.total_bounds(read_polygons(layer, own).tree.geometries)
        longitude, latitude = between.transform((left + right) / 2, (bottom + top) / 2)
        middle = {"lon_0": round(longitude, 4), "lat_0": round(latitude, 4)}
        crs = CRS.from_dict(proj="laea", datum="WGS84", units="m", no_defs=True, **middle)
    left, bottom, right, top = shapely.total_bounds(read_polygons(layer, crs).tree.geometries)
    cell = max(CELL_M, float(np.sqrt((right - left) * (top - bottom) / MOST_CELLS)))
    margin = 0 if within is not None else RING_PX
    width, height = (int(np.ceil(length / cell)) + 2 * margin + 1 for length in (right - left, top - bottom))
    out.parent.mkdir(parents=True)
    corner = Affine(cell, 0, left - margin * cell, 0, -cell, top + margin * cell)
    with RasterFile(
        out, driver="GTiff", height=height, width=width, count=1, dtype="uint8", crs=crs, transform=corner, tiled=True,
        blockxsize=BLOCK_PX, blockysize=BLOCK_PX, sparse_ok=True, bigtiff="if_safer",
    ):  # fmt: skip
        return out


def footprint_reader(pairs: Sequence[Pair], class_names: Sequence[str]) -> LabelReader:
    """What reads footprints: all polygons of a file, or those of the object's class where it tells of several.

    class_names: the truth's two. Raises `UserError` where footprints are of several classes and none is the object's.
    """
    texts: set[str] = set()
    several = False
    for path in sorted({pair.map_file for pair in pairs}):
        layer = open_layer(path)
        here = set(layer.texts(CLASS_FIELD) if CLASS_FIELD in layer.fields else ())
        if len(here) > 1 and class_names[1] not in here:
            raise UserError(
                f"{path}: its polygons are of the classes {', '.join(sorted(here))}, the truth's of "
                f"{class_names[1]}; say with --target which class is scored"
            )
        several |= len(here) > 1
        texts |= here
    attributes = tuple((text, int(text == class_names[1])) for text in sorted(texts)) if several else ()
    form = LabelForm.of_binary(class_names)
    if not attributes:
        return LabelReader(form, ring_px=0)
    return LabelReader(LabelForm(form.class_names, attributes=attributes), ring_px=0, field=CLASS_FIELD)


def footprints_of(pairs: Sequence[Pair], reader: LabelReader) -> dict[int, np.ndarray]:
    """The polygons of each pair's footprints, (n,) object, in the cells of its grid; none for class rasters.

    Raises `UserError` for a file of polygons that all lie elsewhere.
    """
    found = {number: reader.objects(pair.map, pair.map_file, 1) for number, pair in enumerate(pairs) if pair.delivered}
    for number, shapes in found.items():
        path, label = pairs[number].map_file, pairs[number].label
        if not len(shapes) and open_layer(path).features:
            raise UserError(
                f"{path}: none of its polygons lies on the ground of {label.name}; are both of the same place, in "
                "their right reference systems?"
            )
    return found
