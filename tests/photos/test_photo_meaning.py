"""What a photo's numbers mean, and which picture of a file is the photo: gAMA and cHRM, EXIF's color space, tags behind
the pixels, previews, floats beyond 0 to 1. Honored, or told."""

import re
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from limner.datasets.pictures.decoding import decode as decode_for_learning
from limner.foundation.errors import UserError
from limner.photos.deep_files import write_png16, write_tiff
from limner.photos.made_profiles import PRIMARIES, SRGB_PRIMARIES, gamma_curve, gray_profile, rgb_profile, srgb_curve
from limner.photos.photos import read_photo, write_photo
from limner.photos.profiles import ASSUMING_SRGB, SRGB, encoding, to_profile, usable
from profile_files import ADOBE, P3, SRGB_CURVE, matrix_profile, parametric

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="8" dc:title="Quay"/></x:xmpmeta>'
HEIGHT, WIDTH = 21, 34


def values(bits: int = 8, channels: int = 3) -> np.ndarray:
    kind = np.uint8 if bits == 8 else np.uint16
    shape = (HEIGHT, WIDTH, channels) if channels > 1 else (HEIGHT, WIDTH)
    return np.random.default_rng(bits + channels).integers(0, np.iinfo(kind).max, shape, kind, endpoint=True)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def png(
    path: Path, chunks: Sequence[tuple[bytes, bytes]], *, bits: int = 8, behind: bool = False, channels: int = 3
) -> Path:
    """A PNG with more chunks before or behind its pixels."""
    if bits == 8 or channels == 1:
        Image.fromarray(values(bits, channels)).save(path)
    else:
        write_png16(path, values(bits))
    data = path.read_bytes()
    more = b"".join(chunk(*one) for one in chunks)
    path.write_bytes(data[:-12] + more + data[-12:] if behind else data[:33] + more + data[33:])
    return path


def exif(orientation: int = 6) -> bytes:
    tags = Image.Exif()
    tags[274], tags[271] = orientation, "Limner"
    return tags.tobytes().removeprefix(b"Exif\0\0")


def itxt(xmp: bytes, *, packed: bool = False) -> bytes:
    text = zlib.compress(xmp) if packed else xmp
    return b"XML:com.adobe.xmp\0" + bytes([packed, 0]) + b"\0\0" + text


def raw_profile(block: bytes) -> bytes:
    return b"\nexif\n%8d\n%s\n" % (len(block), block.hex().encode())


# Tags behind the pixels


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("kind", ["eXIf", "zTXt", "tEXt"])
def test_exif_is_kept_and_turns_wherever_it_stands(tmp_path: Path, bits: int, behind: bool, kind: str) -> None:
    block = exif()
    text = raw_profile(b"Exif\0\0" + block)
    data = {
        "eXIf": block,
        "zTXt": b"Raw profile type exif\0\0" + zlib.compress(text),
        "tEXt": b"Raw profile type APP1\0" + text,
    }[kind]
    photo = read_photo(png(tmp_path / "a.png", [(kind.encode(), data)], bits=bits, behind=behind))
    full = 2**bits - 1
    assert photo.picture.shape == (3, WIDTH, HEIGHT)
    np.testing.assert_array_equal((photo.picture * full).round().numpy()[0], np.rot90(values(bits)[..., 0], -1))
    write_photo(tmp_path / "b.png", photo.picture, photo)
    again = read_photo(tmp_path / "b.png")
    assert torch.equal(again.picture, photo.picture) and again.turn == 1
    assert again.tags.exif is not None and b"Limner" in again.tags.exif


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("packed", [False, True])
def test_xmp_behind_the_pixels_is_kept_and_turns_where_exif_says_nothing(
    tmp_path: Path, bits: int, packed: bool
) -> None:
    path = png(tmp_path / "a.png", [(b"iTXt", itxt(XMP, packed=packed))], bits=bits, behind=True)
    photo = read_photo(path)
    assert photo.picture.shape == (3, WIDTH, HEIGHT)
    assert photo.tags.xmp is not None and b'Orientation="1"' in photo.tags.xmp and b"Quay" in photo.tags.xmp
    write_photo(tmp_path / "b.png", photo.picture, photo)
    assert read_photo(tmp_path / "b.png").tags.xmp == photo.tags.xmp
    both = png(tmp_path / "c.png", [(b"iTXt", itxt(XMP)), (b"eXIf", exif(1))], bits=bits)
    assert read_photo(both).picture.shape == (3, HEIGHT, WIDTH)  # EXIF counts first


@pytest.mark.parametrize(
    "data",
    [
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0 not deflated"),
        (b"iTXt", b"XML:com.adobe.xmp\0"),
        (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n 4\nxyz\n")),
        (b"eXIf", b""),
        (b"cICP", b"\1"),
    ],
)
@pytest.mark.parametrize("bits", [8, 16])
def test_damaged_tags_do_not_cost_the_photo(tmp_path: Path, data: tuple[bytes, bytes], bits: int) -> None:
    path = png(tmp_path / "a.png", [], bits=bits)
    head = path.read_bytes()
    path.write_bytes(head[:-12] + chunk(*data) + head[-12:])
    assert read_photo(path).picture.shape == (3, HEIGHT, WIDTH)


# gAMA, cHRM, cICP, sRGB


def chromaticities(*points: tuple[float, float]) -> bytes:
    return struct.pack(">8L", *(round(value * 100_000) for point in points for value in point))


def gamma(value: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">L", round(value * 100_000))


WIDE = chromaticities(*PRIMARIES[12])


@pytest.mark.parametrize("bits", [8, 16])
def test_gamma_alone_is_a_curve_over_srgbs_primaries(tmp_path: Path, bits: int) -> None:
    photo = read_photo(png(tmp_path / "a.png", [gamma(1.0)], bits=bits))
    shown = to_profile(photo.picture, photo.profile, None)
    linear = photo.picture.double()
    expected = torch.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear.clamp(min=1e-9) ** (1 / 2.4) - 0.055)
    assert (shown - expected).abs().max() < 2e-3
    assert photo.notes == ("no color profile: its gAMA, cHRM or cICP are taken for one, and written as one",)
    write_photo(tmp_path / "b.png", photo.picture, photo)
    again = read_photo(tmp_path / "b.png")
    assert again.profile == photo.profile is not None and torch.equal(again.picture, photo.picture) and not again.notes


def test_primaries_are_those_of_the_chunk(tmp_path: Path) -> None:
    photo = read_photo(png(tmp_path / "a.png", [gamma(1 / 2.2), (b"cHRM", WIDE)]))
    reference = matrix_profile(P3, parametric(*SRGB_CURVE))
    red = torch.zeros(3, 1, 1)
    red[0] = 1
    meant, expected = (to_profile(red, profile, None)[:, 0, 0] for profile in (photo.profile, reference))
    assert (meant - expected).abs().max() < 1e-3 and meant[0] > 1.08


@pytest.mark.parametrize(
    "chunks",
    [
        [(b"sRGB", b"\0"), gamma(1.0), (b"cHRM", WIDE)],
        [gamma(0.45455), (b"cHRM", chromaticities(*SRGB_PRIMARIES))],
        [gamma(0.45)],
        [(b"cICP", bytes([1, 13, 0, 1]))],
    ],
    ids=["sRGB", "gAMA and cHRM of sRGB", "gAMA of sRGB", "cICP of sRGB"],
)
def test_what_says_srgb_is_srgb_and_needs_no_word(tmp_path: Path, chunks: list[tuple[bytes, bytes]]) -> None:
    photo = read_photo(png(tmp_path / "a.png", chunks))
    assert photo.profile is None and photo.notes == ()


def test_a_profile_counts_more_than_gamma_and_less_than_code_points(tmp_path: Path) -> None:
    reference = matrix_profile(ADOBE, parametric(0, 2.2))
    packed = b"drawn\0\0" + zlib.compress(reference)
    photo = read_photo(png(tmp_path / "a.png", [(b"iCCP", packed), gamma(1.0), (b"cHRM", WIDE)]))
    assert photo.profile == reference and photo.notes == ()
    photo = read_photo(png(tmp_path / "b.png", [(b"iCCP", packed), (b"cICP", bytes([12, 13, 0, 1]))]))
    found, meant = encoding(photo.profile), encoding(matrix_profile(P3, parametric(*SRGB_CURVE)))
    assert found is not None and meant is not None and np.abs(found.matrix - meant.matrix).max() < 1e-3


@pytest.mark.parametrize("channels", [1, 3])
def test_a_gamma_of_grays_is_honored_too(tmp_path: Path, channels: int) -> None:
    Image.fromarray(np.full((8, 9) if channels == 1 else (8, 9, 3), 128, np.uint8)).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[:33] + chunk(*gamma(1.0)) + data[33:])
    photo = read_photo(tmp_path / "a.png")
    shown = to_profile(photo.picture, photo.profile, None)
    assert (shown * 255 - 188).abs().max() < 1  # half the light


@pytest.mark.parametrize(
    ("chunks", "told"),
    [
        ([(b"cICP", bytes([9, 16, 0, 1]))], r"high dynamic range \(PQ\)"),
        ([(b"cICP", bytes([9, 18, 0, 1]))], r"high dynamic range \(HLG\)"),
        ([(b"cICP", bytes([99, 13, 0, 1]))], r"cICP \(99, 13, 0, 1\) is none that limner knows"),
        ([(b"cICP", bytes([1, 13, 0, 0]))], r"cICP \(1, 13, 0, 0\) is none that limner knows"),
        ([gamma(0)], r"gAMA and cHRM mean no colors"),
        ([(b"cHRM", chromaticities(*[(0.3, 0.3)] * 4))], r"gAMA and cHRM mean no colors"),
        ([(b"cHRM", bytes(32))], r"gAMA and cHRM mean no colors"),
        ([(b"gAMA", struct.pack(">L", 1))], r"gAMA and cHRM mean no colors"),
    ],
)
def test_what_means_no_colors_is_told(tmp_path: Path, chunks: list[tuple[bytes, bytes]], told: str) -> None:
    photo = read_photo(png(tmp_path / "a.png", chunks))
    assert photo.profile is None
    assert any(re.search(told, note) for note in photo.notes), photo.notes


def test_profiles_made_here_are_those_of_the_books_and_of_littlecms() -> None:
    for primaries, reference in ((SRGB_PRIMARIES, None), (PRIMARIES[12], matrix_profile(P3, parametric(*SRGB_CURVE)))):
        made = rgb_profile(primaries, srgb_curve())
        assert usable(made, "RGB") == (made, None)
        found, meant = encoding(made), SRGB if reference is None else encoding(reference)
        assert found is not None and meant is not None and np.abs(found.matrix - meant.matrix).max() < 5e-4
    gray = gray_profile(gamma_curve(1.8))
    assert usable(gray, "GRAY") == (gray, None)


# Adobe RGB, as cameras say it


def camera_exif(space: int, index: bytes) -> bytes:
    """Little-endian EXIF with a color space and, behind it, an interoperability directory."""
    main = struct.pack("<H", 1) + struct.pack("<HHLL", 0x8769, 4, 1, 26) + bytes(4)
    inner = (
        struct.pack("<H", 2) + struct.pack("<HHLHH", 0xA001, 3, 1, space, 0) + struct.pack("<HHLL", 0xA005, 4, 1, 56)
    )
    inner += bytes(4)
    interoperability = struct.pack("<H", 1) + struct.pack("<HHL", 1, 2, 4) + index + bytes(4)
    return b"II*\0\x08\0\0\0" + main + inner + interoperability


@pytest.mark.parametrize(("space", "index"), [(65535, b"R03\0"), (2, b"R98\0")])
def test_adobe_rgb_that_only_exif_names_is_honored_and_told(tmp_path: Path, space: int, index: bytes) -> None:
    Image.fromarray(values()).save(tmp_path / "a.jpg", quality=95, exif=b"Exif\0\0" + camera_exif(space, index))
    photo = read_photo(tmp_path / "a.jpg")
    assert photo.notes[0].startswith("no color profile: taken as Adobe RGB (1998), as its EXIF says")
    found, meant = encoding(photo.profile), encoding(matrix_profile(ADOBE, parametric(0, 563 / 256)))
    assert found is not None and meant is not None and np.abs(found.matrix - meant.matrix).max() < 1e-3


def test_other_color_spaces_of_exif_are_srgb(tmp_path: Path) -> None:
    told = {}
    for space, index in ((1, b"R98\0"), (65535, b"R98\0")):
        Image.fromarray(values()).save(tmp_path / "a.jpg", exif=b"Exif\0\0" + camera_exif(space, index))
        photo = read_photo(tmp_path / "a.jpg")
        assert photo.profile is None
        told[space] = photo.notes
    assert told == {1: (), 65535: (ASSUMING_SRGB,)}


# Previews


def tiff(
    path: Path, pictures: Sequence[tuple[tuple[int, int], dict[int, int | bytes]]], sub: int | None = None
) -> Path:
    """A TIFF of gray pictures, (size, more tags) each; the one of number ``sub`` is a SubIFD of the first, others
    pages."""
    data, starts = bytearray(8), {}
    pages = [number for number in range(len(pictures)) if number != sub]
    for number in reversed(range(len(pictures))):
        (height, width), more = pictures[number]
        place = len(data)
        data += bytes([40 * number + 40]) * (height * width)
        tags = {
            256: width,
            257: height,
            258: 8,
            259: 1,
            262: 1,
            273: place,
            277: 1,
            278: height,
            279: height * width,
            **more,
        }
        if number == 0 and sub is not None:
            tags[330] = starts[sub]
        starts[number] = len(data)
        data += struct.pack("<H", len(tags))
        for tag, value in sorted(tags.items()):
            kind, count, value = (1, 4, value) if isinstance(value, bytes) else (4, 1, struct.pack("<L", value))
            data += struct.pack("<HHL4s", tag, kind, count, value)
        after = pages[pages.index(number) + 1 :] if number in pages else []
        data += struct.pack("<L", starts[after[0]] if after else 0)
    data[:8] = struct.pack("<4sL", b"II*\0", starts[0])
    path.write_bytes(data)
    return path


SMALL, LARGE = (8, 12), (64, 96)


def test_the_drawn_files_are_tiffs(tmp_path: Path) -> None:
    photo = read_photo(tiff(tmp_path / "a.tif", [(LARGE, {}), (SMALL, {254: 1})], sub=1))
    assert photo.picture.shape == (3, *LARGE) and not any("pages" in note for note in photo.notes)
    photo = read_photo(tiff(tmp_path / "b.tif", [(SMALL, {}), (LARGE, {})]))
    assert any("a TIFF of 2 pages" in note for note in photo.notes)
    photo = read_photo(tiff(tmp_path / "c.tif", [(SMALL, {254: 1})]))  # a smaller copy of what is not in the file
    assert photo.picture.shape == (3, *SMALL)


@pytest.mark.parametrize(
    ("pictures", "sub", "told"),
    [
        (
            [(SMALL, {254: 1}), (LARGE, {254: 0})],
            1,
            r"a preview of 12 x 8, the full one of 96 x 64 stands in another part",
        ),
        ([(SMALL, {}), (LARGE, {})], 1, r"a preview of 12 x 8"),
        ([(SMALL, {254: 1}), (LARGE, {})], None, r"a preview of 12 x 8, the full one of 96 x 64"),
        ([(SMALL, {255: 2}), (LARGE, {})], None, r"a preview of 12 x 8"),
        ([(SMALL, {254: 1, 50706: b"\1\4\0\0"}), (LARGE, {254: 0, 262: 32803})], 1, r"a raw file of a camera"),
        ([(LARGE, {50706: b"\1\4\0\0"})], None, r"a raw file of a camera .*; develop it"),
    ],
)
def test_previews_are_not_taken_for_the_photo(
    tmp_path: Path, pictures: list[tuple[tuple[int, int], dict[int, int | bytes]]], sub: int | None, told: str
) -> None:
    path = tiff(tmp_path / "a.tif", pictures, sub)
    with pytest.raises(UserError, match=told):
        read_photo(path)
    if "raw" not in told and pictures[0][1]:
        with pytest.raises(UserError, match="a preview"):
            decode_for_learning(path, "rgb", least_px=1)


# Floats


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0.0, 1.0, None),
        (-0.001, 1.001, None),
        (0.0, 3.5, "floats from 0 to 3.5: methods are made for 0 (black) to 1 (white), and scores end there"),
        (-0.25, 0.5, "floats from -0.25 to 0.5: methods are made for 0 (black) to 1 (white), and scores end there"),
        (0.0, 255.0, "if 255 or 65535 is their white, divide by it first"),
    ],
)
def test_floats_beyond_0_to_1_are_told(tmp_path: Path, low: float, high: float, told: str | None) -> None:
    pixels = np.linspace(low, high, HEIGHT * WIDTH * 3, dtype=np.float32).reshape(HEIGHT, WIDTH, 3)
    write_tiff(tmp_path / "a.tif", pixels)
    photo = read_photo(tmp_path / "a.tif")
    notes = [note for note in photo.notes if note != ASSUMING_SRGB]
    assert (notes == []) if told is None else (len(notes) == 1 and told in notes[0])
    assert torch.equal(photo.picture.permute(1, 2, 0), torch.from_numpy(pixels))


def test_floats_that_nobody_sees_are_not_told(tmp_path: Path) -> None:
    pixels = np.full((HEIGHT, WIDTH, 4), 0.5, np.float32)
    pixels[..., 3] = 1
    pixels[0] = (7, 8, 9, 0)
    write_tiff(tmp_path / "a.tif", pixels)
    assert read_photo(tmp_path / "a.tif").notes == (ASSUMING_SRGB,)


def test_the_pictures_behind_the_first_of_an_mpo_are_told(tmp_path: Path) -> None:
    stereo = [Image.fromarray(np.full((8, 12, 3), level, np.uint8)) for level in (80, 160)]
    stereo[0].save(tmp_path / "stereo.jpg", "MPO", save_all=True, append_images=stereo[1:])
    stereo[0].save(tmp_path / "plain.jpg")
    photo = read_photo(tmp_path / "stereo.jpg")
    assert abs(float(photo.picture.mean()) * 255 - 80) < 2
    assert "holds more pictures behind the first (MPO); they are left out" in photo.notes
    assert not any("MPO" in note for note in read_photo(tmp_path / "plain.jpg").notes)
