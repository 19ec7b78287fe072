"""Mistakes with `limner cutouts`: one clear line each, exit code 2, and nothing left behind."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from drawn_cityscapes import save, write_cityscapes
from mistakes import Case, check_mistake

SIZE = (40, 60, 3)
OUTLINE = "0 0.1 0.1 0.9 0.1 0.9 0.9\n"
CUT = "cutouts data --object car --no-filter"
COCO = {
    "images": [{"id": 1, "file_name": "a.png", "width": 60, "height": 40}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 3, "segmentation": [[1, 1, 50, 1, 50, 35]]}],
    "categories": [{"id": 3, "name": "car"}, {"id": 4, "name": "bus"}],
}


def picture(folder: Path) -> Path:
    return save(folder / "a.png", np.random.default_rng(0).integers(0, 256, SIZE, np.uint8))


def city(here: Path) -> Path:
    return write_cityscapes(here / "data", count=1, splits=("train",))


def yolo(text: str = OUTLINE, names: str | None = "car\nbus\n", label: str = "a.txt") -> Callable[[Path], object]:
    def build(here: Path) -> None:
        picture(here / "data/images")
        (here / "data/labels").mkdir()
        (here / "data/labels" / label).write_text(text)
        if names is not None:
            (here / "data/classes.txt").write_text(names)

    return build


def coco(**changes: object) -> Callable[[Path], object]:
    def build(here: Path) -> None:
        picture(here / "data/images")
        (here / "data/instances.json").write_text(json.dumps({**COCO, **changes}))

    return build


def boxes(*lines: str, heads: str = "path,x0,y0,x1,y1") -> Callable[[Path], object]:
    def build(here: Path) -> None:
        picture(here / "data")
        (here / "data/cars.csv").write_text("\n".join([heads, *lines]))

    return build


def masks(mask: np.ndarray, name: str = "a.png", classes: str | None = None) -> Callable[[Path], object]:
    def build(here: Path) -> None:
        picture(here / "data/images")
        save(here / "data/masks" / name, mask)
        if classes is not None:
            (here / "data/classes.txt").write_text(classes)

    return build


def both(*builds: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda here: [build(here) for build in builds]


def write(name: str, content: str) -> Callable[[Path], object]:
    def build(here: Path) -> None:
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(content)

    return build


PLAIN_MASK = np.full(SIZE[:2], 3, np.uint8)
SOURCES = [
    Case("no source", CUT, r"data: no such file or folder; needed: Cityscapes"),
    Case("pictures alone", CUT, r"data: not a form of instances that limner reads; needed: ",
         lambda here: picture(here / "data")),
    Case("a text file", "cutouts a.txt --object car --no-filter", r"a.txt: not a form of", write("a.txt", "car")),
    Case("wrong object", "cutouts data --object cra --no-filter", r"\(COCO\) has no 'cra'; did you mean 'car'\?",
         coco()),
    Case("none of it", "cutouts data --object bus --no-filter", r"bus is in none of its pictures; nothing to cut",
         coco()),
    Case("two pictures of one id", CUT, r"car is in none of its pictures: \d left out, the first because of no "
         r"picture: several are listed as 1 in instances.json; nothing to cut out",
         coco(images=[{"id": 1, "file_name": f"{name}.png", "width": 60, "height": 40} for name in "ab"])),
    Case("none of it, found late", "cutouts data --object bus --no-filter", r"bus is in none of its pictures", yolo()),
    Case("two without names", CUT + " --object bus", r"does not say what is what; name one object", masks(PLAIN_MASK)),
    Case("a path as object", "cutouts data --object ../x --no-filter", r"'\.\./x' cannot name a folder",
         masks(PLAIN_MASK)),
    Case("wrong part", CUT + " --split va", r"has no part 'va' to cut from; known: train", city),
    Case("no parts", CUT + " --split val", r"no part 'val' to cut from; its pictures are not divided", yolo()),
    Case("regions of instances", CUT + " --regions 3", r"--regions is for masks of classes, and data was read as YOLO",
         yolo()),
    Case("regions by no list", CUT + " --regions car", r"no data/classes.txt says which value that is",
         masks(PLAIN_MASK)),
    Case("regions of no class", CUT + " --regions cra", r"has no class 'cra'; did you mean 'car'\?",
         masks(PLAIN_MASK, classes="sky\ncar")),
    Case("empty regions", CUT + " --regions 9", r"car is in none of its pictures", masks(PLAIN_MASK)),
    Case("Cityscapes without pictures", CUT, r"no \*_leftImg8bit.png in it",
         both(write("data/leftImg8bit/a", ""), write("data/gtFine/a", ""))),
]  # fmt: skip
LABELS = [
    Case("words in YOLO", CUT, r"labels/a.txt:2: not numbers; needed: class x0 y0", yolo(OUTLINE + "car 1 2\n")),
    Case("unknown class", CUT, r"labels/a.txt:1: class 7; classes.txt names 2", yolo("7 0.1 0.1 0.9 0.1 0.9 0.9")),
    Case("half a corner", CUT, r"a.txt:1: 5 numbers after the class; needed: three or more pairs",
         yolo("0 0.1 0.1 0.9 0.1 0.9")),
    Case("pixels in YOLO", CUT, r"a.txt:1: a coordinate outside 0 to 1; needed: shares", yolo("0 10 10 30 10 30 30")),
    Case("not a number", CUT, r"a.txt:1: a coordinate outside 0 to 1", yolo("0 nan 0.1 0.3 0.1 0.3 0.3")),
    Case("no names", CUT, r"data: nothing names its classes; needed: classes.txt", yolo(names=None)),
    Case("names in bad YAML", CUT, r"data.yaml:1: not YAML",
         both(yolo(names=None), write("data/data.yaml", "names: [car"))),
    Case("names with a gap", CUT, r"names are not numbered 0 to 1",
         both(yolo(names=None), write("data/data.yaml", "names: {0: car, 2: bus}"))),
    Case("labels of others", CUT, r"no text file has the name of a picture", yolo(label="b.txt")),
    Case("cut JSON", CUT, r"instances.json: not JSON, or cut short", write("data/instances.json", '{"images": [')),
    Case("other JSON", CUT, r"data: not a form of instances", write("data/other.json", '{"images": 3}')),
    Case("odd COCO", CUT, r"instances.json: not as COCO writes annotations \(KeyError: 'id'\)",
         coco(categories=[{"name": "car"}])),
    Case("no COCO picture", CUT, r"its picture b.png is not there; looked in ",
         coco(images=[{**COCO["images"][0], "file_name": "b.png"}])),
    Case("COCO leads out", CUT, r"'\.\./\.\./x.png' leads out of data/images",
         coco(images=[{**COCO["images"][0], "file_name": "../../x.png"}])),
    Case("COCO leads out and back", CUT, r"'\.\./images/a.png' leads out of data/images",
         coco(images=[{**COCO["images"][0], "file_name": "../images/a.png"}])),
    Case("other size", CUT, r"labels of 61 x 40 px for a picture of 60 x 40; .*of 1 picture, none can be read",
         coco(images=[{**COCO["images"][0], "width": 61}])),
    Case("words in boxes", CUT, r"cars.csv:3: not a box; needed: path, x0", boxes("a.png,1,1,9,9", "a.png,1,b,9,9")),
    Case("short line", CUT, r"cars.csv:2: not a box", boxes("a.png,1,1")),
    Case("no area", CUT, r"cars.csv:2: a box without area; needed: x0 < x1", boxes("a.png,9,1,9,9")),
    Case("no boxes", CUT, r"cars.csv: lists no boxes", boxes()),
    Case("no such picture", CUT, r"cars.csv:2: b.png is not there; needed: paths from data", boxes("b.png,1,1,9,9")),
    Case("boxes lead out", CUT, r"'\.\./x.png' leads out of data", both(boxes("../x.png,1,1,9,9"), write("x.png", ""))),
    Case("two lists", CUT, r"a.csv and cars.csv both list boxes",
         both(boxes("a.png,1,1,9,9"), write("data/a.csv", "path,x0,y0,x1,y1\n"))),
    Case("masks of others", CUT, r"no mask has the name of a picture", masks(PLAIN_MASK, "b.png")),
    Case("masks of colors", CUT, r"a mask of colors \(RGB\); .*of 1 picture, none can be read",
         masks(np.zeros(SIZE, np.uint8))),
    Case("masks of another size", CUT, r"labels of 3 x 2 px for a picture of 60 x 40",
         masks(np.ones((2, 3), np.uint8))),
    Case("a broken picture", CUT, r"images/a.png: .*of 1 picture, none can be read",
         both(masks(PLAIN_MASK), write("data/images/a.png", "no"))),
    Case("two of one name", CUT, r"a.png has the same name|a.jpg has the same name",
         both(masks(PLAIN_MASK), write("data/images/a.jpg", ""))),
]  # fmt: skip
OPTIONS = [
    Case("background", CUT + " --background greenish", r"--background is 'greenish'; needed: #rrggbb", yolo()),
    Case("score", "cutouts data --object car --min-score 90", r"--min-score is 90; needed: 0", yolo()),
    Case("width", CUT + " --min-width 0", r"--min-width is 0; needed: 1 px or more", yolo()),
    Case("overlap", CUT + " --max-overlap nan", r"--max-overlap is nan; needed: 0", yolo()),
    Case("workers", CUT + " --workers 0", r"--workers is 0; needed: 1 or more", yolo()),
    Case("prediction without filter", CUT + " --crop predicted", r"take --crop mask", yolo()),
    Case("score without filter", CUT + " --min-score 0.5", r"--min-score is of the filter, and --no-filter", yolo()),
    Case("margin without crop", CUT + " --crop none --margin 0.1", r"--margin is around a crop", yolo()),
    Case("no weights", "cutouts data --object car", r"add --download, or add --no-filter", yolo()),
    Case("no such weights", "cutouts data --object car --weights w.pth", r"w.pth: no such file", yolo()),
    Case("device", "cutouts data --object car --weights w.pth --device gpu",
         r"device is 'gpu'; needed: auto, cpu or cuda", both(yolo(), write("w.pth", ""))),
    Case("other files", CUT + " --out mine", r"--out mine: holds other files; choose another",
         both(yolo(), write("mine/a.txt", "x"))),
    Case("a file as folder", CUT + " --out mine",
         r"--out mine: is a file, not a folder|mine: it is a file, not a folder", both(yolo(), write("mine", "x"))),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
@pytest.mark.parametrize("case", [*SOURCES, *LABELS, *OPTIONS], ids=lambda case: case.name)
def test_a_mistake_is_one_line_and_leaves_nothing(
    case: Case, here: Path, limner: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(here / "hub"))
    check_mistake(case, here, limner)


def test_a_class_that_differs_in_capitals_alone_is_told(
    here: Path, limner: Callable[..., tuple[int, str, str]]
) -> None:
    car = {"id": 1, "image_id": 1, "category_id": 3, "segmentation": [[1, 1, 50, 1, 50, 35]]}
    names = [{"id": 3, "name": "car"}, {"id": 5, "name": "Car"}]
    coco(categories=names, annotations=[car, {**car, "id": 9, "category_id": 5}])(here)
    code, _, error = limner(*f"{CUT} --out cars".split())
    assert code == 0
    assert "has a class 'Car' beside 'car', which is not cut out; add --object Car to take both" in error
    code, _, error = limner(*f"{CUT} --object Car --out both".split())
    assert code == 0
    assert "beside" not in error
