"""Photos, clips and scenes spread over workers: the same bytes as by one process, and a broken one stops none."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawing import draw_scene
from drawn_photos import EVENING, draw_photo
from workers_at_hand import AtHand

Limner = Callable[..., tuple[int, str, str]]


def pictures(folder: Path) -> dict[str, bytes]:
    """All that was written below but the records, in which the seconds stand."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".json"
    }


def test_photos_are_the_same_whoever_recolors_them(here: Path, limner: Limner, at_hand: list[AtHand]) -> None:
    for name in ("a.png", "b.jpg", "c.png"):
        draw_photo(here / "in" / name)
    draw_photo(here / "like.png", EVENING, 30, 40)
    options = ("--like", "like.png", "--method", "mkl")
    assert limner("recolor", "in", *options, "--out", "alone")[0] == 0
    (here / "in/bad.png").write_bytes(b"no picture")
    code, out, error = limner("recolor", "in", *options, "--out", "spread", "--workers", "2")
    assert at_hand[0].items == 4
    assert (code, out) == (1, "spread/a.png\nspread/b.jpg\nspread/c.png\n")
    assert "limner: 1 of 4 failed; the first: in/bad.png: " in error and "in/bad.png: failed: " in error
    assert pictures(here / "alone") == pictures(here / "spread")
    (here / "in/bad.png").unlink()
    code, _, error = limner("recolor", "in", *options, "--out", "spread", "--workers", "2")
    assert code == 0 and error.count("was made before") == 3


def test_clips_and_scenes_are_the_same_whoever_recolors_them(here: Path, limner: Limner, at_hand: list[AtHand]) -> None:
    draw_photo(here / "like.png", EVENING, 30, 40)
    for clip in ("first", "second"):
        for number in range(3):
            (here / clip).mkdir(exist_ok=True)
            frame = np.full((24, 32, 3), 80 + 10 * number, np.uint8)
            frame[:, :16, 0] = 200 - len(clip)
            Image.fromarray(frame).save(here / clip / f"{number}.png")
    draw_scene(here / "scene.tif")
    draw_scene(here / "other.tif", seed=8)
    for kind, command in (
        ("clips", ("first", "second", "--clip", "--like", "like.png", "--method", "mkl")),
        ("scenes", ("scene.tif", "--like", "other.tif")),
    ):
        assert limner("recolor", *command, "--out", f"{kind}-alone")[0] == 0
        code, _, error = limner("recolor", *command, "--out", f"{kind}-spread", "--workers", "2")
        assert code == 0, error
        assert pictures(here / f"{kind}-alone") == pictures(here / f"{kind}-spread")
    assert [each.items for each in at_hand] == [2, 1]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--out", "look.cube", "--workers", "2"), "--workers is for many files, and --out look.cube is one look-up"),
        (("--workers", "many"), "--workers is many; needed: 1 or more processes, or ray"),
        (("--ray-address", "head:6379"), "--ray-address head:6379: is for --workers ray"),
    ],
)
def test_what_workers_cannot_do_is_refused(here: Path, limner: Limner, more: tuple[str, ...], told: str) -> None:
    draw_photo(here / "a.png")
    draw_photo(here / "like.png", EVENING, 30, 40)
    code, _, error = limner("recolor", "a.png", "--like", "like.png", "--method", "mkl", *more)
    assert code == 2 and error.startswith(f"limner: {told}")
