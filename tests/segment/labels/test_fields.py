"""Polygons of several classes: a field of the vector file tells which."""

from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely

from drawing import CRS, NORTH, PIXEL_M, WEST, draw_scene
from limner.foundation.errors import UserError
from limner.scenes.windows import Window
from limner.segment.data.areas import find_data
from limner.segment.labels.reading import Reading

WHOLE = Window(0, 0, 160, 192)


def box(row: int, column: int, height: int, width: int) -> shapely.Polygon:
    """Whole pixels of the scene, on the ground."""
    left, top = WEST + column * PIXEL_M, NORTH - row * PIXEL_M
    return shapely.box(left, top - height * PIXEL_M, left + width * PIXEL_M, top)


def vector(path: Path, **fields: list) -> Path:
    shapes = [box(10, 10, 20, 30), box(60, 40, 10, 10), box(20, 30, 20, 30)]
    geopandas.GeoDataFrame(fields, geometry=shapes, crs=CRS).to_file(path)
    return path


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    return draw_scene(tmp_path / "scene.tif")


def labels_of(scene: Path, reading: Reading) -> tuple[tuple[str, ...], np.ndarray]:
    data = find_data([scene], reading)
    return data.class_names, data.reader(ring_px=0).read(data.chips[0], WHOLE)


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".shp"])
def test_each_text_of_the_field_is_a_class_and_the_last_polygon_lies_on_top(tmp_path, scene, suffix):
    labels = vector(tmp_path / f"land{suffix}", kind=["road", "hut", "barn"])
    names, found = labels_of(scene, Reading(labels=labels, label_field="kind"))
    assert names == ("background", "barn", "hut", "road")
    expected = np.full((160, 192), 255, np.uint8)
    expected[10:30, 10:40] = 3
    expected[60:70, 40:50] = 2
    expected[20:40, 30:60] = 1
    np.testing.assert_array_equal(found, expected)


def test_a_polygon_whose_field_is_empty_is_ground_that_nobody_labelled(tmp_path, scene):
    ground = vector(tmp_path / "ground.gpkg")
    labels = vector(tmp_path / "land.gpkg", kind=["road", None, "road"])
    names, found = labels_of(scene, Reading(labels=labels, within=ground, label_field="kind"))
    assert names == ("background", "road")
    assert (found[60:70, 40:50] == 255).all()
    assert np.count_nonzero(found == 1) == 20 * 30 + 20 * 30 - 10 * 10


def test_one_class_against_the_others_keeps_their_polygons_as_background(tmp_path, scene):
    labels = vector(tmp_path / "land.gpkg", kind=["road", "hut", "barn"])
    names, found = labels_of(scene, Reading(labels=labels, label_field="kind", target="hut"))
    assert names == ("background", "hut")
    assert (found[60:70, 40:50] == 1).all() and (found[10:30, 10:30] == 0).all()


def test_whole_numbers_in_a_field_are_matched_by_the_class_file(tmp_path, scene):
    labels = vector(tmp_path / "land.gpkg", code=[1.0, 2.0, 5.0])
    (tmp_path / "codes.yaml").write_text("classes: {ground: 0, road: [1, 5], hut: 2}\n")
    reading = Reading(labels=labels, label_field="code", classes=(str(tmp_path / "codes.yaml"),))
    names, found = labels_of(scene, reading)
    assert names == ("ground", "road", "hut")
    assert (found[20:40, 30:60] == 1).all() and (found[60:70, 40:50] == 2).all()
    (tmp_path / "codes.yaml").write_text("classes: {ground: 0, road: 1, hut: 2}\n")
    with pytest.raises(
        UserError, match=r"the field code says '5', which means no class \(there are ground, road, hut\)"
    ):
        find_data([scene], reading)


def test_polygons_of_many_classes_need_the_field_named(tmp_path, scene):
    labels = vector(tmp_path / "land.gpkg", kind=["road", "hut", "barn"])
    with pytest.raises(UserError, match=r"which of 3 classes its polygons are is not said; .* --label-field"):
        find_data([scene], Reading(labels=labels, classes=("ground", "road", "hut")))
    with pytest.raises(UserError, match=r"has no field 'type' to tell the class; its fields are kind"):
        find_data([scene], Reading(labels=labels, label_field="type"))
