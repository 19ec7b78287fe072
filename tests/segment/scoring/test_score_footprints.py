"""Footprints are scored as they are delivered, polygon by polygon, against a mask or against true polygons."""

import numpy as np
import pytest
import rasterio
import shapely
from pyogrio.raw import write as write_vector
from shapely import box, to_wkb

from limner.foundation.errors import UserError
from limner.segment.labels.reading import Reading
from limner.segment.scoring.score import score_files

UTM = "EPSG:32645"
LEFT, TOP, PIXEL = 500_000, 3_000_000, 0.5
HALF_METER = rasterio.Affine(PIXEL, 0, LEFT, 0, -PIXEL, TOP)


def ground_box(row, column, height, width):
    left, top = LEFT + PIXEL * column, TOP - PIXEL * row
    return box(left, top - PIXEL * height, left + PIXEL * width, top)


def write_shapes(path, shapes, *, crs=UTM, **fields):
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = [np.array(values, object) for values in fields.values()]
    geometries = np.array([to_wkb(shape) for shape in shapes], object)
    write_vector(path, geometries, columns, list(fields), geometry_type="Polygon", crs=crs)
    return path


def write_boxes(path, *windows, **options):
    """Polygons over windows (row, column, height, width) of the half-meter grid."""
    return write_shapes(path, [ground_box(*window) for window in windows], **options)


def write_mask(path, *windows, shape=(200, 200), georeferenced=True):
    values = np.zeros(shape, np.uint8)
    for row, column, height, width in windows:
        values[row : row + height, column : column + width] = 1
    place = {"crs": UTM, "transform": HALF_METER} if georeferenced else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", height=shape[0], width=shape[1], count=1, dtype="uint8", **place) as file:
        file.write(values, 1)
    return path


ROOFS = ((20, 20, 40, 40), (20, 60, 40, 40), (120, 120, 24, 24))
"""Two that touch, and one alone."""


def test_polygons_that_a_raster_would_join_are_scored_as_delivered(tmp_path):
    truth = write_boxes(tmp_path / "true.gpkg", *ROOFS)
    within = write_boxes(tmp_path / "all.gpkg", (0, 0, 200, 200))
    mapped = write_boxes(tmp_path / "map.gpkg", *ROOFS, (160, 20, 20, 20))
    found = score_files(mapped, truth, within=within)
    scores = found.objects.areas["map"]
    assert (scores.true, scores.mapped, scores.found) == (3, 4, 3)
    assert found.objects.protocol.startswith("polygons as they were delivered against the truth's polygons")
    joined = score_files(write_mask(tmp_path / "joined.tif", *ROOFS), truth, within=within).objects.areas["joined"]
    assert joined.mapped == 2  # a class raster knows nothing of the wall between two roofs
    assert scores.area_error == pytest.approx(0, abs=1e-6) and scores.boundary_precision < 1
    assert found.pooled.scores().precision == pytest.approx(1 - 400 / (3200 + 576 + 400), abs=0.005)
    assert found.pooled.scores().recall == pytest.approx(1, abs=0.002)
    assert "in cells of 0.25 m" in found.protocol.pixels and found.cautions == ()


@pytest.mark.parametrize(
    ("suffix", "crs"), [(".geojson", "EPSG:4326"), (".shp", UTM), (".gpkg", "EPSG:3857"), (".gpkg", "EPSG:32644")]
)
def test_reference_systems_of_map_truth_and_ground_may_all_differ(tmp_path, suffix, crs):
    from geopandas import GeoDataFrame

    shapes = [ground_box(*window) for window in ROOFS]
    GeoDataFrame(geometry=shapes, crs=UTM).to_crs(crs).to_file(tmp_path / f"map{suffix}")
    GeoDataFrame(geometry=shapes[:2], crs=UTM).to_crs("EPSG:4326").to_file(tmp_path / "true.geojson")
    GeoDataFrame(geometry=[ground_box(0, 0, 200, 200)], crs=UTM).to_crs("EPSG:3857").to_file(tmp_path / "all.gpkg")
    found = score_files(tmp_path / f"map{suffix}", tmp_path / "true.geojson", within=tmp_path / "all.gpkg")
    scores = found.objects.areas["map"]
    assert (scores.true, scores.mapped, scores.found) == (2, 3, 2)
    assert scores.unit == "m²" and scores.true_median_area == pytest.approx(400, rel=0.005)
    assert found.pooled.pixels * 0.25**2 == pytest.approx(100 * 100, rel=0.03)


def test_against_a_mask_footprints_take_its_grid_and_all_around_them_is_background(tmp_path):
    truth = write_mask(tmp_path / "true.tif", *ROOFS)
    mapped = write_boxes(tmp_path / "scene_building.gpkg", *ROOFS[:2])
    found = score_files(mapped, truth)
    assert found.pooled.cells() == (3200, 0, 576, 40_000 - 3200 - 576)
    scores = found.objects.areas["scene_building"]
    assert (scores.true, scores.mapped) == (2, 2)  # the mask's roofs that touch are one region
    assert "the connected regions of the truth's mask" in found.objects.protocol
    assert found.unmapped == {"scene_building": 0} and found.cautions == ()


def test_without_the_annotated_ground_the_first_line_says_what_is_scored(tmp_path):
    truth = write_boxes(tmp_path / "true.gpkg", *ROOFS)
    mapped = write_boxes(tmp_path / "map.gpkg", ROOFS[0], (180, 20, 20, 20))  # the second lies far from any true one
    found = score_files(mapped, truth)
    first = found.to_markdown().splitlines()[0]
    assert first.startswith("Careful: only ") and "false alarms elsewhere count in no score" in first
    assert found.objects.areas["map"].mapped == 1


def test_ground_beyond_the_annotated_one_counts_no_polygon(tmp_path):
    truth = write_boxes(tmp_path / "true.gpkg", *ROOFS)
    within = write_boxes(tmp_path / "part.gpkg", (0, 0, 100, 110))
    scores = score_files(write_boxes(tmp_path / "map.gpkg", *ROOFS), truth, within=within).objects.areas["map"]
    assert (scores.true, scores.mapped, scores.found) == (2, 2, 2)


def test_invalid_polygons_are_mended_and_told(tmp_path):
    truth = write_boxes(tmp_path / "true.gpkg", *ROOFS)
    within = write_boxes(tmp_path / "all.gpkg", (0, 0, 200, 200))
    bow = shapely.Polygon([(LEFT + 60, TOP - 60), (LEFT + 72, TOP - 72), (LEFT + 72, TOP - 60), (LEFT + 60, TOP - 72)])
    mapped = write_shapes(tmp_path / "map.gpkg", [ground_box(*ROOFS[0]), bow])
    found = score_files(mapped, truth, within=within)
    assert found.cautions == (f"{mapped}: 1 invalid polygon mended",)
    assert found.to_markdown().startswith(f"Careful: {mapped}: 1 invalid polygon mended")


def test_a_map_without_a_polygon_finds_nothing(tmp_path):
    truth = write_boxes(tmp_path / "true.gpkg", *ROOFS)
    found = score_files(write_boxes(tmp_path / "map.gpkg"), truth)
    scores = found.objects.areas["map"]
    assert (scores.true, scores.mapped, scores.recall) == (3, 0, 0)
    assert found.pooled.cells()[:2] == (0, 0)


def test_of_polygons_of_several_classes_those_of_the_object_count(tmp_path):
    truth = write_boxes(tmp_path / "true.gpkg", *ROOFS)
    mapped = write_boxes(tmp_path / "map.gpkg", *ROOFS, class_name=["road", "building", "building"])
    scores = score_files(mapped, truth, reading=Reading(target="building")).objects.areas["map"]
    assert (scores.true, scores.mapped, scores.found) == (3, 2, 2)
    with pytest.raises(UserError, match=r"map.gpkg: its polygons are of the classes building, road.*--target"):
        score_files(mapped, truth)


def test_folders_of_footprints_pair_by_the_truths_names(tmp_path):
    for name in ("a", "b"):
        write_mask(tmp_path / "truth" / f"{name}.tif", *ROOFS)
        write_boxes(tmp_path / "maps" / f"{name}_building.gpkg", *ROOFS)
    found = score_files(tmp_path / "maps", tmp_path / "truth", errors=tmp_path / "errors")
    assert set(found.areas) == {"a", "b"} and found.pooled.scores().f1 == 1
    assert sorted(path.name for path in (tmp_path / "errors").iterdir()) == [
        "a_building_errors.tif",
        "b_building_errors.tif",
    ]


def test_errors_of_polygons_against_polygons_are_drawn_where_they_lie(tmp_path):
    truth, mapped = write_boxes(tmp_path / "true.gpkg", *ROOFS), write_boxes(tmp_path / "map.gpkg", ROOFS[0])
    found = score_files(mapped, truth, errors=tmp_path / "errors.tif")
    with rasterio.open(tmp_path / "errors.tif") as file:
        assert np.count_nonzero(file.read(1) == 1) == found.pooled.cells()[0] > 0
        assert file.crs.to_dict()["proj"] == "laea"


def refuse(prediction, truth, words, **options):
    with pytest.raises(UserError, match=words) as caught:
        score_files(prediction, truth, **options)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_scored_is_told_in_one_line(tmp_path):
    truth, here = write_boxes(tmp_path / "true.gpkg", *ROOFS), write_boxes(tmp_path / "map.gpkg", *ROOFS)
    away = write_boxes(tmp_path / "away.gpkg", (9000, 0, 9, 9))
    refuse(away, truth, "away.gpkg: none of its polygons lies on the ground of true.gpkg")
    refuse(here, write_mask(tmp_path / "plain.png", georeferenced=False), "plain.png: has no georeference")
    refuse(here, truth, "no such file", within=tmp_path / "none.gpkg")
    refuse(write_boxes(tmp_path / "e.gpkg"), write_boxes(tmp_path / "f.gpkg"), "hold no polygon.*--within")
    many = write_mask(tmp_path / "many.tif", *ROOFS)
    with rasterio.open(many, "r+") as file:
        file.write(np.full((9, 9), 2, np.uint8), 1, window=((0, 9), (0, 9)))
    refuse(here, many, "footprints are of one class against the rest, but the truth has .*--target")
