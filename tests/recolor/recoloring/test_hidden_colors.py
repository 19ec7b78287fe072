"""What stands behind alpha 0 touches no visible color and no number; and masks lie where the photo is turned to."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawn_photos import DAY, EVENING, draw_colors, draw_photo, pixels_of
from limner.photos.photos import read_photo
from limner.recolor.methods.methods import METHODS
from limner.recolor.scoring.score import TransferScore

Limner = Callable[..., tuple[int, str, str]]
HEIGHT, WIDTH = 48, 66
HIDDEN = {"white": 255, "black": 0, "noise": np.random.default_rng(9).integers(0, 256, (HEIGHT, WIDTH, 3))}


def shown() -> np.ndarray:
    """(H, W) uint8 alpha: a disk, half-transparent at its edge, and a speck far from it."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    distance = np.hypot(rows - 20, columns - 28)
    alpha = ((17 - distance) * 60).clip(0, 255)
    alpha[-3:, -3:] = 255
    return alpha.astype(np.uint8)


def cut_out(path: Path, hidden: str, colors: object = DAY) -> None:
    values = draw_colors(colors, HEIGHT, WIDTH)  # type: ignore[arg-type]
    values = np.where(shown()[..., None] > 0, values, HIDDEN[hidden]).astype(np.uint8)
    Image.fromarray(np.concatenate([values, shown()[..., None]], 2)).save(path)


def numbers(path: Path) -> dict[str, float]:
    found = json.loads(path.with_name(f"{path.name}.json").read_text())["numbers"]
    return {name: found[name] for name in TransferScore.__dataclass_fields__}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("side", ["picture", "reference", "both"])
def test_no_method_sees_what_is_hidden(here: Path, limner: Limner, method: str, side: str) -> None:
    results, scores = [], []
    for hidden in HIDDEN:
        draw_photo(here / "a.png", DAY, HEIGHT, WIDTH)
        draw_photo(here / "b.png", EVENING, HEIGHT, WIDTH)
        if side != "reference":
            cut_out(here / "a.png", hidden)
        if side != "picture":
            cut_out(here / "b.png", hidden, EVENING)
        out = f"{hidden}/a.png"
        code, _, error = limner("recolor", "a.png", "--like", "b.png", "--method", method, "--out", out)
        assert code == 0, error
        made = pixels_of(here / out)
        if side != "reference":
            original = pixels_of(here / "a.png")
            assert (made[shown() == 0] == original[shown() == 0]).all()
            made = made[shown() > 0]
            assert np.abs(made.astype(int) - original[shown() > 0]).mean() > 2
        results.append(made)
        scores.append(numbers(here / out))
    assert (results[0] == results[1]).all() and (results[0] == results[2]).all()
    assert scores[0] == scores[1] == scores[2]


def test_scores_of_a_cut_out_are_those_of_its_visible_part_alone(here: Path, limner: Limner) -> None:
    values = draw_colors(DAY, HEIGHT, WIDTH)
    alpha = np.zeros((HEIGHT, WIDTH, 1), np.uint8)
    alpha[:, 20:50] = 255
    Image.fromarray(np.concatenate([np.where(alpha, values, 255).astype(np.uint8), alpha], 2)).save(here / "cut.png")
    Image.fromarray(values[:, 20:50]).save(here / "whole.png")
    draw_photo(here / "b.png", EVENING)
    for name in ("cut", "whole"):
        assert limner("recolor", f"{name}.png", "--like", "b.png", "--method", "mkl", "--out", f"o/{name}.png")[0] == 0
        assert limner("recolor", "b.png", "--like", f"{name}.png", "--method", "mkl", "--out", f"r/{name}.png")[0] == 0
    cut, whole = (numbers(here / f"o/{name}.png") for name in ("cut", "whole"))
    for name in ("closed", "histogram_intersection", "chroma_ratio", "clipped", "gradient_correlation", "banding"):
        assert cut[name] == pytest.approx(whole[name], abs=1e-6), name
    assert numbers(here / "r/cut.png") == numbers(here / "r/whole.png")


def test_tables_and_frames_do_not_know_what_is_hidden(here: Path, limner: Limner) -> None:
    draw_photo(here / "b.png", EVENING)
    tables, frames = [], []
    for hidden in HIDDEN:
        (here / hidden).mkdir()
        for number in range(3):
            cut_out(here / hidden / f"{number}.png", hidden)
        assert (
            limner("recolor", f"{hidden}/0.png", "--like", "b.png", "--method", "sct", "--out", f"{hidden}.cube")[0]
            == 0
        )
        tables.append((here / f"{hidden}.cube").read_text().split("\n", 1)[1])
        assert (
            limner("recolor", hidden, "--clip", "--like", "b.png", "--method", "idt-regrain", "--out", f"o-{hidden}")[0]
            == 0
        )
        frames.append(pixels_of(here / f"o-{hidden}/{hidden}/1.png"))
        assert (frames[-1][shown() == 0] == pixels_of(here / hidden / "1.png")[shown() == 0]).all()
    assert tables[0] == tables[1] == tables[2]
    seen = [values[shown() > 0] for values in frames]
    assert (seen[0] == seen[1]).all() and (seen[0] == seen[2]).all()


def test_a_format_without_alpha_shows_white_where_nothing_is_seen(here: Path, limner: Limner) -> None:
    cut_out(here / "a.png", "noise")
    draw_photo(here / "b.png", EVENING)
    code, _, error = limner("recolor", "a.png", "--like", "b.png", "--method", "mkl", "--out", "a.bmp")
    assert code == 0 and ".bmp cannot hold alpha: the picture is laid on white" in error
    assert (pixels_of(here / "a.bmp")[shown() == 0] == 255).all()
    assert limner("recolor", "a.png", "--like", "b.png", "--method", "mkl", "--out", "c.png")[0] == 0
    colors, alpha = pixels_of(here / "c.png")[..., :3].astype(float), shown()[..., None] / 255
    expected = colors * alpha + 255 * (1 - alpha)
    assert np.abs(pixels_of(here / "a.bmp") - expected)[shown() > 0].max() <= 1


# Masks of photos that their EXIF turns


def turned_photo(path: Path, orientation: int, height: int = HEIGHT, width: int = WIDTH) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    draw_photo(path, DAY, height, width, exif=exif)


@pytest.mark.parametrize(("orientation", "counted"), [(6, "stored"), (8, "stored"), (6, "upright"), (3, "upright")])
def test_a_mask_changes_what_it_covers(here: Path, limner: Limner, orientation: int, counted: str) -> None:
    turned_photo(here / "a.png", orientation)
    draw_photo(here / "b.png", EVENING)
    upright = read_photo(here / "a.png").picture.shape[1:]
    mask = np.zeros((HEIGHT, WIDTH) if counted == "stored" else upright, np.uint8)
    mask[:8, :12] = 255
    Image.fromarray(mask).save(here / "mask.png")
    code, _, error = limner("recolor", "a.png", "--like", "b.png", "--method", "mkl", "--mask", "mask.png")
    assert code == 0, error
    told = "its pixels as stored" if counted == "stored" else "the upright photo's pixels"
    assert f"turned by its EXIF (orientation {orientation}): its mask is taken to count {told}" in error
    changed = (read_photo(here / "recolored/a.png").picture != read_photo(here / "a.png").picture).any(0).numpy()
    back = {3: 0, 6: 1, 8: -1}[orientation]
    where = np.rot90(changed, back) if counted == "stored" else changed
    assert where[:8, :12].mean() > 0.9 and not where[8:].any() and not where[:, 12:].any()


def test_what_is_transparent_in_a_mask_is_not_white(here: Path, limner: Limner) -> None:
    draw_photo(here / "a.png")
    draw_photo(here / "b.png", EVENING)
    mask = np.full((33, 47, 4), 255, np.uint8)
    mask[:, 20:, 3] = 0
    Image.fromarray(mask).save(here / "mask.png")
    assert limner("recolor", "a.png", "--like", "b.png", "--method", "mkl", "--mask", "mask.png")[0] == 0
    changed = (pixels_of(here / "recolored/a.png") != pixels_of(here / "a.png")).any(2)
    assert changed[:, :20].mean() > 0.9 and not changed[:, 20:].any()
