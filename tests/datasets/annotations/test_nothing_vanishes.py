"""Data sets as people have them: official folders, exports, links, doubled and degenerate annotations. What is not cut
out has a row or a line that says why."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from drawn_cityscapes import save
from limner.datasets.annotations.instances import Labels
from limner.datasets.annotations.sources import read_source
from limner.datasets.annotations.sources.wanted import Wanted
from limner.datasets.pictures.listing import picture_files
from limner.foundation.errors import UserError
from limner.foundation.files.writing import files_below
from limner.generate.cutouts.options import CutOutOptions
from limner.generate.cutouts.verb import CutOuts, cut_out

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
WIDTH, HEIGHT = 90, 70
CATEGORIES = [{"id": 1, "name": "dog"}, {"id": 5, "name": "cat"}]
SQUARE = [4, 6, 34, 6, 34, 40, 4, 40]
ALL = CutOutOptions(no_filter=True, workers=1, min_width=1, min_height=1)


def photo(path: Path, seed: int = 0) -> Path:
    return save(path, np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))


def annotation(number: int, image: int = 1, category: int = 1, **more: Any) -> dict[str, Any]:
    shape = {"segmentation": [SQUARE], "bbox": [4, 6, 30, 34], "iscrowd": 0}
    return {"id": number, "image_id": image, "category_id": category, **shape, **more}


def image(number: int, name: str) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT}


def write(path: Path, images: list[Any], annotations: list[Any], categories: list[Any] | None = CATEGORIES) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
    return path


def cut(source: Path, *objects: str) -> CutOuts:
    return cut_out(source, objects or "dog", source.parent / f"{source.name}-out", ALL)


def reasons(made: CutOuts) -> dict[str, str]:
    return {row.instance: row.reason for row in made.rows}


# COCO's own folders


def write_official(root: Path, parts: tuple[str, ...] = ("train2017", "val2017")) -> None:
    for part in parts:
        images = [image(1, "1.png"), image(2, "2.png")]
        told = [annotation(7), annotation(8, 2, bbox=[1, 1, 5, 5], segmentation=[])]
        write(root / f"annotations/instances_{part}.json", images, told)
        keypoints = [{**one, "keypoints": [9, 9, 2], "num_keypoints": 1} for one in told[:1]]
        write(root / f"annotations/person_keypoints_{part}.json", images, keypoints)
        captions = [{"id": 3, "image_id": 1, "caption": "a dog"}]
        write(root / f"annotations/captions_{part}.json", images, captions, None)
        segments = [{"image_id": 1, "file_name": "1.png", "segments_info": [{"id": 9, "category_id": 1}]}]
        write(root / f"annotations/panoptic_{part}.json", images, segments)
        write(root / f"annotations/stuff_{part}.json", images, [annotation(70)])
    write(root / "annotations/image_info_test2017.json", [image(5, "5.png")], [], CATEGORIES)
    (root / "annotations/._instances_val2017.json").write_bytes(b"\0\5\26\7 of a Mac")


@pytest.mark.parametrize("pictures", ["{part}", "images/{part}"])
def test_the_official_folder_is_read_by_its_instances_and_the_rest_is_named(
    tmp_path: Path, pictures: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "coco"
    write_official(root)
    for part in ("train2017", "val2017"):
        photo(root / pictures.format(part=part) / "1.png")
        photo(root / pictures.format(part=part) / "2.png", 1)
    made = cut(root)
    assert [(row.source, row.instance) for row in made.rows] == [
        (f"{part}/{name}.png", number) for part in ("train2017", "val2017") for name, number in (("1", "7"), ("2", "8"))
    ]
    assert len(made.files) == 4
    told = capsys.readouterr().err
    assert "panoptic_val2017.json, person_keypoints_train2017.json" in told and "left out: instances_*.json" in told


def test_a_part_whose_pictures_were_not_fetched_is_told_and_hinders_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_official(tmp_path / "coco")
    photo(tmp_path / "coco/val2017/1.png")
    photo(tmp_path / "coco/val2017/2.png")
    made = cut(tmp_path / "coco")
    assert {row.split for row in made.rows} == {"val2017"} and len(made.files) == 2
    assert "instances_train2017.json left out, 2 pictures: its picture 1.png is not there" in capsys.readouterr().err


def test_keypoint_files_alone_are_read_in_their_own_folders(tmp_path: Path) -> None:
    images = [image(1, "1.png")]
    only_points = {"id": 4, "image_id": 1, "category_id": 1, "keypoints": [3, 3, 2]}
    for part in ("train2017", "val2017"):
        write(tmp_path / f"coco/annotations/person_keypoints_{part}.json", images, [annotation(3), only_points])
        photo(tmp_path / "coco" / part / "1.png")
    made = cut(tmp_path / "coco")
    assert [row.source for row in made.rows if row.file] == ["train2017/1.png", "val2017/1.png"]
    assert made.rejected == {"broken": 2}


def test_panoptic_annotations_alone_are_refused_with_what_to_give(tmp_path: Path) -> None:
    path = write(tmp_path / "panoptic_val2017.json", [image(1, "1.png")], [{"image_id": 1, "segments_info": []}])
    with pytest.raises(UserError, match=r"panoptic annotations, .*; needed: instances_\*\.json of the same pictures"):
        read_source(path, Wanted(("dog",)))


def test_roboflows_export_is_read_from_the_folders_of_its_splits(tmp_path: Path) -> None:
    for number, split in enumerate(("train", "valid")):
        write(tmp_path / f"robo/{split}/_annotations.coco.json", [image(0, "1.png")], [annotation(0, 0)])
        photo(tmp_path / f"robo/{split}/1.png", number)
    assert [(row.split, row.file) for row in cut(tmp_path / "robo").rows] == [
        ("train", "dog/train/1-0.png"),
        ("valid", "dog/valid/1-0.png"),
    ]


# Annotations that are there twice, or nowhere


def test_two_annotations_of_one_id_are_two_files(tmp_path: Path) -> None:
    photo(tmp_path / "coco/1.png")
    other = {"segmentation": [[40, 10, 80, 10, 80, 60, 40, 60]], "bbox": [40, 10, 40, 50]}
    write(tmp_path / "coco/a.json", [image(1, "1.png")], [annotation(9), annotation(9, **other), annotation(9)])
    made = cut(tmp_path / "coco")
    assert [path.name for path in made.files] == ["1-9.png", "1-9_2.png"]
    assert [Image.open(path).size for path in made.files] == [(30, 34), (40, 50)]
    assert made.rejected == {"duplicate": 1}


def test_files_of_different_pictures_and_odd_ids_never_take_each_others_names(tmp_path: Path) -> None:
    names = ("1.png", "1.jpg", "1-2.png")
    for seed, name in enumerate(names):
        photo(tmp_path / "coco" / name, seed)
    images = [image(number, name) for number, name in enumerate(names)]
    ids = [(0, "2-3"), (0, "2_3"), (0, "A/b"), (0, "a_B"), (1, "2-3"), (2, "3")]
    write(tmp_path / "coco/a.json", images, [annotation(number, where) for where, number in ids])  # type: ignore[arg-type]
    made = cut(tmp_path / "coco")
    assert len({str(path).casefold() for path in made.files}) == len(ids) == len(made.rows)


def test_annotations_without_a_picture_are_rows_that_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo(tmp_path / "coco/1.png")
    images = [image(1, "1.png"), image(3, "1.png"), image(4, "1.png"), image(4, "2.png")]
    told = [
        annotation(1),
        annotation(2, 99),
        annotation(3, 3, segmentation=None),
        annotation(4, 4),
        annotation(5, 1, 77),
    ]
    write(tmp_path / "coco/a.json", images, told)
    made = cut(tmp_path / "coco")
    assert reasons(made) == {
        "1": "",
        "2": "no picture: image_id 99 is not listed in a.json",
        "3": "",
        "4": "no picture: several are listed as 4 in a.json",
    }
    assert "annotations of categories that a.json does not define left out: 1 (77)" in capsys.readouterr().err
    with (tmp_path / "coco-out/manifest.csv").open() as file:
        assert sum(1 for _ in csv.DictReader(file)) == 4


def test_a_category_with_two_names_is_refused(tmp_path: Path) -> None:
    write(
        tmp_path / "a.json", [image(1, "1.png")], [annotation(1)], [{"id": 1, "name": "dog"}, {"id": 1, "name": "cat"}]
    )
    with pytest.raises(UserError, match=r"category 1 is 'dog' and 'cat'; number each once"):
        read_source(tmp_path / "a.json", Wanted(("dog",)))


def test_the_same_annotations_in_two_files_count_once(tmp_path: Path) -> None:
    photo(tmp_path / "coco/1.png")
    write(tmp_path / "coco/first.json", [image(1, "1.png")], [annotation(1)])
    write(
        tmp_path / "coco/second.json", [image(1, "1.png")], [annotation(1), annotation(2, segmentation=[SQUARE[::-1]])]
    )
    made = cut(tmp_path / "coco")
    assert [(row.source, row.instance, row.reason.partition(":")[0]) for row in made.rows] == [
        ("first/1.png", "1", ""),
        ("second/1.png", "1", "duplicate"),
        ("second/1.png", "2", ""),
    ]


@pytest.mark.parametrize(
    ("shape", "box", "reason"),
    [
        (None, [2, 3, 20, 30], ""),
        ([[]], [2, 3, 20, 30], ""),
        ([[1, 1], [5, 5, 9, 9]], [2, 3, 20, 30], ""),
        (SQUARE, None, ""),
        ([{"size": [HEIGHT, WIDTH], "counts": [70, 700, HEIGHT * WIDTH - 770]}], None, ""),
        ([SQUARE, [1, 2, 3, 4, 5, 6, 7]], [2, 3, 20, 30], "broken"),
        ([[]], None, "broken"),
        ([[]], [2, 3, 0, 30], "empty"),
        ([[200, 10, 240, 10, 240, 50]], [2, 3, 20, 30], "broken"),
        ([[95, 10, 110, 10, 110, 50]], [2, 3, 20, 30], "empty"),
        ([], [float("inf"), 3, 20, 30], "broken"),
        ([], [2, 3, 20], "broken"),
    ],
)
def test_degenerate_outlines_are_their_box_or_a_row(tmp_path: Path, shape: Any, box: Any, reason: str) -> None:
    photo(tmp_path / "coco/1.png")
    told = [annotation(1, segmentation=shape, bbox=box), annotation(2)]
    write(tmp_path / "coco/a.json", [image(1, "1.png")], told)
    made = cut(tmp_path / "coco")
    assert [row.instance for row in made.rows] == ["1", "2"]
    assert made.rows[0].reason.partition(":")[0] == reason
    if box == [2, 3, 20, 30] and not reason:
        assert (made.rows[0].x0, made.rows[0].y0, made.rows[0].x1, made.rows[0].y1) == (2, 3, 22, 33)
        assert "outlines of fewer than three corners" in (tmp_path / "coco-out/summary.json").read_text()


# YOLO


def write_yolo(folder: Path, name: str, *lines: str, seed: int = 0) -> None:
    photo(folder / f"images/{name}.png", seed)
    (folder / f"labels/{name}.txt").parent.mkdir(parents=True, exist_ok=True)
    (folder / f"labels/{name}.txt").write_text("\n".join(lines))


OUTLINE = "1 0.1 0.1 0.5 0.1 0.5 0.6"


@pytest.mark.parametrize("given", ["export", "export/valid", "export/data.yaml"])
def test_the_names_one_folder_up_are_found(tmp_path: Path, given: str) -> None:
    for seed, split in enumerate(("train", "valid")):
        write_yolo(tmp_path / "export" / split, f"{split}-a", OUTLINE, seed=seed)
    (tmp_path / "export/data.yaml").write_text("train: ../train/images\nnc: 2\nnames: [cat, dog]\n")
    (tmp_path / "export/other.yaml").write_text("names: [x, y]\n")
    source = read_source(tmp_path / given, Wanted(("dog",)))
    found = [(one.name, one.split) for one in source.pictures]
    assert found == ([("valid-a.png", "")] if given.endswith("valid") else [
        ("train/train-a.png", "train"), ("valid/valid-a.png", "valid")])  # fmt: skip


def test_names_beside_the_labels_and_quarrelling_files(tmp_path: Path) -> None:
    write_yolo(tmp_path / "a", "1", OUTLINE)
    (tmp_path / "a/labels/classes.txt").write_text("cat\ndog\n")
    source = read_source(tmp_path / "a", Wanted(("dog",)))
    assert (source.names, source.lost) == (("cat", "dog"), ())
    (tmp_path / "a/labels/classes.txt").unlink()
    (tmp_path / "a/one.yaml").write_text("names: [cat, dog]\n")
    (tmp_path / "a/two.yaml").write_text("names: [dog, cat]\n")
    with pytest.raises(UserError, match=r"one.yaml and two.yaml name other classes; give the YAML file itself"):
        read_source(tmp_path / "a", Wanted(("dog",)))
    assert read_source(tmp_path / "a/two.yaml", Wanted(("dog",))).names == ("dog", "cat")


def test_lines_with_keypoints_are_boxes(tmp_path: Path) -> None:
    write_yolo(tmp_path / "pose", "1", "0 0.5 0.5 0.2 0.4 0.45 0.45 0.55 0.55", "0 0.5 0.5 0.2 0.4 0.1 0.1 2 0.2 0.2 2")
    (tmp_path / "pose/data.yaml").write_text("names: {0: dog}\nkpt_shape: [2, 2]\n")
    with pytest.raises(UserError, match=r"1\.txt:2: a coordinate outside 0 to 1"):
        read_source(tmp_path / "pose", Wanted(("dog",)))
    write_yolo(tmp_path / "pose", "1", "0 0.5 0.5 0.2 0.4 0.45 0.45 0.55 0.55")
    (row,) = cut(tmp_path / "pose").rows
    assert (row.x0, row.y0, row.x1, row.y1) == (36, 21, 54, 49)


def test_labels_without_a_picture_and_lines_without_area_are_rows(tmp_path: Path) -> None:
    write_yolo(tmp_path / "a", "1", OUTLINE, "1 0.5 0.5 0 0.2", "1 0.2 0.2 0.2 0.2 0.2 0.2")
    (tmp_path / "a/labels/2.txt").write_text(f"{OUTLINE}\n0 0.5 0.5 0.1 0.1\n")
    (tmp_path / "a/classes.txt").write_text("cat\ndog\n")
    made = cut(tmp_path / "a")
    told = [(row.source, row.instance, row.reason.partition(":")[0]) for row in made.rows]
    assert told == [("1.png", "1", ""), ("1.png", "2", "empty"), ("1.png", "3", "empty"), ("2", "1", "no picture")]


def test_yolos_classes_keep_their_numbers(tmp_path: Path) -> None:
    write_yolo(tmp_path / "a", "1", OUTLINE)
    names = tmp_path / "a/classes.txt"
    for empty, words in (
        ("cat\n\ndog\n", "line 2 is empty; needed: the name of class 1"),
        ("\ncat\n", "line 1 is empty"),
    ):
        names.write_text(empty)
        with pytest.raises(UserError, match=words):
            read_source(tmp_path / "a", Wanted(("dog",)))
    names.write_text("cat\ndog\n\n")  # empty lines at the end number nothing
    assert len(read_source(tmp_path / "a", Wanted(("dog",))).pictures) == 1
    (tmp_path / "a/data.yaml").write_text("names: [dog, cat]\n")
    with pytest.raises(UserError, match=r"data\.yaml and classes\.txt name other classes"):
        read_source(tmp_path / "a", Wanted(("dog",)))
    (tmp_path / "a/data.yaml").write_text("names: [cat, dog]\n")
    assert len(read_source(tmp_path / "a", Wanted(("dog",))).pictures) == 1


# Masks


def voc_mask(path: Path, values: list[int], *, palette: bool) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for place, value in enumerate(values):
        mask[4:30, 4 + 12 * place : 14 + 12 * place] = value
    if palette:
        colored = Image.fromarray(mask, "P")
        colored.putpalette([0] * 765 + [224, 224, 192])
        path.parent.mkdir(parents=True, exist_ok=True)
        colored.save(path)
    else:
        save(path, mask)


@pytest.mark.parametrize(
    ("values", "palette", "objects"),
    [
        ([1, 255, 2], False, ["1", "2"]),
        ([2, 5, 255], True, ["2", "5"]),
        ([255], False, ["255"]),
        ([40, 200, 255], False, ["40", "200", "255"]),
        ([1, 3, 255], False, ["1", "3", "255"]),
    ],
)
def test_the_border_of_voc_is_no_object_and_white_is_one(
    tmp_path: Path, values: list[int], palette: bool, objects: list[str]
) -> None:
    photo(tmp_path / "voc/images/a.png")
    voc_mask(tmp_path / "voc/masks/a.png", values, palette=palette)
    voc_mask(tmp_path / "voc/masks/b.png", [1], palette=False)
    made = cut(tmp_path / "voc")
    assert [row.instance for row in made.rows if row.source == "a.png"] == objects
    assert [row.reason.partition(":")[0] for row in made.rows if row.source == "b"] == ["no picture"]
    told = "taken for the border that VOC draws" in (tmp_path / "voc-out/summary.json").read_text()
    assert told == ("255" not in objects)


def test_all_255_objects_of_a_mask_are_objects(tmp_path: Path) -> None:
    photo(tmp_path / "voc/images/a.png")
    save(tmp_path / "voc/masks/a.png", (np.arange(HEIGHT * WIDTH) % 256).reshape(HEIGHT, WIDTH).astype(np.uint8))
    assert len(labels_of_first(tmp_path / "voc").instances) == 255


def labels_of_first(source: Path) -> Labels:
    (picture,) = read_source(source, Wanted(("dog",))).pictures
    return picture.read(WIDTH, HEIGHT)


# Links


def test_pictures_behind_links_are_found_and_circles_end(tmp_path: Path) -> None:
    store = tmp_path / "store"
    for name in ("deep/1.png", "2.png"):
        photo(store / name)
    (tmp_path / "set/labels").mkdir(parents=True)
    (tmp_path / "set/images").mkdir()
    (tmp_path / "set/images/train").symlink_to(store / "deep")
    (tmp_path / "set/images/2.png").symlink_to(store / "2.png")
    (tmp_path / "set/images/again").symlink_to(tmp_path / "set")
    (tmp_path / "set/labels/train").mkdir()
    for name in ("train/1", "2"):
        (tmp_path / f"set/labels/{name}.txt").write_text(OUTLINE)
    (tmp_path / "set/classes.txt").write_text("cat\ndog\n")
    source = read_source(tmp_path / "set", Wanted(("dog",)))
    assert [one.name for one in source.pictures] == ["2.png", "train/1.png"]
    assert len(cut(tmp_path / "set").files) == 2
    assert [path.name for path in picture_files(tmp_path / "set/images")] == ["2.png", "1.png"]


def test_folders_that_link_to_each_other_end(tmp_path: Path) -> None:
    for name in "abcd":
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("")
    for name in "abcd":
        for other in "abcd":
            (tmp_path / name / f"to-{other}").symlink_to(tmp_path / other)
    found = files_below(tmp_path / "a")
    assert tmp_path / "a/file" in found and tmp_path / "a/to-b/to-c/to-d/file" in found
    assert len(found) == 1 + 3 + 3 * 2 + 3 * 2 * 1


def test_coco_and_lists_of_boxes_take_pictures_that_are_links(tmp_path: Path) -> None:
    photo(tmp_path / "store/x.png")
    for name in ("coco", "boxes"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").symlink_to(tmp_path / "store/x.png")
    write(tmp_path / "coco/a.json", [image(1, "1.png")], [annotation(1)])
    (tmp_path / "boxes/a.csv").write_text("path,x0,y0,x1,y1\n1.png,5,5,40,50\n")
    assert len(cut(tmp_path / "coco").files) == len(cut(tmp_path / "boxes").files) == 1


def test_a_link_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    photo(tmp_path / "set/images/1.png")
    (tmp_path / "set/images/2.png").symlink_to(tmp_path / "gone.png")
    for name in "12":
        (tmp_path / "set/labels").mkdir(exist_ok=True)
        (tmp_path / f"set/labels/{name}.txt").write_text(OUTLINE)
    (tmp_path / "set/classes.txt").write_text("cat\ndog\n")
    made = cut(tmp_path / "set")
    assert made.rejected == {"unreadable": 1} and "a link that leads to no file" in made.rows[1].reason


# Lists of boxes


def test_lines_that_no_csv_reader_takes_are_one_line_for_people(tmp_path: Path) -> None:
    photo(tmp_path / "1.png")
    (tmp_path / "a.csv").write_text(f"path,x0,y0,x1,y1\n1.png,1,1,9,9\n{'x' * 200_000}.png,1,1,9,9\n")
    with pytest.raises(UserError, match=r"a\.csv:3: no line of a CSV file \(field larger than field limit"):
        read_source(tmp_path, Wanted(("dog",)))
    (tmp_path / "a.csv").write_bytes(b"path,x0,y0,x1,y1\n1\0.png,1,1,9,9\n")
    with pytest.raises(UserError, match=r"cannot name a file; needed: files below"):
        read_source(tmp_path, Wanted(("dog",)))


def test_a_list_from_a_spreadsheet_that_writes_semicolons_and_decimal_commas_is_read(tmp_path: Path) -> None:
    photo(tmp_path / "plain/1.png")
    photo(tmp_path / "sheet/1.png")
    (tmp_path / "plain/a.csv").write_text("path,x0,y0,x1,y1,label\n1.png,4.4,6,34.6,40,dog\n")
    sheet = "path;x0;y0;x1;y1;label\r\n1.png;4,4;6;34,6;40;dog\r\n"
    (tmp_path / "sheet/a.csv").write_bytes(b"\xef\xbb\xbf" + sheet.encode())
    plain, other = (cut(tmp_path / name).rows for name in ("plain", "sheet"))
    assert plain == other and (plain[0].x0, plain[0].x1) == (4, 35)
    (tmp_path / "sheet/a.csv").write_text(sheet.replace("4,4", "4,4,4"))
    with pytest.raises(UserError, match=r"a\.csv:2: not a box"):
        read_source(tmp_path / "sheet", Wanted(("dog",)))


# Names as other systems write them

ONE_SIGN, TWO_SIGNS = "Bel\u00e9m", "Bele\u0301m"


@pytest.mark.parametrize(("there", "told"), [(ONE_SIGN, TWO_SIGNS), (TWO_SIGNS, ONE_SIGN)])
def test_accents_as_one_sign_and_as_two_are_one_name(tmp_path: Path, there: str, told: str) -> None:
    photo(tmp_path / f"coco/{there}.png")
    write(tmp_path / "coco/a.json", [image(1, f"{told}.png")], [annotation(7)])
    photo(tmp_path / f"list/{there}.png")
    (tmp_path / "list/a.csv").write_text(f"path,x0,y0,x1,y1,label\n{told}.png,4,6,34,40,dog\n")
    write_yolo(tmp_path / "yolo", there, OUTLINE)
    (tmp_path / f"yolo/labels/{there}.txt").rename(tmp_path / f"yolo/labels/{told}.txt")
    (tmp_path / "yolo/classes.txt").write_text("cat\ndog\n")
    photo(tmp_path / f"masks/images/{there}.png")
    save(tmp_path / f"masks/masks/{told}.png", np.pad(np.ones((9, 9), np.uint8), ((5, HEIGHT - 14), (5, WIDTH - 14))))
    for form in ("coco", "list", "yolo", "masks"):
        made = cut(tmp_path / form)
        assert len(made.files) == 1 and made.rejected == {}, form


def test_windows_paths_in_a_list_are_read_and_do_not_lead_out(tmp_path: Path) -> None:
    photo(tmp_path / "train/1.png")
    write(tmp_path / "a.json", [image(1, "train\\1.png")], [annotation(7)])
    assert len(cut(tmp_path / "a.json").files) == 1
    for name in ("..\\1.png", "train\\..\\..\\1.png", "\\1.png"):
        write(tmp_path / "b.json", [image(1, name)], [annotation(7)])
        with pytest.raises(UserError, match="leads out of"):
            read_source(tmp_path / "b.json", Wanted(("dog",)))


def test_labels_that_an_editor_began_with_a_mark_of_its_encoding_are_read(tmp_path: Path) -> None:
    write_yolo(tmp_path / "a", "1", OUTLINE)
    path = tmp_path / "a/labels/1.txt"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    (tmp_path / "a/classes.txt").write_text("cat\ndog\n")
    assert len(cut(tmp_path / "a").files) == 1


def test_a_crowd_that_is_none_in_a_text_is_none(tmp_path: Path) -> None:
    photo(tmp_path / "1.png")
    told = [annotation(7, iscrowd="0"), annotation(8, iscrowd="1"), annotation(9, iscrowd=None)]
    write(tmp_path / "a.json", [image(1, "1.png")], told)
    source = read_source(tmp_path / "a.json", Wanted(("dog",)))
    assert [one.group for one in source.pictures[0].read(WIDTH, HEIGHT).instances] == [False, True, False]


def test_two_masks_of_one_picture_are_refused(tmp_path: Path) -> None:
    photo(tmp_path / "a/images/1.png")
    for name in ("1.png", "1.tif"):
        save(tmp_path / f"a/masks/{name}", np.ones((HEIGHT, WIDTH), np.uint8))
    with pytest.raises(UserError, match=r"1\.tif: 1\.png has the same name; keep one of the two masks"):
        read_source(tmp_path / "a", Wanted(("dog",)))
