"""`limner recolor` from files to files: what it writes, what it keeps, and what it does not do twice."""

import csv
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from PIL import Image, ImageCms

from changing import change_pixel
from drawing import draw_scene
from drawn_photos import DAY, EVENING, GOLD_AND_BLUE, draw_colors, draw_mask, draw_photo, pixels_of
from drawn_videos import encode, moving_gradient
from limner.colors.spaces import srgb_to_lab
from limner.photos.photos import read_photo
from limner.recolor.methods.methods import METHODS
from limner.recolor.recoloring import transfer
from limner.video.video_files import open_video
from mistakes import everything_below
from profile_files import P3, SRGB_CURVE, matrix_profile, parametric
from quick_runs import copy_run

Limner = Callable[..., tuple[int, str, str]]
WIDE = matrix_profile(P3, parametric(*SRGB_CURVE))


@pytest.fixture
def photos(here: Path) -> Path:
    """A folder with the target a.png and the reference b.png, in which commands run."""
    draw_photo(here / "a.png")
    draw_photo(here / "b.png", EVENING, 30, 40)
    return here


@pytest.fixture
def only_mkl(monkeypatch: pytest.MonkeyPatch) -> None:
    """All methods are one, so that a sheet of all is made soon."""
    monkeypatch.setattr(transfer, "METHODS", {"mkl": METHODS["mkl"]})


def colors_of(path: Path) -> torch.Tensor:
    return read_photo(path).picture


def apart(first: Path, second: Path) -> float:
    """Mean difference of two photos, in 1/255."""
    return float((colors_of(first) - colors_of(second)).abs().mean() * 255)


# --- what is written, and what is done only once ---------------------------------------------------------------------


def test_stdout_has_the_paths_and_stderr_all_else(photos: Path, limner: Limner) -> None:
    code, out, error = limner("recolor", "a.png", "b.png", "--like", "b.png", "--method", "mkl")
    assert (code, out) == (0, "recolored/a.png\nrecolored/b.png\n")
    first, *lines = error.splitlines()
    assert first == "limner: no color profile: assuming sRGB"
    assert [line.split(":")[0] for line in lines] == ["a.png", "b.png"]
    assert "closes" in lines[0] and "SSIM" in lines[0]
    assert sorted(path.name for path in (photos / "recolored").iterdir()) == [
        "a.png",
        "a.png.json",
        "b.png",
        "b.png.json",
    ]


def test_who_chose_no_method_is_told_once_when_to_try_another(photos: Path, limner: Limner) -> None:
    plain = ("recolor", "a.png", "b.png", "--like", "b.png", "--features", "lab-gradient")
    first, again = limner(*plain)[2], limner(*plain)[2]
    assert first.splitlines()[-1].startswith("limner: dull or milky?") and first.count("--method idt-regrain") == 1
    told = [again, limner(*plain, "--json", "--out", "new")[2], limner(*plain, "--preview", "--out", "small")[2]]
    told.append(limner(*plain, "--method", "superpixel", "--out", "chosen")[2])
    assert not any("--method all" in error for error in told)


def test_json_parses_and_carries_path_and_numbers(photos: Path, limner: Limner) -> None:
    code, out, _ = limner("recolor", "a.png", "--like", "b.png", "--json")
    (made,) = json.loads(out)
    assert code == 0 and made["path"] == "recolored/a.png" and made["method"] == "superpixel"
    assert (
        made["closed"] > 0.3 and 0 < made["ssim"] <= 1 and set(made["stages"]) >= {"superpixels", "features", "fusion"}
    )
    record = json.loads((photos / "recolored/a.png.json").read_text())
    assert {"path": made["path"], **record["numbers"]} == made


@pytest.mark.parametrize(
    "options", [[], ["--method", "all"], ["--out", "look.cube"], ["--explain"]], ids=["photo", "all", "look", "explain"]
)
def test_the_same_command_again_finds_its_work_done_and_another_is_refused(
    photos: Path, limner: Limner, options: list[str], only_mkl: None
) -> None:
    command = ["recolor", "a.png", "--like", "b.png", *options]
    first = limner(*command)
    assert first[0] == 0, first[2]
    before = everything_below(photos)
    code, out, error = limner(*command)
    assert (code, out) == first[:2] and error.endswith(": was made before\n") and error.count("\n") == 1
    assert everything_below(photos) == before
    code, out, error = limner(*command, "--strength", "0.5")
    assert (code, out) == (2, "") and "is there already, made from something else" in error
    assert everything_below(photos) == before
    assert limner(*command, "--strength", "0.5", "--overwrite")[0] == 0
    after = everything_below(photos)
    assert set(after) == set(before) and after != before


def test_a_changed_picture_reference_or_mask_is_another_command(photos: Path, limner: Limner) -> None:
    draw_mask(photos / "m.png", slice(0, 9))
    command = ["recolor", "a.png", "--like", "b.png", "--method", "mkl", "--mask", "m.png"]
    assert limner(*command)[0] == 0
    for changed in ("a.png", "b.png", "m.png"):
        change_pixel(photos / changed)
        assert limner(*command)[0] == 2
        assert limner(*command, "--overwrite")[0] == 0
        assert limner(*command)[2] == "a.png: was made before\n"


def test_a_result_without_a_record_is_never_replaced_unasked(photos: Path, limner: Limner) -> None:
    draw_photo(photos / "recolored/a.png", GOLD_AND_BLUE)
    before = everything_below(photos)
    for record in (None, "no JSON", "[]", '{"request": 3}'):
        if record is not None:
            (photos / "recolored/a.png.json").write_text(record)
            before = everything_below(photos)
        assert limner("recolor", "a.png", "--like", "b.png", "--method", "mkl")[0] == 2
        assert everything_below(photos) == before


def test_of_a_folder_the_reference_stays_and_what_is_left_out_is_said(photos: Path, limner: Limner) -> None:
    (photos / "more").mkdir()
    (photos / "clip.mp4").write_bytes(b"not looked into")
    code, out, error = limner("recolor", ".", "--like", "b.png", "--method", "mkl", "--out", "done")
    assert (code, out) == (0, "done/a.png\n")
    assert (
        ".: left out: b.png, which is used as it is; 1 clip, to be given by name; 1 folder, to be given by name"
        in error
    )
    code, out, _ = limner("recolor", "b.png", "--like", "b.png", "--method", "mkl", "--out", "named")
    assert (code, out) == (0, "named/b.png\n")


def test_folders_are_recolored_photo_by_photo_and_the_rest_is_made_later(here: Path, limner: Limner) -> None:
    draw_photo(here / "b.png", EVENING)
    for name in ("1.png", "2.jpg", "3.tif"):
        draw_photo(here / "town" / name)
    (here / "town/notes.txt").write_text("no photo")
    command = ["recolor", "town", "--like", "b.png", "--method", "reinhard", "--out", "out"]
    assert limner(*command)[1].split() == ["out/1.png", "out/2.jpg", "out/3.tif"]
    draw_photo(here / "town/4.webp")
    _, out, error = limner(*command)
    assert out.split() == ["out/1.png", "out/2.jpg", "out/3.tif", "out/4.webp"]
    assert error.count("was made before") == 3 and "4.webp: " in error


def test_photos_of_one_name_and_of_one_stem_get_results_of_their_own(
    here: Path, limner: Limner, only_mkl: None
) -> None:
    draw_photo(here / "b.png", EVENING)
    names = ["north/a.png", "south/a.png", "south/a.jpg"]
    for seed, name in enumerate(names):
        draw_photo(here / name, seed=seed)
    assert limner("recolor", *names, "--like", "b.png", "--method", "mkl")[1].split() == [
        "recolored/a.png", "recolored/a-recolored.png", "recolored/a.jpg",
    ]  # fmt: skip
    assert limner("recolor", *names[1:], "--like", "b.png", "--out", "out", "--explain")[0] == 0
    assert {path.name for path in (here / "out").iterdir() if path.is_dir()} == {"a-png-explained", "a-jpg-explained"}
    assert limner("recolor", *names[1:], "--like", "b.png", "--out", "sheets", "--method", "all")[1].split() == [
        "sheets/a-png-methods.jpg", "sheets/a-jpg-methods.jpg",
    ]  # fmt: skip


def test_results_beside_the_pictures_are_not_taken_for_pictures(photos: Path, limner: Limner) -> None:
    pictures = ["a.png", "b.png"]
    command = ["--like", "b.png", "--method", "mkl", "--out", "."]
    assert limner("recolor", *pictures, *command)[1].split() == ["a-recolored.png", "b-recolored.png"]
    assert limner("recolor", *pictures, *command)[2].count("was made before") == 2
    before = everything_below(photos)
    code, out, error = limner("recolor", *sorted(path.name for path in photos.glob("*.png")), *command)
    assert (code, out) == (2, "")
    assert (
        error
        == "limner: a-recolored.png: was made from a.png, which is given too; leave it out, or use another --out\n"
    )
    assert everything_below(photos) == before


def test_a_reference_in_the_folder_of_results_is_never_overwritten(here: Path, limner: Limner) -> None:
    draw_photo(here / "a.png")
    draw_photo(here / "looks/a.png", EVENING)
    kept = (here / "looks/a.png").read_bytes()
    command = ["recolor", "a.png", "--like", "looks", "--out", "looks", "--method", "mkl", "--overwrite"]
    assert limner(*command)[1] == "looks/a-recolored.png\n"
    assert (here / "looks/a.png").read_bytes() == kept


KILLED = """
import os, signal, sys
from limner.cli import main
rename, left = os.replace, [5]
def replace(source, target):
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    rename(source, target)
os.replace = replace
main(sys.argv[1:])
"""
"""A command that is killed at its sixth renaming: the second photo and its record are whole,
the photo not yet in place.
"""


@pytest.mark.kills
def test_a_killed_command_leaves_no_half_file_and_the_same_one_finishes(here: Path, limner: Limner) -> None:
    draw_photo(here / "b.png", EVENING)
    for number in range(4):
        draw_photo(here / f"town/{number}.png", seed=number)
    command = ["recolor", "town", "--like", "b.png", "--method", "mkl"]
    killed = subprocess.run([sys.executable, "-c", KILLED, *command], capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    left = {path.name for path in (here / "recolored").iterdir()}
    hidden = {name for name in left if name.startswith(".")}
    assert left - hidden == {"0.png", "0.png.json", "1.png.json"}
    assert len(hidden) == 2 and ".1.png.lock" in hidden  # and the half file
    kept = (here / "recolored/0.png").stat().st_mtime_ns
    code, out, error = limner(*command)
    assert code == 0 and len(out.splitlines()) == 4 and error.count("was made before") == 1
    assert (here / "recolored/0.png").stat().st_mtime_ns == kept
    made = sorted(path.name for path in (here / "recolored").iterdir())
    assert made == sorted(f"{number}.png{end}" for number in range(4) for end in ("", ".json"))


def test_what_a_killed_command_left_of_a_picture_goes_when_it_is_made(photos: Path, limner: Limner) -> None:
    (photos / "recolored").mkdir()
    left = [".a.0123abcd.png", "..a.0123abcd.89abcdef.png"]
    others = [".a.b.0123abcd.png", ".b.0123abcd.png", ".a.0123abcd.jpg", ".a.notes.png"]
    for name in (*left, *others):
        (photos / "recolored" / name).write_text("half")
    assert limner("recolor", "a.png", "--like", "b.png", "--method", "mkl")[0] == 0
    assert sorted(path.name for path in (photos / "recolored").glob(".*")) == sorted(others)


# --- what is asked for -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_every_method_brings_the_colors_nearer_through_the_verb(photos: Path, limner: Limner, method: str) -> None:
    (made,) = json.loads(limner("recolor", "a.png", "--like", "b.png", "--method", method, "--json")[1])
    assert made["method"].startswith(method.removesuffix("-regrain")) and made["closed"] > 0.2
    assert pixels_of(photos / made["path"]).shape == (33, 47, 3)


def test_all_methods_come_on_one_sheet_with_their_scores_and_a_plot(
    photos: Path, limner: Limner, drawn_figures: None
) -> None:
    code, out, error = limner("recolor", "a.png", "--like", "b.png", "--method", "all", "--json")
    assert code == 0, error
    (made,) = json.loads(out)
    assert made["path"] == "recolored/a-methods.jpg" and list(made["methods"]) == list(METHODS)
    assert all(score["closed"] > 0 for score in made["methods"].values())
    height, width, _ = pixels_of(photos / "recolored/a-methods.jpg").shape
    assert height > 300 and width > 600
    assert all(pixels_of(photos / f"recolored/a-{plot}.png").std() > 0 for plot in ("trade-off", "blotches"))
    told = [line.split() for line in error.splitlines()]
    (head,) = [number for number, words in enumerate(told) if words[:2] == ["method", "closes"]]
    table = told[head + 1 : head + 1 + len(METHODS)]
    assert {words[0] for words in table} == set(METHODS)
    best = made["methods"][table[0][0]]
    assert table[0][1:3] == [f"{best['closed']:.0%}", f"{best['ssim']:.3f}"]
    assert best["closed"] == max(score["closed"] for score in made["methods"].values())
    assert all(0 <= score["opacity"] <= 1 for score in made["methods"].values())


@pytest.mark.parametrize("method", ["superpixel", "mkl"])
def test_strength_0_gives_the_photo_back_bit_for_bit(photos: Path, limner: Limner, method: str) -> None:
    limner("recolor", "a.png", "--like", "b.png", "--method", method, "--strength", "0")
    assert (pixels_of(photos / "recolored/a.png") == pixels_of(photos / "a.png")).all()


def test_strength_goes_evenly_from_the_photo_to_the_whole_transfer(photos: Path, limner: Limner) -> None:
    for strength in ("0.5", "1"):
        limner("recolor", "a.png", "--like", "b.png", "--strength", strength, "--out", f"{strength}.tif")
    whole, half = colors_of(photos / "1.tif"), colors_of(photos / "0.5.tif")
    inside = ((whole > 0) & (whole < 1)).all(0)  # not clipped
    middle = (colors_of(photos / "a.png") + whole) / 2
    assert (half - middle)[:, inside].abs().max() * 255 < 1.01


@pytest.mark.parametrize("strength", ["1", "0.5"])
def test_keep_luminance_keeps_the_lightness(photos: Path, limner: Limner, strength: str) -> None:
    limner("recolor", "a.png", "--like", "b.png", "--method", "mkl", "--keep-luminance", "--strength", strength)
    before, after = (srgb_to_lab(colors_of(photos / name)) for name in ("a.png", "recolored/a.png"))
    inside = ((colors_of(photos / "recolored/a.png") - 0.5).abs() < 0.499).all(0)  # nothing was clipped
    assert inside.float().mean() > 0.7
    assert (after[0] - before[0])[inside].abs().max() < 0.5  # of rounding to 8 bits
    assert (after[1:] - before[1:])[:, inside].norm(dim=0).mean() > 8


def test_keep_luminance_changes_nothing_where_the_mask_is_black(photos: Path, limner: Limner) -> None:
    draw_mask(photos / "m.png", slice(0, 16))
    limner("recolor", "a.png", "--like", "b.png", "--method", "mkl", "--keep-luminance", "--mask", "m.png")
    before, after = pixels_of(photos / "a.png"), pixels_of(photos / "recolored/a.png")
    assert (before[16:] == after[16:]).all() and (before[:16] != after[:16]).any()


@pytest.mark.parametrize("method", ["superpixel", "sct", "mkl", "idt-regrain"])
def test_a_mask_changes_nothing_where_it_is_black(photos: Path, limner: Limner, method: str) -> None:
    draw_mask(photos / "m.png", slice(0, 16))
    limner("recolor", "a.png", "--like", "b.png", "--method", method, "--mask", "m.png")
    before, after = pixels_of(photos / "a.png"), pixels_of(photos / "recolored/a.png")
    assert (before[16:] == after[16:]).all()
    assert np.abs(before[:16].astype(int) - after[:16]).mean() > 10


def test_a_mask_of_class_numbers_is_no_mask_of_dark_grays(photos: Path, limner: Limner) -> None:
    white, ones, dark = (np.zeros((33, 47), np.uint8) for _ in range(3))
    white[:16], ones[:16], dark[:16] = 255, 1, 12
    for name, mask in (("white", white), ("ones", ones), ("dark", dark)):
        Image.fromarray(mask).save(photos / f"{name}.png")
    said = {}
    for name in ("white", "ones", "dark"):
        command = ("recolor", "a.png", "--like", "b.png", "--method", "mkl", "--mask", f"{name}.png")
        said[name] = limner(*command, "--out", f"of-{name}.png")[2]
    assert (pixels_of(photos / "of-ones.png") == pixels_of(photos / "of-white.png")).all()
    assert "its numbers are taken for 0 and 1" in said["ones"]
    assert "nowhere lighter than 5%: little changes" in said["dark"]
    assert "the mask" not in said["white"]


def test_a_folder_of_masks_gives_each_picture_the_one_of_its_name(here: Path, limner: Limner) -> None:
    draw_photo(here / "b.png", EVENING)
    (here / "masks").mkdir()
    for name, rows in (("1", slice(0, 5)), ("2", slice(20, 33))):
        draw_photo(here / f"town/{name}.jpg", quality=95)
        draw_mask(here / f"masks/{name}.png", rows)
    limner("recolor", "town", "--like", "b.png", "--method", "mkl", "--mask", "masks", "--out", "out")
    for name, changed, kept in (("1", slice(0, 5), slice(20, 33)), ("2", slice(20, 33), slice(0, 5))):
        difference = np.abs(pixels_of(here / f"out/{name}.jpg").astype(int) - pixels_of(here / f"town/{name}.jpg"))
        assert difference[changed].mean() > 20 > 2 > difference[kept].mean()


@pytest.mark.parametrize("method", ["superpixel", "sct", "mkl", "idt"])
def test_a_mask_of_the_reference_takes_only_its_colors(photos: Path, limner: Limner, method: str) -> None:
    draw_mask(photos / "m.png", slice(16, 30), 30, 40)  # the dark violet ground, without the orange sky
    limner("recolor", "a.png", "--like", "b.png", "--method", method, "--like-mask", "m.png")
    violet = torch.tensor(EVENING[1]) / 255
    assert (colors_of(photos / "recolored/a.png").mean((1, 2)) - violet).abs().max() < 0.06


def test_several_references_give_colors_of_all(here: Path, limner: Limner) -> None:
    draw_photo(here / "a.png")
    for name, color in (("red.png", (200, 30, 30)), ("blue.png", (30, 30, 200))):
        draw_photo(here / name, (color, color), 20, 20)
    limner("recolor", "a.png", "--like", "red.png", "blue.png", "--method", "histogram")
    red, _, blue = colors_of(here / "recolored/a.png")
    assert abs(float(red.mean()) - 0.44) < 0.06 and abs(float(blue.mean()) - 0.44) < 0.06
    assert float(red.std()) > 0.2


def test_a_match_gives_a_region_the_colors_that_it_names(here: Path, limner: Limner) -> None:
    draw_photo(here / "a.png")
    draw_photo(here / "b.png", GOLD_AND_BLUE)  # light above, dark below
    gold, blue = (torch.tensor(color) / 255 for color in GOLD_AND_BLUE)
    skies = {}
    for name, pins in (("gold", ["5,20=5,20", "28,20=28,20"]), ("blue", ["5,20=28,20", "28,20=5,20"])):
        options = [word for pin in pins for word in ("--match", pin)]
        assert limner("recolor", "a.png", "--like", "b.png", *options, "--palette", "0", "--out", f"{name}.png")[0] == 0
        skies[name] = colors_of(here / f"{name}.png")[:, 2:12].mean((1, 2))
    assert (skies["gold"] - gold).norm() < (skies["blue"] - gold).norm() - 0.2
    assert (skies["blue"] - blue).norm() < (skies["gold"] - blue).norm() - 0.2


def test_a_match_names_one_of_several_references(here: Path, limner: Limner) -> None:
    draw_photo(here / "a.png")
    draw_photo(here / "red.png", ((220, 40, 40), (150, 20, 20)))
    draw_photo(here / "blue.png", ((40, 40, 220), (20, 20, 150)))
    skies = []
    for number in (1, 2):
        command = ["recolor", "a.png", "--like", "red.png", "blue.png", "--match", f"5,20=5,20@{number}"]
        assert limner(*command, "--palette", "0", "--out", f"{number}.png")[0] == 0
        skies.append(colors_of(here / f"{number}.png")[:, 2:12].mean((1, 2)))
    assert skies[0][0] > skies[1][0] + 0.2 and skies[0][2] < skies[1][2] - 0.2


def test_explain_writes_pictures_and_a_table_beside_the_photo(photos: Path, limner: Limner) -> None:
    assert limner("recolor", "a.png", "--like", "b.png", "--explain", "--superpixels", "30")[0] == 0
    folder = photos / "recolored/a-explained"
    names = [
        "attention.png",
        "matches.csv",
        "matches.png",
        "reference-superpixels-1.png",
        "stages.png",
        "superpixels.png",
    ]
    assert sorted(path.name for path in folder.iterdir()) == names
    with (folder / "matches.csv").open(encoding="utf-8") as file:
        assert 20 <= len(list(csv.DictReader(file))) <= 40


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_orientation_alpha_profile_and_metadata_survive(here: Path, limner: Limner) -> None:
    alpha = np.full((33, 47, 1), 255, np.uint8)
    alpha[:, :9] = 0
    exif = Image.Exif()
    exif[274], exif[271] = 6, "Limner"
    Image.fromarray(np.concatenate([draw_colors(DAY), alpha], 2)).save(here / "a.png", exif=exif, icc_profile=WIDE)
    draw_photo(here / "b.png", EVENING)
    assert limner("recolor", "a.png", "--like", "b.png")[0] == 0
    with Image.open(here / "recolored/a.png") as image:
        assert image.size == (33, 47) and image.mode == "RGBA"
        assert image.info["icc_profile"] == WIDE
        assert image.getexif()[271] == "Limner" and image.getexif().get(274, 1) == 1
        assert (np.asarray(image)[..., 3] == np.rot90(alpha[..., 0], -1)).all()


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bits_stay_16_bits(here: Path, limner: Limner, name: str) -> None:
    values = (draw_colors(DAY).astype(np.uint16) * 257 + 3).transpose(2, 0, 1)
    driver = "PNG" if name == "a.png" else "GTiff"
    with rasterio.open(here / name, "w", driver=driver, height=33, width=47, count=3, dtype="uint16") as file:
        file.write(values)
    draw_photo(here / "b.png", EVENING)
    assert limner("recolor", name, "--like", "b.png", "--method", "mkl")[0] == 0
    with rasterio.open(here / "recolored" / name) as file:
        made = file.read()
    assert made.dtype == np.uint16 and len(np.unique(made % 257)) > 50


def test_a_wide_gamut_photo_is_matched_in_its_own_profile(here: Path, limner: Limner) -> None:
    draw_photo(here / "wide.png", EVENING, icc_profile=WIDE)
    draw_photo(
        here / "plain.png", EVENING, icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    )
    draw_photo(here / "a.png", icc_profile=WIDE)
    for like in ("wide", "plain"):
        assert (
            limner("recolor", "a.png", "--like", f"{like}.png", "--method", "mkl", "--out", f"like-{like}.png")[0] == 0
        )
    means = [colors_of(here / f"like-{like}.png").mean((1, 2)) for like in ("wide", "plain")]
    assert (means[0] - colors_of(here / "wide.png").mean((1, 2))).abs().max() < 0.01
    assert (means[0] - means[1]).abs().max() > 0.01  # the same numbers are paler colors in sRGB


# --- looks, clips, scenes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["mkl", "reinhard", "superpixel"])
def test_a_look_out_and_in_again_comes_near_the_direct_result(photos: Path, limner: Limner, method: str) -> None:
    command = ["recolor", "a.png", "--like", "b.png", "--method", method]
    assert limner(*command, "--out", "direct.tif")[0] == 0
    code, out, told = limner(*command, "--out", "look.cube", "--json")
    (made,) = json.loads(out)
    assert code == 0 and "33 points an edge" in told and made["of"] == method
    assert ("that stands for superpixel" in told) == (method == "superpixel")
    assert "look.cube: made of one photo" in told and "--key PHOTO" in told
    assert (made["method"] == method) == (method != "superpixel")
    assert limner("recolor", "a.png", "--like", "look.cube", "--out", "by-look.tif")[0] == 0
    error, moved = (apart(photos / "direct.tif", photos / name) for name in ("by-look.tif", "a.png"))
    assert error < 0.5 * moved and (error < 1 or method == "superpixel")  # which no table can hold
    assert (photos / "look.cube").read_text().startswith('TITLE "look"\nLUT_3D_SIZE 33\n')


def test_a_look_of_several_photos_is_not_called_one_of_one(photos: Path, limner: Limner) -> None:
    code, _, told = limner("recolor", "a.png", "b.png", "--like", "b.png", "--method", "mkl", "--out", "look.cube")
    assert code == 0 and "33 points an edge" in told and "one photo" not in told


def test_a_look_takes_strength_and_mask(photos: Path, limner: Limner) -> None:
    draw_mask(photos / "m.png", slice(0, 16))
    (photos / "black.cube").write_text("LUT_3D_SIZE 2\n" + "0 0 0\n" * 8)
    limner("recolor", "a.png", "--like", "black.cube", "--strength", "0.5", "--mask", "m.png")
    before, after = pixels_of(photos / "a.png").astype(int), pixels_of(photos / "recolored/a.png")
    assert np.abs(after[:16] - before[:16] / 2).max() <= 0.5
    assert (after[16:] == before[16:]).all()


@pytest.mark.parametrize(
    "options", [["--method", "mkl"], ["--superpixels", "30"], ["--method", "idt-regrain", "--smoothness", "0.5"]]
)
def test_video_in_video_out(here: Path, limner: Limner, options: list[str]) -> None:
    encode(here / "clip.mp4", moving_gradient(4))
    draw_photo(here / "b.png", EVENING)
    command = ["recolor", "clip.mp4", "--like", "b.png", *options]
    code, out, error = limner(*command)
    assert (code, out) == (0, "recolored/clip.mp4\n"), error
    before, after = (list(open_video(here / name)) for name in ("clip.mp4", "recolored/clip.mp4"))
    assert len(after) == 4 and after[0].shape == before[0].shape
    wanted = colors_of(here / "b.png").mean((1, 2))
    for old, new in zip(before, after, strict=True):
        assert (new.mean((1, 2)) - wanted).norm() < 0.7 * (old.mean((1, 2)) - wanted).norm()
    assert limner(*command)[2] == "clip.mp4: was made before\n"
    assert limner(*command, "--frame-by-frame")[0] == 2


def test_a_folder_of_frames_gives_a_folder_of_the_same_names_or_a_video(here: Path, limner: Limner) -> None:
    draw_photo(here / "b.png", EVENING)
    for number in range(3):
        draw_photo(here / f"shot.v2/{number}.png", height=32, width=48, seed=number)
    command = ["recolor", "shot.v2", "--clip", "--like", "b.png", "--method", "mkl"]
    assert limner(*command)[:2] == (0, "recolored/shot.v2\n")
    assert sorted(path.name for path in (here / "recolored/shot.v2").iterdir()) == ["0.png", "1.png", "2.png"]
    assert limner(*command)[2] == "shot.v2: was made before\n"
    assert limner(*command, "--overwrite")[:2] == (0, "recolored/shot.v2\n")
    assert limner(*command, "--out", "graded.mp4")[:2] == (0, "graded.mp4\n")
    assert len(list(open_video(here / "graded.mp4"))) == 3


def test_a_clip_takes_a_look_and_a_part_of_it(here: Path, limner: Limner) -> None:
    encode(here / "clip.mp4", moving_gradient(2))
    (here / "black.cube").write_text("LUT_3D_SIZE 2\n" + "0 0 0\n" * 8)
    assert limner("recolor", "clip.mp4", "--like", "black.cube", "--strength", "0.5")[0] == 0
    before, after = (next(iter(open_video(here / name))) for name in ("clip.mp4", "recolored/clip.mp4"))
    assert (after - before / 2).abs().mean() < 0.01


def test_a_scene_takes_the_colors_of_another_and_of_a_run(here: Path, limner: Limner, trained: Path) -> None:
    draw_scene(here / "scene.tif", 64, 96)
    copy_run(trained, here / "run")
    with (
        rasterio.open(draw_scene(here / "drawn.tif", 80, 64, seed=3)) as drawn,
        rasterio.open(here / "other.tif", "w", **drawn.profile) as other,
    ):
        other.write(drawn.read() // 2 + 90)
    command = ["recolor", "scene.tif", "--like", "other.tif", "--bands", "3,2,1", "--out", "out"]
    code, out, error = limner(*command)
    assert (code, out) == (0, "out/scene.tif\n") and error.endswith(" s, in the colors of other\n"), error
    with rasterio.open(here / "out/scene.tif") as made, rasterio.open(here / "other.tif") as other:
        assert made.crs == other.crs and made.transform == other.transform and made.shape == (64, 96)
        assert np.allclose(made.read().mean((1, 2)), other.read().mean((1, 2)), atol=1)
    assert limner(*command)[2] == "scene.tif: was made before\n"
    code, out, error = limner(
        "recolor", "scene.tif", "--like", "run", "--to", "town", "--out", "like-run.tif", "--json"
    )
    assert code == 0 and json.loads(out)[0]["matched"] == "town"


def test_the_python_function_says_what_it_made(photos: Path) -> None:
    import limner

    (made,) = limner.recolor_files("a.png", "b.png", "out")
    assert made.path == Path("out/a.png") and made.numbers["closed"] > 0.3 and not made.skipped
    (again,) = limner.recolor_files(["a.png"], ["b.png"], "out")
    assert again.skipped and again.numbers["closed"] == made.numbers["closed"]
    with pytest.raises(limner.UserError, match="no --like; give one or more photos"):
        limner.recolor_files(["a.png"], [])
