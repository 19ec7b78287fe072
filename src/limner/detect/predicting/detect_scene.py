"""`limner detect RUN SCENE --out objects.gpkg`: the objects of a georeferenced scene of any size as polygons."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from limner.detect.predicting.looking import Tiling, find_in_row, tile_rows
from limner.detect.predicting.merging import Merger, SceneObject
from limner.detect.predicting.options import AS_LEARNED, PLAIN, SCENE_FILES, DetectOptions, TileOptions
from limner.detect.predicting.predictor import ObjectDetector, load_detector
from limner.foundation.errors import UserError
from limner.foundation.files.dependencies import digest
from limner.foundation.files.records import Account, make_once
from limner.foundation.files.suffixes import ends_with
from limner.foundation.progress import Progress, say
from limner.learning.runs.opening import open_run
from limner.learning.runs.run import Run
from limner.scenes.bands import check_bands, parse_bands
from limner.scenes.rasters import Raster, open_raster
from limner.segment.footprints.polygons import BATCH_POLYGONS, PolygonFile, layer_name

LEAST_TILE_PX = 32
SCORE_DIGITS = 6
UNLIKE = 1.5
"""Times that a tile may be larger or smaller than those of the training before a line says so."""


@dataclass(frozen=True)
class DetectedScene:
    """The objects of a scene. path: the file. counts: objects of each class. skipped: it was there already, made from
    the same scene, run and options."""

    path: Path
    counts: dict[str, int]
    skipped: bool = False

    def to_text(self) -> str:
        """One line: the file, and how many objects of each class."""
        told = ", ".join(f"{count} {name}" for name, count in self.counts.items() if count) or "nothing"
        return f"{self.path}  {told}"

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {"file": str(self.path), "objects": self.counts, "was_there": self.skipped}


def detect_scene(
    run: str | Path | Run,
    scene: str | Path,
    out: str | Path,
    options: DetectOptions = PLAIN,
    tiles: TileOptions = AS_LEARNED,
    *,
    device: str = "auto",
    overwrite: bool = False,
) -> DetectedScene:
    """Find the objects of a scene by overlapping tiles, and write them as boxes, or as outlines where the run draws
    them.

    out: a GeoPackage in the scene's reference system, or GeoJSON in degrees; without a georeference both are in pixels.
    Each polygon tells ``class``, ``class_name``, its area and ``score``. The same call again finds it done. Memory is
    bounded by a row of tiles' objects and a few tiles.

    Raises `UserError` for no run of this room, a scene that cannot be read or has other bands than red, green and blue
    of 8 bits, tiles that leave gaps, and a file in the way.
    """
    path, out = Path(scene), Path(out)
    if not ends_with(out, SCENE_FILES):
        raise UserError(
            f"--out {out}: the objects of a scene go to one file; needed: a name that ends in .gpkg or .geojson"
        )
    opened = run if isinstance(run, Run) else open_run(run, "detect")
    bands = parse_bands(tiles.bands)
    detector = load_detector(opened, device)
    with open_raster(path, bands=bands) as raster:
        _check_raster(raster, path)
        tiling = choose_tiling(detector, raster, tiles)
        for line in _advice(detector, raster, tiling):
            say(line)
        min_score = detector.threshold if options.min_score is None else options.min_score
        request = {
            "scene": digest(path), "model": digest(opened.folder / "model.safetensors"),
            "min_score": min_score,
            "tiles": asdict(tiling), "bands": None if bands is None else list(bands),
        }  # fmt: skip

        def make(temporary: Path) -> Account:
            began = time.monotonic()
            counts = _write(detector, raster, temporary, out.stem, tiling, min_score)
            return Account({"objects": counts, "seconds": round(time.monotonic() - began, 3)})

        made = make_once(out, request, make, overwrite=overwrite)
    if made.skipped:
        say(f"{path.name}: was looked through before")
    else:
        say(f"{path.name}: looked through in {made.numbers['seconds']:.1f} s")
    return DetectedScene(out, dict(made.numbers["objects"]), made.skipped)


def choose_tiling(detector: ObjectDetector, raster: Raster, tiles: TileOptions) -> Tiling:
    """Tiles that show objects as large as the training did: by meters on the ground where both sides know them.

    Raises `UserError` for tiles that are too small, and an overlap that is no smaller than a tile.
    """
    seen_px = detector.sizing.short_px
    tile_px = tiles.tile_px
    if tile_px is None:
        tile_px = round(seen_px / detector.scale)
        if detector.ground_m is not None and raster.ground_m is not None:
            tile_px = round(tile_px * detector.ground_m / raster.ground_m)
        tile_px = max(LEAST_TILE_PX, tile_px)
    overlap_px = tile_px // 4 if tiles.overlap_px is None else tiles.overlap_px
    if tile_px < LEAST_TILE_PX:
        raise UserError(f"--tile-px is {tile_px}; needed: {LEAST_TILE_PX} or more pixels of the scene")
    if not 0 <= overlap_px < tile_px:
        raise UserError(
            f"--overlap-px is {overlap_px}; needed: 0 to {tile_px - 1}, less than a tile of {tile_px} px, and at least "
            "the size of an object"
        )
    return Tiling(tile_px, overlap_px, seen_px)


def _check_raster(raster: Raster, path: Path) -> None:
    if raster.bands != 1:
        check_bands(raster, 3, None)
    if raster.dtype != "uint8":
        raise UserError(
            f"{path}: has pixels of {raster.dtype}; detectors read red, green and blue of 8 bits: convert it (QGIS: "
            "Export, or gdal_translate -ot Byte -scale)"
        )


def _advice(detector: ObjectDetector, raster: Raster, tiling: Tiling) -> list[str]:
    """What may mislead about how large objects are shown."""
    usual = tiling.seen_px / detector.scale
    lines = []
    if detector.ground_m is not None and raster.ground_m is not None:
        usual *= detector.ground_m / raster.ground_m
    elif raster.ground_m is not None:
        lines.append(
            "Careful: the run learned from pictures without a place, so how large its objects are on the ground is "
            f"not known; each tile shows {tiling.tile_px * raster.ground_m:.0f} m (--tile-px changes that)"
        )
    if not 1 / UNLIKE <= tiling.tile_px / usual <= UNLIKE:
        lines.append(
            f"Careful: a tile shows {tiling.tile_px / usual:.1f} times the ground of a picture that the run learned "
            "from, so objects look smaller or larger than those it knows"
        )
    return lines


def _write(
    detector: ObjectDetector, raster: Raster, path: Path, stem: str, tiling: Tiling, min_score: float
) -> dict[str, int]:
    """Look through the scene and write what is found, row by row; gives how many objects each class has."""
    crs = raster.crs if raster.georeferenced else None
    writer = PolygonFile(path, layer_name(stem), raster.transform, crs, (raster.height, raster.width))
    merger = Merger(boxes=not detector.outlines)
    counts: Counter[str] = Counter()
    ready: list[SceneObject] = []
    rows = list(tile_rows(raster, tiling))
    with Progress(f"detect {raster.path.name}", len(rows), "rows of tiles") as progress:
        for tiles, below in rows:
            found = find_in_row(detector, raster, tiles, tiling.seen_px, min_score)
            ready += merger.add(found, below)
            progress.advance()
            if len(ready) >= BATCH_POLYGONS:
                writer.append(*_columns(ready, detector.class_names))
                counts.update(detector.class_names[each.label] for each in ready)
                ready = []
    if ready or not writer.count:
        writer.append(*_columns(ready, detector.class_names))
        counts.update(detector.class_names[each.label] for each in ready)
    writer.finish()
    return {name: counts[name] for name in detector.class_names}


def _columns(
    objects: Sequence[SceneObject], class_names: Sequence[str]
) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    shapes = np.empty(len(objects), object)
    shapes[:] = [each.shape for each in objects]
    names = np.array([class_names[each.label] for each in objects], object)
    scores = np.array([round(each.score, SCORE_DIGITS) for each in objects], np.float64)
    labels = np.array([each.label for each in objects], np.int32)
    return shapes, {"class": labels, "class_name": names}, {"score": scores}
