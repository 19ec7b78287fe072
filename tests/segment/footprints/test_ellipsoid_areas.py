"""Areas are right anywhere on the Earth: held against equal-area projections of finely divided outlines."""

import json
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from pyproj import CRS, Transformer

from limner.segment.footprints.areas import cut_at_antimeridian
from limner.segment.footprints.polygons import write_polygons

HEIGHT, WIDTH = 60, 90
PLACES = {
    "north-up": ("EPSG:32636", rasterio.Affine(0.3, 0, 450_000, 0, -0.3, 30_000)),
    "south-up": ("EPSG:32636", rasterio.Affine(0.3, 0, 450_000, 0, 0.3, 30_000)),
    "turned": (
        "EPSG:32633",
        rasterio.Affine.translation(400_000, 5e6) @ rasterio.Affine.rotation(30) @ rasterio.Affine.scale(0.5, -0.5),
    ),
    "Fiji, across 180 degrees": ("EPSG:32701", rasterio.Affine(40, 0, 179_400, 0, -40, 8_110_000)),
    "degrees up to 181": ("EPSG:4326", rasterio.Affine(2e-3, 0, 179.9, 0, -2e-3, -16.5)),
    "degrees, 60 north": ("EPSG:4326", rasterio.Affine(1e-5, 0, 24.9, 0, -5e-6, 60.2)),
    "degrees, coarse": ("EPSG:4326", rasterio.Affine(0.5, 0, 10, 0, -0.5, 80)),
    "the north pole": ("EPSG:3413", rasterio.Affine(1000, 0, -45_000, 0, -1000, 30_000)),
    "the south pole": ("EPSG:3031", rasterio.Affine(2000, 0, -90_000, 0, 2000, -60_000)),
    "Web Mercator, 70 north": ("EPSG:3857", rasterio.Affine(0.6, 0, 2_100_000, 0, -0.6, 11_068_000)),
}


def mapped(folder: Path, crs: str, transform: rasterio.Affine, name: str = "p.gpkg") -> tuple[list, np.ndarray, dict]:
    """A square with a hole and a bar, outlined: the shapes as written, their areas, the layer's description."""
    classes = np.zeros((HEIGHT, WIDTH), np.uint8)
    classes[10:50, 15:60] = 1
    classes[20:35, 25:40] = 0
    classes[5:55, 70:75] = 1
    profile = {"driver": "GTiff", "height": HEIGHT, "width": WIDTH, "count": 1, "crs": crs, "transform": transform}
    with rasterio.open(folder / "c.tif", "w", dtype="uint8", **profile) as file:
        file.write(classes, 1)
    with rasterio.open(folder / "p.tif", "w", dtype="float32", **profile) as file:
        file.write(np.ones((HEIGHT, WIDTH), np.float32), 1)
    write_polygons(folder / name, folder / "c.tif", folder / "p.tif", {1: 1}, ("background", "roof"), layer="p")
    meta, _, geometry, values = pyogrio.raw.read(folder / name)
    return list(shapely.from_wkb(geometry)), dict(zip(meta["fields"], values, strict=True))["area_m2"], meta


@pytest.mark.parametrize("place", PLACES)
def test_areas_are_those_of_an_equal_area_projection(tmp_path, place):
    crs, transform = PLACES[place]
    shapes, areas, _ = mapped(tmp_path, crs, transform)
    to_degrees = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    step = abs(transform.a) + abs(transform.b)
    for shape, area in zip(shapes, areas, strict=True):
        longitude, latitude = to_degrees.transform(shape.centroid.x, shape.centroid.y)
        flat = CRS.from_proj4(f"+proj=laea +lat_0={latitude} +lon_0={longitude} +ellps=WGS84")
        project = Transformer.from_crs(crs, flat, always_xy=True)
        fine = shapely.segmentize(shape, step / 4)
        expected = shapely.transform(fine, lambda xy, to=project: np.column_stack(to.transform(*xy.T))).area
        assert area == pytest.approx(expected, rel=2e-4)


def test_geojson_is_cut_at_180_degrees_and_keeps_its_area(tmp_path):
    crs, transform = PLACES["Fiji, across 180 degrees"]
    shapes, areas, _ = mapped(tmp_path, crs, transform, "p.geojson")
    _, whole, _ = mapped(tmp_path, crs, transform, "p.gpkg")
    assert areas.sum() == pytest.approx(whole.sum(), rel=1e-6)
    assert len(shapes) == 3
    for shape in shapes:
        west, _, east, _ = shape.bounds
        assert west >= -180 and east <= 180
        assert east - west < 1
    written = json.loads((tmp_path / "p.geojson").read_text())
    assert all(feature["geometry"]["type"] in ("Polygon", "MultiPolygon") for feature in written["features"])


def test_what_does_not_cross_stays_as_it_is():
    near = np.array([shapely.box(178, -1, 179.9, 1), shapely.box(-180, 0, -179, 1)], object)
    assert shapely.equals_exact(cut_at_antimeridian(near), near).all()
    assert len(cut_at_antimeridian(np.array([], object))) == 0
