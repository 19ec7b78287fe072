"""Outlines are drawn where the polygons lie, whatever their reference system."""

from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely

from drawn import PLACE, draw_picture, save
from limner.scenes.rasters import open_raster
from limner.scenes.windows import Window
from limner.segment.footprints.outlines import OUTLINE, draw_outlines, shapes_in_pixels

WINDOW = Window(20, 30, 60, 80)
HOUSE = (40, 50, 60, 80)  # left, top, right, bottom, in pixels


def polygons(path: Path, crs: str | None) -> Path:
    left, top, right, bottom = HOUSE
    ground = PLACE["transform"]
    shape = shapely.box(left, top, right, bottom)
    elsewhere = shapely.box(left + 300, top, right + 300, bottom)
    frame = geopandas.GeoDataFrame(geometry=[shape, elsewhere])
    if crs is not None:
        frame = frame.affine_transform([ground.a, ground.b, ground.d, ground.e, ground.c, ground.f])
        frame = geopandas.GeoDataFrame(geometry=frame, crs=PLACE["crs"]).to_crs(crs)
    frame.to_file(path)
    return path


@pytest.mark.parametrize("crs", ["EPSG:32645", "EPSG:4326", None])
def test_the_outline_lies_on_the_sides_of_its_polygon(tmp_path: Path, crs: str | None) -> None:
    place = {} if crs is None else PLACE
    scene = save(tmp_path / "scene.tif", draw_picture(128, 160).values, **place)
    file = polygons(tmp_path / "houses.gpkg", crs)
    with open_raster(scene) as raster:
        (shape,) = shapes_in_pixels(raster, file, WINDOW)
        np.testing.assert_allclose(shape.bounds, HOUSE, atol=0.02)
        picture = draw_outlines(raster, file, WINDOW, enlarged=3)
    assert picture.shape == (180, 240, 3)
    drawn = (picture == OUTLINE).all(2)
    rows, columns = np.nonzero(drawn)
    left, top, right, bottom = HOUSE
    assert abs(rows.min() - 3 * (top - WINDOW.row)) <= 3  # half of a line of 4 px
    assert abs(columns.min() - 3 * (left - WINDOW.column)) <= 3  # half of a line of 4 px
    assert abs(rows.max() - 3 * (bottom - WINDOW.row)) <= 3  # half of a line of 4 px
    assert abs(columns.max() - 3 * (right - WINDOW.column)) <= 3  # half of a line of 4 px
    assert not drawn[3 * (65 - 20), 3 * (50 - 30)]  # within it the scene is seen
