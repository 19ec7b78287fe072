"""Polygons from a finished map: one for each connected region, simplified, with its area and mean probability."""

import errno
import os
import warnings
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pyogrio.raw
import rasterio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError
from rasterio import Affine
from rasterio.crs import CRS

from limner.foundation.files.names import plain, spelled
from limner.scenes import georeference
from limner.scenes.georeference import Place, transformer
from limner.segment.footprints.areas import cut_at_antimeridian, geodesic_areas
from limner.segment.footprints.options import AS_MEASURED, Splitting
from limner.segment.footprints.regions import Region, find_regions
from limner.segment.footprints.simplifying import simplified
from limner.segment.footprints.squaring import squared
from limner.segment.footprints.written import check_written

DRIVERS = {"gpkg": "GPKG", "geojson": "GeoJSON"}
BATCH_POLYGONS = 8192  # held and written at once
DEGREES = 1e-7  # GeoJSON's grid: a centimeter
FORBIDDEN_FIRST = "`~!@#$%^&*()+-={}|[]\\:\";'<>?,./ "  # no layer of a GeoPackage may begin so, says GDAL
RESERVED = ("gpkg", "sqlite_", "rtree_")
STRAIGHT_M = 1000.0  # shorter sides on a map are geodesics, too, to a part in 10,000 of their area up to 85 degrees


def write_polygons(
    path: Path,
    classes: Path,
    probability: Path,
    probability_bands: dict[int, int],
    class_names: Sequence[str],
    *,
    layer: str,
    minimum_area_px: int = 1,
    simplify_px: float = AS_MEASURED.simplify_px,
    squaring_px: float | None = None,
    splitting: Splitting | None = None,
    inside: Path | None = None,
) -> int:
    """Outline the regions of a class raster; gives how many polygons were written.

    A GeoPackage (``.gpkg``) is in the scene's own reference system, GeoJSON (``.geojson``) in WGS84 longitude and
    latitude as RFC 7946 demands; without a reference system both are in the scene's own coordinates, without a
    transform in pixels, x = column and y = row. Regions are 4-connected: what touches by a corner only stays apart.
    Every polygon is valid, also in the file's own digits; borders of neighbors are simplified together, so that no gap
    opens between them. Each polygon tells ``class``, ``class_name``, ``mean_probability`` of its class over its pixels,
    and ``area_m2``, measured on the WGS84 ellipsoid (or ``area_px``, its count of pixels).

    Args:
        path: what to write, its suffix chooses the format; no polygon gives a valid file without one.
        classes: the class raster, finished.
        probability, probability_bands: see `limner.segment.footprints.regions.find_regions`; only the classes named
        there are
            outlined.
        layer: the name programs show.
        minimum_area_px: smaller regions are left out.
        simplify_px: see `simplified`; 0 keeps every corner of every pixel.
        squaring_px: polygons are simplified so far, and then `squared`; None: they are not.
        splitting: how objects that touch are told apart; without it a region is all that hangs together.
        inside: see `limner.segment.footprints.regions.find_regions`.
    """
    with rasterio.open(spelled(classes)) as dataset:
        transform = dataset.transform
        crs = dataset.crs if dataset.crs is not None and not transform.is_identity else None
        shape = dataset.shape
    regions = find_regions(classes, probability, probability_bands, minimum_area_px, splitting=splitting, inside=inside)
    writer = PolygonFile(path, layer, transform, crs, shape, simplify_px, squaring_px)
    while batch := list(islice(regions, BATCH_POLYGONS)):
        writer.append(*_written(batch, class_names))
    if writer.count == 0:
        writer.append(*_written([], class_names))
    return writer.finish()


def _written(
    regions: Sequence[Region], class_names: Sequence[str]
) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The outlines of regions, and what is told of each."""
    parts = [(region, outline) for region in regions for outline in region.outlines()]
    columns = {
        "class": np.array([region.class_number for region, _ in parts], np.int32),
        "class_name": np.array([class_names[region.class_number] for region, _ in parts], object),
    }
    means = np.array([region.mean_probability for region, _ in parts], np.float64)
    return np.array([outline for _, outline in parts], object), columns, {"mean_probability": means}


def layer_name(stem: str) -> str:
    """A name that a layer may have in a GeoPackage, for a file's stem: its own wherever it can be.

    >>> layer_name("town_building"), layer_name("-dash_building"), layer_name("gpkg-2_building")
    ('town_building', 'dash_building', 'layer_gpkg-2_building')
    """
    name = plain(stem).lstrip(FORBIDDEN_FIRST) or "polygons"
    return f"layer_{name}" if name.lower().startswith(RESERVED) else name


class PolygonFile:
    """One layer of polygons, written batch by batch.

    transform, crs, shape: of the raster whose pixels the polygons are given in; without ``crs`` they stay in pixels.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        transform: Affine,
        crs: Any,
        shape: tuple[int, int],
        simplify_px: float = 0,
        squaring_px: float | None = None,
    ) -> None:
        self.path, self.name, self.transform, self.crs, self.shape = path, name, transform, crs, shape
        self.simplify_px, self.squaring_px = simplify_px, squaring_px
        self.driver = DRIVERS[path.suffix.removeprefix(".")]
        self.to_degrees: Any | None = None
        # A local grid that nobody can place on the Earth keeps its own coordinates, and so do degrees that are none.
        if crs is not None and georeference.beyond_degrees(Place(crs, transform), *shape) is None:
            self.to_degrees = transformer(crs, CRS.from_epsg(4326))
        self.count = 0

    def append(
        self, outlines: np.ndarray, columns: Mapping[str, np.ndarray], more: Mapping[str, np.ndarray] | None = None
    ) -> None:
        """Write polygons with what is known of each; with none, an empty file has its fields.

        outlines: (n,) object, polygons in pixels, x = column and y = row. columns, more: (n,) each, by the fields'
        names; the polygon's area stands between them.
        """
        ground = shapely.transform(self._shaped(outlines), self._to_ground)
        owners, shapes = valid_polygons(ground)
        if self.to_degrees is None:
            area_name, areas = "area_px", shapely.area(outlines[owners]).round().astype(np.int64)
        else:
            area_name, areas = "area_m2", geodesic_areas(shapes, self._in_degrees, self._longest_edge)
            if self.driver == "GeoJSON":
                pieces, shapes = self._for_geojson(shapes)
                owners, areas = owners[pieces], divided(areas, pieces, shapes)
        before, after = ({name: values[owners] for name, values in part.items()} for part in (columns, more or {}))
        self._write(shapes, {**before, area_name: areas, **after})
        self.count += len(shapes)

    def finish(self) -> int:
        """How many polygons were written. Raises `OSError` where they are not all in the file."""
        check_written(self.path, self.count)
        return self.count

    def _shaped(self, outlines: np.ndarray) -> np.ndarray:
        """With fewer corners, and squared where that is asked for."""
        if self.squaring_px is None:
            return simplified(outlines, self.simplify_px)
        _, shapes = valid_polygons(simplified(outlines, self.squaring_px))
        if len(shapes) == len(outlines):
            return squared(shapes)
        return simplified(outlines, self.simplify_px)  # some fell apart: whose is whose is told later

    def _write(self, shapes: np.ndarray, columns: dict[str, np.ndarray]) -> None:
        crs = None if self.crs is None else self.crs.to_wkt()
        options = {}
        if self.driver == "GeoJSON" and self.to_degrees is not None:
            crs, options = "EPSG:4326", {"RFC7946": "YES"}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="'crs' was not provided")  # pixels have none
            try:
                pyogrio.raw.write(
                    spelled(self.path, as_address=True),
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
            except (DataSourceError, DataLayerError, FeatureError) as error:
                if "layer name" in str(error):
                    raise
                # A GeoPackage rolls back when the disk is full, so that nothing but this tells of it.
                raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} ({error})", str(self.path)) from error

    @property
    def _longest_edge(self) -> float:
        """Up to which length, in units of the reference system, a side may be taken for a geodesic."""
        side_m = georeference.ground_m(Place(self.crs, self.transform), *self.shape)
        side = float(np.sqrt(abs(self.transform.determinant)))
        return max(1.0, STRAIGHT_M / side_m) * side if side_m else np.inf

    def _in_degrees(self, points: np.ndarray) -> np.ndarray:
        if self.to_degrees is None:
            raise ValueError("a map without a place on the Earth has no degrees")
        return np.column_stack(self.to_degrees.transform(*points.T))

    def _for_geojson(self, shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Polygons in degrees on GeoJSON's grid, cut at 180 degrees: whose part each is, and the polygons."""
        degrees = cut_at_antimeridian(shapely.transform(shapes, self._in_degrees))
        return valid_polygons(shapely.set_precision(degrees, DEGREES))

    def _to_ground(self, points: np.ndarray) -> np.ndarray:
        column, row = points.T
        place = self.transform
        return np.column_stack([place.a * column + place.b * row + place.c, place.d * column + place.e * row + place.f])


def valid_polygons(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each shape as one or more valid polygons: whose part each is, and the polygons.

    What is valid stays as it is; else rings that cross are taken apart (`shapely.make_valid`), and what has no area is
    dropped.
    """
    sound = shapely.is_valid(shapes) & (shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON)
    mended = shapes.copy()
    mended[~sound] = shapely.make_valid(shapes[~sound], method="structure", keep_collapsed=False)
    parts, owners = shapely.get_parts(mended, return_index=True)
    kept = (shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & (shapely.area(parts) > 0)
    return owners[kept], parts[kept]


def divided(areas: np.ndarray, owners: np.ndarray, pieces: np.ndarray) -> np.ndarray:
    """The areas (n,) of shapes divided among their pieces in degrees by the pieces' sizes; owners: whose each is."""
    sizes = geodesic_areas(pieces, lambda degrees: degrees, np.inf)
    whole = np.bincount(owners, weights=sizes, minlength=len(areas))
    return areas[owners] * sizes / whole[owners]
