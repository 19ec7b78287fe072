"""Draw polygons of a map over its scene, beside the true ones: the figure of docs/results/footprints.md.

    python tools/draw_footprints.py SCENE.tif TRUTH.geojson MAP.gpkg OUT.jpg --row 1400 --column 600

Shows a square of ``--edge`` pixels from ``--row`` and ``--column`` on: the truth's outlines left, the map's right.
"""

import argparse
from pathlib import Path

import numpy as np
import pyogrio
import rasterio
import shapely
from PIL import Image, ImageDraw
from pyproj import Transformer
from rasterio.windows import Window

ENLARGED = 2  # so that outlines are seen
OUTLINE = (255, 214, 10)


def polygons_in(path: Path, crs: str, to_pixels: rasterio.Affine, place: shapely.Polygon) -> np.ndarray:
    """Polygons of a file in the scene's pixels that touch ``place``."""
    _, _, found, _ = pyogrio.raw.read(path, columns=[])
    over = Transformer.from_crs(pyogrio.read_info(path)["crs"], crs, always_xy=True)

    def moved(points: np.ndarray) -> np.ndarray:
        return np.column_stack(to_pixels @ over.transform(*points.T))

    shapes = shapely.get_parts(shapely.transform(shapely.from_wkb(found), moved))
    return shapes[shapely.intersects(shapes, place)]


def drawn(picture: np.ndarray, shapes: np.ndarray, row: int, column: int) -> Image.Image:
    """The picture (edge, edge, 3), enlarged, with outlines."""
    image = Image.fromarray(picture).resize((picture.shape[1] * ENLARGED, picture.shape[0] * ENLARGED), Image.LANCZOS)
    pen = ImageDraw.Draw(image)
    for ring in shapely.get_rings(shapes):
        points = (shapely.get_coordinates(ring) - (column, row)) * ENLARGED
        pen.line([tuple(point) for point in points], fill=OUTLINE, width=3)
    return image


def main() -> None:
    """Draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("scene", "truth", "map", "out"):
        parser.add_argument(name, type=Path)
    for name, usual in (("row", 0), ("column", 0), ("edge", 480)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    given = parser.parse_args()
    with rasterio.open(given.scene) as scene:
        window = Window(given.column, given.row, given.edge, given.edge)
        picture = np.moveaxis(scene.read((1, 2, 3), window=window), 0, -1)
        crs, to_pixels = scene.crs.to_wkt(), ~scene.transform
    place = shapely.box(given.column, given.row, given.column + given.edge, given.row + given.edge)
    sides = [
        drawn(picture, polygons_in(path, crs, to_pixels, place), given.row, given.column)
        for path in (given.truth, given.map)
    ]
    sheet = Image.new("RGB", (2 * sides[0].width + 12, sides[0].height), "white")
    sheet.paste(sides[0], (0, 0))
    sheet.paste(sides[1], (sides[0].width + 12, 0))
    sheet.save(given.out, quality=80)


if __name__ == "__main__":
    main()
