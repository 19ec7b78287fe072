"""What is cut: limits by closed forms, backgrounds, crops."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawn_cityscapes import save
from limner.datasets.annotations.instances import Box, Instance, LabeledPicture, Labels, instance_of
from limner.foundation.errors import UserError
from limner.generate.cutouts.cutting import CANVAS_PX, Job, canvas, painted, prepare, truncation
from limner.generate.cutouts.options import GREEN, CutOutOptions, parse_background
from limner.generate.cutouts.rows import Row, read_manifest, write_manifest
from limner.generate.cutouts.verb import CutOuts, cut_out

WIDTH, HEIGHT = 47, 33


def pixels(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (height, width, 3), np.uint8)


def instance(x0: int, y0: int, x1: int, y1: int, number: str = "1") -> Instance:
    return Instance(number, "car", Box(x0, y0, x1, y1), np.ones((y1 - y0, x1 - x0), bool))


class Read:
    """Labels that are known beforehand."""

    def __init__(self, *instances: Instance) -> None:
        self.instances = list(instances)

    def __call__(self, width: int, height: int) -> Labels:
        return Labels(self.instances)


def rows(folder: Path, *instances: Instance, **given: object) -> list[Row]:
    path = save(folder / "a.png", pixels())
    job = Job(("car",), CutOutOptions(no_filter=True, min_width=1, min_height=1, **given), folder / "out")  # type: ignore[arg-type]
    made = prepare(job, LabeledPicture(path, "a.png", "", (), Read(*instances)))
    return [*(one.row for one in made.candidates), *made.rejected]


def cut(folder: Path, **given: object) -> tuple[CutOuts, np.ndarray]:
    """A triangle of 20 x 12 px at (10, 5), cut out with these options, and its pixels."""
    save(folder / "data/images/a.png", pixels())
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for row in range(12):
        mask[5 + row, 10 : 10 + 20 - row] = 4
    save(folder / "data/masks/a.png", mask)
    options: dict[str, object] = {"no_filter": True, "workers": 1, "min_width": 1, "min_height": 1, **given}
    made = cut_out(folder / "data", "car", folder / "out", CutOutOptions(**options))  # type: ignore[arg-type]
    return made, np.asarray(Image.open(made.files[0]))


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((5, 5, 15, 15), 0),
        ((0, 5, 15, 15), 1),
        ((5, 5, 15, HEIGHT), 1),
        ((WIDTH - 9, 5, WIDTH, 15), 1),
        ((5, 0, 15, 9), 1),
    ],
)
def test_an_object_is_truncated_where_it_touches_a_border(box: tuple[int, int, int, int], expected: float) -> None:
    assert truncation(instance(*box), WIDTH, HEIGHT) == expected


def test_truncation_is_the_share_of_the_side_that_touches() -> None:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[4:14, 0:10] = True
    mask[4:10, 0] = False
    one = instance_of("1", "car", mask)
    assert isinstance(one, Instance)
    assert truncation(one, WIDTH, HEIGHT) == pytest.approx(0.4)


def test_near_the_border_of_a_large_picture_is_at_the_border() -> None:
    assert truncation(instance(9, 500, 200, 600), 2048, 1024) == 1
    assert truncation(instance(10, 500, 200, 600), 2048, 1024) == 0


def test_overlap_is_the_share_of_the_box_that_others_cover(tmp_path: Path) -> None:
    first, second = rows(tmp_path, instance(5, 5, 25, 15), instance(20, 5, 40, 15, "2"))
    assert first.overlap == second.overlap == 0.25
    mask = np.triu(np.ones((10, 10), bool))
    lower = Instance("1", "car", Box(5, 5, 15, 15), mask)
    upper = Instance("2", "bus", Box(5, 5, 15, 15), ~mask)
    (alone,) = rows(tmp_path, lower, upper)
    assert (alone.overlap, alone.area_px) == (0.45, 55)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"min_width": 20}, ""), ({"min_width": 21}, "small"), ({"min_height": 11}, "small"),
        ({"min_area": 201}, "small"),
        ({"max_truncation": 1.0}, ""), ({"max_truncation": 0.99}, "truncated"), ({"max_overlap": 0.25}, ""),
        ({"max_overlap": 0.24}, "overlapped"),
    ],
)  # fmt: skip
def test_limits_are_held_to_the_pixel(tmp_path: Path, options: dict[str, float], reason: str) -> None:
    path = save(tmp_path / "a.png", pixels())
    job = Job(("car",), CutOutOptions(**{"no_filter": True, "min_width": 1, "min_height": 1, **options}), tmp_path)  # type: ignore[arg-type]
    read = Read(instance(0, 5, 20, 15), Instance("2", "bus", Box(15, 5, 30, 15), np.ones((10, 15), bool)))
    made = prepare(job, LabeledPicture(path, "a.png", "", (), read))
    assert [row.reason for row in made.rejected] == ([reason] if reason else [])


def test_outside_the_mask_is_the_background_and_inside_the_picture(tmp_path: Path) -> None:
    made, shown = cut(tmp_path)
    assert shown.shape == (12, 20, 3)
    inside = np.array([[column < 20 - row for column in range(20)] for row in range(12)])
    np.testing.assert_array_equal(shown[inside], pixels()[5:17, 10:30][inside])
    assert (shown[~inside] == GREEN).all()
    assert made.files == [tmp_path / "out/car/a-4.png"]


def test_transparent_keeps_no_color_of_what_was_around(tmp_path: Path) -> None:
    shown = cut(tmp_path, background="transparent")[1]
    assert shown.shape == (12, 20, 4)
    assert set(np.unique(shown[..., 3])) == {0, 255}
    assert not shown[shown[..., 3] == 0].any()
    np.testing.assert_array_equal(shown[0, :, :3], pixels()[5, 10:30])


def test_keep_leaves_the_picture_as_it_is(tmp_path: Path) -> None:
    np.testing.assert_array_equal(cut(tmp_path, background="keep")[1], pixels()[5:17, 10:30])


def test_without_a_crop_the_whole_picture_stays(tmp_path: Path) -> None:
    shown = cut(tmp_path, crop="none", background="#0000ff")[1]
    assert shown.shape == (HEIGHT, WIDTH, 3)
    assert (shown[0, 0] == (0, 0, 255)).all()
    assert int((shown != (0, 0, 255)).any(axis=2).sum()) == sum(20 - row for row in range(12))


def test_a_margin_is_a_share_of_the_longer_edge_and_ends_at_the_border(tmp_path: Path) -> None:
    assert cut(tmp_path, margin=0.5)[1].shape == (5 + 12 + 10, 10 + 20 + 10, 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#33FF33", GREEN),
        ("51,255,51", GREEN),
        (" 0, 1 ,2 ", (0, 1, 2)),
        ("white", (255, 255, 255)),
        ("Tomato", (255, 99, 71)),
    ],
)
def test_a_background_is_written_in_several_ways(text: str, expected: tuple[int, int, int]) -> None:
    assert parse_background(text) == expected


@pytest.mark.parametrize("text", ["", "256,0,0", "#33ff3", "greenish", "1,2", "none"])
def test_other_backgrounds_are_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"--background is '.*'; needed: #rrggbb, "):
        CutOutOptions(background=text)


@pytest.mark.parametrize("box", [(5, 5, 15, 15), (0, 0, 47, 33), (0, 20, 3, 33)])
def test_the_canvas_shows_the_object_alone_in_its_middle(box: tuple[int, int, int, int]) -> None:
    one = instance(*box)
    square, (x, y) = canvas(pixels(), one, "keep")
    assert square.shape == (CANVAS_PX, CANVAS_PX, 3)
    x0, y0, x1, y1 = box
    np.testing.assert_array_equal(square[y0 - y : y1 - y, x0 - x : x1 - x], pixels()[y0:y1, x0:x1])
    assert int((square != GREEN).any(axis=2).sum()) <= one.mask.size
    assert abs((x0 + x1) / 2 - x - CANVAS_PX / 2) <= 0.5


def test_a_canvas_leaves_room_around_a_large_object() -> None:
    assert canvas(pixels(600, 700), instance(0, 0, 601, 300), (1, 2, 3))[0].shape == (902, 902, 3)


def test_painting_agrees_with_three_loops() -> None:
    picture = pixels()
    mask = np.random.default_rng(4).random((9, 11)) < 0.5
    one, crop = Instance("1", "car", Box(30, 20, 41, 29), mask), Box(25, 18, 47, 33)
    expected = np.empty((15, 22, 3), np.uint8)
    for row in range(15):
        for column in range(22):
            y, x = row + 18 - 20, column + 25 - 30
            inside = 0 <= y < 9 and 0 <= x < 11 and mask[y, x]
            for band in range(3):
                expected[row, column, band] = picture[row + 18, column + 25, band] if inside else (7, 8, 9)[band]
    np.testing.assert_array_equal(painted(picture, one, crop, (7, 8, 9)), expected)


def test_a_manifest_is_read_as_it_was_written_and_sorted_by_value(tmp_path: Path) -> None:
    given = [
        Row("b.png", "", "2", "car", 1, 2, 3, 4, 4, 0.5, 0.25, kept="yes", file="car/b-2.png"),
        Row("a.png", "val", "10", "car", 1, 2, 3, 4, 4, 0.0, 0.1, 0.91, 0, 0, 9, 9, reason="low score"),
        Row("a.png", "val", "9", "traffic, light", reason='unreadable: "x"'),
    ]
    write_manifest(tmp_path / "manifest.csv", given)
    assert read_manifest(tmp_path / "manifest.csv") == [given[2], given[1], given[0]]
    with pytest.raises(ValueError, match="other columns"):
        (tmp_path / "other.csv").write_text("a,b\n1,2\n")
        read_manifest(tmp_path / "other.csv")
