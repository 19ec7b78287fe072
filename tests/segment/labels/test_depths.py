"""How deep pixels lie inside their own objects, whatever windows they are read by."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from pyogrio.raw import write as write_vector

from drawn import PLACE, save
from limner.scenes.windows import Window
from limner.segment.data.areas import find_data
from limner.segment.data.chips import DataSet
from limner.segment.labels.depths import depths, read_depths
from limner.segment.labels.reading import Reading

MOST = 9


def slow_depths(mask: np.ndarray, objects: np.ndarray, most: int) -> np.ndarray:
    """By the words of the definition: rounded distance to the nearest border pixel of an object, from 1."""
    known = mask != 255
    height, width = mask.shape
    border = [
        (row, column)
        for row, column in np.argwhere(objects > 0)
        for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1))
        if 0 <= r < height and 0 <= c < width and known[r, c] and objects[r, c] != objects[row, column]
    ]
    found = np.zeros(mask.shape, np.uint8)
    for row, column in np.argwhere(objects > 0):
        near = min((np.hypot(row - r, column - c) for r, c in border), default=np.inf)
        found[row, column] = min(most, np.rint(near) + 1)
    return found


def test_depths_are_those_of_the_definition() -> None:
    draw = np.random.default_rng(0)
    for _ in range(10):
        objects = np.kron(draw.integers(0, 3, (4, 5)), np.ones((6, 7), int))
        mask = np.where(draw.random(objects.shape) < 0.05, 255, (objects > 0).astype(int)).astype(np.uint8)
        objects[mask == 255] = 0
        assert np.array_equal(depths(mask, objects, MOST), slow_depths(mask, objects, MOST))


def test_what_nobody_knows_is_no_border() -> None:
    mask = np.full((5, 7), 255, np.uint8)
    mask[:, 2:5] = 1
    assert set(np.unique(depths(mask, (mask == 1).astype(int), 4))) == {0, 4}


@pytest.fixture
def touching(tmp_path: Path) -> DataSet:
    """A scene of half-meter pixels and polygons of two roofs that share a wall at column 30."""
    scene = save(tmp_path / "scene.tif", np.full((3, 60, 70), 90, np.uint8), **PLACE)
    left, top = PLACE["transform"].c, PLACE["transform"].f
    roofs = [
        shapely.box(left + 0.5 * first, top - 0.5 * 40, left + 0.5 * last, top - 0.5 * 10)
        for first, last in ((10, 30), (30, 55))
    ]
    write_vector(
        tmp_path / "roofs.gpkg", np.array([shapely.to_wkb(roof) for roof in roofs]), [], [], geometry_type="Polygon",
        crs=PLACE["crs"],
    )  # fmt: skip
    return find_data([scene], Reading(labels=tmp_path / "roofs.gpkg"))


def test_polygons_that_share_a_wall_have_a_border_there_and_a_mask_of_them_has_none(touching: DataSet) -> None:
    (chip,) = touching.chips
    whole = Window(0, 0, chip.height, chip.width)
    found = read_depths(touching.reader(), chip, whole, MOST)
    assert found[25, 29] == found[25, 30] == 1 and found[25, 20] == found[25, 42] == MOST
    mask, _ = touching.reader().read_objects(chip, whole)
    assert depths(mask, (mask == 1).astype(int), MOST)[25, 30] == MOST


@pytest.mark.parametrize("window", [Window(0, 0, 9, 70), Window(17, 25, 11, 13), Window(-3, 50, 30, 30)])
def test_a_window_has_the_depths_of_the_whole(touching: DataSet, window: Window) -> None:
    (chip,) = touching.chips
    whole = read_depths(touching.reader(), chip, Window(0, 0, chip.height, chip.width), MOST)
    rows = slice(max(0, window.row), window.row + window.height)
    columns = slice(window.column, min(chip.width, window.column + window.width))
    found = read_depths(touching.reader(), chip, window, MOST)
    inside = found[max(0, -window.row) :, : columns.stop - columns.start]
    assert np.array_equal(inside, whole[rows, columns])
