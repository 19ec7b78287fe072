"""What is no photo is told in one line, before anything is decoded where that can be."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from broken_photos import (
    NOISE,
    all_nan,
    animation,
    cut_short,
    cut_short_16_bits,
    deep_photo,
    empty,
    folder,
    huge_png,
    huge_tiff,
    nothing,
    of_bands,
    of_type,
    still_gif,
    text,
    transparent,
)
from limner.foundation.errors import UserError
from limner.foundation.files.photo_paths import list_photos
from limner.photos.photos import Photo, read_photo, write_photo

BAD = [
    ("a.jpg", nothing, "a.jpg: no such file"),
    ("a.jpg", folder, "a.jpg: a folder; needed here: a photo"),
    ("a.jpg", text, "a.jpg: not a photo, whatever its name; needed: JPEG, PNG, WebP, TIFF or BMP"),
    ("a.png", empty, "a.png: the file is empty (0 bytes)"),
    ("a.jpg", cut_short, "a.jpg: the photo is cut short or damaged"),
    ("a.png", cut_short, "a.png: the photo is cut short or damaged"),
    ("a.webp", cut_short, "a.webp: the photo is cut short or damaged"),
    ("a.bmp", cut_short, "a.bmp: the photo is cut short or damaged"),
    ("a.tif", cut_short, "a.tif: "),
    ("a.png", cut_short_16_bits, "a.png: the file is cut short"),
    ("a.tif", cut_short_16_bits, "a.tif: "),
    ("a.png", transparent, "a.png: no visible pixel"),
    ("a.tif", all_nan, "a.tif: no visible pixel"),
    ("a.tif", of_bands(2), "a.tif: 2 bands, of which the last is not marked as alpha"),
    ("a.tif", of_bands(4, photometric="RGB", alpha="UNSPECIFIED"), "a.tif: 4 bands, of which the last is not marked"),
    ("a.tif", of_bands(5), "a.tif: 5 bands; a photo has gray or RGB, and perhaps alpha; scenes of other bands take"),
    ("a.tif", of_bands(4, photometric="CMYK"), "a.tif: a TIFF of color type 5 (tag 262), 16 bits; save it as RGB"),
    ("a.tif", of_bands(3, photometric="CIELAB"), "a.tif: a TIFF of color type 8 (tag 262), 16 bits; save it as RGB"),
    ("a.tif", of_type("int16"), "a.tif: pixels of type int16; photos have 8 or 16 bits or floats"),
    ("a.tif", of_type("uint32"), "a.tif: pixels of type uint32"),
    ("a.png", huge_png, "a.png: 60000 x 60000 pixels; a photo has at most 500 million"),
    ("a.tif", huge_tiff, "a.tif: 40000 x 40000 pixels; a photo has at most 500 million"),
    ("a.gif", animation, "a.gif: an animation of 3 frames; save it as a video, or one frame as a photo"),
    ("a.webp", animation, "a.webp: an animation of 3 frames"),
    ("a.png", animation, "a.png: an animation of 3 frames"),
    ("a.gif", still_gif, "a.gif: a GIF, which has 256 colors at most; save it as PNG"),
]


@pytest.mark.parametrize(("name", "write", "line"), BAD)
def test_what_is_no_photo_gives_one_line(tmp_path: Path, name: str, write: Callable, line: str) -> None:
    write(tmp_path / name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserError) as raised:
            read_photo(tmp_path / name)
    message = str(raised.value)
    assert message.startswith(f"{tmp_path}/{line}") and "\n" not in message and len(message) < 400


def test_headers_with_any_byte_changed_give_one_line_or_a_photo(tmp_path: Path) -> None:
    path = tmp_path / "a"
    generator = np.random.default_rng(0)
    for name in ("a.jpg", "a.png", "a.tif", "a.bmp", "a.webp"):
        Image.fromarray(NOISE[:9, :9, :3]).save(tmp_path / name)
        whole = (tmp_path / name).read_bytes()
        for place in generator.integers(4, min(len(whole), 200), 40):
            path.write_bytes(whole[:place] + bytes([generator.integers(256)]) + whole[place + 1 :])
            try:
                assert read_photo(path).picture.ndim == 3
            except UserError as error:
                assert "\n" not in str(error)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif", "a.bmp"])
def test_one_pixel_is_a_photo(tmp_path: Path, name: str) -> None:
    Image.fromarray(NOISE[:1, :1, :3]).save(tmp_path / name)
    photo = read_photo(tmp_path / name)
    assert photo.picture.shape == (3, 1, 1)
    assert write_photo(tmp_path / f"b{name}", photo.picture, photo).path.exists()


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.bmp", "a.tif"])
def test_pillows_own_limit_on_pixels_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    Image.fromarray(NOISE[..., :3]).save(tmp_path / name)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(tmp_path / name)
    assert read_photo(tmp_path / name).picture.shape == (3, 33, 47)


def test_names_that_cannot_be_written_give_one_line(tmp_path: Path) -> None:
    picture, photo = deep_photo()
    with pytest.raises(UserError, match=r"a\.xyz: photos are written as \.jpg, .*; give a name that ends so"):
        write_photo(tmp_path / "a.xyz", picture, photo)
    wide = picture[:, :1].repeat(1, 1, 400)
    with pytest.raises(UserError, match=r"a\.webp: \.webp holds 16383 pixels along an edge at most"):
        write_photo(tmp_path / "a.webp", wide, Photo(Path("none"), wide))
    assert not list(tmp_path.iterdir())


def test_missing_and_empty_folders_give_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="none: no such file or folder"):
        list_photos([tmp_path / "none"])
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(UserError, match=r"no photos in this folder \(.jpg, .*folders inside are not searched\)"):
        list_photos([tmp_path])
