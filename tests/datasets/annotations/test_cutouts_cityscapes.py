"""Cityscapes: ids and polygons say the same, and what is no single object is no cut-out."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawn_cityscapes import HEIGHT, WIDTH, as_polygons, paint, save, street, write_cityscapes
from limner.datasets.annotations.instances import Source
from limner.datasets.annotations.sources import read_source
from limner.datasets.annotations.sources.cityscapes import draw_ids, labels_of_ids
from limner.datasets.annotations.sources.wanted import Wanted
from limner.foundation.errors import UserError
from limner.generate.cutouts.options import CutOutOptions
from limner.generate.cutouts.verb import cut_out

PLAIN = CutOutOptions(no_filter=True, workers=1, min_width=8, min_height=4)


def read(root: Path, *split: str) -> Source:
    return read_source(root, Wanted(("car",)), split or None)


@pytest.mark.parametrize("number", range(3))
def test_polygons_are_drawn_to_the_ids_that_come_with_them(number: int) -> None:
    drawn = street(number)
    ids, numbered, notes = draw_ids(as_polygons(drawn)["objects"], WIDTH, HEIGHT)  # type: ignore[arg-type]
    np.testing.assert_array_equal(ids, paint(drawn, number)[1])
    assert [number for number, name in numbered.items() if name == "car"] == [f"2600{place}" for place in range(5)]
    assert notes == ()


def test_ids_and_polygons_give_the_same_manifest_but_for_cars_that_only_polygons_know(tmp_path: Path) -> None:
    manifests = []
    for name, without in (("ids", "polygons"), ("polygons", "ids")):
        write_cityscapes(tmp_path / name, **{without: False})
        cut_out(tmp_path / name, "car", tmp_path / f"{name}-out", PLAIN)
        manifests.append((tmp_path / f"{name}-out/manifest.csv").read_text().splitlines())
    hidden = [line for line in manifests[1] if line not in manifests[0]]
    assert [line for line in manifests[1] if line not in hidden] == manifests[0]
    assert len(hidden) == 4 and all(
        ",26001,car,,,,,,,," in line and ',no,"empty: later outlines' in line for line in hidden
    )


def test_a_group_is_no_cut_out_and_a_hidden_car_leaves_a_gap_in_the_numbers(tmp_path: Path) -> None:
    made = cut_out(write_cityscapes(tmp_path / "city", count=1), "car", tmp_path / "out", PLAIN)
    train = [row for row in made.rows if row.split == "train"]
    assert [row.instance for row in train] == ["26", "26000", "26002", "26003", "26004"]
    assert [row.reason for row in train] == ["group", "", "", "", ""]


def test_a_license_plate_stays_on_its_car(tmp_path: Path) -> None:
    write_cityscapes(tmp_path / "city", ids=False, count=1, splits=("train",))
    made = cut_out(tmp_path / "city", "car", tmp_path / "out", PLAIN)
    (row,) = [row for row in made.rows if row.instance == "26002"]
    assert row.area_px == 60 * 40
    pixels = np.asarray(Image.open(tmp_path / "out" / row.file))
    assert pixels[28, 25].min() > 230


def test_the_split_test_is_left_out_and_splits_can_be_chosen(tmp_path: Path) -> None:
    root = write_cityscapes(tmp_path / "city")
    found = read(root)
    assert [picture.split for picture in found.pictures] == ["train", "train", "val", "val"]
    assert found.notes == ("2 pictures of the split test left out: its true labels are not public",)
    assert [picture.split for picture in read(root, "val").pictures] == ["val", "val"]
    with pytest.raises(UserError, match=r"has no part 'vall' to cut from; did you mean 'val'\?"):
        read(root, "vall")


def test_a_tree_of_the_split_test_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no labels for the 2 pictures .*those of test are not public"):
        read(write_cityscapes(tmp_path / "city", splits=("test",)))


def test_ids_are_taken_where_both_are_there(tmp_path: Path) -> None:
    root = write_cityscapes(tmp_path / "city", count=1, splits=("train",))
    (picture,) = read(root).pictures
    assert [path.name for path in picture.labels] == ["aachen_000000_000019_gtFine_instanceIds.png"]
    picture.labels[0].unlink()
    (picture,) = read(root).pictures
    assert [path.name for path in picture.labels] == ["aachen_000000_000019_gtFine_polygons.json"]


def test_pictures_without_labels_are_left_out_and_counted(tmp_path: Path) -> None:
    root = write_cityscapes(tmp_path / "city", splits=("train",))
    for path in (root / "gtFine").rglob("aachen_000001*"):
        path.unlink()
    assert read(root).notes == ("1 picture without labels left out",)


def test_odd_ids_are_told_and_hide_no_object() -> None:
    ids = np.zeros((6, 8), np.int32)
    ids[0], ids[1], ids[2], ids[3] = 26001, 77, 7003, 34000
    ids[4, :3], ids[5] = -1, 255
    labels = labels_of_ids(ids)
    assert [(one.number, one.name, one.group) for one in labels.instances] == [("26001", "car", False)]
    assert labels.notes == tuple(f"id {odd} is none of Cityscapes: left out" for odd in (77, 255, 7003, 34000))


def test_labels_that_are_not_defined_cover_what_is_behind_and_are_told(tmp_path: Path) -> None:
    square = [[0, 0], [7, 0], [7, 7], [0, 7]]
    objects = [{"label": "car", "polygon": square}, {"label": "carr", "polygon": [[0, 0], [7, 0], [7, 3], [0, 3]]}]
    ids, numbered, notes = draw_ids(objects, 8, 8)
    assert notes == ("label 'carr' is none of Cityscapes: left out",)
    assert numbered == {"26000": "car"}
    assert (ids[:4] == 0).all() and (ids[4:] == 26000).all()


def test_every_class_with_instances_can_be_a_group() -> None:
    for name, number in {"person": 24, "bicycle": 33, "caravan": 29, "trailer": 30}.items():
        ids, _, _ = draw_ids([{"label": f"{name}group", "polygon": [[0, 0], [3, 0], [3, 3]]}], 4, 4)
        assert set(np.unique(ids)) == {0, number}
        (one,) = labels_of_ids(ids).instances
        assert (one.name, one.group) == (name, True)


def test_a_class_without_instances_is_refused_with_the_ones_that_have(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\(Cityscapes\) has no 'building'; known: person, rider, car"):
        read_source(write_cityscapes(tmp_path / "city", count=1), Wanted(("building",)))


@pytest.mark.parametrize("damage", ["size", "cut", "json"])
def test_one_broken_file_of_many_is_a_line_of_the_manifest(
    tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_cityscapes(tmp_path / "city", ids=damage != "json", splits=("train",))
    path = next((root / "gtFine").rglob("aachen_000000*"))
    if damage == "size":
        save(path.with_name(path.name.replace("polygons.json", "instanceIds.png")), np.zeros((5, 5), np.uint16))
    elif damage == "cut":
        path = path.with_name(path.name.replace("polygons.json", "instanceIds.png"))
        path.write_bytes(path.read_bytes()[:60])
    else:
        path.write_text(json.dumps({"imgWidth": WIDTH, "imgHeight": HEIGHT}))
    made = cut_out(root, "car", tmp_path / "out", PLAIN)
    assert made.rejected["unreadable"] == 1
    assert made.rows[0].reason.startswith("unreadable: ") and "aachen_000000" in made.rows[0].reason
    assert len(made.files) == 4
    assert "1 picture left out; the first: " in capsys.readouterr().err
