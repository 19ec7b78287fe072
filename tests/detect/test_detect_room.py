"""The room `detect`: data of every form, its traps, the split, scores, and what the verbs say and write."""

import csv
import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

import limner as api
from limner.cli import main
from limner.detect.boxes.error_kinds import picture_errors
from limner.detect.boxes.objects import Detections, Objects
from limner.detect.data.augment import AugmentSettings, example_of
from limner.detect.data.check import check
from limner.detect.data.found import ObjectSet, find_objects
from limner.detect.data.options import ObjectReading
from limner.detect.data.pictures import Sizing, load_pictures, mask_in, resized
from limner.detect.data.split import split_objects
from limner.detect.measures.common_boxes import common_boxes, in_pictures
from limner.detect.measures.drawing import MISSED, TRUTH, draw_precision_recall, missed_sheet, place_label
from limner.detect.measures.evaluation import Evaluation, evaluate_detections
from limner.detect.networks import NETWORKS
from limner.detect.networks.rcnn import Lesson
from limner.foundation.errors import UserError
from limner.learning.library import load_recipe
from limner.nn.parameters import count_parameters
from workers_at_hand import AtHand

CommandLine = Callable[..., tuple[int, str, str]]
BOX = (20, 10, 50, 40)
"""x0, y0, x1, y1 of the object in every drawn picture of 72 x 64 px but the last."""
SMALL = (
    "--epochs", "1", "--batch", "4", "--data.short-px", "64", "--data.longest-px", "96", "--data.group", "none",
    "--loop.evaluate-every", "1", "--loop.precision", "fp32", "--network.width", "8", "--network.hidden", "8",
    "--network.proposals", "16", "--network.regions", "8",
)  # fmt: skip


def drawn(number: int, box: tuple[int, int, int, int] | None) -> Image.Image:
    picture = np.random.default_rng(number).integers(60, 110, (64, 72, 3), dtype=np.uint8)
    if box is not None:
        picture[box[1] : box[3], box[0] : box[2]] = (230, 40, 20)
    return Image.fromarray(picture)


def boxes_of(count: int) -> list[tuple[int, int, int, int] | None]:
    return [*[BOX] * (count - 1), None]


def voc(folder: Path, count: int = 6) -> Path:
    for name in ("images", "annotations"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number, box in enumerate(boxes_of(count)):
        drawn(number, box).save(folder / f"images/{number}.png")
        x0, y0, x1, y1 = box or (0, 0, 0, 0)
        one = (
            f"<object><name>ball</name><bndbox><xmin>{x0 + 1}</xmin><ymin>{y0 + 1}</ymin><xmax>{x1}</xmax>"
            f"<ymax>{y1}</ymax></bndbox></object>"
        )
        (folder / f"annotations/{number}.xml").write_text(f"<annotation>{one if box else ''}</annotation>")
    return folder


def coco(folder: Path, count: int = 6) -> Path:
    (folder / "images").mkdir(parents=True)
    images, annotations = [], []
    for number, box in enumerate(boxes_of(count)):
        drawn(number, box).save(folder / f"images/{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 72, "height": 64})
        if box:
            x0, y0, x1, y1 = box
            outline = [x0, y0, x1, y0, x1, y1, x0, y1]
            annotations.append(
                {
                    "id": number, "image_id": number, "category_id": 7, "segmentation": [outline], "iscrowd": 0,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                }
            )  # fmt: skip
    content = {"images": images, "annotations": annotations, "categories": [{"id": 7, "name": "ball"}]}
    (folder / "instances.json").write_text(json.dumps(content))
    return folder


def yolo(folder: Path, count: int = 6) -> Path:
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for number, box in enumerate(boxes_of(count)):
        drawn(number, box).save(folder / f"images/{number}.png")
        line = ""
        if box:
            x0, y0, x1, y1 = box
            line = f"0 {(x0 + x1) / 144} {(y0 + y1) / 128} {(x1 - x0) / 72} {(y1 - y0) / 64}\n"
        (folder / f"labels/{number}.txt").write_text(line)
    (folder / "data.yaml").write_text("names: [ball]\n")
    return folder


def masks(folder: Path, count: int = 6) -> Path:
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for number, box in enumerate(boxes_of(count)):
        drawn(number, box).save(folder / f"images/{number}.png")
        mask = np.zeros((64, 72), np.uint8)
        if box:
            mask[box[1] : box[3], box[0] : box[2]] = 1
        Image.fromarray(mask).save(folder / f"masks/{number}.png")
    return folder


@pytest.mark.parametrize("form", [voc, coco, yolo, masks], ids=lambda form: form.__name__)
def test_every_form_gives_the_same_boxes_from_label_0_and_keeps_the_picture_without_any(
    form: Callable[..., Path], tmp_path: Path
) -> None:
    found = find_objects([form(tmp_path / "data")])
    assert len(found) == 6
    assert found.class_names == (("object",) if form is masks else ("ball",))
    for picture in found.pictures[:-1]:
        assert picture.boxes.tolist() == [list(BOX)] and picture.labels.tolist() == [0]
        assert picture.size == (72, 64)
    assert found.pictures[-1].boxes.shape == (0, 4)
    assert found.outlined == (form in (coco, masks))
    assert found.counts().tolist() == [5]


def test_a_fingerprint_changes_with_a_box_and_with_a_pixel(tmp_path: Path) -> None:
    first = find_objects([voc(tmp_path / "data")]).fingerprint
    path = tmp_path / "data/annotations/0.xml"
    path.write_text(path.read_text().replace("<xmax>50", "<xmax>49"))
    second = find_objects([tmp_path / "data"]).fingerprint
    drawn(9, BOX).save(tmp_path / "data/images/0.png")
    assert len({first, second, find_objects([tmp_path / "data"]).fingerprint}) == 3


@pytest.mark.parametrize("orientation", [2, 4, 5, 7])
def test_pictures_that_their_exif_turns_are_told_with_what_their_labels_count(tmp_path: Path, orientation: int) -> None:
    voc(tmp_path / "data", 4)
    exif = Image.Exif()
    exif[0x0112] = orientation
    for path in (tmp_path / "data/images").iterdir():
        image = Image.open(path)
        image.resize((64, 64)).save(path, exif=exif)  # square: its size tells nothing
    for path in (tmp_path / "data/annotations").iterdir():
        path.write_text(path.read_text().replace("<width>72", "<width>64"))
    found, upright = (
        find_objects([tmp_path / "data"], ObjectReading(upright_labels=choice)) for choice in (None, True)
    )
    told = f"4 pictures: turned by its EXIF (orientation {orientation}): its labels are taken to count the pixels as"
    assert any(note.startswith(told) for note in found.notes)
    assert any("count the upright picture's pixels" in note for note in upright.notes)
    x0, y0, x1, y1 = BOX
    expected = {2: (64 - x1, y0, 64 - x0, y1), 4: (x0, 64 - y1, x1, 64 - y0), 5: (y0, x0, y1, x1)}
    expected[7] = (64 - y1, 64 - x1, 64 - y0, 64 - x0)
    assert found.pictures[0].boxes.tolist() == [list(expected[orientation])]
    assert upright.pictures[0].boxes.tolist() == [list(BOX)] and found.fingerprint != upright.fingerprint
    report = check([tmp_path / "data"], ObjectReading(upright_labels=True))
    assert "--upright-labels --" not in report.next_command and report.next_command.endswith("--upright-labels")
    assert any("turned by its EXIF" in line for line in report.warnings)


BAD_XML = {
    "<annotation><object><name>ball</name></object></annotation>": "object 1 has no box",
    "<annotation><object><bndbox/></object></annotation>": "object 1 has no <name>",
    "<annotation><obj": "not XML, or cut short",
    "<html/>": "begins with <html>",
    "<!DOCTYPE a [<!ENTITY b 'c'>]><annotation/>": "it declares a type",
}


@pytest.mark.parametrize("text", BAD_XML)
def test_a_broken_annotation_is_one_line(text: str, tmp_path: Path) -> None:
    voc(tmp_path / "data")
    (tmp_path / "data/annotations/2.xml").write_text(text)
    with pytest.raises(UserError, match=BAD_XML[text].replace("<", "<")) as caught:
        find_objects([tmp_path / "data"])
    assert "2.xml" in str(caught.value) and "\n" not in str(caught.value)


def test_a_box_without_area_is_left_out_and_told_and_difficult_ones_are_ignored(tmp_path: Path) -> None:
    voc(tmp_path / "data")
    path = tmp_path / "data/annotations/1.xml"
    path.write_text(path.read_text().replace("<xmax>50", "<xmax>21"))
    path = tmp_path / "data/annotations/0.xml"
    path.write_text(path.read_text().replace("<bndbox>", "<difficult>1</difficult><bndbox>"))
    found = find_objects([tmp_path / "data"])
    assert [(one.name, one.picture) for one in found.lost] == [("ball", "1.png")]
    assert found.lost[0].reason.startswith("empty")
    assert found.pictures[0].ignored.tolist() == [True] and found.counts().tolist() == [3]
    told = check([tmp_path / "data"], ObjectReading())
    assert any("objects left out, empty: 1, such as ball 1 of 1.png" in line for line in told.warnings)
    assert any("1 objects are groups or difficult" in line for line in told.warnings)


def yolo_wide(folder: Path, names: list[str]) -> None:
    for name in names:
        (folder / f"labels/{name}.txt").write_text("0 0.9 0.5 0.5 0.5\n")


def voc_wide(folder: Path, names: list[str]) -> None:
    for name in names:
        path = folder / f"annotations/{name}.xml"
        path.write_text(path.read_text().replace("<xmax>50", "<xmax>9999"))


def coco_wide(folder: Path, names: list[str]) -> None:
    content = json.loads((folder / "instances.json").read_text())
    for one in content["annotations"]:
        del one["segmentation"]
        one["bbox"][2] += 900 if str(one["image_id"]) in names else 0
    (folder / "instances.json").write_text(json.dumps(content))


@pytest.mark.parametrize(("form", "widen"), [(voc, voc_wide), (coco, coco_wide), (yolo, yolo_wide)])
def test_boxes_beyond_their_picture_are_cut_and_check_names_the_files(
    form: Callable[..., Path], widen: Callable[[Path, list[str]], None], tmp_path: Path
) -> None:
    form(tmp_path / "data", 7)
    widen(tmp_path / "data", ["1", "2", "3", "5"])
    found = find_objects([tmp_path / "data"])
    assert [picture.boxes[0, 2] for picture in found.pictures[:6]] == [50, 72, 72, 72, 50, 72]
    told = "4 pictures: a box reaches beyond its picture and is cut at the edge (1.png, 2.png, 3.png, ...)"
    assert told in check([tmp_path / "data"], ObjectReading()).warnings


def test_a_box_that_rounding_put_beyond_its_picture_is_cut_and_nothing_is_said(tmp_path: Path) -> None:
    voc(tmp_path / "data")
    path = tmp_path / "data/annotations/1.xml"
    path.write_text(path.read_text().replace("<xmax>50", "<xmax>73"))
    assert find_objects([tmp_path / "data"]).pictures[1].boxes[0, 2] == 72
    assert not any("beyond" in line for line in check([tmp_path / "data"], ObjectReading()).warnings)


def test_check_of_a_broken_annotation_ends_with_the_command_as_it_was_given(here: Path, limner: CommandLine) -> None:
    voc(here / "my data")
    (here / "my data/annotations/2.xml").write_text("<annotation><obj")
    code, out, _ = limner("check", "my data", "--room", "detect", "--group", "none", "--objects", "ball")
    assert code == 1 and "2.xml: not XML" in out
    assert out.splitlines()[-1] == "Next: limner check 'my data' --room detect --objects ball --group none"


def test_classes_that_are_asked_for_alone_are_found_and_an_unknown_one_is_told(tmp_path: Path) -> None:
    voc(tmp_path / "data")
    path = tmp_path / "data/annotations/0.xml"
    path.write_text(path.read_text().replace("ball", "dice"))
    assert find_objects([tmp_path / "data"]).class_names == ("ball", "dice")
    found = find_objects([tmp_path / "data"], ObjectReading(objects=("dice",)))
    assert found.class_names == ("dice",) and found.counts().tolist() == [1] and len(found) == 6
    with pytest.raises(UserError, match="has no 'bal'; did you mean 'ball'"):
        find_objects([tmp_path / "data"], ObjectReading(objects=("bal",)))


def named_pictures(folder: Path, names: list[str]) -> ObjectSet:
    voc(folder, len(names) + 1)
    for number, name in enumerate([*names, "z-last"]):
        for below, suffix in (("images", "png"), ("annotations", "xml")):
            (folder / below / f"{number}.{suffix}").rename(folder / below / f"{name}.{suffix}")
    return find_objects([folder])


def test_a_group_stays_on_one_side(tmp_path: Path) -> None:
    found = named_pictures(tmp_path / "data", [f"{view}-{number}" for view in "abcdef" for number in range(4)])
    pictures = load_pictures(found, Sizing(64, 96))
    for seed in range(5):
        sides = split_objects(pictures, "^([a-z])-", 0.25, seed)
        views = [{found.pictures[number].name[0] for number in side} for side in (sides.training, sides.held_out)]
        assert not views[0] & views[1] and views[1]
        assert sorted((*sides.training, *sides.held_out)) == list(range(len(found)))
        assert 0.1 <= len(sides.held_out) / len(found) <= 0.4
        assert sides == split_objects(pictures, "^([a-z])-", 0.25, seed)
    with pytest.raises(UserError, match="finds nothing in the name"):
        split_objects(pictures, "^([0-9])", 0.25, 0)
    with pytest.raises(UserError, match="no regular expression"):
        split_objects(pictures, "(", 0.25, 0)
    with pytest.raises(UserError, match="belong together"):
        split_objects(pictures, "folder", 0.25, 0)


def test_near_duplicates_stay_on_one_side(tmp_path: Path) -> None:
    found = named_pictures(tmp_path / "data", [f"p{number}" for number in range(9)])
    rng = np.random.default_rng(0)
    for twin in range(4):  # pairs that differ in little noise, unlike all others
        coarse = Image.fromarray(rng.integers(0, 255, (4, 4, 3), dtype=np.uint8)).resize((72, 64))
        for number in (2 * twin, 2 * twin + 1):
            noise = rng.integers(0, 4, (64, 72, 3), dtype=np.uint8)
            Image.fromarray((np.asarray(coarse) // 2 + noise).astype(np.uint8)).save(
                tmp_path / f"data/images/p{number}.png"
            )
    pictures = load_pictures(found, Sizing(64, 96))
    for seed in range(4):
        sides = split_objects(pictures, "alike", 0.3, seed)
        names = {found.pictures[number].name for number in sides.held_out}
        for twin in range(4):
            assert len({f"p{2 * twin}.png", f"p{2 * twin + 1}.png"} & names) in (0, 2)


def test_boxes_and_masks_follow_their_picture_when_it_is_flipped_and_scaled(tmp_path: Path) -> None:
    picture = find_objects([masks(tmp_path / "data")]).pictures[0]
    sizing = Sizing(128, 400)
    pixels = torch.from_numpy(resized(picture.opener(1 << 20), sizing.size(*picture.size)).copy()).permute(2, 0, 1)
    settings = AugmentSettings(flip=True, flip_rows=True, scale=(0.6, 1.4), jitter=0.1)
    seen = set()
    for seed in range(12):
        generator = torch.Generator().manual_seed(seed)
        example = example_of(picture, pixels, sizing, settings, generator, masks=True)
        assert example.masks is not None and example.masks.shape[1:] == example.image01.shape[1:]
        x0, y0, x1, y1 = example.boxes[0].round().int().tolist()
        rows, columns = np.flatnonzero(example.masks[0].any(1)), np.flatnonzero(example.masks[0].any(0))
        assert np.abs(np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]) - [x0, y0, x1, y1]).max() <= 1
        red = example.image01[0] - example.image01[2] > 0.4
        assert (red == example.masks[0].bool()).float().mean() > 0.97
        seen.add((x0 < example.image01.shape[2] / 3, y0 < example.image01.shape[1] / 4, example.image01.shape[2]))
    assert len(seen) > 6


def test_boxes_follow_their_picture_when_it_is_moved_in_other_light_and_colors(tmp_path: Path) -> None:
    """YOLO's changes of 20 % and 1.5, as its recipe asks for them."""
    settings = load_recipe("detect/yolo-v1").augment
    assert settings == AugmentSettings(flip=True, move=0.2, exposure=1.5, saturation=1.5)
    picture = find_objects([voc(tmp_path / "data")]).pictures[0]
    sizing = Sizing(128, 400)
    pixels = torch.from_numpy(resized(picture.opener(1 << 20), sizing.size(*picture.size)).copy()).permute(2, 0, 1)
    corners, reds = [], []
    for seed in range(12):
        example = example_of(picture, pixels, sizing, settings, torch.Generator().manual_seed(seed))
        assert example.image01.shape == pixels.shape and example.image01.min() >= 0 and example.image01.max() <= 1
        red = (example.image01[0] - example.image01[2] > 0.3).numpy()
        rows, columns = np.flatnonzero(red.sum(1) > 4), np.flatnonzero(red.sum(0) > 4)
        seen = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
        assert np.abs(seen - example.boxes[0].numpy()).max() <= 3, seed
        corners.append(example.boxes[0])
        reds.append(float(example.image01[0][red].median()))
    moved = torch.stack(corners)
    assert (moved.amax(0) - moved.amin(0) > 15).all() and max(reds) > 1.3 * min(reds)


def test_an_object_that_is_moved_out_of_sight_is_not_learned_from(tmp_path: Path) -> None:
    picture = find_objects([voc(tmp_path / "data")]).pictures[0]
    edge = dataclasses.replace(picture, boxes=np.array([[0, 10, 6, 40]], np.float32))
    pixels = torch.zeros(3, 64, 72, dtype=torch.uint8)
    settings = AugmentSettings(flip=False, move=0.3)
    kept = []
    for seed in range(30):
        example = example_of(edge, pixels, Sizing(64, 96), settings, torch.Generator().manual_seed(seed))
        assert len(example.labels) == len(example.boxes)
        kept.append(len(example.boxes))
    assert 5 < sum(kept) < 25
    with pytest.raises(ValueError, match="do not follow"):
        example_of(edge, pixels, Sizing(64, 96), settings, torch.Generator(), masks=True)


def test_a_mask_is_drawn_into_any_box_and_never_lost() -> None:
    mask = np.array([[1, 0], [1, 1]], bool)
    drawn_mask = mask_in(mask, np.zeros(4), np.array([2, 1, 6, 5]), (8, 7))
    assert drawn_mask.shape == (7, 8) and drawn_mask.sum() == 12
    assert mask_in(mask, np.zeros(4), np.array([3.2, 3.2, 3.4, 3.4]), (8, 7)).sum() == 1


def test_a_lesson_of_pictures_without_objects_gives_losses_and_gradients() -> None:
    torch.manual_seed(0)
    network = NETWORKS["mask-rcnn"](
        classes=2, width=8, hidden=8, proposals=16, regions=8, mask_width=4, pretrained=False, frozen_stages=0
    ).train()
    image = torch.rand(3, 64, 80)
    none = {
        "boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64),
        "masks": torch.zeros(0, 64, 80, dtype=torch.uint8),
    }  # fmt: skip
    mask = torch.zeros(1, 64, 80, dtype=torch.uint8)
    mask[:, 10:40, 20:50] = 1
    one = {"boxes": torch.tensor([[20.0, 10, 50, 40]]), "labels": torch.tensor([1]), "masks": mask}
    losses = network(Lesson([image, image], [none, one]))
    assert set(losses) == {"objectness", "rpn_box_reg", "classifier", "box_reg", "mask"}
    torch.stack(list(losses.values())).sum().backward()
    assert [name for name, each in network.named_parameters() if each.grad is None] == []
    alone = network(Lesson([image], [none]))
    assert all(value.isfinite() for value in alone.values()) and float(alone["rpn_box_reg"].detach()) == 0


def test_a_pretrained_body_keeps_its_statistics_and_its_first_stages() -> None:
    network = NETWORKS["faster-rcnn"](classes=1, width=8, hidden=8)
    body = network.backbone.body
    before = {name: value.clone() for name, value in body.state_dict().items()}
    network.train()
    network.backbone(torch.rand(1, 3, 64, 64))
    assert all(torch.equal(value, before[name]) for name, value in body.state_dict().items())
    moving = {name for name, each in body.named_parameters() if each.requires_grad}
    assert moving and not any(name.startswith(("conv_stem", "blocks.0", "blocks.1.", "bn")) for name in moving)
    assert any(name.startswith("blocks.2.") for name in moving)


@pytest.mark.parametrize(("name", "parameters"), [("faster-rcnn", 4_610_905), ("mask-rcnn", 4_793_627)])
def test_the_light_recipes_have_the_parameters_that_their_page_says(name: str, parameters: int) -> None:
    with torch.device("meta"):
        network = NETWORKS[name](
            classes=1, width=96, hidden=256, frozen_stages=2, anchor_px=24, proposals=200, regions=64
        )
    assert count_parameters(network) == parameters


def objects(*boxes: tuple[float, float, float, float]) -> Objects:
    return Objects(torch.tensor(boxes).reshape(-1, 4), torch.zeros(len(boxes), dtype=torch.int64))


def test_an_evaluation_counts_kinds_chooses_the_threshold_and_survives_json() -> None:
    truths = [objects((10, 10, 50, 50)), objects((0, 0, 40, 40), (60, 60, 100, 100)), objects()]
    found = [
        Detections(
            torch.tensor([[10.0, 10, 50, 50], [12, 12, 50, 50]]), torch.zeros(2).long(), torch.tensor([0.9, 0.6])
        ),
        Detections(torch.tensor([[0.0, 0, 40, 38]]), torch.zeros(1).long(), torch.tensor([0.8])),
        Detections(torch.tensor([[0.0, 0, 9, 9]]), torch.zeros(1).long(), torch.tensor([0.1])),
    ]  # fmt: skip
    scored = evaluate_detections(found, truths, ["ball"], on="here", common=[objects_as(each) for each in truths])
    assert scored.scores["ap50"] == pytest.approx(67 / 101)  # COCO's 101 recalls, of which 67 are reached
    assert scored.threshold is not None and scored.threshold["score"] == pytest.approx(0.8)
    assert (scored.threshold["precision"], scored.threshold["recall"]) == (1.0, pytest.approx(2 / 3))
    assert "100 % is right, and 67 % of the objects are found (F1 80 %)" in scored.to_markdown()
    assert (scored.kinds["right"], scored.kinds["missed"], scored.kinds["background"]) == (2, 1, 0)
    assert scored.trivial == pytest.approx(1.0)
    assert scored.cautions()[:2] == [
        "only 3 objects: scores may change much with other pictures",
        "no better than the commonest boxes of the training in every picture",
    ]
    again = Evaluation.from_json(json.loads(json.dumps(scored.to_json())))
    assert again.line() == scored.line() and again.to_markdown() == scored.to_markdown()
    with pytest.raises(UserError, match="not an evaluation of a detector"):
        Evaluation.from_json({"scores": {}})


def test_precision_and_recall_are_drawn_in_percent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[Figure] = []
    save = Figure.savefig

    def kept(figure: Figure, *args: Any, **options: Any) -> None:
        figures.append(figure)
        save(figure, *args, **options)

    monkeypatch.setattr(Figure, "savefig", kept)
    truth = objects((0, 0, 40, 40), (60, 60, 100, 100))
    found = Detections(torch.tensor([[0.0, 0, 40, 38]]), torch.zeros(1).long(), torch.tensor([0.8]))
    draw_precision_recall([found], [truth], ["ball"], 0.8, tmp_path / "curve.png")
    axes = figures[0].axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("recall, %", "precision, %")
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 100), (0, 102))
    point = axes.get_lines()[-1].get_xydata()
    assert np.asarray(point).ravel().tolist() == [50, 100]


def test_labels_of_crowded_boxes_on_a_small_picture_keep_clear_of_each_other() -> None:
    taken: list[tuple[float, float, float, float]] = []
    texts = []
    for shift in range(6):
        box = (100.0 + 4 * shift, 100.0 + 3 * shift, 160.0 + 4 * shift, 150.0 + 3 * shift)
        text, place = place_label([(60.0, 9.0), (24.0, 9.0)], box, (320, 240), taken)
        for other in taken:
            apart = place[0] >= other[2] or other[0] >= place[2] or place[1] >= other[3] or other[1] >= place[3]
            assert apart, (place, other)
        assert 0 <= place[0] < place[2] <= 320 and 0 <= place[1] < place[3] <= 240
        taken.append(place)
        texts.append(text)
    assert texts[0] == 0
    assert place_label([(60.0, 9.0)], (100.0, 100.0, 160.0, 150.0), (320, 240), [(0.0, 0.0, 320.0, 240.0)])[0] == 0


def test_true_boxes_are_drawn_without_a_score(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    written: list[str] = []
    write = ImageDraw.ImageDraw.text

    def kept(self: ImageDraw.ImageDraw, place: Any, text: str, *rest: Any) -> None:
        written.append(text)
        write(self, place, text, *rest)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", kept)
    check([voc(tmp_path / "data")], ObjectReading(), sheet=tmp_path / "sheet.png")
    assert "ball" in written and not any("1.00" in text for text in written)


def test_the_sheet_of_missed_objects_shows_detections_astray_on_found_ones_too() -> None:
    truth = objects((10, 10, 50, 50))
    found = Detections(
        torch.tensor([[10.0, 10, 50, 50], [30, 10, 70, 50]]), torch.zeros(2).long(), torch.tensor([0.9, 0.8])
    )
    picture = np.full((100, 100, 3), 128, np.uint8)
    assert picture_errors(found, truth).kinds == ["right", "place"]
    sheet = missed_sheet([picture], [found], [truth], ["a.png"], ["ball"])
    assert sheet is not None
    red, green = ((sheet == color).all(-1).any() for color in (MISSED, TRUTH))
    assert red and green
    right = Detections(found.boxes[:1], found.labels[:1], found.scores[:1])
    assert missed_sheet([picture], [right], [truth], ["a.png"], ["ball"]) is None


def objects_as(truth: Objects) -> Detections:
    return Detections(truth.boxes, truth.labels, torch.ones(len(truth.boxes)))


def test_nothing_found_at_all_scores_zero_and_says_so() -> None:
    nothing = Detections(torch.zeros(0, 4), torch.zeros(0).long(), torch.zeros(0))
    scored = evaluate_detections([nothing], [objects((1, 1, 9, 9))], ["ball"], on="here")
    assert scored.scores["ap50"] == 0 and scored.threshold is None and scored.kinds["missed"] == 1
    assert "Nothing right was found" in scored.threshold_line()


def test_the_commonest_boxes_cover_what_is_alike_first() -> None:
    often, seldom = (10.0, 10.0, 50.0, 50.0), (60.0, 60.0, 90.0, 90.0)
    truths = [objects(often)] * 5 + [objects(seldom)] * 2
    common = common_boxes(truths, [(100, 100)] * 7, 1)
    assert common.boxes.mul(100).round().tolist() == [list(often), list(seldom)]
    assert common.scores.tolist() == pytest.approx([5 / 7, 2 / 7])
    assert in_pictures(common, [(200, 100)])[0].boxes[0].tolist() == pytest.approx([20, 10, 100, 50])


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``data`` and a ``run`` that learned from it for two steps."""
    folder = tmp_path_factory.mktemp("learned")
    masks(folder / "data", 10)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as left:
        patch.chdir(folder)
        main(["train", "detect/mask-rcnn-light", "--data", "data", "--out", "run", *SMALL])
    assert left.value.code == 0
    return folder


@pytest.fixture
def trained(here: Path, learned: Path) -> Path:
    """A copy of them to change."""
    return Path(shutil.copytree(learned, here, dirs_exist_ok=True))


def test_detect_draws_writes_coco_and_a_table_and_cutouts_read_it(
    trained: Path, limner: CommandLine, at_hand: list[AtHand]
) -> None:
    code, out, error = limner("detect", "run", "data/images", "--out", "found", "--min-score", "0", "--most", "3")
    assert code == 0, error
    assert len(out.splitlines()) == 10
    names = {path.name for path in (trained / "found").iterdir()}
    assert names == {*(f"{number}.jpg" for number in range(10)), "detections.json", "detections.csv", "counts.csv"}
    content = json.loads((trained / "found/detections.json").read_text())
    assert [entry["name"] for entry in content["categories"]] == ["object"]
    assert {entry["category_id"] for entry in content["annotations"]} <= {1}
    assert all(entry["segmentation"]["size"] == [64, 72] for entry in content["annotations"])
    with (trained / "found/detections.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(content["annotations"]) > 0
    for row, entry in zip(rows, content["annotations"], strict=True):
        assert float(row["x0"]) == pytest.approx(entry["bbox"][0], abs=0.01)
        assert 0 <= float(row["x0"]) < float(row["x1"]) <= 72.01
    assert limner("detect", "run", "data/images", "--out", "found", "--min-score", "0", "--most", "3")[1] == out
    Path("data/images/bad.png").write_bytes(b"no picture")
    code, spread, error = limner(
        "detect", "run", "data/images", "--out", "spread", "--min-score", "0", "--most", "3", "--workers", "2"
    )
    assert (code, spread) == (1, out) and "1 of 11 failed; the first: data/images/bad.png: " in error
    assert {path.name: path.read_bytes() for path in Path("spread").iterdir()} == {
        path.name: path.read_bytes() for path in Path("found").iterdir()
    }
    assert at_hand[0].items == 11
    Path("data/images/bad.png").unlink()
    printed = json.loads(limner("detect", "run", "data/images/0.png", "--json", "--min-score", "1")[1])
    assert printed["annotations"] == [] and len(printed["images"]) == 1
    assert limner("detect", "run", "data/images/0.png", "--min-score", "1")[1] == "data/images/0.png  nothing\n"


def test_counts_have_a_row_for_each_picture_in_the_order_given_zeros_included(
    trained: Path, limner: CommandLine
) -> None:
    words = ("detect", "run", "data/images/4.png", "data/images/0.png", "data/images/2.png", "--out", "found")
    scores = [each["score"] for each in json.loads(limner(*words[:-2], "--json", "--min-score", "0")[1])["annotations"]]
    for least in ("0", str((min(scores) + max(scores)) / 2), "1", "0"):  # the last ones write over what is there
        code, _, error = limner(*words, "--min-score", least)
        assert code == 0 and "found/counts.csv: how many of each class in each picture" in error.splitlines()[-1]
        with (trained / "found/detections.csv").open() as file:
            objects_of = [row["path"] for row in csv.DictReader(file)]
        with (trained / "found/counts.csv").open() as file:
            rows = list(csv.reader(file))
        assert rows[0] == ["path", "object"]
        assert rows[1:] == [[path, str(objects_of.count(path))] for path in words[2:5]]
    (trained / "found/counts.csv").unlink()  # as limner left the folder before
    assert limner(*words)[0] == 0


def test_of_several_pictures_the_broken_ones_are_told_and_the_others_are_looked_through(
    trained: Path, limner: CommandLine
) -> None:
    for name in ("1b", "3b"):
        Path(f"data/images/{name}.png").write_bytes(b"no picture")
    code, out, error = limner("detect", "run", "data/images", "--out", "found", "--min-score", "0")
    assert (code, len(out.splitlines())) == (1, 10)
    *_, first, second, files, last = error.splitlines()
    assert first.startswith("data/images/1b.png: failed: not a picture")
    assert second.startswith("data/images/3b.png: failed: not a picture")
    assert files.startswith("found/counts.csv")
    assert last.startswith("limner: 2 of 12 failed; the first: data/images/1b.png: not a picture")
    with (trained / "found/counts.csv").open() as file:
        assert [row["path"] for row in csv.DictReader(file)] == [f"data/images/{number}.png" for number in range(10)]
    code, out, error = limner("detect", "run", "data/images/1b.png", "data/images/3b.png", "--out", "none")
    assert (code, out) == (1, "") and "2 of 2 failed" in error and not Path("none").exists()
    code, out, error = limner("detect", "run", "data/images/1b.png", "--out", "none")
    assert (code, out) == (2, "") and error.count("\n") == 1 and not Path("none").exists()


def test_evaluate_compare_and_check_say_what_they_score(trained: Path, limner: CommandLine) -> None:
    code, out, error = limner("evaluate", "run", "--missed", "missed")
    assert code == 0, error
    assert out.startswith("Careful: only ") and "without learning: AP50 " in out
    assert (trained / "missed/precision-recall.png").exists()
    code, out, error = limner("evaluate", "run", "--data", "data", "--json", "--out", "other.json")
    assert json.loads(out)["pictures"] == 10, error
    code, out, _ = limner("compare", "run", "other=other.json", "--columns", "ap50,recall")
    assert code == 0 and out.startswith("Careful: not all were scored on the same pictures")
    code, out, _ = limner("check", "data", "--room", "detect")
    assert code == 0 and "Next: limner train detect/mask-rcnn-light --data data" in out
    assert "9 objects, outlined; 1 pictures without any" in out


def test_a_run_judges_cutouts_in_the_place_of_cocos_mask_rcnn(trained: Path, limner: CommandLine) -> None:
    cut = ("cutouts", "data", "--object", "object", "--min-width", "1", "--min-height", "1")
    rows = {}
    for least in ("0", "1"):
        code, _, error = limner(*cut, "--filter", "run", "--min-score", least, "--out", f"cut-{least}")
        assert code == 0, error
        with (trained / f"cut-{least}/manifest.csv").open() as file:
            rows[least] = list(csv.DictReader(file))
    assert [len(each) for each in rows.values()] == [9, 9]
    for any_score, sure in zip(rows["0"], rows["1"], strict=True):
        assert (any_score["kept"] == "yes") == bool(any_score["score"])  # whatever it sees at all
        assert any_score["score"] == sure["score"] and sure["kept"] != "yes"
    assert any(row["score"] for row in rows["0"])
    for words, says in (
        (("--filter", "run", "--detect-as", "horse"), "finds no 'horse'"),
        (("--filter", "buildings"), "needed: one of the room detect"),
        (("--filter", "run", "--no-filter"), "--filter is of the filter"),
        (("--filter", "run", "--weights", "w.pth"), "drop one"),
    ):
        code, out, error = limner(*cut, *words, "--out", "refused")
        assert (code, out) == (2, "") and says in error and error.count("\n") == 1, error
    assert not (trained / "refused").exists()


def test_check_leaves_out_what_cannot_be_read_and_says_how_to_train_on_all_of_it(
    here: Path, limner: CommandLine
) -> None:
    voc(here / "one")
    voc(here / "two")
    (here / "two/images/3.png").write_bytes(b"no picture")
    code, out, error = limner("check", "one", "two", "--room", "detect", "--group", "none", "--json")
    assert code == 0, error
    report = json.loads(out)
    assert (report["pictures"], report["classes"], report["empty"]) == (11, {"ball": 9}, 2)
    assert any("two/images/3.png: not a picture" in line for line in report["warnings"])
    words = report["next_command"].split()
    assert words[3:] == ["--data", "one", "--data", "two", "--group", "none"]
    code, _, error = limner(*words[1:], *SMALL, "--out", "run", "--loop.steps", "1")
    assert code == 0, error
    assert "pictures left out: 1, the first: " in error and "two/images/3.png: not a picture" in error


BAD_CALLS = {
    "detect run gone.png": "gone.png: no such file",
    "detect run data/images/0.png --min-score 50": "--min-score is 50; needed: 0",
    "detect run data/images/0.png --most 0": "--most is 0; needed: 1",
    "detect run data/images/0.png --out data": "--out data: holds other files",
    "detect run text.png": "text.png: not a picture",
    "detect buildings data/images/0.png": "needed: one of the room detect",
    "evaluate run --group none": "give it with --data",
    "compare run --columns apfifty": "no column 'apfifty'",
    "train detect/faster-rcnn-light": "no data is given",
    "train detect/faster-rcnn-light --data empty": "empty: not a form of instances",
    "train detect/faster-rcnn-light --data data --batch 50": "batch is 50",
    "train detect/faster-rcnn-light --data data --data.longest-px 100": "data.longest_px is 100",
    "train detect/faster-rcnn-light --data data --group (": "no regular expression",
    "train detect/faster-rcnn-light --data data --augment.scale [2,1]": "augment.scale is 2, 1",
    "train detect/faster-rcnn-light --data data --network.size 9": "no size 9",
    "train detect/mask-rcnn-light --data outlined --augment.move 0.2": "augment.move is 0.2",
    "train detect/mask-rcnn-light --data boxed": "learns outlines, and some objects have only boxes",
    "check empty --room detect --regions 5": "empty: not a form of instances",
}


def test_bad_calls_are_one_line_and_leave_nothing(trained: Path, limner: CommandLine) -> None:
    voc(trained / "boxed", 8)
    coco(trained / "outlined", 8)
    (trained / "empty").mkdir()
    (trained / "text.png").write_text("no picture")
    before = sorted(path for path in trained.rglob("*") if path.name != "check.png")
    for words, says in BAD_CALLS.items():
        code, out, error = limner(*words.split())
        told = error if code == 2 else out
        assert says in told, words
        assert code in (1, 2) and (code == 1 or (out == "" and error.count("\n") == 1)), (words, error)
    assert sorted(path for path in trained.rglob("*") if path.name != "check.png") == before


def test_a_run_whose_facts_are_damaged_is_refused(trained: Path, limner: CommandLine) -> None:
    facts = json.loads((trained / "run/model.json").read_text())
    for change, says in (
        ({"threshold": 3}, "threshold is 3"), ({"class_names": ["a", "a"]}, "names a class twice"),
        ({"class_names": ["a", "b"]}, "does not fit model.json"), ({"short_px": "x"}, "short_px is 'x'"),
        ({"network": {"name": "slower-rcnn"}}, "which limner does not have"),
    ):  # fmt: skip
        (trained / "run/model.json").write_text(json.dumps({**facts, **change}))
        code, out, error = limner("detect", "run", "data/images/0.png")
        assert (code, out) == (2, "") and says in error and error.count("\n") == 1, error


def test_a_detector_learns_drawn_boxes(here: Path) -> None:
    """Red boxes on noise, where every place is drawn anew: the commonest boxes do not find them."""
    rng = np.random.default_rng(0)
    for name in ("images", "annotations"):
        (here / "red" / name).mkdir(parents=True)
    for number in range(24):
        x, y, side = (int(value) for value in rng.integers((0, 0, 24), (48, 48, 44)))
        box = (x, y, min(96, x + side), min(96, y + side))
        picture = rng.integers(60, 110, (96, 96, 3), dtype=np.uint8)
        picture[box[1] : box[3], box[0] : box[2]] = (230, 40, 20)
        Image.fromarray(picture).save(here / f"red/images/{number}.png")
        corners = "".join(
            f"<{name}>{value}</{name}>"
            for name, value in zip(("xmin", "ymin", "xmax", "ymax"), (box[0] + 1, box[1] + 1, *box[2:]), strict=True)
        )
        (here / f"red/annotations/{number}.xml").write_text(
            f"<annotation><object><name>red</name><bndbox>{corners}</bndbox></object></annotation>"
        )
    done = api.train(
        "detect/faster-rcnn-light", data="red", out="red-run", epochs=12, group="none", warmup_steps=5,
        overrides=["--data.short-px", "96", "--data.longest-px", "96", "--network.width", "32",
                   "--network.hidden", "64", "--optimizer.learning-rate", "2e-3", "--network.proposals", "50",
                   "--loop.precision", "fp32"],
    )  # fmt: skip
    scores = json.loads((done.run.folder / "evaluation.json").read_text())
    assert scores["scores"]["ap50"] > 2 * scores["trivial"] + 0.1
