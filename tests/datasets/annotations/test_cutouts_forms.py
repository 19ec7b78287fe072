"""Data sets in other forms: COCO, YOLO, lists of boxes, masks; and how limner tells them apart."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from drawn_cityscapes import save, write_cityscapes
from limner.datasets.annotations.instances import Labels, Lost, areas_of, read_ids
from limner.datasets.annotations.polygons import polygon_mask, run_length_mask
from limner.datasets.annotations.sources import read_source
from limner.datasets.annotations.sources.wanted import Wanted
from limner.foundation.errors import UserError
from limner.generate.cutouts.options import CutOutOptions
from limner.generate.cutouts.verb import cut_out

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
WIDTH, HEIGHT = 60, 40
RECTANGLE = np.zeros((HEIGHT, WIDTH), bool)
RECTANGLE[10:30, 5:45] = True
CORNERS = [5, 10, 45, 10, 45, 30, 5, 30]


def photo(path: Path, seed: int = 0) -> Path:
    return save(path, np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))


def labels(source: Path, *objects: str, regions: str | None = None) -> Labels:
    (picture,) = read_source(source, Wanted(objects or ("car",), regions)).pictures
    return picture.read(WIDTH, HEIGHT)


def write_coco(folder: Path, *annotations: dict[str, object], name: str = "instances.json") -> Path:
    entries = [
        {"id": number, "image_id": 7, "category_id": 3, **one} for number, one in enumerate(annotations, start=1)
    ]
    content = {
        "images": [{"id": 7, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}],
        "annotations": entries,
        "categories": [{"id": 3, "name": "car"}, {"id": 4, "name": "traffic light"}],
    }
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def uncompressed(mask: np.ndarray) -> dict[str, object]:
    """COCO's run lengths, by hand: down the columns, from 0."""
    flat = mask.T.reshape(-1)
    changes = np.flatnonzero(np.diff(flat.astype(int))) + 1
    counts = np.diff([0, *changes, flat.size]).tolist()
    return {"size": list(mask.shape), "counts": counts if not flat[0] else [0, *counts]}


def compressed(mask: np.ndarray) -> dict[str, object]:
    encoded = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": encoded["size"], "counts": encoded["counts"].decode()}


@pytest.mark.parametrize(
    "shape", [[CORNERS], uncompressed(RECTANGLE), compressed(RECTANGLE)], ids=["polygon", "runs", "text"]
)
def test_coco_writes_a_mask_in_three_ways(tmp_path: Path, shape: object) -> None:
    photo(tmp_path / "images/a.png")
    write_coco(tmp_path, {"segmentation": shape})
    (instance,) = labels(tmp_path).instances
    assert instance.box == (5, 10, 45, 30) and instance.mask.all()


def test_outlines_of_one_object_are_joined_and_too_short_ones_left_out(tmp_path: Path) -> None:
    photo(tmp_path / "images/a.png")
    write_coco(
        tmp_path, {"segmentation": [[5, 10, 15, 10, 15, 30, 5, 30], [35, 10, 45, 10, 45, 30, 35, 30], [1, 1, 2, 2]]}
    )
    (instance,) = labels(tmp_path).instances
    assert instance.box == (5, 10, 45, 30) and instance.mask.sum() == 400


def test_a_crowd_is_a_group_and_a_box_alone_is_its_own_mask(tmp_path: Path) -> None:
    photo(tmp_path / "images/a.png")
    write_coco(tmp_path, {"segmentation": uncompressed(RECTANGLE), "iscrowd": 1}, {"bbox": [50, 2, 20.2, 6]})
    crowd, box = labels(tmp_path).instances
    assert crowd.group and not box.group
    assert box.box == (50, 2, 60, 8) and box.mask.all()


@pytest.mark.parametrize("counts", [[0, 5], [-5, HEIGHT * WIDTH + 5], "", [[1]]])
def test_runs_that_are_none_are_told(tmp_path: Path, counts: object) -> None:
    photo(tmp_path / "images/a.png")
    write_coco(tmp_path, {"segmentation": {"size": [HEIGHT, WIDTH], "counts": counts}}, {"segmentation": [CORNERS]})
    found = labels(tmp_path)
    assert [one.number for one in found.instances] == ["2"]
    assert found.lost == (Lost("1", "car", "broken: neither its segmentation nor its bbox can be drawn"),)


@pytest.mark.parametrize("outline", [[1e9, 1, 2, 3, 4, 5], [float("nan"), 1, 2, 3, 4, 5], ["a", 1, 2, 3, 4, 5]])
def test_outlines_that_are_none_are_told(tmp_path: Path, outline: list[object]) -> None:
    photo(tmp_path / "images/a.png")
    write_coco(tmp_path, {"segmentation": [outline]})
    assert labels(tmp_path) == (
        [],
        (Lost("1", "car", "broken: neither its segmentation nor its bbox can be drawn"),),
        (),
    )


def test_coco_in_its_own_folders_is_read_as_splits(tmp_path: Path) -> None:
    for split in ("train2017", "val2017"):
        photo(tmp_path / split / "a.png")
        write_coco(tmp_path / "annotations", {"segmentation": [CORNERS]}, name=f"instances_{split}.json")
    (tmp_path / "annotations/captions_val2017.json").write_text('{"info": {}, "annotations": []}')
    found = read_source(tmp_path, Wanted(("car",)))
    assert [(one.name, one.split) for one in found.pictures] == [
        ("train2017/a.png", "train2017"),
        ("val2017/a.png", "val2017"),
    ]
    assert read_source(tmp_path, Wanted(("car",)), ("val2017",)).pictures[0].path == tmp_path / "val2017/a.png"


def test_a_number_that_is_a_path_stays_in_the_folder(tmp_path: Path) -> None:
    photo(tmp_path / "data/images/a.png")
    write_coco(tmp_path / "data", {"segmentation": [CORNERS], "id": "../../x"})
    made = cut_out(tmp_path / "data", "car", tmp_path / "out", CutOutOptions(no_filter=True, workers=1, min_height=20))
    assert made.files == [tmp_path / "out/car/a-.._.._x.png"] and made.files[0].is_file()


def test_only_pictures_with_the_object_are_opened(tmp_path: Path) -> None:
    photo(tmp_path / "images/a.png")
    write_coco(tmp_path, {"segmentation": [CORNERS]})
    assert read_source(tmp_path, Wanted(("traffic light",))).pictures == []


def test_yolo_outlines_are_shares_of_the_size_and_five_numbers_are_a_box(tmp_path: Path) -> None:
    photo(tmp_path / "images/train/a.png")
    outline = " ".join(f"{number / (HEIGHT if place % 2 else WIDTH):.6f}" for place, number in enumerate(CORNERS))
    (tmp_path / "labels/train").mkdir(parents=True)
    (tmp_path / "labels/train/a.txt").write_text(f"1 {outline}\n\n0 0.5 0.5 0.2 0.1\n")
    (tmp_path / "data.yaml").write_text("train: images/train\nnames: {0: dog, 1: car}\n")
    drawn, box = labels(tmp_path, "dog").instances
    assert (drawn.name, drawn.number, drawn.box) == ("car", "1", (5, 10, 45, 30)) and drawn.mask.all()
    assert (box.name, box.number, box.box) == ("dog", "3", (24, 18, 36, 22))
    assert read_source(tmp_path, Wanted(("car",))).pictures[0].split == "train"


def test_the_same_outline_in_coco_and_yolo_is_the_same_mask() -> None:
    outline = [3.2, 5.7, 40.1, 8.3, 33.3, 36.6, 11.1, 29.0]
    shares = [share / (HEIGHT if place % 2 else WIDTH) for place, share in enumerate(outline)]
    back = [share * (HEIGHT if place % 2 else WIDTH) for place, share in enumerate(shares)]
    np.testing.assert_array_equal(polygon_mask([outline], WIDTH, HEIGHT), polygon_mask([back], WIDTH, HEIGHT))


@pytest.mark.parametrize("density", [0.0, 0.01, 0.4, 1.0])
def test_run_lengths_are_what_the_mask_was(density: float) -> None:
    mask = np.random.default_rng(3).random((33, 47)) < density
    np.testing.assert_array_equal(run_length_mask(uncompressed(mask)), mask)
    np.testing.assert_array_equal(run_length_mask(compressed(mask)), mask)


@pytest.mark.parametrize("heads", ["path,x0,y0,x1,y1", "fname,bbox_x1,bbox_y1,bbox_x2,bbox_y2"])
def test_a_list_of_boxes_without_classes_is_of_the_one_object(tmp_path: Path, heads: str) -> None:
    photo(tmp_path / "a.png")
    (tmp_path / "cars.csv").write_text(f"{heads}\na.png,5,10,45,30\na.png,50,35,90,60\na.png,100,100,110,110\n")
    found = labels(tmp_path, "jeep")
    assert [(one.number, one.name, one.box) for one in found.instances] == [
        ("2", "jeep", (5, 10, 45, 30)),
        ("3", "jeep", (50, 35, 60, 40)),
    ]
    assert found.lost == (Lost("4", "jeep", "empty: its box has no pixel in its picture"),)


def test_a_list_of_boxes_with_classes_knows_them(tmp_path: Path) -> None:
    photo(tmp_path / "images/a.png")
    (tmp_path / "cars.csv").write_text("class,path,xmin,ymin,xmax,ymax\nvan,a.png,5,10,45,30\nbus,a.png,1,1,3,3\n")
    assert [one.name for one in labels(tmp_path / "cars.csv", "van").instances] == ["van", "bus"]
    with pytest.raises(UserError, match="has no 'ban'; did you mean 'van'"):
        labels(tmp_path, "ban")


@pytest.mark.parametrize(("kind", "folder"), [(np.uint8, "masks"), (np.uint16, "instances")])
def test_each_value_of_a_mask_is_an_instance(tmp_path: Path, kind: type, folder: str) -> None:
    photo(tmp_path / "images/a.png")
    top = np.iinfo(kind).max
    mask = np.zeros((HEIGHT, WIDTH), kind)
    mask[10:30, 5:45], mask[30:35, 5:9], mask[0, 0] = top, 3, top
    save(tmp_path / folder / "a.png", mask)
    found = labels(tmp_path, "shoe").instances
    assert [(one.number, one.name, one.box) for one in found] == [
        ("3", "shoe", (5, 30, 9, 35)),
        (str(top), "shoe", (0, 0, 45, 30)),
    ]
    assert found[1].mask.sum() == 801


def test_a_palette_is_read_by_its_numbers_and_colors_are_refused(tmp_path: Path) -> None:
    image = Image.fromarray(RECTANGLE.astype(np.uint8) * 2, "P")
    image.putpalette([9, 9, 9, 200, 0, 0, 0, 200, 0])
    image.save(tmp_path / "a.png")
    assert set(np.unique(read_ids(tmp_path / "a.png", WIDTH, HEIGHT))) == {0, 2}
    image.convert("RGB").save(tmp_path / "b.png")
    with pytest.raises(UserError, match=r"a mask of colors \(RGB\); needed: one number for each pixel"):
        read_ids(tmp_path / "b.png", WIDTH, HEIGHT)


@pytest.mark.parametrize("regions", ["8", "vehicle"])
def test_connected_regions_of_one_class_are_instances(tmp_path: Path, regions: str) -> None:
    photo(tmp_path / "images/a.png")
    mask = np.ones((HEIGHT, WIDTH), np.uint8)
    mask[2:8, 2:8], mask[8:12, 8:12], mask[20:30, 40:50], mask[0, 50] = 8, 8, 8, 9
    save(tmp_path / "labels/a.png", mask)
    (tmp_path / "classes.txt").write_text("\n".join(["sky", *"1234567", "vehicle"]))
    found = labels(tmp_path, "car", regions=regions).instances
    assert [one.box for one in found] == [(2, 2, 12, 12), (40, 20, 50, 30)]
    assert found[0].mask.sum() == 36 + 16


def test_large_and_far_apart_ids_are_found_like_small_ones() -> None:
    chance = np.random.default_rng(5)
    small = chance.integers(0, 6, (33, 47))
    large = np.array([0, 70_000, 80_000, 1 << 24, (1 << 30) + 1, 2**31 - 1])[small]
    for (_, box, mask), (value, same_box, same_mask) in zip(areas_of(small), areas_of(large), strict=True):
        assert box == same_box
        np.testing.assert_array_equal(mask, same_mask)
        np.testing.assert_array_equal(mask, (large == value)[box.window])
    all_large = np.full((2, 3), 1 << 24)
    assert [(value, tuple(box)) for value, box, _ in areas_of(all_large)] == [(1 << 24, (0, 0, 3, 2))]


def test_forms_are_told_apart(tmp_path: Path) -> None:
    write_cityscapes(tmp_path / "city", count=1)
    photo(tmp_path / "coco/images/a.png")
    write_coco(tmp_path / "coco", {"segmentation": [CORNERS]})
    for form, label in (("yolo", "labels/a.txt"), ("masks", "labels/a.png"), ("boxes", "list.csv")):
        photo(tmp_path / form / "images/a.png")
        (tmp_path / form / label).parent.mkdir(exist_ok=True)
        text = "path,x0,y0,x1,y1\na.png,1,1,9,9" if form == "boxes" else "0 0.1 0.1 0.9 0.1 0.9 0.9"
        if form == "masks":
            save(tmp_path / form / label, RECTANGLE.astype(np.uint8))
        else:
            (tmp_path / form / label).write_text(text)
    (tmp_path / "yolo/classes.txt").write_text("car\n")
    forms = {
        name: read_source(tmp_path / name, Wanted(("car",))).form for name in ("city", "coco", "yolo", "masks", "boxes")
    }
    assert forms == {
        "city": "Cityscapes",
        "coco": "COCO",
        "yolo": "YOLO",
        "masks": "pictures and masks",
        "boxes": "pictures and boxes",
    }


def test_several_objects_get_a_folder_each(tmp_path: Path) -> None:
    write_cityscapes(tmp_path / "city", count=1)
    options = CutOutOptions(no_filter=True, workers=1, min_width=8, min_height=8)
    made = cut_out(tmp_path / "city", ("car", "bus"), tmp_path / "out", options)
    assert {path.relative_to(tmp_path / "out/classes").parts[0] for path in made.files} == {"car", "bus"}
    assert made.to_text().startswith("car and bus: 8 of 12 instances cut out, from 2 pictures (Cityscapes); not: ")
