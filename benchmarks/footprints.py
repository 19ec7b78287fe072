"""Polygons of a class raster against true ones, by how objects that touch are told apart.

    python benchmarks/footprints.py CLASSES.tif TRUTH.geojson [--class 1] [--made "learned borders=MAP.gpkg" ...]

Prints Markdown: polygons, their median area, holes, invalid ones, precision, recall and F1 of objects at an
intersection over union of 0.5, the median number of corners, the share of polygons all of whose corners are right or
straight (within 2 degrees), and seconds. Objects of the truth under 1 square meter, such as slivers at the scene's
border, do not count. Give a mask of the truth itself (0 and 1) to see what the best map would reach. ``--made`` adds
rows of polygons that were written before, such as those of `limner segment` by a network that learned borders, of which
a class raster knows nothing.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyogrio
import rasterio
import shapely
from pyproj import Transformer

from limner.scenes.rasters import open_raster
from limner.segment.footprints.options import AS_MEASURED, FootprintOptions
from limner.segment.footprints.polygons import write_polygons
from limner.segment.measures.objects import score_objects

WAYS = {
    "regions of 16 px, as before": replace(AS_MEASURED, split="no"),
    "regions of 8 m²": replace(AS_MEASURED, split="no"),
    "watershed alone, middles 2.6 m apart": replace(
        AS_MEASURED, opening_m=0.26, smoothing_m=0.4, distance_m=2.6, neck=1.0
    ),
    **{f"watershed, necks wider than {neck} joined": replace(AS_MEASURED, neck=neck) for neck in (0.7, 0.8, 0.9)},
    "watershed, necks wider than 0.9 joined, squared": replace(AS_MEASURED, regularize=True),
}


def true_objects(path: Path, classes: Path) -> tuple[np.ndarray, float]:
    """The true polygons within a raster, in its reference system, and meters along the ground a unit of it."""
    _, _, found, _ = pyogrio.raw.read(path, columns=[])
    there = pyogrio.read_info(path)["crs"]
    with rasterio.open(classes) as dataset, open_raster(classes) as raster:
        to_raster = Transformer.from_crs(there, dataset.crs.to_wkt(), always_xy=True)
        place = shapely.box(*dataset.bounds)
        meters = float(raster.ground_m or 1) / abs(dataset.transform.a)
    shapes = shapely.transform(shapely.from_wkb(found), lambda points: np.column_stack(to_raster.transform(*points.T)))
    inside = shapely.get_parts(shapely.intersection(shapely.make_valid(shapes), place))
    return inside[shapely.area(inside) * meters**2 > 1], meters


def measure(classes: Path, truth: np.ndarray, meters: float, number: int, name: str, how: FootprintOptions) -> str:
    """A row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        made, ones = Path(folder) / "made.gpkg", Path(folder) / "ones.tif"
        with rasterio.open(classes) as dataset:
            profile = {key: dataset.profile[key] for key in ("width", "height", "crs", "transform")}
            with rasterio.open(ones, "w", driver="GTiff", count=1, dtype="uint8", **profile) as probability:
                probability.write(np.ones((1, dataset.height, dataset.width), np.uint8))
            ground_m = meters * abs(dataset.transform.a)
        began = time.perf_counter()
        least = 16 if "16 px" in name else how.minimum_px(ground_m)
        write_polygons(
            made, classes, ones, {number: 1}, [str(each) for each in range(number + 1)], layer="made",
            minimum_area_px=least, simplify_px=how.simplify_px, splitting=how.splitting(ground_m, 2),
            squaring_px=how.squaring_px(ground_m),
        )  # fmt: skip
        seconds = time.perf_counter() - began
        shapes = shapely.from_wkb(pyogrio.raw.read(made)[2])
    return row(name, shapes, truth, meters, f"{seconds:.0f}")


def right_angles(shapes: np.ndarray) -> float:
    """The share of polygons of which all corners are within 2 degrees of straight on or of a right angle."""

    def squared(shape: shapely.Polygon) -> bool:
        ring = np.array(shape.exterior.coords)[:-1]
        sides = np.roll(ring, -1, axis=0) - ring
        angles = np.degrees(np.arctan2(sides[:, 1], sides[:, 0]))
        turns = (np.roll(angles, -1) - angles) % 90
        return bool((np.minimum(turns, 90 - turns) < 2).all())

    return float(np.mean([squared(shape) for shape in shapes]))


def row(name: str, shapes: np.ndarray, truth: np.ndarray, meters: float, seconds: str = "-") -> str:
    """A row of the table of polygons in the truth's reference system."""
    scores = score_objects(shapes, truth)
    holes = int(shapely.get_num_interior_rings(shapes).sum())
    invalid = int((~shapely.is_valid(shapes)).sum())
    median = float(np.median(shapely.area(shapes))) * meters**2
    corners = float(np.median(shapely.get_num_coordinates(shapely.get_exterior_ring(shapes)) - 1))
    return (
        f"| {name} | {len(shapes)} | {median:.0f} | {holes} | {invalid} | {scores.precision or 0:.2f} | "
        f"{scores.recall or 0:.2f} | {scores.f1 or 0:.3f} | {corners:.0f} | "
        f"{right_angles(shapes):.0%} | {seconds} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("classes", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--class", dest="number", type=int, default=1)
    parser.add_argument("--made", action="append", default=[], metavar="NAME=FILE")
    given = parser.parse_args()
    truth, meters = true_objects(given.truth, given.classes)
    median = float(np.median(shapely.area(truth))) * meters**2
    print(f"{len(truth)} true objects, median {median:.0f} m²\n")
    print(
        "| polygons by | count | median m² | holes | invalid | precision | recall | F1 | corners | square | seconds |"
    )
    print("| --- |" + " ---: |" * 10)
    for name, how in WAYS.items():
        print(measure(given.classes, truth, meters, given.number, name, how), flush=True)
    for name, path in (each.split("=", 1) for each in given.made):
        print(row(name, shapely.from_wkb(pyogrio.raw.read(path)[2]), truth, meters), flush=True)


if __name__ == "__main__":
    main()
