"""What photographers ask of `limner recolor`: soft masks, weights, series, previews, pages, all methods' pictures."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from drawn_photos import DAY, EVENING, GOLD_AND_BLUE, draw_mask, draw_photo, pixels_of
from limner.photos.photos import read_photo
from limner.recolor.methods.methods import METHODS, transfer_color
from limner.recolor.recoloring import transfer
from limner.recolor.recoloring.masks import feathered
from mistakes import everything_below

Limner = Callable[..., tuple[int, str, str]]
QUICK = ("--features", "lab-gradient")


@pytest.fixture
def photos(here: Path) -> Path:
    """A target a.png and references b.png and c.png, in the folder in which commands run."""
    draw_photo(here / "a.png")
    draw_photo(here / "b.png", EVENING, 30, 40)
    draw_photo(here / "c.png", GOLD_AND_BLUE, 36, 30)
    return here


# --- soft masks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("feather_px", [9, 21, 40])
def test_a_feathered_edge_falls_evenly_over_so_many_pixels_around_where_it_was(feather_px: int) -> None:
    mask = torch.zeros(60, 200)
    mask[:, 100:] = 1
    row = feathered(mask, feather_px)[30]
    assert (row.diff() >= 0).all() and torch.allclose(row + row.flip(0), torch.ones(200), atol=1e-5)
    changing = ((row > 1e-6) & (row < 1 - 1e-6)).sum()
    assert feather_px - 5 <= changing <= feather_px + 2
    assert torch.allclose(feathered(mask, feather_px), row.expand(60, 200))  # the border is no edge


def test_no_feather_leaves_a_mask_as_it_is() -> None:
    mask = torch.rand(9, 9, generator=torch.Generator().manual_seed(0))
    assert torch.equal(feathered(mask, 0), mask) and torch.equal(feathered(mask, 1), mask)


def test_a_soft_mask_changes_by_degrees_where_a_hard_one_jumps(photos: Path, limner: Limner) -> None:
    draw_mask(photos / "m.png", slice(0, 20))
    command = ("recolor", "a.png", "--like", "b.png", "--method", "mkl", "--mask", "m.png")
    assert limner(*command, "--out", "hard")[0] == limner(*command, "--feather-px", "12", "--out", "soft")[0] == 0
    before, hard, soft = (pixels_of(photos / name).astype(int) for name in ("a.png", "hard/a.png", "soft/a.png"))
    changed = [np.abs(after - before).mean((1, 2)) for after in (hard, soft)]
    assert (changed[0][20:] == 0).all() and changed[0][:20].min() > 3
    assert changed[1][:13].min() > 3 and (changed[1][27:] == 0).all()
    assert changed[1][20] > 1 and changed[1][19] < changed[0][19]


# --- references with weights -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["superpixel", "mkl"])
def test_a_heavier_reference_draws_the_colors_to_itself(photos: Path, limner: Limner, method: str) -> None:
    command = ("recolor", "a.png", "--method", method, *(QUICK if method == "superpixel" else ()))
    results = {}
    for name, like in {"b": "b.png=20 c.png", "even": "b.png=1 c.png", "c": "b.png c.png=20"}.items():
        assert limner(*command, "--like", *like.split(), "--out", name)[0] == 0
        results[name] = pixels_of(photos / name / "a.png").reshape(-1, 3).mean(0)
    toward = pixels_of(photos / "b.png").reshape(-1, 3).mean(0) - pixels_of(photos / "c.png").reshape(-1, 3).mean(0)
    near_b, even, near_c = (float(results[name] @ toward) for name in ("b", "even", "c"))
    assert near_b > even > near_c


def test_weights_are_shares_whatever_the_sizes_of_the_references() -> None:
    target, red, blue = torch.rand(3, 20, 20), torch.zeros(3, 8, 8), torch.zeros(3, 40, 40)
    red[0], blue[2] = 1, 1
    made = transfer_color(target, [red, blue], "mkl", reference_weights=[1, 1]).picture.mean((1, 2))
    assert abs(float(made[0] - made[2])) < 0.02


def test_weights_that_cannot_be_are_told_in_one_line(photos: Path, limner: Limner) -> None:
    for words, told in {
        ("--like", "b.png=0"): "weight 0",
        ("--like", "b.png=nan"): "weight nan",
        ("--like", "b.png=2", "--method", "sct"): "sct uses every reference as often as another",
        ("--like", "none.png=2"): "none.png: no such file or folder",
    }.items():
        code, _, error = limner("recolor", "a.png", *words)
        assert code == 2 and told in error, error
    assert not (photos / "recolored").exists()


# --- a series --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["superpixel", "mkl"])
def test_photos_of_a_series_take_one_look_from_their_key(here: Path, limner: Limner, method: str) -> None:
    draw_photo(here / "series/1.png", seed=1)
    draw_photo(here / "series/2.png", seed=2)
    draw_photo(here / "series/3.png", GOLD_AND_BLUE, 25, 31)
    draw_photo(here / "b.png", EVENING)
    command = ("recolor", "series", "--like", "b.png", "--method", method, *(QUICK if method == "superpixel" else ()))
    code, out, error = (
        limner(*command, "--key", "series/1.png", "--smoothness", "0")
        if method != "mkl"
        else limner(*command, "--key", "series/1.png")
    )
    assert code == 0 and out.count("\n") == 3 and error.count("one look for all, ") == 1
    # A map knows no places: what has one color in two photos has one color after.
    before = np.concatenate([pixels_of(here / f"series/{name}.png").reshape(-1, 3) for name in (1, 2)])
    after = np.concatenate([pixels_of(here / f"recolored/{name}.png").reshape(-1, 3) for name in (1, 2)]).astype(int)
    _, places, counts = np.unique(before, axis=0, return_inverse=True, return_counts=True)
    for color in np.flatnonzero(counts > 1)[:200]:
        assert np.ptp(after[places.ravel() == color], axis=0).max() <= 1
    told = json.loads((here / "recolored/2.png.json").read_text())
    assert told["numbers"]["key"] == "1.png" and told["numbers"]["closed"] > 0.3


def test_a_key_of_another_look_is_another_command(photos: Path, limner: Limner) -> None:
    command = ("recolor", "a.png", "--like", "b.png", "--method", "mkl")
    assert limner(*command, "--key", "a.png")[0] == 0
    assert limner(*command, "--key", "a.png")[2].endswith("was made before\n")
    code, _, error = limner(*command, "--key", "c.png")
    assert code == 2 and "another key photo" in error


# --- previews --------------------------------------------------------------------------------------------------------


def test_a_preview_is_small_and_like_the_whole(here: Path, limner: Limner) -> None:
    draw_photo(here / "a.jpg", DAY, 420, 630, quality=95)
    draw_photo(here / "b.jpg", EVENING, 500, 400, quality=95)
    draw_mask(here / "m.png", slice(0, 210), 420, 630)
    command = ("recolor", "a.jpg", "--like", "b.jpg", *QUICK, "--mask", "m.png")
    assert limner(*command, "--preview")[:2] == (0, "recolored/a-preview.jpg\n")
    assert limner(*command)[0] == 0
    small, whole = pixels_of(here / "recolored/a-preview.jpg"), Image.open(here / "recolored/a.jpg")
    assert small.shape == (267, 400, 3)
    apart = small.astype(float) - np.asarray(whole.resize((400, 267), Image.Resampling.BOX))
    assert np.abs(apart).mean() < 6


def test_a_jpeg_read_small_is_the_photo_shrunk(here: Path) -> None:
    draw_photo(here / "a.jpg", DAY, 700, 900, quality=95)
    small, whole = read_photo(here / "a.jpg", longest_px=90), read_photo(here / "a.jpg")
    assert small.picture.shape == (3, 70, 90)
    shrunk = torch.nn.functional.interpolate(whole.picture[None], (70, 90), mode="area")[0]
    assert float((small.picture - shrunk).abs().mean()) < 0.01


# --- pages and pictures of every method ------------------------------------------------------------------------------


def test_a_page_shows_the_result_its_regions_and_its_numbers_and_loads_nothing(photos: Path, limner: Limner) -> None:
    code, _, error = limner("recolor", "a.png", "--like", "b.png=2", "c.png", *QUICK, "--page", "--strength", "0.8")
    assert code == 0, error
    page = (photos / "recolored/a-page.html").read_text(encoding="utf-8")
    assert "In the colors of b.png and c.png" in page and "Measured against b.png alone" in page
    assert page.count('class="comparison"') == 1 and page.count('<div class="region">') == 3
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    shares = [int(share) for share in re.findall(r"<span>(\d+)% of the picture</span>", page)]
    assert shares == sorted(shares, reverse=True) and 95 <= sum(shares) <= 105
    assert "<td>strength</td><td>0.8</td>" in page and "<td>2, 1</td>" in page
    assert limner("recolor", "a.png", "--like", "b.png", "--method", "mkl", "--page", "--out", "plain")[0] == 0
    assert "mkl looks at no regions" in (photos / "plain/a-page.html").read_text(encoding="utf-8")


def test_every_methods_picture_is_kept_on_request(
    photos: Path, limner: Limner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "METHODS", {name: METHODS[name] for name in ("mkl", "reinhard")})
    command = ("recolor", "a.png", "--like", "b.png", "--method", "all")
    assert limner(*command, "--keep")[0] == limner(*command, "--out", "plain")[0] == 0
    assert sorted(path.name for path in (photos / "recolored/a-methods").iterdir()) == ["mkl.png", "reinhard.png"]
    assert not (photos / "plain/a-methods").exists()
    assert limner("recolor", "a.png", "--like", "b.png", "--method", "mkl", "--out", "one")[0] == 0
    np.testing.assert_array_equal(pixels_of(photos / "recolored/a-methods/mkl.png"), pixels_of(photos / "one/a.png"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--keep"], "--keep saves the picture of every method; add --method all"),
        (["--method", "all", "--page"], "--page is for one method"),
        (["--method", "all", "--key", "a.png"], "--key is for one method"),
        (["--key", "none.png"], "--key none.png: no such photo"),
        (["--key", "a.png", "--explain"], "leave --explain out"),
        (["--preview", "--explain"], "--preview is of small pictures"),
        (["--feather-px", "5"], "--feather-px softens the edges of a mask"),
    ],
)
def test_what_does_not_go_together_is_told_and_nothing_is_written(
    photos: Path, limner: Limner, words: list[str], told: str
) -> None:
    before = everything_below(photos)
    code, out, error = limner("recolor", "a.png", "--like", "b.png", *words)
    assert (code, out) == (2, "") and told in error
    assert everything_below(photos) == before
