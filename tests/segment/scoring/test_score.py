"""Maps in files are scored exactly whatever their form and size, and what cannot be is refused in one line."""

import json
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from pyogrio.raw import write as write_vector
from shapely import box, to_wkb

from limner.foundation.errors import UserError
from limner.reporting.pictures import ERROR_COLORS, error_kinds
from limner.segment.labels.reading import Reading
from limner.segment.measures.counts import Counts
from limner.segment.scoring.score import score_files

UTM = "EPSG:32645"
LEFT, TOP, PIXEL = 500_000, 3_000_000, 0.5
HALF_METER = rasterio.Affine(PIXEL, 0, LEFT, 0, -PIXEL, TOP)


def write_mask(path, values, *, nodata=None, crs=UTM, transform=HALF_METER, palette=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.asarray(values)
    place = {} if path.suffix == ".png" else {"crs": crs, "transform": transform}
    profile = {"height": values.shape[0], "width": values.shape[1], "count": 1, "dtype": values.dtype, "nodata": nodata}
    with rasterio.open(path, "w", **profile, **place) as file:
        file.write(values, 1)
        if palette:
            file.write_colormap(1, palette)
    return path


def ground_box(row, column, height, width):
    left, top = LEFT + PIXEL * column, TOP - PIXEL * row
    return box(left, top - PIXEL * height, left + PIXEL * width, top)


def write_boxes(path, *windows, crs=UTM):
    """Polygons over windows (row, column, height, width) of the half-meter grid."""
    shapes = np.array([to_wkb(ground_box(*window)) for window in windows])
    write_vector(path, shapes, [], [], geometry_type="Polygon", crs=crs)
    return path


def random_masks(seed, shape=(40, 50), classes=2):
    generator = np.random.default_rng(seed)
    return [generator.integers(0, classes, shape).astype(np.uint8) for _ in range(2)]


def test_a_map_of_class_numbers_is_scored_against_a_truth_of_0_and_255(tmp_path):
    truth, prediction = random_masks(5)
    write_mask(tmp_path / "town.tif", truth * 255)
    prediction[:4] = 255
    palette = {0: (0, 0, 0), 1: (230, 159, 0)}
    mapped = write_mask(tmp_path / "town_classes.tif", prediction, nodata=255, palette=palette)
    result = score_files(mapped, tmp_path / "town.tif")
    assert result.areas == {"town": Counts.of(truth, prediction)}
    assert result.unmapped == {"town": 4 * 50}
    assert result.class_names == ("background", "object")


def test_0_and_255_are_two_classes_only_when_no_file_says_otherwise(tmp_path):
    chips = {"a": [[0, 255, 1]], "b": [[0, 255, 255]]}
    for name, values in chips.items():
        write_mask(tmp_path / "truth" / f"{name}.png", np.array(values, np.uint8))
        write_mask(tmp_path / "maps" / f"{name}.png", np.array([[0, 1, 1]], np.uint8))
    result = score_files(tmp_path / "maps", tmp_path / "truth")
    assert result.areas["b"].matrix.tolist() == [[1, 0], [0, 0]]  # 255 is ignore here, because of chip a


def test_a_truth_of_0_and_255_beside_a_map_of_many_classes_has_to_say_what_255_is(tmp_path):
    truth = write_mask(tmp_path / "truth.png", np.array([[0, 255, 0]], np.uint8))
    mapped = write_mask(tmp_path / "map.png", np.array([[0, 1, 2]], np.uint8))
    with pytest.raises(UserError, match=r"truth.png: holds 0 and 255, but .*map.png has 3 classes; name them"):
        score_files(mapped, truth)
    named = score_files(mapped, truth, reading=Reading(classes=("land", "roof", "road")))
    assert named.pooled.matrix.tolist() == [[1, 0, 1], [0, 0, 0], [0, 0, 0]]


def test_nodata_of_the_truth_is_ignored(tmp_path):
    truth, prediction = random_masks(6)
    values = truth * 255
    values[10:20] = 127
    write_mask(tmp_path / "truth.tif", values, nodata=127)
    write_mask(tmp_path / "map.tif", prediction * 255)
    truth[10:20] = 255
    assert score_files(tmp_path / "map.tif", tmp_path / "truth.tif").pooled == Counts.of(truth, prediction)


def test_more_classes_are_counted_as_they_are_numbered(tmp_path):
    truth, prediction = random_masks(7, classes=5)
    write_mask(tmp_path / "truth.tif", truth.astype(np.uint16))
    write_mask(tmp_path / "map.tif", prediction)
    found = score_files(tmp_path / "map.tif", tmp_path / "truth.tif")
    assert found.pooled == Counts.of(truth, prediction, 5)
    assert score_files(tmp_path / "map.tif", tmp_path / "truth.tif", classes=7).pooled.classes == 7


def test_every_file_of_a_folder_is_an_area(tmp_path):
    for seed, name in enumerate(("D12", "D19")):
        truth, prediction = random_masks(seed)
        write_mask(tmp_path / "truth" / f"{name}.tif", truth)
        write_mask(tmp_path / "maps" / f"{name}_classes.tif", prediction)
        write_mask(tmp_path / "maps" / f"{name}_probability.tif", prediction * 100)
    result = score_files(tmp_path / "maps", tmp_path / "truth")
    assert result.areas == {"D12": Counts.of(*random_masks(0)), "D19": Counts.of(*random_masks(1))}


def test_files_behind_a_linked_folder_are_scored_too(tmp_path):
    for seed, name in enumerate(("D12", "store/D19")):
        truth, prediction = random_masks(seed)
        write_mask(tmp_path / "truth" / f"{name}.tif", truth)
        write_mask(tmp_path / "maps" / f"{name}.tif", prediction)
    for folder in ("truth", "maps"):
        (tmp_path / folder / "store").rename(tmp_path / f"{folder}-store")
        (tmp_path / folder / "linked").symlink_to(tmp_path / f"{folder}-store")
    result = score_files(tmp_path / "maps", tmp_path / "truth")
    assert list(result.areas.values()) == [Counts.of(*random_masks(0)), Counts.of(*random_masks(1))]


def test_every_folder_of_a_data_set_is_an_area_and_its_pictures_are_no_truth(tmp_path):
    total = Counts.zero(2)
    for seed in range(3):
        truth, prediction = random_masks(seed)
        write_mask(tmp_path / "data" / "west" / "masks" / f"{seed}.png", truth * 255)
        write_mask(tmp_path / "data" / "west" / "images" / f"{seed}.png", truth * 99)
        write_mask(tmp_path / "maps" / "west" / f"{seed}.png", prediction * 255)
        total += Counts.of(truth, prediction)
    assert score_files(tmp_path / "maps", tmp_path / "data").areas == {"west": total}


@pytest.mark.parametrize(("suffix", "crs"), [(".gpkg", UTM), (".geojson", "EPSG:4326"), (".shp", UTM)])
def test_polygons_are_drawn_onto_the_grid_of_the_map_in_its_own_system(tmp_path, suffix, crs):
    from geopandas import GeoDataFrame

    mapped = np.zeros((400, 300), np.uint8)
    mapped[100:140, 60:100] = 1
    write_mask(tmp_path / "map.tif", mapped, nodata=255)
    GeoDataFrame(geometry=[ground_box(110, 60, 40, 40)], crs=UTM).to_crs(crs).to_file(tmp_path / f"truth{suffix}")
    write_boxes(tmp_path / "area.gpkg", (0, 0, 400, 300))
    result = score_files(tmp_path / "map.tif", tmp_path / f"truth{suffix}", within=tmp_path / "area.gpkg")
    assert result.pooled.cells() == (30 * 40, 10 * 40, 10 * 40, 400 * 300 - 50 * 40)
    assert result.protocol.pixels == "labelled pixels within area.gpkg"


def test_polygons_alone_are_scored_with_a_ring_around_them(tmp_path):
    mapped = np.zeros((200, 200), np.uint8)
    mapped[:10, :10] = 1  # far from the polygon: nobody knows whether it is right
    write_mask(tmp_path / "map.tif", mapped)
    write_boxes(tmp_path / "truth.gpkg", (100, 100, 20, 20))
    result = score_files(tmp_path / "map.tif", tmp_path / "truth.gpkg")
    assert result.pooled.cells()[:3] == (0, 0, 400)
    assert 400 < result.pooled.pixels < 84 * 84 + 1
    assert "32 px around" in result.protocol.pixels


def test_within_limits_masks_too(tmp_path):
    truth, prediction = random_masks(8)
    write_mask(tmp_path / "truth.tif", truth)
    write_mask(tmp_path / "map.tif", prediction)
    write_boxes(tmp_path / "area.gpkg", (5, 10, 20, 30))
    found = score_files(tmp_path / "map.tif", tmp_path / "truth.tif", within=tmp_path / "area.gpkg")
    assert found.pooled == Counts.of(truth[5:25, 10:40], prediction[5:25, 10:40])


def test_reading_by_windows_changes_no_count(tmp_path, monkeypatch):
    truth, prediction = random_masks(9, (301, 57))
    write_mask(tmp_path / "truth.tif", truth * 255)
    write_mask(tmp_path / "map.tif", prediction)
    monkeypatch.setattr("limner.segment.scoring.score.PIXELS_A_READ", 1000)
    monkeypatch.setattr("limner.segment.measures.counts.PIXELS_A_COUNT", 77)
    found = score_files(tmp_path / "map.tif", tmp_path / "truth.tif", errors=tmp_path / "errors.tif")
    assert found.pooled == Counts.of(truth, prediction)
    with rasterio.open(tmp_path / "errors.tif") as file:
        assert np.array_equal(file.read(1), error_kinds(truth, prediction))


def test_the_error_map_is_a_colored_geotiff_of_the_same_place(tmp_path):
    truth = np.array([[0, 1, 0, 1, 255]], np.uint8)
    prediction = np.array([[0, 1, 1, 0, 1]], np.uint8)
    write_mask(tmp_path / "truth.tif", truth)
    write_mask(tmp_path / "map.tif", prediction, nodata=255)
    score_files(tmp_path / "map.tif", tmp_path / "truth.tif", errors=tmp_path / "out" / "errors.tif")
    with rasterio.open(tmp_path / "out" / "errors.tif") as file:
        assert file.read(1).tolist() == [[0, 1, 2, 3, 255]]
        assert (file.crs, file.transform, file.nodata) == (UTM, HALF_METER, 255)
        assert {number: file.colormap(1)[number][:3] for number in ERROR_COLORS} == ERROR_COLORS
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["errors.tif"]


def test_several_maps_get_an_error_map_each(tmp_path):
    for name in ("a", "b"):
        write_mask(tmp_path / "truth" / "east" / f"{name}.tif", random_masks(1)[0])
        write_mask(tmp_path / "maps" / "east" / f"{name}_classes.tif", random_masks(1)[1])
    score_files(tmp_path / "maps", tmp_path / "truth", errors=tmp_path / "errors")
    made = {str(path.relative_to(tmp_path / "errors")) for path in (tmp_path / "errors").rglob("*.tif")}
    assert made == {str(Path("east") / "a_errors.tif"), str(Path("east") / "b_errors.tif")}


def test_sixty_megapixels_are_counted_exactly_in_less_than_300_megabytes(tmp_path):
    edge = 7750
    for name, rows, value in (("truth.tif", (1000, 3000), 255), ("map.tif", (1500, 4000), 1)):
        layout = {"driver": "GTiff", "compress": "deflate", "tiled": True, "blockxsize": 512, "blockysize": 512}
        with rasterio.open(tmp_path / name, "w", height=edge, width=edge, count=1, dtype="uint8", **layout) as file:
            mask = np.zeros((edge, edge), np.uint8)
            mask[slice(*rows), 500:4500] = value
            file.write(mask, 1)
    program = """
        import json, re, resource, sys
        from pathlib import Path
        from limner.segment.scoring.score import score_files
        found = score_files(sys.argv[1], sys.argv[2])
        if sys.platform == "linux":  # ru_maxrss begins with what the process that started this one held
            peak = int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024
        else:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024**2
        print(json.dumps([found.pooled.cells(), peak, "torch" in sys.modules]))
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "map.tif"), str(tmp_path / "truth.tif")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    cells, megabytes, torch = json.loads(done.stdout)
    found, invented, missed = 1500 * 4000, 1000 * 4000, 500 * 4000
    assert cells == [found, invented, missed, edge * edge - found - invented - missed]
    assert megabytes < 300
    assert not torch


# --- a user's mistakes ----------------------------------------------------------------------------------------------


def refuse(prediction, truth, words, **options):
    with pytest.raises(UserError, match=words) as caught:
        score_files(prediction, truth, **options)
    assert "\n" not in str(caught.value)


@pytest.fixture
def mapped(tmp_path):
    return write_mask(tmp_path / "map.tif", random_masks(1)[1])


def test_files_that_are_not_there_or_of_another_kind_are_named(tmp_path, mapped):
    (tmp_path / "notes.txt").write_text("none")
    (tmp_path / "empty").mkdir()
    refuse(mapped, tmp_path / "nowhere.tif", "nowhere.tif: no such file")
    refuse(mapped, tmp_path / "notes.txt", "notes.txt: cannot be scored")
    refuse(tmp_path / "empty", mapped, "empty: holds no file")
    refuse(tmp_path / "notes.txt", mapped, "notes.txt: cannot be scored")


def test_a_truth_without_polygons_asks_for_the_ground_that_was_looked_at(tmp_path, mapped):
    nothing, ground = write_boxes(tmp_path / "nothing.gpkg"), write_boxes(tmp_path / "ground.gpkg", (5, 5, 20, 30))
    refuse(mapped, nothing, r"nothing\.gpkg: holds no polygon.*--within GROUND")
    assert score_files(mapped, nothing, within=ground).pooled.pixels == 600  # nothing there is a truth, too


def test_another_size_is_refused_with_both_sizes(tmp_path, mapped):
    truth = write_mask(tmp_path / "truth.tif", np.zeros((40, 51), np.uint8))
    refuse(mapped, truth, "50 x 40 and 51 x 40 pixels.*gdalwarp")


def test_another_grid_is_refused_but_rounding_is_not(tmp_path, mapped):
    values = random_masks(1)[0]
    shifted = write_mask(tmp_path / "t.tif", values, transform=rasterio.Affine(PIXEL, 0, LEFT + PIXEL, 0, -PIXEL, TOP))
    refuse(mapped, shifted, "1 pixels apart.*gdalwarp")
    refuse(mapped, write_mask(tmp_path / "u.tif", values, crs="EPSG:32644"), "EPSG:32645 and EPSG:32644")
    near = rasterio.Affine(PIXEL, 0, LEFT + 1e-5, 0, -PIXEL, TOP)
    assert score_files(mapped, write_mask(tmp_path / "v.tif", values, transform=near)).pooled.pixels == values.size
    assert score_files(mapped, write_mask(tmp_path / "w.png", values)).pooled.pixels == values.size


def test_polygons_need_a_georeferenced_map_and_a_system_and_the_same_place(tmp_path, mapped):
    plain = write_mask(tmp_path / "map.png", random_masks(1)[1])
    here = write_boxes(tmp_path / "here.gpkg", (0, 0, 9, 9))
    away = write_boxes(tmp_path / "away.gpkg", (9000, 0, 9, 9))
    refuse(plain, here, "map.png: has no georeference")
    refuse(mapped, away, "away.gpkg: none of its polygons lies on")
    refuse(mapped, mapped, "away.gpkg: none of its polygons lies on", within=away)
    with pytest.warns(UserWarning, match="crs"):
        nowhere = write_boxes(tmp_path / "nowhere.gpkg", (0, 0, 9, 9), crs=None)
    refuse(mapped, nowhere, "nowhere.gpkg: has no coordinate reference system")


def test_truths_without_a_map_are_named(tmp_path):
    for name in ("a", "b"):
        write_mask(tmp_path / "truth" / f"{name}.tif", random_masks(1)[0])
    write_mask(tmp_path / "maps" / "a_classes.tif", random_masks(1)[1])
    refuse(tmp_path / "maps", tmp_path / "truth", "no map for 1 of 2 truths .* such as b")
    write_mask(tmp_path / "maps" / "b.tif", random_masks(1)[1])
    write_mask(tmp_path / "maps" / "b.png", random_masks(1)[1])
    refuse(tmp_path / "maps", tmp_path / "truth", "two files of one name")


def test_values_that_are_no_classes_are_refused(tmp_path, mapped):
    shape = (40, 50)
    probabilities = write_mask(tmp_path / "p.tif", np.full(shape, 0.37, np.float32))
    grays = write_mask(tmp_path / "g.tif", np.arange(2000).reshape(shape).astype(np.uint8))
    refuse(probabilities, mapped, "p.tif.*0.37")
    refuse(mapped, grays, "g.tif")
    refuse(mapped, write_mask(tmp_path / "three.tif", np.full(shape, 3, np.uint8)), "three.tif.*3", classes=2)
    with rasterio.open(tmp_path / "rgb.tif", "w", height=40, width=50, count=3, dtype="uint8") as file:
        file.write(np.zeros((3, *shape), np.uint8))
    refuse(mapped, tmp_path / "rgb.tif", "rgb.tif.*color picture.*classes.yaml")


def test_a_truth_in_colors_or_of_many_classes_is_scored_by_what_its_class_file_says(tmp_path):
    truth, prediction = random_masks(5, classes=3)
    colors = np.array([(60, 16, 152), (132, 41, 246), (110, 193, 228)], np.uint8)[truth]
    with rasterio.open(tmp_path / "truth.png", "w", height=40, width=50, count=3, dtype="uint8") as file:
        file.write(np.moveaxis(colors, -1, 0))
    text = 'classes: {roof: "#3C1098", land: "#8429F6", road: "#6EC1E4"}\n'
    (tmp_path / "classes.yaml").write_text(text)
    mapped = write_mask(tmp_path / "map.png", prediction.astype(np.uint8))
    meaning = Reading(classes=(str(tmp_path / "classes.yaml"),))
    scored = score_files(mapped, tmp_path / "truth.png", reading=meaning)
    assert scored.class_names == ("roof", "land", "road")
    assert scored.pooled == Counts.of(truth.astype(np.uint8), prediction.astype(np.uint8), 3)
    roads = write_mask(tmp_path / "roads.png", (prediction == 2).astype(np.uint8))
    against = score_files(roads, tmp_path / "truth.png", reading=replace(meaning, target="road"))
    assert against.class_names == ("background", "road")
    expected = Counts.of((truth == 2).astype(np.uint8), (prediction == 2).astype(np.uint8))
    assert against.pooled == expected


def test_a_truth_without_a_labelled_pixel_is_refused(tmp_path, mapped):
    refuse(mapped, write_mask(tmp_path / "t.tif", np.full((40, 50), 9, np.uint8), nodata=9), "no labelled pixel")


def test_a_broken_map_leaves_no_error_map_behind(tmp_path, mapped):
    refuse(mapped, mapped, "ends in .tif", errors=tmp_path / "errors.png")
    content = mapped.read_bytes()
    broken = tmp_path / "broken.tif"
    broken.write_bytes(content[: len(content) // 2])
    refuse(broken, mapped, "broken.tif", errors=tmp_path / "out" / "errors.tif")
    assert not (tmp_path / "out" / "errors.tif").exists()


def test_a_score_of_a_part_of_the_ground_says_so_in_its_first_line(tmp_path):
    truth, prediction = random_masks(21)
    prediction[prediction == 255] = 0
    truth[truth == 255] = 0
    plain = write_mask(tmp_path / "truth.tif", truth), write_mask(tmp_path / "map.tif", prediction)
    silent = (
        write_mask(tmp_path / "truth0.tif", truth, nodata=0),
        write_mask(tmp_path / "map0.tif", prediction.astype(np.int16), nodata=0),
    )
    whole = score_files(plain[1], plain[0])
    assert whole.cautions == () and whole.to_markdown().startswith("| area")
    objects = int((truth == 1).sum())
    on_truth = score_files(plain[1], silent[0])
    first, second, *_ = on_truth.to_markdown().splitlines()
    assert first.startswith(
        f"Careful: only {objects:,} of {truth.size:,} pixels ({objects / truth.size:.1%}) are scored"
    )
    assert "truth0.tif: 0 (background) is tagged as nodata" in second
    on_map = score_files(silent[1], plain[0])
    mapped = int((prediction == 1).sum())
    first, second, *_ = on_map.to_markdown().splitlines()
    assert f"only {mapped:,} of {truth.size:,}" in first and "the map says nothing of" in first
    assert "count as not mapped" in second
    assert json.loads(json.dumps(on_map.to_json()))["cautions"] == list(on_map.cautions)


def test_polygons_without_the_annotated_ground_say_first_what_is_scored(tmp_path):
    write_mask(tmp_path / "map.tif", np.zeros((200, 200), np.uint8))
    write_boxes(tmp_path / "truth.gpkg", (100, 100, 20, 20))
    write_boxes(tmp_path / "area.gpkg", (0, 0, 200, 200))
    first = score_files(tmp_path / "map.tif", tmp_path / "truth.gpkg").to_markdown().splitlines()[0]
    assert "the polygons and 32 px around each" in first and "false alarms elsewhere count in no score" in first
    within = score_files(tmp_path / "map.tif", tmp_path / "truth.gpkg", within=tmp_path / "area.gpkg")
    assert within.cautions == ()


def test_objects_of_a_map_are_counted_against_the_truths_polygons(tmp_path):
    """Two roofs wall to wall that the map has as one, one that it has, one that it invents."""
    mapped = np.zeros((120, 160), np.uint8)
    for row, column, height, width in ((10, 10, 20, 40), (60, 20, 24, 24), (60, 100, 20, 20)):
        mapped[row : row + height, column : column + width] = 1
    write_mask(tmp_path / "map.tif", mapped)
    truth = write_boxes(tmp_path / "roofs.gpkg", (10, 10, 20, 20), (10, 30, 20, 20), (60, 20, 24, 24))
    within = write_boxes(tmp_path / "all.gpkg", (0, 0, 120, 160))
    found = score_files(tmp_path / "map.tif", truth, within=within).objects
    scores = found.areas["map"]
    assert (scores.true, scores.mapped) == (3, 3) and scores.unit == "m²"
    assert scores.found == 2  # the third, and of the two wall to wall the one that half of the joined region is
    assert found.protocol.startswith("polygons as limner segment draws them against the truth's polygons")
    assert scores.true_median_area == pytest.approx(100, rel=0.01)


def test_maps_of_several_classes_have_no_objects_to_count(tmp_path):
    truth, prediction = random_masks(0, classes=3)
    write_mask(tmp_path / "truth.tif", truth)
    write_mask(tmp_path / "map.tif", prediction)
    assert score_files(tmp_path / "map.tif", tmp_path / "truth.tif").objects.areas == {}
