"""Polygons lie where the mask lies, whole over all seams, with their true areas and mean probabilities."""

from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rasterio.features import rasterize
from scipy import ndimage

from limner.segment.footprints.polygons import layer_name, write_polygons
from limner.segment.footprints.regions import find_regions

NAMES = ("background", "building", "road")
UTM = {"crs": "EPSG:32645", "transform": rasterio.Affine(0.5, 0, 350_000, 0, -0.5, 3_060_000)}


def save(path: Path, plane: np.ndarray, **options: object) -> Path:
    """A raster of one plane."""
    height, width = plane.shape
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=1, dtype=plane.dtype, **options
    ) as dataset:
        dataset.write(plane, 1)
    return path


def outline(folder: Path, classes: np.ndarray, name: str = "p.gpkg", place: dict | None = None, **options):
    """The polygons of ``classes`` (probability 0.75 everywhere unless given), read back."""
    place = place or {}
    probability = options.pop("probability", np.full(classes.shape, 0.75, np.float32))
    count = write_polygons(
        folder / name,
        save(folder / "classes.tif", classes.astype(np.uint8), nodata=255, **place),
        save(folder / "probability.tif", probability, **place),
        dict.fromkeys(range(1, 3), 1),
        NAMES,
        layer="shapes",
        **options,
    )
    frame = geopandas.read_file(folder / name)
    assert len(frame) == count
    return frame


def blobs(size: int = 300, seed: int = 0) -> np.ndarray:
    """Smooth random shapes, (size, size) bool, with holes among them."""
    noise = np.random.default_rng(seed).normal(size=(size, size))
    return ndimage.gaussian_filter(noise, 8) > 0.01


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return (a & b).sum() / (a | b).sum()


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.sampled_from([0, 1, 2, 255])),
    st.integers(1, 60),
)
def test_regions_cover_exactly_the_wanted_pixels_for_any_height_of_the_blocks(tmp_path_factory, classes, block):
    folder = tmp_path_factory.mktemp("regions")
    probability = np.random.default_rng(0).random(classes.shape).astype(np.float32)
    paths = save(folder / "c.tif", classes), save(folder / "p.tif", probability)
    regions = list(find_regions(*paths, {1: 1, 2: 1}, minimum_area_px=1, block_pixels=block))
    for number in (1, 2):
        labels, count = ndimage.label(classes == number)
        mine = [region for region in regions if region.class_number == number]
        assert len(mine) == count
        seen = set()
        for region in mine:
            (shape,) = region.outlines()
            assert shape.geom_type == "Polygon"
            assert shape.is_valid
            burned = rasterize([shape], classes.shape, transform=rasterio.Affine.identity()) > 0
            label = labels[burned][0]
            np.testing.assert_array_equal(burned, labels == label)
            assert region.area_px == burned.sum() == shape.area
            assert region.mean_probability == pytest.approx(probability[burned].mean(), rel=1e-5)
            seen.add(label)
        assert len(seen) == count


def test_small_regions_are_left_out_even_where_a_seam_cuts_larger_ones(tmp_path):
    classes = np.zeros((40, 10), np.uint8)
    classes[0:3, 0:3] = 1  # 9 pixels
    classes[8:12, 0:4] = 1  # 16 pixels, cut by a seam at row 10
    classes[19:22, 0:5] = 1  # 15 pixels, cut by a seam at row 20
    paths = save(tmp_path / "c.tif", classes), save(tmp_path / "p.tif", np.ones((40, 10), np.float32))
    regions = list(find_regions(*paths, {1: 1}, minimum_area_px=16, block_pixels=100))
    assert [region.area_px for region in regions] == [16]


def test_polygons_lie_where_the_mask_lies_and_say_what_they_are(tmp_path):
    classes = np.where(blobs(), 1, 0)
    classes[:40] = 0
    classes[5:35, 10:200] = 2
    frame = outline(tmp_path, classes, place=UTM)
    assert frame.crs == "EPSG:32645"
    assert frame.is_valid.all()
    assert set(frame["class_name"]) == {"building", "road"}
    assert (frame["mean_probability"] == 0.75).all()
    for number in (1, 2):
        shapes = frame.geometry[frame["class"] == number]
        burned = rasterize(shapes, classes.shape, transform=UTM["transform"]) > 0
        assert overlap(burned, classes == number) > 0.97


def test_simplified_outlines_have_far_fewer_corners_than_pixels_have(tmp_path):
    classes = np.where(blobs(), 1, 0)
    plain = outline(tmp_path, classes, "plain.gpkg", simplify_px=0)
    simple = outline(tmp_path, classes, "simple.gpkg")
    corners = [shapely.get_num_coordinates(frame.geometry.to_numpy()).sum() for frame in (plain, simple)]
    assert corners[1] < corners[0] / 3
    burned = rasterize(plain.geometry, classes.shape, transform=rasterio.Affine.identity())
    assert overlap(burned > 0, classes > 0) > 0.999  # what is missing is smaller than 16 pixels


def test_the_area_of_a_square_is_its_area_on_the_ground(tmp_path):
    classes = np.zeros((120, 120), np.uint8)
    classes[10:110, 10:110] = 1
    frame = outline(tmp_path, classes, place=UTM)
    assert frame["area_m2"].tolist() == [pytest.approx(50 * 50, rel=0.01)]
    mercator = {"crs": "EPSG:3857", "transform": rasterio.Affine(1, 0, 9_500_000, 0, -1, 8_399_738)}  # 60 degrees north
    frame = outline(tmp_path, classes, "mercator.gpkg", place=mercator)
    assert frame["area_m2"].tolist() == [pytest.approx(100 * 100 / 4, rel=0.01)]


def test_a_hole_stays_a_hole(tmp_path):
    classes = np.zeros((60, 60), np.uint8)
    classes[10:50, 10:50] = 1
    classes[20:40, 20:40] = 0
    frame = outline(tmp_path, classes, place=UTM)
    (shape,) = frame.geometry
    assert len(shape.interiors) == 1
    assert frame["area_m2"][0] == pytest.approx((1600 - 400) / 4, rel=0.01)


def test_the_mean_probability_is_that_of_the_polygons_own_pixels(tmp_path):
    classes = np.zeros((30, 60), np.uint8)
    classes[5:25, 5:25] = 1
    classes[5:25, 30:50] = 1
    probability = np.full((30, 60), 0.1, np.float32)
    probability[5:25, 5:25] = 0.5
    probability[5:25, 30:40] = 0.8
    probability[5:25, 40:50] = 1.0
    frame = outline(tmp_path, classes, probability=probability).sort_values("mean_probability")
    np.testing.assert_allclose(frame["mean_probability"], [0.5, 0.9], atol=1e-6)
    assert frame["area_px"].tolist() == [400, 400]


def test_squares_that_touch_by_a_corner_are_two_polygons(tmp_path):
    classes = np.zeros((40, 40), np.uint8)
    classes[:20, :20] = 1
    classes[20:, 20:] = 1
    assert len(outline(tmp_path, classes)) == 2


def test_geojson_is_in_longitude_and_latitude_with_outer_rings_counterclockwise(tmp_path):
    classes = np.where(blobs(100), 1, 0)
    frame = outline(tmp_path, classes, "p.geojson", place=UTM)
    ground = outline(tmp_path, classes, "p.gpkg", place=UTM)
    assert frame.crs == "EPSG:4326"
    assert '"crs"' not in (tmp_path / "p.geojson").read_text()
    assert all(shape.exterior.is_ccw for shape in frame.geometry)
    back = frame.to_crs("EPSG:32645")
    assert back.union_all().symmetric_difference(ground.union_all()).area < 0.001 * ground.area.sum()


def test_a_picture_without_georeference_gives_polygons_in_columns_and_rows(tmp_path):
    classes = np.zeros((30, 60), np.uint8)
    classes[2:12, 40:55] = 1
    for name in ("p.geojson", "p.gpkg"):
        frame = outline(tmp_path, classes, name)
        assert frame.geometry[0].bounds == (40, 2, 55, 12)
        assert frame["area_px"].tolist() == [150]
        assert "area_m2" not in frame


@pytest.mark.parametrize("name", ["p.gpkg", "p.geojson"])
def test_no_polygon_gives_a_valid_empty_layer(tmp_path, name):
    frame = outline(tmp_path, np.zeros((20, 20)), name, place=UTM)
    assert len(frame) == 0


@pytest.mark.parametrize("name", ["p.gpkg", "p.geojson"])
def test_batches_append_to_one_layer(tmp_path, name, monkeypatch):
    monkeypatch.setattr("limner.segment.footprints.polygons.BATCH_POLYGONS", 3)
    classes = np.zeros((50, 50), np.uint8)
    for row, column in np.ndindex(5, 2):
        classes[row * 10 : row * 10 + 5, column * 20 : column * 20 + 5] = 1
    frame = outline(tmp_path, classes, name, place=UTM)
    assert len(frame) == 10
    assert frame["area_m2"].sum() == pytest.approx(10 * 25 / 4, rel=0.01)


def test_nodata_is_no_polygon(tmp_path):
    classes = np.full((30, 30), 255, np.uint8)
    classes[:10] = 1
    frame = outline(tmp_path, classes)
    assert frame["area_px"].tolist() == [300]


@pytest.mark.parametrize(
    "stem",
    ["-dash", "gpkg_area", "GPKG", "(1)", "#3", "sqlite_x", "a'b", 'a"b', ".x", "x y", "rtree_a", "%s", "\n", "~"],
)
def test_whatever_a_scene_is_called_its_polygons_can_be_written(tmp_path: Path, stem: str) -> None:
    path, layer = tmp_path / "a.gpkg", layer_name(f"{stem}_building")
    for append in (False, True):
        shapes = np.array([shapely.to_wkb(shapely.box(0, 0, 1, 1))], object)
        pyogrio.raw.write(path, shapes, [], [], layer=layer, geometry_type="Polygon", crs="EPSG:4326", append=append)
    assert [name for name, _ in pyogrio.list_layers(path)] == [layer]
    assert pyogrio.read_info(path)["features"] == 2
