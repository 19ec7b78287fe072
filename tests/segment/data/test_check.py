"""`check` says how a data set is read, lists all that is wrong with it, and what to run next."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from PIL import Image
from rasterio.transform import from_origin

from limner.segment.data.check import check
from limner.segment.labels.reading import Reading

EAST, NORTH = 500_000, 100_000


def write(path: Path, values: np.ndarray, driver: str = "GTiff", **profile: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = values if values.ndim == 3 else values[None]
    count, height, width = values.shape
    with rasterio.open(
        path, "w", driver=driver, count=count, height=height, width=width, dtype=values.dtype, **profile
    ) as file:
        file.write(values)
    return path


def write_area(area: Path, chips: int = 6, seed: int = 0, share: float = 0.25, **profile: object) -> Path:
    """Chips of 80 x 60 pixels from 10 to 200; the upper ``share`` of the rows is labelled 255."""
    generator = np.random.default_rng(seed)
    for number in range(chips):
        values = generator.integers(10, 201, (3, 80, 60)).astype(np.uint8)
        values[:, 0, :2] = 10, 200
        mask = np.zeros((80, 60), np.uint8)
        mask[: int(80 * share)] = 255
        write(area / f"images/c{number}.tif", values, **profile)
        write(area / f"masks/c{number}.png", mask, "PNG")
    return area


def test_an_area_is_described_in_numbers(tmp_path):
    report = check([write_area(tmp_path / "town"), write_area(tmp_path / "village", 8, 1, 0.5)])
    town, village = report.areas
    assert (town.name, town.chips, town.labels, town.height, town.width) == ("town", 6, "masks", (80, 80), (60, 60))
    assert (town.low, town.high) == ((10, 10, 10), (200, 200, 200))
    assert town.class_share == {"background": 0.75, "object": 0.25}
    assert village.class_share == {"background": 0.5, "object": 0.5}
    assert (town.labelled, town.nodata, town.ground_m, town.georeferenced) == (1, 0, None, 0)
    assert town.held_out == pytest.approx(1 / 6)
    assert (report.channels, report.dtype, report.form) == (
        3,
        "uint8",
        "0 and 255 (255 = object; --target NAME names the object)",
    )
    assert (report.problems, report.leaks, report.warnings) == ((), (), ())
    assert report.usable


def test_the_report_is_readable_and_survives_json(tmp_path):
    report = check([write_area(tmp_path / "town")])
    text = report.to_text()
    assert text.startswith("1 area, 6 pictures of 3 bands of uint8.\n")
    assert "| town | 6        | 80 x 60 | 10 to 200 | not georeferenced | masks  | 100.0%" in text
    assert "background 75.0%, object 25.0%" in text
    assert text.endswith(f"Next: limner train segment/modern --data {tmp_path / 'town'}")
    assert "`" not in text and "**" not in text
    value = json.loads(json.dumps(report.to_json()))
    assert value["areas"][0]["class_share"] == {"background": 0.75, "object": 0.25}
    assert value["usable"] is True


def test_the_next_command_repeats_what_was_given(tmp_path):
    scene = write(
        tmp_path / "my scene.tif",
        np.full((3, 200, 300), 9, np.uint8),
        crs="EPSG:32636",
        transform=from_origin(EAST, NORTH, 1, 1),
    )
    labels, within = tmp_path / "houses.gpkg", tmp_path / "ground.gpkg"
    houses = [shapely.box(EAST + 20 * n, NORTH - 90, EAST + 20 * n + 10, NORTH - 60) for n in range(10)]
    ground = [shapely.box(EAST, NORTH - 100, EAST + 300, NORTH)]
    for path, shapes in ((labels, houses), (within, ground)):
        geopandas.GeoDataFrame(geometry=shapes, crs="EPSG:32636").to_file(path)
    report = check([scene], Reading(labels=labels, within=within))
    assert report.next_command == (f"limner train segment/modern --data '{scene}' --labels {labels} --within {within}")
    (area,) = report.areas
    assert (area.labels, area.georeferenced) == ("polygons", 1)
    assert area.ground_m == pytest.approx((1, 1), rel=1e-2)
    assert area.labelled == 0.5
    assert area.class_share["object"] == 10 * 10 * 30 / (300 * 100)


@pytest.mark.parametrize(("meters", "more"), [(0.1, " --to-ground-m 0.3"), (0.3, "")])
def test_the_ground_that_a_warning_advises_is_in_the_next_command(tmp_path, meters, more):
    place = {"crs": "EPSG:32636", "transform": from_origin(EAST, NORTH, meters, meters)}
    mask = np.zeros((900, 1200), np.uint8)
    mask[::40] = 255
    labels = write(tmp_path / "mask.tif", mask, **place)
    scene = write(tmp_path / "scene.tif", np.stack([mask, mask // 2, mask // 3]) + 9, **place)
    told = f"limner train segment/modern --data {scene} --labels {labels}{more}"
    assert check([scene], Reading(labels=labels)).next_command == told


def test_folders_of_classes_are_sent_to_the_room_that_reads_them(tmp_path):
    for name in ("ants", "bees"):
        write(tmp_path / f"insects/{name}/1.png", np.full((3, 20, 20), 9, np.uint8), "PNG")
    report = check([tmp_path / "insects"])
    assert not report.usable
    assert report.next_command == f"limner check {tmp_path / 'insects'} --room classify"


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("annotations/1.xml", "VOC"),
        ("images/1.xml", None),
        ("annotations/train.json", "COCO"),
        ("train/_annotations.coco.json", "COCO"),
        ("labels/1.txt", "YOLO"),
        ("labels/train/1.txt", "YOLO"),
        ("notes/1.txt", None),
        ("instances.json", "COCO"),
        ("meta.json", None),
    ],
)
def test_folders_of_boxes_are_sent_to_the_room_that_reads_them(tmp_path, file, kind):
    folder = tmp_path / "cells"
    write(folder / "images/1.png", np.full((3, 20, 20), 9, np.uint8), "PNG")
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    (folder / file).touch()
    report = check([folder])
    assert not report.usable
    assert report.next_command == f"limner check {folder}" + (" --room detect" if kind else "")
    (problem,) = report.problems
    if kind is None:
        assert problem.startswith(f"{folder}: pictures without any labels")
    else:
        assert problem.startswith(f"{folder}: holds annotations of objects ({kind}) and no masks/: to find these, give")


def test_an_area_with_masks_is_an_area_whatever_else_lies_there(tmp_path):
    area = write_area(tmp_path / "town")
    (area / "annotations").mkdir()
    (area / "annotations/1.xml").touch()
    assert check([area]).usable


def test_of_a_folder_that_is_nowhere_there_is_no_next_command(tmp_path):
    report = check([tmp_path / "nosuch"])
    assert report.problems == (f"{tmp_path / 'nosuch'}: no such file or folder",)
    assert report.next_command == "" and "Next" not in report.to_text()


def test_more_classes_are_named_in_the_next_command(tmp_path):
    area = write_area(tmp_path / "town")
    write(area / "masks/c0.png", np.arange(4800, dtype=np.uint8).reshape(80, 60) % 3, "PNG")
    for number in range(1, 6):
        write(area / f"masks/c{number}.png", np.ones((80, 60), np.uint8), "PNG")
    report = check([area])
    assert report.class_names == ("class 0", "class 1", "class 2") and report.form == "class numbers (255 = ignore)"
    assert report.next_command.endswith(f"--data {area}")


def test_all_problems_are_listed_and_the_rest_is_still_described(tmp_path):
    area = write_area(tmp_path / "town", 10)
    (area / "images/c0.tif").write_bytes(b"")
    (area / "images/c1.tif").write_bytes((area / "images/c1.tif").read_bytes()[:3000])  # cut off
    write(area / "masks/c2.png", np.zeros((81, 60), np.uint8), "PNG")
    write(area / "masks/c3.png", np.zeros((3, 80, 60), np.uint8), "PNG")
    write(area / "images/c4.tif", np.ones((5, 80, 60), np.uint8))
    (area / "masks/c5.png").unlink()
    report = check([area, tmp_path / "nowhere"])
    reasons = ["no such file", "is empty", "is 81 x 60 pixels", "has 5 bands", "color picture", "is the file whole?"]
    assert len(report.problems) == len(reasons)
    for reason in reasons:
        assert sum(reason in problem for problem in report.problems) == 1, reason
    assert report.warnings == ("town: c5.tif without a mask, not learned from",)
    assert not report.usable
    assert report.next_command == f"limner check {area} {tmp_path / 'nowhere'}"
    assert [area.chips for area in report.areas] == [6]


def test_nothing_usable_still_gives_a_report(tmp_path):
    report = check([tmp_path])
    assert not report.usable
    assert report.areas == ()
    assert "the folder is empty" in report.to_text()
    json.dumps(report.to_json())


def test_many_problems_are_shortened_in_the_text_but_not_in_the_json(tmp_path):
    area = write_area(tmp_path / "town", 30)
    for number in range(25):
        (area / f"images/c{number}.tif").write_bytes(b"")
    report = check([area])
    assert report.to_text().count("the file is empty") == 10
    assert "- and 15 more" in report.to_text()
    assert len(report.to_json()["problems"]) == 25


def test_copies_are_leaks(tmp_path):
    one, two = write_area(tmp_path / "one"), write_area(tmp_path / "two", seed=1)
    shutil.copy(one / "images/c0.tif", two / "images/c3.tif")
    shutil.copy(one / "images/c1.tif", one / "images/c2.tif")
    assert check([tmp_path]).leaks == (
        "the same picture in several areas: one/c0.tif, two/c3.tif",
        "the same picture twice in one area: one/c1.tif, one/c2.tif",
    )


def test_areas_that_show_the_same_ground_are_leaks(tmp_path):
    for number, (name, shift) in enumerate((("east", 0), ("west", 59), ("far", 119))):
        place = from_origin(EAST + shift, NORTH, 1, 1)
        write_area(tmp_path / name, 1, seed=number, crs="EPSG:32636", transform=place)
    (leak,) = check([tmp_path]).leaks  # west and far only touch
    assert leak.startswith("areas east and west show the same ground (1 overlaps, such as c0.tif and c0.tif)")


def test_what_may_be_meant_but_seldom_is_gives_a_warning(tmp_path):
    write_area(tmp_path / "empty", share=0)
    for number in range(6):
        values = np.random.default_rng(number).integers(10, 200, (3, 80, 60)).astype(np.uint8)
        values[2] = 7
        write(tmp_path / f"empty/images/c{number}.tif", values, "JPEG" if number > 2 else "GTiff")
    warnings = check([tmp_path / "empty"]).warnings
    assert "class object occurs nowhere" in warnings
    assert "empty: all masks are empty (background everywhere)" in warnings
    assert "empty: c3.tif and 2 more: named .tif but JPEG inside" in warnings
    write_area(tmp_path / "dark")
    for number in range(6):
        values = np.random.default_rng(number).integers(10, 200, (3, 80, 60)).astype(np.uint16)
        values[2] = 7
        write(tmp_path / f"dark/images/c{number}.tif", values, nodata=0)
    assert check([tmp_path / "dark"]).warnings == (
        "dark: band 3 is 7 everywhere",
        "dark: uint16 pixels within 0 to 255; was the scene squeezed to 8 bits?",
    )


def test_a_fourth_band_that_is_only_marked_alpha_is_told(tmp_path):
    area = write_area(tmp_path / "town")
    generator = np.random.default_rng(0)
    for number in range(6):
        write(area / f"images/c{number}.tif", generator.integers(0, 256, (4, 80, 60), dtype=np.uint8))
    report = check([area])
    assert report.channels == 4
    assert report.warnings == ("town: c0.tif and 5 more: band 4 is marked alpha but holds data: read as a fourth band",)
    assert report.usable


def test_masks_of_two_forms_stop_a_training_and_one_of_each_is_named(tmp_path):
    write_area(tmp_path / "town")
    village = write_area(tmp_path / "village")
    write(village / "masks/c0.png", np.arange(4800, dtype=np.uint8).reshape(80, 60) % 2, "PNG")
    report = check([tmp_path])
    (problem,) = report.problems
    assert problem.startswith(f"{tmp_path / 'town/masks/c0.png'} reads as 0/255, {village / 'masks/c0.png'} as class")
    assert not report.usable
    assert report.next_command == f"limner check {tmp_path}"


def test_pictures_of_different_scales_are_noticed(tmp_path):
    for number, meters in enumerate((0.5, 2)):
        place = from_origin(EAST + 10_000 * number, NORTH, meters, meters)
        write_area(tmp_path / f"area{number}", 1, seed=number, crs="EPSG:32636", transform=place)
    (warning,) = check([tmp_path]).warnings
    assert warning == "pixels of 0.5 to 2 m on the ground; objects differ in size by as much"


@pytest.mark.parametrize(
    ("meters", "reading", "warned"),
    [(0.1, Reading(), True), (0.1, Reading(to_ground_m=0.3), False), (0.3, Reading(), False)],
)
def test_fine_pictures_are_told_what_a_crop_shows(tmp_path, meters, reading, warned):
    write_area(tmp_path / "town", 1, crs="EPSG:32636", transform=from_origin(EAST, NORTH, meters, meters))
    warnings = [each for each in check([tmp_path], reading).warnings if "training crop" in each]
    assert [each.endswith("add --to-ground-m 0.3") for each in warnings] == [True] * warned
    assert all(
        each.startswith("pixels of 0.1 m on the ground, so that a training crop of 256 px shows 26 m")
        for each in warnings
    )


def test_nodata_is_counted_and_is_no_background(tmp_path):
    area = write_area(tmp_path / "town", nodata=0)
    for number in range(6):
        values = np.random.default_rng(number).integers(10, 200, (3, 80, 60)).astype(np.uint8)
        values[:, 60:] = 0
        write(area / f"images/c{number}.tif", values, nodata=0)
    (found,) = check([area]).areas
    assert (found.nodata, found.labelled) == (0.25, 0.75)
    assert found.class_share["object"] == pytest.approx(20 / 60)


def test_the_contact_sheet_shows_each_area_with_its_labels(tmp_path):
    write_area(tmp_path / "data/town")
    write_area(tmp_path / "data/village", seed=1)
    sheet = tmp_path / "sheet.png"
    report = check([tmp_path / "data"], sheet=sheet)
    assert report.sheet == str(sheet)
    picture = np.asarray(Image.open(sheet))
    assert picture.shape[0] > 2 * 320 and picture.shape[1] > 3 * 320
    assert check([tmp_path / "nowhere"], sheet=tmp_path / "none.png").sheet is None
    assert not (tmp_path / "none.png").exists()


def test_checking_imports_no_torch():
    code = "import sys, limner.segment.data.check; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
