"""Scores: exact counts, the paper's arithmetic, files of any size, and what a user can get wrong."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pyogrio.raw import write as write_vector
from shapely import box, to_wkb

from limner.errors import UserError
from limner.segment.score import (
    ERROR_COLORS,
    Counts,
    Evaluation,
    Protocol,
    Scores,
    error_kinds,
    mean_scores,
    score_files,
)

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


def counts_of_three_loops(truth, prediction, classes, ignore=255):
    matrix = np.zeros((classes, classes), np.int64)
    for row in range(truth.shape[0]):
        for column in range(truth.shape[1]):
            if truth[row, column] != ignore and prediction[row, column] != ignore:
                matrix[truth[row, column], prediction[row, column]] += 1
    return matrix


# --- counts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 3, 13])
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.uint16])
def test_counts_agree_with_a_slow_loop_and_leave_ignored_pixels_out(classes, dtype):
    truth, prediction = (mask.astype(dtype) for mask in random_masks(0, (33, 47), classes))
    truth[:5, :9] = 255
    prediction[20:, 3] = 255
    counted = Counts.of(truth, prediction, classes)
    assert np.array_equal(counted.matrix, counts_of_three_loops(truth, prediction, classes))
    assert counted.matrix.dtype == np.int64


def test_another_value_than_255_can_mean_ignore():
    counted = Counts.of(np.array([[0, 1, 9]]), np.array([[0, 0, 1]]), 2, ignore=9)
    assert counted.matrix.tolist() == [[1, 0], [1, 0]]


@given(arrays(np.uint8, (2, 64), elements=st.sampled_from([0, 1, 255])), st.integers(1, 63))
def test_counts_of_two_parts_add_up_to_the_counts_of_the_whole(masks, cut):
    truth, prediction = masks
    whole = Counts.of(truth, prediction)
    assert Counts.of(truth[:cut], prediction[:cut]) + Counts.of(truth[cut:], prediction[cut:]) == whole


@given(arrays(np.int64, (2, 2), elements=st.integers(0, 10**12)))
def test_f1_and_iou_say_the_same_in_two_ways(matrix):
    counts = Counts(matrix)
    f1, iou = counts.f1(), counts.iou()
    if f1 is None:
        assert iou is None
        return
    assert iou == pytest.approx(f1 / (2 - f1))
    if counts.precision() and counts.recall():
        harmonic = 2 * counts.precision() * counts.recall() / (counts.precision() + counts.recall())
        assert f1 == pytest.approx(harmonic)


def test_counts_do_not_overflow_beyond_32_bits():
    large = Counts(np.array([[2**40, 1], [0, 2**40]]))
    assert (large + large).pixels == 2**42 + 2


@pytest.mark.parametrize(
    ("truth", "prediction", "words"),
    [
        (np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8), r"\(2, 2\).*\(2, 3\)"),
        (np.array([0, 2], np.uint8), np.array([0, 0], np.uint8), "class 2"),
        (np.array([0, 1], np.int64), np.array([0, 300], np.int64), "prediction holds 0..300"),
        (np.array([0, -1], np.int64), np.array([0, 1], np.int64), "truth holds -1..0"),
    ],
)
def test_masks_that_cannot_be_counted_are_refused_in_words(truth, prediction, words):
    with pytest.raises(ValueError, match=words):
        Counts.of(truth, prediction, 2)


@pytest.mark.parametrize("matrix", [[[1, 2, 3], [4, 5, 6]], [[0.5, 1], [1, 1]], [[-1, 0], [0, 0]], [[1]]])
def test_a_matrix_that_is_no_table_of_counts_is_refused(matrix):
    with pytest.raises(ValueError, match="counts"):
        Counts(np.array(matrix))


def test_scores_are_undefined_only_where_nothing_can_be_divided():
    empty = Counts(np.array([[10, 0], [0, 0]]))
    assert empty.scores() == Scores(None, None, None, None, 1.0)
    missed = Counts(np.array([[6, 0], [4, 0]]))
    assert missed.scores() == Scores(None, 0.0, 0.0, 0.0, 0.6)
    invented = Counts(np.array([[6, 4], [0, 0]]))
    assert invented.scores() == Scores(0.0, None, 0.0, 0.0, 0.6)
    assert Counts.zero(2).scores() == Scores(None, None, None, None, None)


def test_more_than_two_classes_score_by_their_mean_and_each_class_by_itself():
    counts = Counts.of(*random_masks(3, classes=4), 4)
    each = [counts.scores(number) for number in range(4)]
    assert counts.scores().f1 == pytest.approx(sum(one.f1 for one in each) / 4)
    assert counts.scores().accuracy == counts.accuracy
    tp, fp, fn, tn = counts.cells(2)
    assert (tp + fp + fn + tn, tp + fn) == (counts.pixels, counts.truth_pixels[2])


def test_constants_score_what_one_color_maps_would():
    truth, prediction = random_masks(4)
    counts = Counts.of(truth, prediction)
    for number in (0, 1):
        assert counts.constant(number) == Counts.of(truth, np.full_like(truth, number))
    assert counts.constant(0).scores()[:3] == (None, 0.0, 0.0)
    share = counts.share(1)
    assert counts.constant(1).f1() == pytest.approx(2 * share / (1 + share))
    assert counts.constant(0).accuracy == pytest.approx(1 - share)


# --- the paper's numbers --------------------------------------------------------------------------------------------

SUPPLEMENT = {  # the authors' error maps (github.com/sinaghassemi/eusipco2018), counted by color
    # area: TP, FP, FN, TN; precision, recall; F1, accuracy, buildings, accuracy of all background, in percent
    "D12": ((1516161, 621307, 883762, 23778946), (0.709, 0.632), (66.83, 94.38, 8.95, 91.05)),
    "D19": ((497935, 183474, 328316, 7006251), (0.731, 0.603), (66.05, 93.62, 10.31, 89.69)),
    "D22": ((1549563, 543497, 608235, 55086481), (0.740, 0.718), (72.91, 98.01, 3.73, 96.27)),
}


@pytest.mark.parametrize("area", SUPPLEMENT)
def test_the_authors_error_maps_give_their_scores(area):
    (tp, fp, fn, tn), ratios, percents = SUPPLEMENT[area]
    counts = Counts(np.array([[tn, fp], [fn, tp]]))
    assert counts.cells() == (tp, fp, fn, tn)
    assert (round(counts.precision(), 3), round(counts.recall(), 3)) == ratios
    found = (counts.f1(), counts.accuracy, counts.share(1), counts.constant(0).accuracy)
    assert tuple(round(100 * value, 2) for value in found) == percents


TABLE_2 = """
    U-Net(19) 58.17 94.10 61.37 92.10 64.23 96.85 61.25 94.35
    U-Net(35) 59.16 94.12 61.17 93.12 66.32 97.77 62.21 95.00
    Prop-18   57.08 93.87 63.58 92.89 67.75 97.54 62.80 94.76
    Prop-34   59.17 94.12 65.92 93.48 69.83 97.85 64.97 95.15
    Prop-50   58.33 93.49 64.10 93.39 69.92 97.85 64.11 94.91
    Prop-101  64.95 94.45 67.26 93.59 70.65 97.83 67.62 95.29
    Prop-152  67.72 94.70 68.01 93.61 72.93 97.91 69.55 95.40
    Prop-200  67.70 94.48 66.86 93.49 71.85 97.84 68.80 95.27
"""  # F1 and accuracy of D12, D19, D22, and the means; U-Net(35)'s mean accuracy is misprinted there as 95.03


def counts_with(f1, accuracy):
    """Counts with exactly these scores, given in hundredths of a percent."""
    tp, errors, wrong = f1, 2 * (10_000 - f1), 10_000 - accuracy  # F1 = 2 TP / (2 TP + errors)
    all_pixels = errors * 10_000
    return Counts(np.array([[all_pixels - (tp + errors) * wrong, errors * wrong], [0, tp * wrong]]))


@pytest.mark.parametrize("line", TABLE_2.strip().splitlines(), ids=lambda line: line.split()[0])
def test_the_means_of_table_2_are_plain_means_over_areas_cut_after_two_digits(line):
    hundredths = [round(100 * float(number)) for number in line.split()[1:]]
    areas = {
        name: counts_with(*hundredths[2 * place : 2 * place + 2]) for place, name in enumerate(("D12", "D19", "D22"))
    }
    assert [areas["D12"].f1(), areas["D12"].accuracy] == [hundredths[0] / 10_000, hundredths[1] / 10_000]
    mean = Evaluation(areas, Protocol("all labelled pixels")).mean()
    assert [int(10_000 * value + 1e-6) for value in (mean.f1, mean.accuracy)] == hundredths[6:]


# --- evaluations ----------------------------------------------------------------------------------------------------


def evaluation(**protocol):
    areas = {name: Counts.of(*random_masks(seed)) for seed, name in enumerate(("north", "south"))}
    return Evaluation(areas, Protocol("all labelled pixels", **protocol), unmapped={"north": 7})


def test_an_evaluation_comes_back_from_its_json():
    first = evaluation(threshold=0.4, normalization="scene")
    again = Evaluation.from_json(json.loads(json.dumps(first.to_json())))
    assert again.areas == first.areas
    assert (again.protocol, again.class_names) == (first.protocol, first.class_names)
    assert again.to_json() == first.to_json() | {"areas": again.to_json()["areas"]}
    assert again.unmapped == {"north": 7, "south": 0}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format_version": 99}, "format version 99"),
        ({"areas": {}}, "at least one area"),
        ({"areas": {"a": {"counts": [[1, 2]], "unmapped": 0}}}, "shape"),
        ({"areas": None}, "not an evaluation"),
        ({"protocol": {"pixels": "all", "color": 1}}, "not an evaluation"),
        ({"classes": ["one", "two", "three"]}, "3 class names"),
    ],
)
def test_a_broken_evaluation_is_one_line_that_names_it(change, words):
    with pytest.raises(UserError, match=words) as caught:
        Evaluation.from_json({**evaluation().to_json(), **change}, source="runs/a/evaluation.json")
    assert str(caught.value).startswith("runs/a/evaluation.json: ")


def test_the_plain_mean_leaves_undefined_scores_out():
    assert mean_scores([Scores(None, 0.2, 0.1, None, 1.0), Scores(0.5, 0.4, 0.3, None, 0.0)]) == Scores(
        0.5, pytest.approx(0.3), pytest.approx(0.2), None, 0.5
    )


def test_the_table_has_areas_mean_pool_and_both_constants():
    table = evaluation(threshold=0.4).to_markdown()
    names = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("|")][2:]
    expected = ["north", "south", "**mean over areas**", "pooled", "all background (mean)", "all object (mean)"]
    assert names == expected
    assert "Threshold: 0.4" in table and "7 labelled pixels are in no score" in table


def test_the_table_of_many_classes_lists_each_class():
    areas = {"a": Counts.of(*random_masks(1, classes=3), 3)}
    table = Evaluation(areas, Protocol("all labelled pixels"), ("land", "water", "road | path")).to_markdown()
    assert "| water |" in table and "| road \\| path |" in table


# --- files ----------------------------------------------------------------------------------------------------------


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
    monkeypatch.setattr("limner.segment.score.PIXELS_A_READ", 1000)
    monkeypatch.setattr("limner.segment.score.PIXELS_A_COUNT", 77)
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


def test_an_object_of_the_wrong_class_is_an_error_of_its_own():
    assert error_kinds(np.array([1, 2, 2]), np.array([2, 2, 0])).tolist() == [4, 1, 3]


def test_sixty_megapixels_are_counted_exactly_in_less_than_300_megabytes(tmp_path):
    edge = 7750
    for name, rows, value in (("truth.tif", (1000, 3000), 255), ("map.tif", (1500, 4000), 1)):
        layout = {"driver": "GTiff", "compress": "deflate", "tiled": True, "blockxsize": 512, "blockysize": 512}
        with rasterio.open(tmp_path / name, "w", height=edge, width=edge, count=1, dtype="uint8", **layout) as file:
            mask = np.zeros((edge, edge), np.uint8)
            mask[slice(*rows), 500:4500] = value
            file.write(mask, 1)
    program = """
        import json, resource, sys
        from limner.segment.score import score_files
        found = score_files(sys.argv[1], sys.argv[2])
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "linux" else 1024 ** 2)
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
    refuse(write_boxes(tmp_path / "map.gpkg", (0, 0, 9, 9)), mapped, "map.gpkg: cannot be scored")


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
    refuse(mapped, away, "away.gpkg: no polygon lies on")
    refuse(mapped, mapped, "away.gpkg: no polygon lies on", within=away)
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
    refuse(mapped, tmp_path / "rgb.tif", "rgb.tif.*3 bands")


def test_a_truth_without_a_labelled_pixel_is_refused(tmp_path, mapped):
    refuse(mapped, write_mask(tmp_path / "t.tif", np.full((40, 50), 9, np.uint8), nodata=9), "no labelled pixel")


def test_a_broken_map_leaves_no_error_map_behind(tmp_path, mapped):
    refuse(mapped, mapped, "ends in .tif", errors=tmp_path / "errors.png")
    content = mapped.read_bytes()
    broken = tmp_path / "broken.tif"
    broken.write_bytes(content[: len(content) // 2])
    refuse(broken, mapped, "broken.tif", errors=tmp_path / "out" / "errors.tif")
    assert not (tmp_path / "out" / "errors.tif").exists()
