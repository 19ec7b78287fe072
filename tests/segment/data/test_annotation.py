"""Annotating a share of the ground: enough squares, drawn by the seed alone, and kept as a mask of what was used."""

from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from drawn import PLACE, Picture, draw_picture, save, save_area
from limner.scenes.windows import Window
from limner.segment.data import annotation
from limner.segment.data.annotation import annotate_share, write_annotated
from limner.segment.data.areas import find_data, fingerprint
from limner.segment.data.chips import DataSet
from limner.segment.labels.reader import LabelReader
from limner.segment.labels.reading import Reading

SQUARE_PX = 32


@pytest.fixture(autouse=True)
def small_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotation, "SQUARE_PX", SQUARE_PX)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    """Two areas; a part of the first one's ground is not labelled, and its chips are no multiple of a square."""
    folder = tmp_path_factory.mktemp("annotation")
    generator = np.random.default_rng(0)
    pictures = []
    for seed, (height, width) in enumerate([(200, 230), (96, 330)]):
        values, mask = draw_picture(height, width, seed=seed)
        mask[generator.random(mask.shape) < 0.3] = 255
        mask[:, -60:] = 255
        pictures.append(Picture(values, mask))
    save_area(folder / "west", pictures)
    save_area(folder / "east", [draw_picture(seed=5)])
    return find_data([folder / "west", folder / "east"])


def labels_of(data: DataSet) -> list[np.ndarray]:
    reader = LabelReader(data.form)
    return [reader.read(chip, Window(0, 0, chip.height, chip.width)) for chip in data.chips]


@settings(max_examples=25, deadline=None)
@given(share=st.floats(0.001, 1), seed=st.integers(0, 100))
def test_squares_come_nearest_to_the_share_of_each_pictures_labels_and_are_at_least_one(
    data: DataSet, share: float, seed: int
) -> None:
    part = annotate_share(data, share, seed)
    for whole, labels, chip in zip(labels_of(data), labels_of(part), part.chips, strict=True):
        wanted, got = share * (whole != 255).sum(), (labels != 255).sum()
        assert got > 0 and (abs(got - wanted) <= SQUARE_PX**2 / 2 or got <= SQUARE_PX**2)
        covered = np.zeros(whole.shape, bool)
        for square in chip.annotated or ():
            assert not covered[square.slices].any()
            covered[square.slices] = True
        np.testing.assert_array_equal(labels, np.where(covered, whole, 255))


def test_the_whole_share_is_all_ground_with_labels(data: DataSet) -> None:
    for whole, labels in zip(labels_of(data), labels_of(annotate_share(data, 1.0, 3)), strict=True):
        np.testing.assert_array_equal(whole, labels)


def test_squares_depend_on_the_seed_alone(data: DataSet) -> None:
    first, again, other = (annotate_share(data, 0.2, seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other
    alone = annotate_share(find_data([data.chips[-1].image.parents[1]]), 0.2, 0)
    assert alone.chips[0].annotated == first.chips[-1].annotated
    larger = annotate_share(data, 0.5, 0)  # a larger share of the same seed holds the smaller one
    for few, many in zip(first.chips, larger.chips, strict=True):
        assert set(few.annotated or ()) < set(many.annotated or ())


def test_another_share_or_seed_is_another_data_set(data: DataSet) -> None:
    parts = [data, annotate_share(data, 0.2, 0), annotate_share(data, 0.5, 0), annotate_share(data, 0.2, 1)]
    assert len({fingerprint(part) for part in parts}) == 4
    assert fingerprint(annotate_share(data, 0.2, 0)) == fingerprint(parts[1])


def test_the_mask_that_is_kept_holds_exactly_the_labels_that_were_used(data: DataSet, tmp_path: Path) -> None:
    part = annotate_share(data, 0.3, 0)
    for number, (chip, labels) in enumerate(zip(part.chips, labels_of(part), strict=True)):
        path = tmp_path / f"{number}.tif"
        assert write_annotated(chip, LabelReader(data.form), path) == (labels != 255).sum()
        with rasterio.open(path) as file:
            np.testing.assert_array_equal(file.read(1), labels)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.tif", "1.tif", "2.tif"]


def test_polygons_are_kept_as_a_mask_on_the_pictures_own_grid(tmp_path: Path) -> None:
    scene = save(tmp_path / "scene.tif", draw_picture(150, 130).values, **PLACE)
    column, row = 350_000 + 0.5 * 40, 3_060_000 - 0.5 * 70
    building = shapely.box(column, row - 10, column + 5, row)  # columns 40 to 50, rows 70 to 90
    geopandas.GeoDataFrame(geometry=[building], crs=PLACE["crs"]).to_file(tmp_path / "one.gpkg")
    data = find_data([scene], Reading(labels=tmp_path / "one.gpkg"))
    annotated = write_annotated(data.chips[0], LabelReader(data.form, ring_px=8), tmp_path / "annotated.tif")
    with rasterio.open(tmp_path / "annotated.tif") as file:
        mask = file.read(1)
        assert (file.crs.to_string(), file.transform) == (PLACE["crs"], PLACE["transform"])
    assert (mask == 1).sum() == mask[70:90, 40:50].sum() == 200
    assert annotated == (mask != 255).sum()
    distance_rows = np.maximum(np.maximum(70 - np.arange(150) - 0.5, np.arange(150) + 0.5 - 90), 0)
    distance_columns = np.maximum(np.maximum(40 - np.arange(130) - 0.5, np.arange(130) + 0.5 - 50), 0)
    distance = np.hypot(distance_rows[:, None], distance_columns)
    assert (mask[distance > 8.01] == 255).all()
    assert (mask[distance < 7.8] != 255).all()  # a buffer's corner is a polygon within the circle
