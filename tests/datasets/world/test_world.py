"""The drawn world and its reader, each against the other: what is drawn is read, all of it."""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from limner.datasets.world.drawing import draw_world
from limner.datasets.world.options import WorldOptions
from limner.datasets.world.reader import read_clip, read_picture, see
from limner.datasets.world.rendering import DISTANCES, clip_of, picture_of, views_of, voxels_of
from limner.datasets.world.sentences import (
    VOCABULARY,
    Told,
    read_sentence,
    sentence_of,
    told_of,
    words_of,
)
from limner.datasets.world.solids import Motion, Shape, draw_solid
from limner.foundation.errors import UserError


@pytest.mark.parametrize(("size_px", "first", "count"), [(32, 0, 120), (64, 1000, 60), (96, 2000, 8)])
def test_the_reader_reads_every_drawn_picture(size_px: int, first: int, count: int) -> None:
    wrong = []
    for number in range(first, first + count):
        solid = draw_solid(0, number)
        seen = see(picture_of(solid, size_px))
        told = told_of(solid).agreement(seen.told)
        wrong += [(number, name) for name, right in told.items() if not right]
        assert abs(np.subtract(seen.center, solid.center)).max() < 0.02
        assert abs(seen.radius / solid.radius - 1) < 0.15
    assert not wrong


def test_the_reader_reads_every_drawn_clip() -> None:
    seen = Counter()
    for number in range(30):
        solid = draw_solid(3, number, moving=True)
        assert read_clip(clip_of(solid, 32, 5)) == told_of(solid, moving=True), solid
        seen[solid.motion] += 1
    assert set(seen) == set(get_args(Motion))


def test_the_reader_sees_nothing_where_nothing_is() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (32, 32), np.uint8)
    assert read_picture(np.repeat(noise[..., None], 3, axis=2)) == Told()
    assert read_clip(np.full((4, 32, 32, 3), 200, np.uint8)) == Told()
    with pytest.raises(ValueError, match="needed: \\(S, S, 3\\) uint8"):
        read_picture(np.zeros((32, 32)))


def test_a_shape_that_is_none_has_no_name() -> None:
    """A cross of thin arms has a color and a place, but no outline that the reader knows."""
    picture = np.full((64, 64, 3), 200, np.uint8)
    for step in range(48):
        picture[8 + step, 8 + step : 10 + step] = picture[8 + step, 54 - step : 56 - step] = (230, 20, 20)
    assert read_picture(picture) == Told(color="red", place="middle")


def test_solids_are_functions_of_seed_and_number_alone() -> None:
    assert draw_solid(4, 9) == draw_solid(4, 9)
    assert draw_solid(4, 9) != draw_solid(4, 10) != draw_solid(5, 10)
    moving, still = draw_solid(4, 9, moving=True), draw_solid(4, 9)
    assert (moving.shape, moving.center, moving.radius) == (still.shape, still.center, still.radius)
    with pytest.raises(UserError, match="needed: 0 or more of both"):
        draw_solid(-1, 0)


def test_all_kinds_are_drawn_alike_often() -> None:
    solids = [draw_solid(0, number) for number in range(600)]
    for name, kinds in (("shape", 5), ("color", 6), ("size", 2), ("place", 5), ("light", 3)):
        counts = Counter(getattr(solid, name) for solid in solids)
        assert len(counts) == kinds
        assert min(counts.values()) > 0.6 * 600 / kinds


def test_sentences_say_what_is_true_and_are_read_back() -> None:
    left_out: Counter[str] = Counter()
    for number in range(150):
        solid = draw_solid(1, number, moving=True)
        for moving in (False, True):
            sentence = sentence_of(solid, 1, number, number % 4, moving=moving)
            told = read_sentence(sentence)
            assert told is not None, sentence
            assert all(told.agreement(told_of(solid, moving=moving)).values()), sentence
            assert told.shape
            assert told.color
            assert (told.motion is not None) == moving
            assert set(words_of(sentence)) <= VOCABULARY
            left_out.update(name for name in ("size", "place") if getattr(told, name) is None)
    assert all(15 < left_out[name] < 90 for name in ("size", "place"))  # 45 of 300 are expected


@pytest.mark.parametrize("sentence", ["", "a photo of a dog", "a large red cube on mars"])
def test_other_sentences_are_none_of_the_world(sentence: str) -> None:
    assert read_sentence(sentence) is None


@pytest.mark.parametrize("shape", get_args(Shape))
def test_a_shape_stands_within_its_ball_and_has_a_volume(shape: Shape) -> None:
    steps = np.linspace(-1.2, 1.2, 41)
    x, y, z = np.meshgrid(steps, steps, steps, indexing="ij")
    inside = DISTANCES[shape](x, y, z) < 0
    assert np.sqrt(x**2 + y**2 + z**2)[inside].max() <= 1.02
    assert 0.1 < inside.mean() * 2.4**3 < 4.2


def test_distances_are_never_larger_than_the_way_to_the_surface() -> None:
    """Else rays would walk through it: no two points differ by more than they are apart."""
    draws = np.random.default_rng(0)
    one, other = draws.uniform(-1.2, 1.2, (2, 3, 2000))
    for distance in DISTANCES.values():
        assert (abs(distance(*one) - distance(*other)) <= np.linalg.norm(one - other, axis=0) + 1e-9).all()


def test_voxels_hold_the_solid_in_their_middle() -> None:
    for number in range(10):
        solid = draw_solid(0, number)
        voxels = voxels_of(solid, 24)
        assert voxels.dtype == bool
        assert not voxels[[0, -1]].any()
        assert abs(np.argwhere(voxels).mean(0) - 11.5)[[0, 2]].max() < 0.5
    ball = next(solid for number in range(50) if (solid := draw_solid(0, number)).shape == "ball")
    volume = 4 / 3 * np.pi * (0.85 * ball.radius * 2 * 32) ** 3
    assert abs(voxels_of(ball).sum() / volume - 1) < 0.03


def test_views_go_around_the_solid() -> None:
    cube = next(solid for number in range(50) if (solid := draw_solid(0, number)).shape == "cube")
    views = views_of(cube, 32, 8)
    assert views.shape == (8, 32, 32, 3)
    assert (views[0] == picture_of(cube, 32)).all()
    assert (views[1] != views[0]).any()
    near = abs(views[2].astype(int) - views[0]).max(), abs(views[1].astype(int) - views[0]).max()
    assert near[0] < near[1]  # a cube is the same again after 90 degrees


def test_the_world_is_written_and_found_again(tmp_path: Path) -> None:
    options = WorldOptions(pictures=4, clips=3, voxels=2, views=1, size_px=16, frames=4, side=8, sentences=2)
    out = tmp_path / "world"
    assert draw_world(options, out=out).numbers == {"pictures": 4, "clips": 3, "voxels": 2, "views": 1}
    solid = draw_solid(0, 3)
    assert (np.asarray(Image.open(out / "pictures/000003.png")) == picture_of(solid, 16)).all()
    with np.load(out / "clips/clips.npz") as file:
        assert file["videos"].shape == (3, 4, 16, 16, 3)
        assert (file["videos"][1] == clip_of(draw_solid(0, 1, moving=True), 16, 4)).all()
    with np.load(out / "voxels/solids.npz") as file:
        assert file["voxels"].shape == (2, 8, 8, 8)
    assert len(list((out / "views").glob("*.png"))) == 8
    rows = list(csv.DictReader((out / "pictures/captions.csv").open(encoding="utf-8")))
    assert [row["file"] for row in rows] == [f"{number:06d}.png" for number in (0, 0, 1, 1, 2, 2, 3, 3)]
    assert rows[6]["caption"] == sentence_of(solid, 0, 3, 0)
    assert next(csv.DictReader((out / "clips/solids.csv").open(encoding="utf-8")))["motion"]
    assert draw_world(options, out=out).skipped
    assert json.loads((tmp_path / "world.json").read_text())
    with pytest.raises(UserError, match="overwrite"):
        draw_world(WorldOptions(pictures=5), out=out)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"pictures": -1}, "--pictures is -1"), ({"size_px": 8}, "--size-px is 8; needed: 16 to 1024"),
        ({"frames": 1}, "--frames is 1"), ({"side": 4}, "--side is 4"), ({"sentences": 0}, "--sentences is 0"),
        ({"seed": -1}, "--seed is -1"), ({"clips": 10**6}, "GB of memory"), ({"voxels": 10**6, "side": 128}, "GB of"),
    ],
)  # fmt: skip
def test_options_that_cannot_be(given: dict[str, int], told: str) -> None:
    with pytest.raises(UserError, match=told):
        WorldOptions(**given)


def test_nothing_to_draw_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing says what to draw"):
        draw_world(WorldOptions(), out=tmp_path / "world")
    assert not list(tmp_path.iterdir())
