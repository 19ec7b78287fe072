"""Polygons from a finished map: one for each connected region, simplified, with its area and mean probability."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pyogrio.raw
import rasterio
import shapely
from pyproj import Geod, Transformer
from pyproj.exceptions import ProjError
from rasterio import Affine
from shapely.geometry.polygon import orient

from limner.segment.footprints.regions import Region, find_regions

DRIVERS = {"gpkg": "GPKG", "geojson": "GeoJSON"}
BATCH_POLYGONS = 8192  # held and written at once
MINIMUM_AREA_PX = 16
SIMPLIFY_PX = 1.0  # takes the stairs off a slanting side: no corner of a pixel lies farther from it


def write_polygons(
    path: Path,
    classes: Path,
    probability: Path,
    probability_bands: dict[int, int],
    class_names: Sequence[str],
    *,
    layer: str,
    minimum_area_px: int = MINIMUM_AREA_PX,
    simplify_px: float = SIMPLIFY_PX,
) -> int:
    """Outline the regions of a class raster; gives how many polygons were written.

    A GeoPackage (``.gpkg``) is in the scene's own reference system, GeoJSON (``.geojson``) in WGS84 longitude and
    latitude as RFC 7946 demands; without a georeference both are in pixels, x = column and y = row. Regions are
    4-connected: what touches by a corner only stays apart. Each polygon tells ``class``, ``class_name``,
    ``mean_probability`` of its class over its pixels, and ``area_m2``, measured on the WGS84 ellipsoid (or
    ``area_px``, its count of pixels).

    Args:
        path: what to write, its suffix chooses the format; no polygon gives a valid file without one.
        classes: the class raster, finished.
        probability, probability_bands: see `limner.segment.footprints.regions.find_regions`; only the classes named
        there are
            outlined.
        layer: the name programs show.
        minimum_area_px: smaller regions are left out.
        simplify_px: Douglas and Peucker's tolerance in pixels; 0 keeps every corner of every pixel.
    """
    with rasterio.open(classes) as dataset:
        transform = dataset.transform
        crs = dataset.crs if dataset.crs is not None and not transform.is_identity else None
    regions = find_regions(classes, probability, probability_bands, minimum_area_px)
    writer = _Layer(path, layer, transform, crs, tuple(class_names), simplify_px)
    while batch := list(islice(regions, BATCH_POLYGONS)):
        writer.append(batch)
    if writer.count == 0:
        writer.append([])
    return writer.count


MANY_CORNERS = 20_000


class _Layer:
    """One layer of polygons, written batch by batch."""

    def __init__(
        self, path: Path, name: str, transform: Affine, crs: Any, class_names: tuple[str, ...], simplify_px: float
    ) -> None:
        self.path, self.name, self.transform, self.crs = path, name, transform, crs
        self.class_names, self.simplify_px = class_names, simplify_px
        self.driver = DRIVERS[path.suffix.removeprefix(".")]
        self.to_degrees: Transformer | None = None
        if crs is not None:
            with suppress(ProjError):  # a local grid that nobody can place on the Earth keeps its own coordinates
                self.to_degrees = Transformer.from_crs(crs.to_wkt(), "EPSG:4326", always_xy=True)
        self.count = 0

    def append(self, regions: list[Region]) -> None:
        parts = [(region, outline) for region in regions for outline in region.outlines()]
        outlines = np.array([outline for _, outline in parts], object)
        shapes = shapely.transform(simplified(outlines, self.simplify_px), self._to_ground)
        if self.to_degrees is None:
            area_name, areas = "area_px", shapely.area(outlines).round().astype(np.int64)
        else:
            degrees = shapely.transform(shapes, partial(_to_degrees, self.to_degrees))
            area_name, areas = "area_m2", np.fromiter(_geodesic_areas(degrees), np.float64, len(parts))
            if self.driver == "GeoJSON":
                shapes = degrees
        columns: dict[str, np.ndarray] = {
            "class": np.array([region.class_number for region, _ in parts], np.int32),
            "class_name": np.array([self.class_names[region.class_number] for region, _ in parts], object),
            area_name: areas,
            "mean_probability": np.array([region.mean_probability for region, _ in parts], np.float64),
        }
        self._write(shapes, columns)
        self.count += len(parts)

    def _write(self, shapes: np.ndarray, columns: dict[str, np.ndarray]) -> None:
        crs = None if self.crs is None else self.crs.to_wkt()
        options = {}
        if self.driver == "GeoJSON" and self.to_degrees is not None:
            crs, options = "EPSG:4326", {"RFC7946": "YES"}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="'crs' was not provided")  # pixels have none
            pyogrio.raw.write(
                self.path,
                shapely.to_wkb(shapes),
                list(columns.values()),
                list(columns),
                layer=self.name,
                driver=self.driver,
                geometry_type="Polygon",
                crs=crs,
                append=self.count > 0,
                **options,
            )

    def _to_ground(self, points: np.ndarray) -> np.ndarray:
        column, row = points.T
        place = self.transform
        return np.column_stack([place.a * column + place.b * row + place.c, place.d * column + place.e * row + place.f])


def simplified(outlines: np.ndarray, tolerance_px: float) -> np.ndarray:
    """Polygons with fewer corners, each off its outline by at most ``tolerance_px``; still single valid polygons.

    Douglas and Peucker's algorithm alone may cross a polygon's own border. Where it does, the slower one that looks at
    all borders takes over. Both need minutes for outlines of very many corners (a noisy map), which stay as they are.
    """
    corners = shapely.get_num_coordinates(outlines)
    shapes = outlines.copy()
    usual = corners < MANY_CORNERS
    shapes[usual] = shapely.simplify(outlines[usual], tolerance_px, preserve_topology=False)
    sound = shapely.is_valid(shapes) & (shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON)
    spoiled = usual & ~(sound & ~shapely.is_empty(shapes))
    shapes[spoiled] = outlines[spoiled]
    few = spoiled & (corners < MANY_CORNERS // 10)
    shapes[few] = shapely.simplify(outlines[few], tolerance_px)
    return shapes


def _to_degrees(transformer: Transformer, points: np.ndarray) -> np.ndarray:
    return np.column_stack(transformer.transform(*points.T))


def _geodesic_areas(shapes: np.ndarray) -> Iterator[float]:
    """Square meters of polygons in degrees, on the WGS84 ellipsoid (Karney 2013)."""
    ellipsoid = Geod(ellps="WGS84")
    for shape in shapes:
        yield ellipsoid.geometry_area_perimeter(orient(shape))[0]
