"""Where pictures lie: by their own georeference, or by the name of their Web Mercator tile."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pyproj import Transformer
from rasterio.crs import CRS
from rasterio.transform import Affine

from drawn import PLACE, save
from limner.scenes.georeference import Place, beyond_degrees, place_by_name, scaled, shifted
from limner.scenes.rasters import open_raster

TO_MERCATOR = Transformer.from_crs("EPSG:4326", "EPSG:3857", always_xy=True)


def corner_by_hand(zoom: int, column: int, row: int) -> tuple[float, float]:
    """Longitude and latitude of a tile's upper left corner, by the formula of web maps."""
    north = math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * row / 2**zoom))))
    return column / 2**zoom * 360 - 180, north


@given(st.integers(0, 24).flatmap(lambda zoom: st.tuples(st.just(zoom), *[st.integers(0, 2**zoom - 1)] * 2)))
def test_a_named_tile_lies_where_web_maps_lay_it(tile):
    zoom, column, row = tile
    place = place_by_name(f"z{zoom}_{column}_{row}", 256, 512)
    assert place is not None and place.crs.to_epsg() == 3857
    for right, down in ((0, 0), (1, 1)):
        corner = shifted(place.transform, 512 * right, 256 * down)
        x, y = TO_MERCATOR.transform(*corner_by_hand(zoom, column + right, row + down))
        assert corner.c == pytest.approx(x, abs=1e-6) and corner.f == pytest.approx(y, abs=1e-3)


@pytest.mark.parametrize(
    "name",
    ["z1_2_0", "z1_0_2", "z25_0_0", "z19_1", "19_1_1", "z19_1_1_1", "z19_1-1", "az3_1_1", "z3_-1_1", "z_1_1", "z0_0_1"],
)
def test_other_names_are_just_names(name):
    assert place_by_name(name, 256, 256) is None


@pytest.mark.parametrize("size", [256, 512, 100])
@pytest.mark.parametrize("name", ["z19_386690_220241.jpg", "z19-386690-220241.png"])
def test_a_plain_picture_is_placed_by_its_name(tmp_path, name, size):
    Image.fromarray(np.full((size, size, 3), 9, np.uint8)).save(tmp_path / name)
    with open_raster(tmp_path / name) as raster:
        assert raster.georeferenced and raster.placed_by_name
        assert raster.crs.to_epsg() == 3857
        # a tile of zoom 19 is 76.437 m of Web Mercator, which stretches by 1 / cos(27.63 degrees) there
        assert raster.transform.a * size == pytest.approx(76.437, abs=1e-3)
        assert raster.ground_m == pytest.approx(76.437 * math.cos(math.radians(27.63)) / size, rel=5e-3)


def test_a_files_own_georeference_outranks_its_name(tmp_path):
    path = save(tmp_path / "z19_386690_220241.tif", np.ones((3, 8, 8), np.uint8), **PLACE)
    with open_raster(path) as raster:
        assert raster.georeferenced and not raster.placed_by_name
        assert raster.crs.to_epsg() == 32645
        assert raster.transform == PLACE["transform"]


def test_a_name_beyond_the_map_leaves_a_plain_picture(tmp_path):
    path: Path = tmp_path / "z3_8_1.png"
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(path)
    with open_raster(path) as raster:
        assert not raster.georeferenced and not raster.placed_by_name
        assert raster.crs is None and raster.transform.is_identity and raster.ground_m is None


def test_larger_pixels_and_parts_cover_the_ground_of_the_first(tmp_path):
    place = place_by_name("z4_3_5", 256, 256)
    assert place is not None
    assert scaled(place.transform, 2, 4) @ (128, 64) == pytest.approx(place.transform @ (256, 256))
    assert shifted(place.transform, 7, 9) @ (3, 4) == pytest.approx(place.transform @ (10, 13))


@pytest.mark.parametrize(
    ("system", "transform", "corner"),
    [
        (4326, (0.15, 0, 9_519_926, 0, -0.15, 3_202_940), (9_519_926, 3_202_940)),
        (3857, (0.15, 0, 9_519_926, 0, -0.15, 3_202_940), None),
        (4326, (0.001, 0, 20, 0, 0.001, 3000), (20, 3000)),
        (4326, (3.6, 0, 0, 0, -1.8, 90), None),  # longitudes from 0 to 360
        (4326, (1, 0, 178, 0, -1, 10), None),  # over 180 degrees
        (4326, (3.6, 0, -181.8, 0, -1.8, 90.9), None),  # the outermost pixels' middles lie on the edge
        (4326, (3.6, 0, -180, 0, -3, 90), (-180, -210)),
    ],
)
def test_degrees_that_are_none_are_known(system, transform, corner):
    assert beyond_degrees(Place(CRS.from_epsg(system), Affine(*transform)), 100, 100) == corner


def test_a_picture_with_degrees_that_are_none_says_so(tmp_path):
    meters = Affine(0.15, 0, 9_519_926, 0, -0.15, 3_202_940)
    values = np.full((3, 9, 9), 9, np.uint8)
    with open_raster(save(tmp_path / "wrong.tif", values, crs="EPSG:4326", transform=meters)) as raster:
        assert raster.not_degrees is not None
        assert raster.not_degrees.startswith(
            "says EPSG:4326, which is in degrees, but lies at x 9519926, y 3202940: these"
        )
    with open_raster(save(tmp_path / "right.tif", values, crs="EPSG:3857", transform=meters)) as raster:
        assert raster.not_degrees is None and not raster.lacks_system
    with open_raster(save(tmp_path / "none.tif", values, transform=meters)) as raster:
        assert raster.not_degrees is None and raster.lacks_system
