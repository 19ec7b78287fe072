"""Histogram analogy as a method of the room: by the bundled network, by a run, on clips, and what it refuses."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from drawn_photos import DAY, EVENING, draw_colors, draw_photo
from limner.foundation.errors import UserError
from limner.learning.runs.opening import bundled_models
from limner.recolor.clips.temporal import recolor_clip
from limner.recolor.methods.histogram_analogy import AnalogyOptions
from limner.recolor.methods.methods import transfer_color

Limner = Callable[..., tuple[int, str, str]]


def picture(colors: tuple = DAY, height: int = 33, width: int = 47) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(draw_colors(colors, height, width).transpose(2, 0, 1))).float() / 255


def by_analogy(target: Tensor, *references: Tensor, **more: object) -> Tensor:
    return transfer_color(target, references, "histogram-analogy", **more).picture  # type: ignore[arg-type]


def test_a_picture_in_its_own_colors_stays_as_it_is() -> None:
    for target in (picture(), picture(EVENING, 201, 330), torch.zeros(3, 5, 7), torch.ones(3, 1, 40)):
        assert (by_analogy(target, target) - target).abs().max() < 1e-4


def test_a_gray_reference_takes_color_out_and_what_comes_back_is_in_range() -> None:
    target = picture(EVENING)
    made = by_analogy(target, picture()[1:2].expand(3, -1, -1))

    def chroma(colors: Tensor) -> Tensor:
        return (colors.amax(0) - colors.amin(0)).mean()

    assert chroma(made) < 0.8 * chroma(target)
    assert made.min() > -0.1 and made.max() < 1.1


def test_detail_of_a_large_picture_stays() -> None:
    fine = picture(DAY, 400, 600) * (0.9 + 0.1 * (torch.arange(600) % 2))  # stripes that no small copy shows
    made = by_analogy(fine, picture(EVENING))
    stripes = (made[:, :, 1:] - made[:, :, :-1]).abs().mean()
    assert stripes > 0.4 * (fine[:, :, 1:] - fine[:, :, :-1]).abs().mean()


def test_references_count_by_their_weights_and_not_by_their_pixels() -> None:
    target, small, large = picture(), picture(EVENING, 20, 30), picture(DAY, 200, 300) ** 3
    alike = by_analogy(target, small, large)
    first, second = by_analogy(target, small), by_analogy(target, large)
    assert (alike - first).abs().mean() > 0.005 and (alike - second).abs().mean() > 0.005
    mostly = by_analogy(target, small, large, reference_weights=[99.0, 1.0])
    assert (mostly - first).abs().mean() < (alike - first).abs().mean()


def test_a_clip_is_asked_at_key_frames_alone() -> None:
    frames = [picture()] * 6
    made = list(recolor_clip(frames, [picture(EVENING)], "histogram-analogy", key_every=5))
    assert len(made) == 6 and (made[0] - frames[0]).abs().mean() > 0.02
    assert all((each - made[0]).abs().max() < 1e-5 for each in made)


def test_a_run_takes_the_place_of_the_bundled_network(here: Path, limner: Limner) -> None:
    for number in range(8):
        draw_photo(here / f"photos/{number}.png", (DAY, EVENING)[number % 2], 40 + number, 50)
    draw_photo(here / "a.png", DAY, 33, 47)
    draw_photo(here / "b.png", EVENING, 30, 40)
    sizes = {"epochs": 1, "steps-per-epoch": 1, "batch": 2, "data.crop-px": 16, "network.width": 4, "network.codes": 4}
    small = [f"--{name}={value}" for name, value in sizes.items()]
    code, _, error = limner("train", "recolor/histogram-analogy", "--data", "photos", "--out", "run", *small)
    assert code == 0, error
    command = ["recolor", "a.png", "--like", "b.png", "--method", "histogram-analogy", "--out", "c.png"]
    assert limner(*command, "--model", "run")[0] == 0
    by_run = np.asarray(Image.open(here / "c.png"))
    code, _, error = limner(*command)
    assert code == 2 and "made from something else" in error
    assert limner(*command, "--overwrite")[0] == 0
    assert (by_run != np.asarray(Image.open(here / "c.png"))).any()
    assert limner("evaluate", "run")[0] == 0
    assert limner("compare", "run")[0] == 0
    few = limner("train", "recolor/histogram-analogy", "--data", "run/pictures", "--out", "none")
    assert few[0] == 2 and "needed: 8 or more" in few[2] and not (here / "none").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--method", "mkl", "--model", "gone"], "--model is of the method histogram-analogy, not of mkl"),
        (["--method", "histogram-analogy", "--model", "gone"], "no run 'gone'"),
        (["--method", "histogram-analogy", "--model", "buildings"], "needed: one of recolor-analogy"),
        (["--method", "histogram-analogy", "--palette", "0.5"], "--palette is of the method superpixel"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(here: Path, limner: Limner, words: list[str], says: str) -> None:
    draw_photo(here / "a.png", DAY, 20, 30)
    code, out, error = limner("recolor", "a.png", "--like", "a.png", "--out", "c.png", *words)
    assert (code, out, error.count("\n")) == (2, "", 1) and says in error, error
    assert not (here / "c.png").exists()


def test_options_beyond_their_bounds_are_refused() -> None:
    with pytest.raises(UserError, match=r"^soft_range is 0\.7; needed: 0 "):
        AnalogyOptions(soft_range=0.7)


def test_the_bundled_network_is_small() -> None:
    folder = bundled_models()["histogram-analogy"]
    assert sum(path.stat().st_size for path in folder.iterdir()) < 3_000_000
