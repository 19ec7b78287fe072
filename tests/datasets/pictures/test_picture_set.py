"""Folders of pictures as one tensor: modes, shapes, names, classes, and what cannot be learned from."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from drawn_pictures import draw_box, save_boxes
from limner.datasets.pictures import decoding
from limner.datasets.pictures import read as data
from limner.datasets.pictures.fitting import fitted, on_plain_ground
from limner.datasets.pictures.read import PictureSet, read_pictures
from limner.foundation.errors import UserError

ORIENTATION = 0x0112
GREEN = (51, 255, 51)


def read(folder: Path, **options: object) -> PictureSet:
    return read_pictures([folder], **{"size_px": 32, **options})  # type: ignore[arg-type]


def with_one(folder: Path, image: Image.Image, name: str = "zz.png", **saved: object) -> Path:
    """A folder of boxes and one picture more, which comes last."""
    save_boxes(folder, 15)
    image.save(folder / name, **saved)  # type: ignore[arg-type]
    return folder


def test_pictures_that_fit_already_stay_as_they_are_to_the_bit(tmp_path: Path) -> None:
    found = read(save_boxes(tmp_path, 20))
    assert found.pictures.shape == (20, 3, 32, 32)
    assert found.pictures.dtype == torch.uint8
    assert found.labels is None
    for number, picture in enumerate(found.pictures):
        np.testing.assert_array_equal(picture.permute(1, 2, 0).numpy(), draw_box(number))
    assert found.summary() == "20 pictures of 32 x 32 px, rgb, 0 MB"


def test_numbers_in_names_are_sorted_by_value_and_only_visible_pictures_count(tmp_path: Path) -> None:
    for number in range(16):
        Image.fromarray(draw_box(number)).save(tmp_path / f"car{number}.png")
    (tmp_path / "manifest.csv").write_text("source,instance\n")
    (tmp_path / ".hidden").mkdir()
    Image.fromarray(draw_box(0)).save(tmp_path / ".hidden" / "old.png")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    Image.fromarray(draw_box(99)).save(tmp_path / "deep" / "er" / "x.JPG")
    names = read(tmp_path).names
    assert names == (*(f"car{number}.png" for number in range(16)), "deep/er/x.JPG")


def test_a_folder_named_twice_counts_once(tmp_path: Path) -> None:
    save_boxes(tmp_path, 16)
    assert len(read_pictures([tmp_path, tmp_path / ".." / tmp_path.name], size_px=32)) == 16


@pytest.mark.parametrize(
    ("mode", "pixel", "rgb", "rgba", "gray"),
    [
        ("L", 90, (90, 90, 90), (90, 90, 90, 255), 90),
        ("1", 255, (255, 255, 255), (255, 255, 255, 255), 255),
        ("RGB", (200, 10, 30), (200, 10, 30), (200, 10, 30, 255), 69),
        ("RGBA", (200, 10, 30, 0), GREEN, (0, 0, 0, 0), 171),
        ("RGBA", (200, 10, 30, 255), (200, 10, 30), (200, 10, 30, 255), 69),
        ("LA", (90, 0), GREEN, (0, 0, 0, 0), 171),
        ("P", (200, 10, 30), (200, 10, 30), (200, 10, 30, 255), 69),
        ("CMYK", (0, 255, 255, 0), (255, 0, 0), (255, 0, 0, 255), 76),
        ("I;16", 90 * 257, (90, 90, 90), (90, 90, 90, 255), 90),
        ("I;16", 65535, (255, 255, 255), (255, 255, 255, 255), 255),
        ("I", 128, (0, 0, 0), (0, 0, 0, 255), 0),
        ("I", 129, (1, 1, 1), (1, 1, 1, 255), 1),
    ],
)
def test_every_mode_means_what_it_shows(
    tmp_path: Path, mode: str, pixel: object, rgb: object, rgba: object, gray: int
) -> None:
    image = Image.new("RGB" if mode == "P" else mode, (32, 32), pixel)  # type: ignore[arg-type]
    folder = with_one(tmp_path, image.convert("P", palette=Image.Palette.ADAPTIVE) if mode == "P" else image, "zz.tif")
    for colors, expected in (("rgb", rgb), ("rgba", rgba), ("gray", (gray,))):
        picture = read(folder, colors=colors).pictures[-1]
        assert tuple(picture[:, 5, 7].tolist()) == expected, colors
        assert (picture == picture[:, :1, :1]).all()


def test_a_palette_with_a_transparent_color_is_transparent(tmp_path: Path) -> None:
    image = Image.new("P", (32, 32), 0)
    image.putpalette([10, 20, 30])
    folder = with_one(tmp_path, image, transparency=0)
    assert read(folder, colors="rgba").pictures[-1, 3].max() == 0


def test_pictures_are_turned_as_their_exif_says(tmp_path: Path) -> None:
    image = Image.new("RGB", (64, 64), (0, 0, 0))
    image.paste((255, 0, 0), (0, 0, 64, 32))
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # to be turned right by a quarter
    picture = read(with_one(tmp_path, image, exif=exif)).pictures[-1]
    assert tuple(picture[:, 16, 30].tolist()) == (255, 0, 0)
    assert tuple(picture[:, 16, 1].tolist()) == (0, 0, 0)


def test_a_large_jpeg_decoded_small_looks_like_one_decoded_whole(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    smooth = Image.fromarray(chance.integers(0, 256, (9, 12, 3), np.uint8)).resize(
        (1200, 900), Image.Resampling.BICUBIC
    )
    folder = with_one(tmp_path, smooth, "zz.jpg", quality=95)
    found = read(folder, fit="crop").pictures[-1].float()
    with Image.open(folder / "zz.jpg") as image:
        whole = np.asarray(fitted(image.convert("RGB"), 32, "crop"))
    difference = (found - torch.from_numpy(whole.copy()).permute(2, 0, 1)).abs()
    assert difference.mean() < 2
    assert difference.max() < 10


def test_a_picture_that_shrinks_is_antialiased() -> None:
    checks = np.indices((128, 128)).sum(0) % 2 * 255
    small = np.asarray(fitted(Image.fromarray(checks.astype(np.uint8)), 32, "crop"))
    assert np.abs(small[2:-2, 2:-2].astype(int) - 127).max() <= 2


@pytest.mark.parametrize("size", [(61, 33), (33, 61)])
def test_each_way_to_fit_keeps_what_it_says(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, (9, 9, 9))
    image.paste((200, 100, 0), (4, 4, size[0] - 4, size[1] - 4))
    crop, pad, squash = (np.asarray(fitted(image, 32, fit)) for fit in ("crop", "pad", "squash"))  # type: ignore[arg-type]
    assert crop.shape == pad.shape == squash.shape == (32, 32, 3)
    wide = size[0] > size[1]
    middle_rows = (lambda picture: picture[15]) if wide else (lambda picture: picture[:, 15])
    assert tuple(middle_rows(crop)[0]) == (200, 100, 0)  # its ends are cut
    assert tuple(middle_rows(pad)[0]) == (9, 9, 9)  # its ends are there
    assert tuple((pad if wide else pad.transpose(1, 0, 2))[2, 15]) == (9, 9, 9)  # a bar
    assert tuple((squash if wide else squash.transpose(1, 0, 2))[8, 15]) == (200, 100, 0)  # none


def wide_picture(number: int, plain: bool) -> Image.Image:
    chance = np.random.default_rng(number)
    if plain:
        image = Image.new("RGB", (60, 30), GREEN)
        image.paste(tuple(chance.integers(0, 200, 3).tolist()), (0, 8, 60, 22))  # touches both ends
        return image
    return Image.fromarray(chance.integers(0, 256, (30, 60, 3), np.uint8))


@pytest.mark.parametrize(("plain", "fit"), [(True, "pad"), (False, "crop")])
def test_cut_outs_are_padded_and_photographs_cropped(tmp_path: Path, plain: bool, fit: str) -> None:
    for number in range(16):
        wide_picture(number, plain).save(tmp_path / f"{number}.png")
    found = read(tmp_path)
    assert found.fit == fit
    assert found.notes == (f"16 {'padded to squares' if plain else 'cropped to the middle'}", "16 enlarged to 32 px")
    corner = tuple(found.pictures[0, :, 0, 16].tolist())
    assert (corner == GREEN) == plain


def test_transparent_cut_outs_are_padded_with_nothing(tmp_path: Path) -> None:
    for number in range(16):
        image = Image.new("RGBA", (30, 60), (7, 7, 7, 0))
        image.paste((number * 9, 40, 200, 255), (8, 0, 22, 60))
        image.save(tmp_path / f"{number}.png")
    found = read(tmp_path, colors="rgba")
    assert found.fit == "pad"
    assert found.pictures[:, :, :, 0].max() == 0
    assert found.pictures[:, 3, 16, 16].min() == 255


def test_plain_ground_is_known_by_corners_and_border() -> None:
    assert on_plain_ground(wide_picture(0, plain=True))
    assert not on_plain_ground(wide_picture(0, plain=False))
    framed = Image.new("L", (40, 20), 255)
    framed.paste(0, (1, 0, 39, 20))  # equal corners alone do not make a ground
    framed.paste(0, (0, 1, 40, 19))
    assert not on_plain_ground(framed)


def test_classes_are_the_first_folders(tmp_path: Path) -> None:
    for number, name in enumerate(["van", "car10", "car9"]):
        save_boxes(tmp_path / name / "deeper", 6 + number, first=20 * number)
    found = read(tmp_path, classes="folders")
    assert found.class_names == ("car9", "car10", "van")
    assert found.labels is not None
    assert found.labels.dtype == torch.int64
    assert torch.bincount(found.labels).tolist() == [8, 7, 6]
    assert all(name.startswith(found.class_names[label]) for name, label in zip(found.names, found.labels, strict=True))
    assert "3 classes (car9 8, car10 7, van 6)" in found.summary()
    assert read(tmp_path).labels is None


def test_the_fingerprint_knows_files_and_how_they_are_read(tmp_path: Path) -> None:
    save_boxes(tmp_path, 16)
    first = read(tmp_path).fingerprint
    assert read(tmp_path).fingerprint == first
    assert read(tmp_path, colors="gray").fingerprint != first
    assert read(tmp_path, size_px=64).fingerprint != first
    save_boxes(tmp_path, 17)
    assert read(tmp_path).fingerprint != first


def test_pictures_of_one_color_are_counted(tmp_path: Path) -> None:
    found = read(with_one(tmp_path, Image.new("RGB", (32, 32), (1, 2, 3))))
    assert found.notes == ("1 of one color, which nothing can be learned from",)


def test_pictures_of_all_sizes_and_modes_make_one_set(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    for number, mode in enumerate(["L", "RGB", "RGBA", "LA", "P", "CMYK", "1", "I;16"] * 2):
        size = tuple(chance.integers(5, 200, 2).tolist())
        pixels = Image.fromarray(chance.integers(0, 256, (*size, 3), np.uint8))
        image = Image.fromarray(chance.integers(0, 65536, size, np.uint16)) if mode == "I;16" else pixels.convert(mode)
        image.save(tmp_path / f"{number}.tif")
    assert read(tmp_path).pictures.shape == (16, 3, 32, 32)


def empty(folder: Path) -> Path:
    folder.mkdir()
    (folder / "readme.txt").write_text("nothing to see")
    return folder


def one_file(folder: Path) -> Path:
    return save_boxes(folder, 1) / "0000.png"


def corrupt(folder: Path) -> Path:
    save_boxes(folder, 20)
    whole = (folder / "0003.png").read_bytes()
    (folder / "0003.png").write_bytes(whole[: len(whole) // 2])
    return folder


def two_corrupt(folder: Path) -> Path:
    (corrupt(folder) / "0011.png").write_text("not a picture")
    return folder


def one_color_each(folder: Path) -> Path:
    folder.mkdir()
    for number in range(16):
        Image.new("RGB", (40, 40), (number, 0, 0)).save(folder / f"{number}.png")
    return folder


def all_the_same(folder: Path) -> Path:
    folder.mkdir()
    for number in range(16):
        Image.fromarray(draw_box(5)).save(folder / f"{number}.png")
    return folder


def of_fractions(folder: Path) -> Path:
    return with_one(folder, Image.new("F", (32, 32), 0.5), "zz.tif")


def beyond_16_bits(folder: Path) -> Path:
    return with_one(folder, Image.new("I", (32, 32), 70000), "zz.tif")


def loose(folder: Path) -> Path:
    save_boxes(folder / "car", 16)
    return save_boxes(folder, 2)


def one_class(folder: Path) -> Path:
    return save_boxes(folder / "car", 16).parent


@pytest.mark.parametrize(
    ("make", "options", "line"),
    [
        (lambda folder: folder, {}, "no such folder; needed: a folder of pictures"),
        (empty, {}, "no pictures in it; needed: .jpg"),
        (one_file, {}, "a file; needed: a folder of pictures"),
        (lambda folder: save_boxes(folder, 3), {}, "3 pictures; needed: 16 or more"),
        (lambda folder: save_boxes(folder, 1), {}, "1 picture; needed: 16 or more"),
        (corrupt, {}, r"0003.png: cut short or damaged \(.+\); remove it or save it again$"),
        (two_corrupt, {}, r"0003.png: cut short .+ \(and 1 more of 20 files cannot be read\)$"),
        (one_color_each, {}, "all 16 pictures are of one color each; needed: pictures of something"),
        (all_the_same, {}, "all 16 files hold the same picture; needed: different ones"),
        (of_fractions, {}, "zz.tif: a picture of fractions"),
        (beyond_16_bits, {}, "zz.tif: values from 70000 to 70000; needed: 0 to 65535"),
        (loose, {"classes": "folders"}, r"0000.png: lies in no class's folder \(2 of 18 do\)"),
        (one_class, {"classes": "folders"}, "all pictures lie in the one folder car"),
    ],
)
def test_what_cannot_be_learned_from_is_told_in_one_line(
    tmp_path: Path, make: object, options: dict[str, object], line: str
) -> None:
    folder = make(tmp_path / "set")  # type: ignore[operator]
    with pytest.raises(UserError, match=line) as told:
        read(folder, **options)
    assert str(folder if make is not one_file else tmp_path) in str(told.value)
    assert "\n" not in str(told.value)


def test_a_picture_with_too_many_pixels_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_boxes(tmp_path, 16)
    monkeypatch.setattr(decoding, "PIXEL_LIMIT", 1000)
    with pytest.raises(UserError, match=r"0000.png: 32 x 32 pixels; needed: at most 0 million"):
        read(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UserError, match=r"0000.png: more pixels than Pillow opens"):
        read(tmp_path)


def test_more_pictures_than_memory_holds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_boxes(tmp_path, 16)
    monkeypatch.setattr(data.psutil, "virtual_memory", lambda: SimpleNamespace(available=49_151))
    with pytest.raises(
        UserError, match=r"16 pictures of 32 x 32 px take 0.0 GB, and 0.0 GB of memory are free; give fewer"
    ):
        read(tmp_path)


def test_no_folder_at_all_is_told() -> None:
    with pytest.raises(UserError, match=r"no folder of pictures is given; needed: data.paths"):
        read_pictures([], size_px=32)


def test_the_least_number_of_pictures_is_enough(tmp_path: Path) -> None:
    assert len(read(save_boxes(tmp_path, data.LEAST_PICTURES))) == 16
