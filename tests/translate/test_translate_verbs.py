"""limner translate, degrade, score --pairs, evaluate, compare and check in this room: files in, files out."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio import Affine

import limner as api
from limner.photos.made_profiles import rgb_profile
from limner.photos.photos import read_photo
from limner.translate.translating import photos
from workers_at_hand import AtHand

CommandLine = Callable[..., tuple[int, str, str]]


def pixels(height: int, width: int, seed: int = 0) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(40, 215, (height // 8 + 2, width // 8 + 2, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def test_a_photo_comes_back_enlarged_with_profile_exif_and_resolution(
    translators: Path, here: Path, limner: CommandLine
) -> None:
    exif = Image.Exif()
    exif[0x010F] = "limner"
    Image.fromarray(pixels(21, 34)).save("photo.jpg", exif=exif, dpi=(300, 300), quality=95)
    assert limner("translate", translators / "enlarge", "photo.jpg")[:2] == (0, "translated/photo.jpg\n")
    made = Image.open("translated/photo.jpg")
    assert made.size == (4 * 34, 4 * 21) and made.getexif()[0x010F] == "limner" and made.info["dpi"] == (300, 300)
    plain = Image.open("photo.jpg").resize(made.size, Image.Resampling.BICUBIC)
    assert np.abs(np.asarray(made).astype(int) - np.asarray(plain)).mean() < 12  # the network has hardly learned
    before = Path("translated/photo.jpg").stat().st_mtime_ns
    assert "was made before" in limner("translate", translators / "enlarge", "photo.jpg")[2]
    assert Path("translated/photo.jpg").stat().st_mtime_ns == before
    code, _, error = limner("translate", translators / "enlarge", "photo.jpg", "--tile-px", "64")
    assert code == 2 and "tile_px 256, now 64" in error


def test_sixteen_bits_floats_alpha_and_gray_are_kept(translators: Path, here: Path, limner: CommandLine) -> None:
    deep = (np.random.default_rng(0).random((16, 20, 3)) * 65535).astype(np.uint16)
    with rasterio.open(
        "deep.tif", "w", driver="GTiff", height=16, width=20, count=3, dtype="uint16", photometric="rgb"
    ) as file:
        file.write(deep.transpose(2, 0, 1))
    alpha = np.dstack([pixels(16, 20), np.full((16, 20), 255, np.uint8)])
    alpha[:8, :, 3] = 0
    Image.fromarray(alpha).save("alpha.png")
    with rasterio.open(
        "floats.tif", "w", driver="GTiff", height=16, width=20, count=3, dtype="float32", photometric="rgb"
    ) as file:
        file.write(np.full((3, 16, 20), 0.25, np.float32))
    code, _, error = limner("translate", translators / "enlarge", "deep.tif", "alpha.png", "floats.tif", "--out", "o")
    assert code == 0, error
    read = {name: read_photo(Path("o") / name) for name in ("deep.tif", "alpha.png", "floats.tif")}
    assert [photo.bits for photo in read.values()] == [16, 8, 32]
    assert all(photo.picture.shape == (3, 64, 80) for photo in read.values())
    assert len(read["deep.tif"].picture.unique()) > 300  # not 256 levels
    seen = read["alpha.png"].alpha
    assert seen is not None and float(seen[:24].max()) == 0 and float(seen[40:].min()) == 1
    assert float(read["floats.tif"].picture.mean()) == pytest.approx(0.25, abs=0.1)


def test_a_profile_other_than_srgb_is_kept_and_the_network_sees_srgb(
    translators: Path, here: Path, limner: CommandLine
) -> None:
    from limner.photos.made_profiles import ADOBE_GAMMA, ADOBE_PRIMARIES, gamma_curve

    profile = rgb_profile(ADOBE_PRIMARIES, gamma_curve(ADOBE_GAMMA))
    Image.fromarray(pixels(16, 16)).save("wide.png", icc_profile=profile)
    assert limner("translate", translators / "enlarge", "wide.png")[0] == 0
    assert Image.open("translated/wide.png").info["icc_profile"] == profile


def test_a_large_result_is_written_by_parts_as_tiff(
    translators: Path, here: Path, limner: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(pixels(50, 70)).save("photo.png")
    assert limner("translate", translators / "enlarge", "photo.png", "--out", "whole.tif")[0] == 0
    monkeypatch.setattr(photos, "MOST_PX", 1000)
    code, _, error = limner("translate", translators / "enlarge", "photo.png", "--out", "part.png")
    assert code == 2 and "which only TIFF can be" in error and not Path("part.png").exists()
    assert limner("translate", translators / "enlarge", "photo.png", "--out", "parts.tif", "--tile-px", "32")[0] == 0
    one, other = (np.asarray(Image.open(name)).astype(int) for name in ("whole.tif", "parts.tif"))
    assert one.shape == other.shape == (200, 280, 3) and np.abs(one - other).max() <= 1


def test_a_geotiff_keeps_its_place_with_smaller_pixels_and_its_nodata(
    translators: Path, here: Path, limner: CommandLine
) -> None:
    values = pixels(40, 56).transpose(2, 0, 1).copy()
    values[:, :10, :10] = 0
    values[:, 20:, 20:] = np.maximum(values[:, 20:, 20:], 1)
    place = Affine(0.5, 0, 500000, 0, -0.5, 4000000)
    with rasterio.open(
        "scene.tif",
        "w",
        driver="GTiff",
        height=40,
        width=56,
        count=3,
        dtype="uint8",
        crs="EPSG:32633",
        transform=place,
        nodata=0,
        photometric="rgb",
    ) as file:
        file.write(values)
    code, _, error = limner("translate", translators / "enlarge", "scene.tif", "--tile-px", "16")
    assert code == 0, error
    with rasterio.open("translated/scene.tif") as made:
        assert (made.height, made.width, made.count, made.dtypes[0]) == (160, 224, 3, "uint8")
        assert made.crs.to_epsg() == 32633 and made.transform == place @ Affine.scale(0.25) and made.nodata == 0
        assert made.bounds == (500000, 3999980, 500028, 4000000)
        found = made.read()
    assert (found[:, :40, :40] == 0).all() and (found[:, 80:, 80:] > 0).all()
    code, _, error = limner("translate", translators / "enlarge", "scene.tif", "--out", "w.tif", "--tile-px", "512")
    assert code == 0, error
    with rasterio.open("w.tif") as whole:
        assert np.abs(whole.read().astype(int) - found).max() <= 1


def test_holes_are_filled_by_a_mask_and_by_a_folder_of_masks(
    translators: Path, here: Path, limner: CommandLine
) -> None:
    mask = np.zeros((30, 40), np.uint8)
    mask[5:15, 10:30] = 255
    for name in ("a", "b"):
        Image.fromarray(pixels(30, 40, ord(name))).save(f"{name}.png")
    Path("masks").mkdir()
    Image.fromarray(mask).save("masks/a.png")
    Image.fromarray(mask[::-1]).save("masks/b.png")
    assert limner("translate", translators / "fill", "a.png", "b.png", "--mask", "masks", "--check-seams")[0] == 0
    for name, hole in (("a", mask), ("b", mask[::-1])):
        before, after = (np.asarray(Image.open(path)) for path in (f"{name}.png", f"translated/{name}.png"))
        assert (before[hole == 0] == after[hole == 0]).all() and (before[hole > 0] != after[hole > 0]).any()
    told = json.loads(Path("translated/a.png.json").read_text())
    assert 0 <= told["numbers"]["seams"] <= 1 / 255


def test_a_mask_of_the_stored_pixels_is_turned_with_its_photo(
    translators: Path, here: Path, limner: CommandLine
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    Image.fromarray(pixels(30, 40)).save("photo.png", exif=exif)
    mask = np.zeros((30, 40), np.uint8)
    mask[5:15, 10:30] = 255
    Image.fromarray(mask).save("mask.png")
    code, _, error = limner("translate", translators / "fill", "photo.png", "--mask", "mask.png")
    assert code == 0 and "its mask is taken to count its pixels as stored" in error
    before, after = (read_photo(Path(path)).picture for path in ("photo.png", "translated/photo.png"))
    changed = (before != after).any(0).numpy()
    hole = np.rot90(mask, -1) > 0
    assert changed.shape == hole.shape == (40, 30) and changed[hole].any() and not changed[~hole].any()


def test_folders_and_frames_of_a_clip_are_translated(translators: Path, here: Path, limner: CommandLine) -> None:
    Path("frames").mkdir()
    for number in (1, 2, 10):
        Image.fromarray(pixels(16, 24, number)).save(f"frames/f_{number}.png")
    code, out, _ = limner("translate", translators / "paint", "frames", "--out", "painted", "--json")
    assert code == 0 and len(json.loads(out)) == 3
    assert sorted(path.name for path in Path("painted").glob("*.png")) == ["f_1.png", "f_10.png", "f_2.png"]
    code, out, error = limner("translate", translators / "enlarge", "frames", "--clip", "--out", "clip.mp4")
    assert code == 0, error
    from limner.video.clips import open_clip

    clip = open_clip(Path("clip.mp4"))
    assert (clip.height, clip.width, len(list(clip))) == (64, 96, 3)


def test_a_loaded_run_translates_tensors(translators: Path) -> None:
    import torch

    made = api.load(translators / "enlarge")
    assert made.translate(torch.rand(3, 10, 12)).shape == (3, 40, 48)
    assert "4 times as large" in repr(made) and "limner translate" in made._repr_html_()
    assert "PSNR" in made.score


@pytest.mark.parametrize(
    ("options", "channels"),
    [
        ("--upscale 4", 3),
        ("--blur motion", 3),
        ("--blur defocus --least-px 2 --most-px 3 --noise 0", 3),
        ("--hole blobs", 3),
        ("--noise 20", 3),
        ("--jpeg 20", 3),
        ("--gray", 3),
        ("--edges", 3),
        ("--night", 3),
    ],
)
def test_degrade_writes_pairs_that_check_and_train_take(
    options: str, channels: int, here: Path, limner: CommandLine
) -> None:
    Path("photos").mkdir()
    for number in range(5):
        Image.fromarray(pixels(50, 67, number)).save(f"photos/{number}.png")
    assert limner("degrade", "photos", *options.split(), "--out", "pairs")[:2] == (0, "pairs\n")
    told = json.loads(Path("pairs/degrade.json").read_text())
    assert told["seed"] == 0 and told["way"] and len(told["pictures"]) == 5
    scale = 4 if "upscale" in options else 1
    source, target = (Image.open(f"pairs/{name}/3.png") for name in ("source", "target"))
    assert target.size == (67 // scale * scale, 50 // scale * scale)
    assert source.size == (target.width // scale, target.height // scale)
    assert np.array_equal(np.asarray(target), pixels(50, 67, 3)[: target.height, : target.width])
    assert Path("pairs/mask/3.png").exists() == ("hole" in options)
    first = Path("pairs/source/3.png").read_bytes()
    assert "were made before" in limner("degrade", "photos", *options.split(), "--out", "pairs")[2]
    assert limner("degrade", "photos", *options.split(), "--out", "again")[0] == 0
    assert Path("again/source/3.png").read_bytes() == first
    code, out, error = limner("check", "pairs", "--room", "translate", "--json")
    assert code == 0, error
    assert json.loads(out)["pairs"] == 5 and json.loads(out)["scale"] == scale


def test_another_seed_gives_other_blurs_and_deep_pictures_stay_deep(here: Path, limner: CommandLine) -> None:
    deep = (np.random.default_rng(0).random((24, 20, 3)) * 65535).astype(np.uint16)
    with rasterio.open(
        "deep.tif", "w", driver="GTiff", height=24, width=20, count=3, dtype="uint16", photometric="rgb"
    ) as file:
        file.write(deep.transpose(2, 0, 1))
    for seed in ("0", "1"):
        assert limner("degrade", "deep.tif", "--blur", "motion", "--seed", seed, "--out", seed)[0] == 0
    one, other = (read_photo(Path(seed) / "source" / "deep.png") for seed in ("0", "1"))
    assert one.bits == 16 and not bool((one.picture == other.picture).all())
    assert (read_photo(Path("0/target/deep.png")).picture * 65535).round().numpy().astype(
        int
    ).tolist() == deep.transpose(2, 0, 1).tolist()


def test_score_pairs_says_what_it_compared(here: Path, limner: CommandLine) -> None:
    for folder, shift in (("made", 1), ("true", 0)):
        Path(folder).mkdir()
        for number in range(3):
            Image.fromarray(pixels(32, 40, number) + np.uint8(shift)).save(f"{folder}/{number}.png")
    code, out, _ = limner("score", "made", "true", "--pairs", "--channel", "rgb")
    assert code == 0 and "| mean of 3 | 48.13 |" in out and "no border cut off" in out
    code, out, _ = limner("score", "made", "true", "--pairs", "--border-px", "4", "--json")
    told = json.loads(out)
    assert told["protocol"]["channel"] == "y" and told["protocol"]["border_px"] == 4
    assert set(told["pictures"]) == {"0", "1", "2"} and told["mean"]["psnr"] > 48.5
    code, out, _ = limner("score", "made/0.png", "true/0.png", "--pairs")
    assert code == 0 and "0.png" in out


def test_score_pairs_tells_of_true_pictures_that_nobody_made_and_takes_no_twins(
    here: Path, limner: CommandLine
) -> None:
    for folder, count in (("made", 2), ("true", 5)):
        Path(folder).mkdir()
        for number in range(count):
            Image.fromarray(pixels(32, 40, number)).save(f"{folder}/{number}.png")
    code, out, _ = limner("score", "made", "true", "--pairs")
    assert code == 0 and out.startswith("Careful: only 2 of 5 true pictures are scored")
    assert json.loads(limner("score", "made", "true", "--pairs", "--json")[1])["unmade"] == 3
    Image.fromarray(pixels(32, 40, 9)).save("made/1.jpg")
    code, _, error = limner("score", "made", "true", "--pairs")
    assert code == 2 and "made/1.png: 1.jpg has the same name; keep one of the two" in error


def test_evaluate_and_compare_take_one_protocol(
    translators: Path, here: Path, limner: CommandLine, quick_scores: None
) -> None:
    run = translators / "enlarge"
    code, out, error = limner("evaluate", run, "--out", "a.json", "--json")
    assert code == 0, error
    assert list(json.loads(out)["rows"]) == ["translated", "bicubic", "lanczos", "nearest"]
    kept = json.loads((run / "evaluation.json").read_text())
    assert json.loads(out)["rows"]["bicubic"] == kept["rows"]["bicubic"]
    assert json.loads(out)["rows"]["translated"]["scores"]["psnr"] == pytest.approx(
        kept["rows"]["translated"]["scores"]["psnr"], abs=0.02
    )
    assert limner("evaluate", run, "--data", translators / "pairs/source", "--out", "b.json")[0] == 0
    assert limner("evaluate", run, "--channel", "rgb", "--out", "rgb.json")[0] == 0
    code, out, error = limner("compare", "one=a.json", "two=b.json", "--out", "t.csv")
    assert code == 0, error
    assert out.startswith("Careful: not all were scored on the same pictures") and "bicubic" in out
    assert Path("t.csv").read_text().startswith("run,psnr,")
    code, _, error = limner("compare", "a.json", "rgb.json")
    assert code == 2 and "different numbers" in error


def test_check_finds_shifts_broken_files_and_twins(translators: Path, here: Path, limner: CommandLine) -> None:
    for number in range(8):
        whole = pixels(96, 96, number)
        for name, part in (("source", whole[16:80, 16:80]), ("target", whole[13:77, 18:82])):
            Path("pairs", name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(part).save(f"pairs/{name}/{number}.png")
    code, out, error = limner("check", "pairs", "--room", "translate", "--out", "sheet.png")
    assert code == 0, error
    assert "shifted pairs" in out and "-3.0 px (down)" in out.replace("+3.0", "-3.0") and Path("sheet.png").exists()
    assert "limner train translate/pairs --data pairs" in out
    Path("pairs/target/3.png").write_bytes(b"no picture")
    code, out, _ = limner("check", "pairs", "--room", "translate")
    assert code == 1 and "3.png" in out


def test_pictures_are_the_same_whoever_translates_them(
    translators: Path, here: Path, limner: CommandLine, at_hand: list[AtHand]
) -> None:
    (here / "in").mkdir()
    for number in range(3):
        Image.fromarray(pixels(21, 34, number)).save(f"in/{number}.png")
    assert limner("translate", translators / "enlarge", "in", "--out", "alone")[0] == 0
    (here / "in/bad.png").write_bytes(b"no picture")
    code, out, error = limner("translate", translators / "enlarge", "in", "--out", "spread", "--workers", "2")
    assert (code, out) == (1, "spread/0.png\nspread/1.png\nspread/2.png\n") and at_hand[0].items == 4
    assert "limner: 1 of 4 failed; the first: in/bad.png: " in error
    for number in range(3):
        assert Path(f"alone/{number}.png").read_bytes() == Path(f"spread/{number}.png").read_bytes()
