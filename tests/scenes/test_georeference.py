"""Where pictures lie: by their own georeference, or by the name of their Web Mercator tile."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pyproj import Transformer

from drawn import PLACE, save
from limner.scenes.georeference import place_by_name, scaled, shifted
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
