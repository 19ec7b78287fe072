"""Objects are counted the same whether their map and truth come at once or in cells, and unknown ground hides none."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import shapely
from pyogrio.raw import write as write_vector
from rasterio.features import rasterize
from scipy import ndimage

from drawn import PLACE, save
from limner.scenes.windows import Window
from limner.segment.data.areas import find_data
from limner.segment.data.chips import DataSet
from limner.segment.footprints.options import AS_MEASURED
from limner.segment.labels.depths import object_borders
from limner.segment.labels.reading import Reading
from limner.segment.measures.object_counter import AS_DELIVERED, ObjectCounter, boundary_counts, objects_of
from limner.segment.measures.objects import ObjectCounts, count_objects

WHOLE = Window(0, 0, 120, 150)
AS_REGIONS = dataclasses.replace(AS_MEASURED, split="no", minimum_area_m2=0.0)


def scene_of(folder: Path, truth: np.ndarray) -> DataSet:
    """An area of one picture of half-meter pixels with a mask."""
    save(folder / "images" / "0.tif", np.full((3, *truth.shape), 90, np.uint8), **PLACE)
    save(folder / "masks" / "0.tif", truth, **PLACE)
    return find_data([folder])


def blocks(*places: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros((WHOLE.height, WHOLE.width), np.uint8)
    for row, column, height, width in places:
        mask[row : row + height, column : column + width] = 1
    return mask


def counted(data: DataSet, truth: np.ndarray, mapped: np.ndarray, cell_px: int = 500) -> ObjectCounts:
    with ObjectCounter(data.chips, data.reader(), footprints=AS_REGIONS) as counter:
        for cell in WHOLE.cells(cell_px):
            counter.add(0, WHOLE, cell, truth[cell.slices], mapped[cell.slices])
        (counts,) = counter.counts().values()
    return counts


def test_objects_of_a_map_are_found_and_measured(tmp_path: Path) -> None:
    truth = blocks((10, 10, 20, 20), (10, 60, 20, 20), (60, 10, 30, 30))
    mapped = blocks((10, 10, 20, 16), (12, 61, 20, 20), (100, 100, 10, 10))
    scores = counted(scene_of(tmp_path / "town", truth), truth, mapped).scores()
    assert (scores.true, scores.mapped, scores.found) == (3, 3, 2)
    assert scores.precision == scores.recall == scores.f1 == pytest.approx(2 / 3)
    assert scores.count_error == 0 and scores.area_error == pytest.approx(0.1)  # of 0.2 and 0
    pixel_m2 = 0.25 * np.cos(np.radians(27.6)) ** 0  # UTM: meters along the ground but for 4 parts in 10,000
    assert scores.unit == "m²" and scores.true_median_area == pytest.approx(400 * pixel_m2, rel=0.01)


@pytest.mark.parametrize("cell_px", [7, 64])
def test_cells_do_not_change_what_is_counted(tmp_path: Path, cell_px: int) -> None:
    draw = np.random.default_rng(1)
    truth, mapped = (
        (ndimage.gaussian_filter(draw.normal(size=(WHOLE.height, WHOLE.width)), 4) > 0.02).astype(np.uint8)
        for _ in range(2)
    )
    data = scene_of(tmp_path / "town", truth)
    assert counted(data, truth, mapped).scores() == counted(data, truth, mapped, cell_px).scores()


def test_polygons_and_objects_mostly_on_unknown_ground_do_not_count(tmp_path: Path) -> None:
    truth = blocks((10, 10, 20, 20), (60, 60, 20, 20))
    mapped = truth.copy()
    truth[:, 75:] = 255  # three quarters of the second stay
    truth[:, :22] = 255  # two fifths of the first
    data = scene_of(tmp_path / "town", blocks((10, 10, 20, 20)))
    scores = counted(data, truth, mapped).scores()
    assert (scores.true, scores.mapped) == (2, 1)  # what is known of an object is what its mask says
    assert scores.found == 1


def test_the_truths_polygons_count_one_by_one_where_its_mask_would_join_them(tmp_path: Path) -> None:
    scene = save(tmp_path / "scene.tif", np.full((3, WHOLE.height, WHOLE.width), 90, np.uint8), **PLACE)
    boxes = [shapely.box(10, 10, 30, 30), shapely.box(30, 10, 50, 30), shapely.box(140, 100, 170, 118)]  # columns, rows
    transform = PLACE["transform"]
    ground = [shapely.transform(each, lambda xy: np.column_stack(transform @ tuple(xy.T))) for each in boxes]
    wkb = np.array([shapely.to_wkb(each) for each in ground])
    write_vector(tmp_path / "roofs.gpkg", wkb, [], [], geometry_type="Polygon", crs=PLACE["crs"])
    data = find_data([scene], Reading(labels=tmp_path / "roofs.gpkg"))
    truth = rasterize(boxes, (WHOLE.height, WHOLE.width)).astype(np.uint8)
    scores = counted(data, truth, truth).scores()
    assert (scores.true, scores.mapped, scores.found) == (3, 2, 2)  # the row of two is one region: IoU 0.5 with each
    with ObjectCounter(data.chips, data.reader(), polygons={0: np.array(boxes)}) as counter:
        counter.add(0, WHOLE, WHOLE, truth, truth)
        objects = objects_of(counter, data.chips, AS_DELIVERED)
    assert objects.areas["scene"].f1 == 1  # the third is cut where the picture ends, in both
    assert objects.protocol.startswith("polygons as they were delivered against the truth's polygons")


def test_borders_near_each_other_are_one(tmp_path: Path) -> None:
    draw = np.random.default_rng(2)
    masks = [(ndimage.gaussian_filter(draw.normal(size=(90, 70)), 3) > 0.05).astype(np.uint8) for _ in range(2)]
    masks[0][5:9, 20:40] = 255
    paths = [save(tmp_path / f"{name}.tif", mask) for name, mask in zip(("truth", "map"), masks, strict=True)]
    known = masks[0] != 255
    borders = [object_borders(np.where(known, mask, 255), (mask == 1).astype(int)) for mask in masks[::-1]]
    borders = [each & known for each in borders]
    expected = np.zeros((2, 2), int)
    for number, (ours, others) in enumerate((borders, borders[::-1])):
        theirs = np.argwhere(others)
        near = [np.hypot(*(theirs - place).T).min() <= 2.5 for place in np.argwhere(ours)]
        expected[number] = len(near), sum(near)
    assert np.array_equal(boundary_counts(*paths, 2.5), expected)


def test_counts_of_pictures_add_up() -> None:
    one = count_objects(np.array([shapely.box(0, 0, 2, 2)]), np.array([shapely.box(0, 0, 2, 1.5)]))
    other = count_objects(np.array([shapely.box(0, 0, 1, 1)]), np.array([], object))
    scores = (one + other).scores()
    assert (scores.true, scores.mapped, scores.found) == (1, 2, 1) and scores.mean_iou == 0.75


def test_a_map_without_any_object_leaves_nothing_to_divide_by(tmp_path: Path) -> None:
    truth = blocks()
    scores = counted(scene_of(tmp_path / "town", truth), truth, truth).scores()
    assert scores.f1 is None and scores.boundary_f1 is None and scores.count_error is None
