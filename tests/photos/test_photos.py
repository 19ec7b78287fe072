"""Photos in and out: what is written is what was read, for every kind of file."""

import struct
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import rasterio
import torch
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import ImageFileDirectory_v2 as Directory

from limner.foundation.errors import UserError
from limner.foundation.files.photo_paths import list_photos, output_paths
from limner.foundation.orientation import turned
from limner.photos.deep_files import write_tiff
from limner.photos.exif import orientation, upright
from limner.photos.photos import Photo, read_photo, write_photo
from limner.photos.profiles import ASSUMING_SRGB
from limner.photos.tags import Tags
from profile_files import cmyk_profile

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" dc:title="Quay"/></x:xmpmeta>'


def pixels(dtype: str = "uint8", channels: int = 3, height: int = 33, width: int = 47) -> np.ndarray:
    """(height, width, channels) of all values; alpha, the last of 4, is 0 in the first row."""
    generator = np.random.default_rng(channels)
    full = np.iinfo(dtype).max
    values = generator.integers(0, full, (height, width, channels), dtype, endpoint=True)
    if channels in (2, 4):
        values[0, :, -1] = 0
    return values


def rewritten(path: Path, name: str) -> tuple[Photo, Path]:
    """The photo of ``path``, and where it was written as ``name``, unchanged."""
    photo = read_photo(path)
    out = path.with_name(name)
    assert write_photo(out, photo.picture, photo).clipped == 0
    return photo, out


def described() -> Image.Exif:
    """EXIF with a camera, a time, maker notes, a place, and a thumbnail; on its side."""
    exif = Image.Exif()
    exif[271], exif[274], exif[306] = "Limner", 6, "2026:11:25 08:00:00"
    exif.get_ifd(0x8769).update({33434: (1, 250), 37500: b"maker notes", 40962: 47, 40963: 33})
    exif.get_ifd(0x8825).update({1: "N", 2: (45.0, 26.0, 0.0)})
    return exif


@pytest.mark.parametrize(
    ("name", "channels"),
    [("a.png", 3), ("a.png", 4), ("a.tif", 3), ("a.tif", 4), ("a.webp", 3), ("a.webp", 4), ("a.bmp", 3)],
)
def test_identity_keeps_every_number_of_lossless_files_of_8_bits(tmp_path: Path, name: str, channels: int) -> None:
    values = pixels(channels=channels)
    options = {"lossless": True, "exact": True} if name == "a.webp" else {}
    Image.fromarray(values).save(tmp_path / name, **options)
    photo, out = rewritten(tmp_path / name, "b" + name[1:])
    assert photo.bits == 8 and photo.picture.dtype == torch.float32 and photo.picture.shape == (3, 33, 47)
    assert np.array_equal(np.asarray(Image.open(out)), values)
    assert torch.equal(photo.picture[1], torch.from_numpy(values[..., 1]) / 255)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("height", [1, 33, 700])
def test_identity_of_16_bits_with_alpha_and_profile_is_bit_for_bit(tmp_path: Path, name: str, height: int) -> None:
    values = pixels("uint16", 4, height, 470)
    values[-1, :, 3] = 65535
    with rasterio.open(
        tmp_path / "g.png", "w", driver="PNG", width=470, height=height, count=4, dtype="uint16"
    ) as file:
        file.write(values.transpose(2, 0, 1))
    photo = read_photo(tmp_path / "g.png")
    exif = upright(described().tobytes()[6:], swapped=False)
    given = replace(photo, tags=Tags(PROFILE, exif, XMP, dpi=(300.0, 300.0)))
    write_photo(tmp_path / name, photo.picture, given)
    photo, out = rewritten(tmp_path / name, "b" + name[1:])
    with rasterio.open(out) as file:
        assert np.array_equal(file.read().transpose(1, 2, 0), values)
    assert (photo.bits, photo.profile) == (16, PROFILE)
    again = read_photo(out)
    assert again.alpha is not None and photo.alpha is not None and torch.equal(again.alpha, photo.alpha)
    assert (
        again.profile == PROFILE
        and again.tags.xmp == photo.tags.xmp
        and again.tags.dpi == pytest.approx((300, 300), rel=1e-3)
    )


def test_16_bit_png_of_ours_is_read_alike_by_another_library(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    values = pixels("uint16", 3, 301, 1200)
    photo = Photo(tmp_path / "none", torch.from_numpy(values / 65535).permute(2, 0, 1).float(), bits=16)
    write_photo(tmp_path / "a.png", photo.picture, photo)
    with av.open(str(tmp_path / "a.png")) as file:
        assert np.array_equal(next(file.decode(video=0)).to_ndarray(format="rgb48le"), values)


def test_16_bit_files_that_gdal_wrote_compressed_are_read_exactly(tmp_path: Path) -> None:
    values = pixels("uint16")
    options = {"driver": "GTiff", "width": 47, "height": 33, "count": 3, "dtype": "uint16", "photometric": "RGB"}
    for number, extra in enumerate(({"compress": "lzw"}, {"tiled": True, "blockxsize": 16, "blockysize": 16})):
        with rasterio.open(tmp_path / f"{number}.tif", "w", **options, **extra) as file:
            file.write(values.transpose(2, 0, 1))
        picture = read_photo(tmp_path / f"{number}.tif").picture
        assert torch.equal((picture * 65535).round().permute(1, 2, 0).int(), torch.from_numpy(values.astype(np.int32)))


def test_floats_stay_as_they_are_beyond_0_and_1_and_nan_comes_back(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(0.5, 2, (33, 47, 3)).astype(np.float32)
    write_tiff(tmp_path / "a.tif", values)
    values[3, 5, 1] = np.nan
    write_tiff(tmp_path / "nan.tif", values)
    _, out = rewritten(tmp_path / "a.tif", "b.tif")
    assert read_photo(out).picture.max() > 2
    photo, out = rewritten(tmp_path / "nan.tif", "c.tif")
    assert photo.alpha is not None and photo.alpha[3, 5] == 0 and int((photo.alpha == 0).sum()) == 1
    assert torch.isfinite(photo.picture).all()
    with rasterio.open(out) as file:
        written = file.read().transpose(1, 2, 0)
    assert file.count == 3
    assert np.isnan(written[3, 5]).all()
    written[3, 5] = values[3, 5] = 0
    assert np.array_equal(written, values)


def test_nan_of_a_float_becomes_transparent_where_the_format_has_no_nan(tmp_path: Path) -> None:
    values = np.full((4, 5, 3), 0.5, np.float32)
    values[1, 2] = np.nan
    write_tiff(tmp_path / "a.tif", values)
    photo = read_photo(tmp_path / "a.tif")
    written = write_photo(tmp_path / "b.png", photo.picture, photo)
    assert written.notes == (".png cannot hold 32 bits a channel: 16 are written",)
    assert read_photo(tmp_path / "b.png").alpha == pytest.approx(photo.alpha)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_what_a_file_says_of_itself_is_kept(tmp_path: Path, name: str) -> None:
    xmp = PngInfo()
    xmp.add_itxt("XML:com.adobe.xmp", XMP.decode())
    own = {"pnginfo": xmp} if name == "a.png" else {"xmp": XMP}
    exif = described()
    if name == "a.tif":
        exif[700], exif[0x8769], exif[0x8825] = XMP, 0, 0  # Pillow writes the directories of keys that are there
    image = Image.fromarray(pixels())
    image.save(tmp_path / name, exif=exif, icc_profile=PROFILE, dpi=(240, 240), **own)
    photo, out = rewritten(tmp_path / name, "b" + name[1:])
    written = Image.open(out)
    exif = written.getexif()
    assert written.info["icc_profile"] == PROFILE
    assert (exif[271], exif.get(274, 1), exif[306]) == ("Limner", 1, "2026:11:25 08:00:00")
    assert exif.get_ifd(0x8769)[37500] == b"maker notes" and exif.get_ifd(0x8825)[2] == (45, 26, 0)
    assert photo.tags.xmp is not None and b'tiff:Orientation="1" dc:title="Quay"' in photo.tags.xmp
    assert read_photo(out).tags.xmp == photo.tags.xmp
    if name != "a.webp":
        assert written.info["dpi"] == pytest.approx((240, 240), rel=1e-3)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_photos_come_upright_as_pillow_turns_them(tmp_path: Path, name: str, turn: int) -> None:
    from PIL import ImageOps

    exif = Image.Exif()
    exif[274] = turn
    Image.fromarray(pixels()).save(tmp_path / name, exif=exif, **({"lossless": True} if name == "a.webp" else {}))
    expected = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / name)))
    photo = read_photo(tmp_path / name)
    assert np.array_equal((photo.picture * 255).round().permute(1, 2, 0).numpy(), expected)
    assert orientation(photo.tags.exif) == 1


@pytest.mark.parametrize("turn", [3, 6])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_tiffs_come_upright_too(tmp_path: Path, turn: int, dtype: str) -> None:
    values = pixels(dtype)
    write_tiff(tmp_path / "a.tif", values)
    data = bytearray((tmp_path / "a.tif").read_bytes())
    entry = struct.pack("<HHL", 284, 3, 1)  # planar configuration 1, the default: becomes the orientation
    place = data.index(entry)
    data[place : place + 12] = struct.pack("<HHLHH", 274, 3, 1, turn, 0)
    (tmp_path / "b.tif").write_bytes(data)
    full = np.iinfo(dtype).max
    picture = (read_photo(tmp_path / "b.tif").picture * full).round().permute(1, 2, 0).numpy()
    assert np.array_equal(picture, turned(values, turn))


def test_a_thumbnail_goes_and_sizes_change_places_when_a_photo_is_turned() -> None:
    exif = described().tobytes()[6:]
    order = "<" if exif[:2] == b"II" else ">"
    (count,) = struct.unpack_from(order + "H", exif, 8)
    block = bytearray(exif)
    struct.pack_into(order + "L", block, 8 + 2 + 12 * count, 8)  # a second directory, as thumbnails have
    result = upright(bytes(block), swapped=True)
    assert result is not None and len(result) == len(exif)
    assert struct.unpack_from(order + "L", result, 8 + 2 + 12 * count)[0] == 0
    parsed = Image.Exif()
    parsed.load(b"Exif\0\0" + result)
    assert (parsed.get_ifd(0x8769)[40962], parsed.get_ifd(0x8769)[40963]) == (33, 47)


def test_damaged_exif_does_not_cost_the_photo(tmp_path: Path) -> None:
    for number, exif in enumerate((b"Exif\0\0II*\0\xff\xff\0\0", b"Exif\0\0MM", described().tobytes()[:60])):
        path = tmp_path / f"{number}.jpg"
        Image.fromarray(pixels()).save(path, exif=exif)
        photo, out = rewritten(path, f"out-{number}.jpg")
        assert photo.picture.shape in ((3, 33, 47), (3, 47, 33)) and out.exists()


def test_iptc_captions_of_jpegs_are_kept(tmp_path: Path) -> None:
    iptc = b"\x1c\x02\x78\x00\x04Quay"
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">L", len(iptc)) + iptc + b"\0"
    data = b"Photoshop 3.0\0" + resource
    segment = b"\xff\xed" + struct.pack(">H", len(data) + 2) + data
    Image.fromarray(pixels()).save(tmp_path / "a.jpg", extra=segment)
    photo, out = rewritten(tmp_path / "a.jpg", "b.jpg")
    assert photo.tags.iptc == iptc and read_photo(out).tags.iptc == iptc


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "deep.png", "deep.tif", "one-bit.png"])
def test_gray_comes_as_three_equal_channels_and_is_written_in_color(tmp_path: Path, name: str) -> None:
    deep = name.startswith("deep")
    values = pixels("uint16" if deep else "uint8", 1)[..., 0]
    image = Image.fromarray(values)
    (image.convert("1") if name == "one-bit.png" else image).save(tmp_path / name)
    photo, out = rewritten(tmp_path / name, "b" + Path(name).suffix)
    assert photo.is_gray and photo.bits == (16 if deep else 8)
    assert torch.equal(photo.picture[0], photo.picture[2])
    with rasterio.open(out) as file:
        assert file.count == 3
        if name in ("a.png", "a.tif", "deep.png", "deep.tif"):
            assert np.array_equal(file.read(2), values)


def test_gray_with_alpha_and_palettes_with_transparency_keep_what_is_transparent(tmp_path: Path) -> None:
    gray = pixels(channels=2)
    Image.fromarray(gray).save(tmp_path / "gray.png")
    palette = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4) % 3).convert("P")
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    palette.save(tmp_path / "palette.png", transparency=1)
    photo = read_photo(tmp_path / "gray.png")
    assert photo.is_gray and photo.alpha is not None and np.array_equal((photo.alpha * 255).numpy(), gray[..., 1])
    photo = read_photo(tmp_path / "palette.png")
    assert not photo.is_gray and photo.alpha is not None
    assert photo.alpha[0].tolist() == [1, 0, 1, 1] and photo.picture[:, 0, 2].tolist() == [0, 0, 1]


def test_white_is_zero_and_12_bits_are_read_as_what_they_mean(tmp_path: Path) -> None:
    values = pixels("uint8", 1)
    options = {"driver": "GTiff", "width": 47, "height": 33, "count": 1}
    for dtype, full in (("uint8", 255), ("uint16", 65535)):
        path = tmp_path / f"{dtype}.tif"
        with rasterio.open(path, "w", dtype=dtype, photometric="MINISWHITE", **options) as file:
            file.write(values[None, ..., 0].astype(dtype))
        picture = read_photo(path).picture
        assert np.allclose(picture[0].numpy() * full, full - values[..., 0].astype(float), atol=0.01)
    with rasterio.open(tmp_path / "12.tif", "w", dtype="uint16", nbits=12, **options) as file:
        file.write(np.full((1, 33, 47), 4095, np.uint16))
    photo = read_photo(tmp_path / "12.tif")
    assert photo.bits == 16 and photo.picture.min() == 1


def test_colors_that_alpha_was_multiplied_into_are_divided_by_it(tmp_path: Path) -> None:
    colors, alpha = np.full((8, 9, 3), 20000, np.uint16), np.full((8, 9), 32768, np.uint16)
    alpha[0] = 0
    options = {"width": 9, "height": 8, "count": 4, "dtype": "uint16", "photometric": "RGB", "alpha": "PREMULTIPLIED"}
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", **options) as file:
        file.write(np.concatenate([colors // 2, alpha[..., None]], 2).transpose(2, 0, 1))
    photo = read_photo(tmp_path / "a.tif")
    assert photo.picture[:, 1:].mul(65535).numpy() == pytest.approx(20000, abs=1)
    assert photo.alpha is not None and photo.alpha[0].max() == 0


def test_cmyk_comes_as_srgb_and_says_so(tmp_path: Path) -> None:
    values = np.zeros((5, 6, 4), np.uint8)
    values[..., 1:3] = 255  # magenta and yellow: red
    for name in ("a.jpg", "a.tif"):
        Image.fromarray(values, "CMYK").save(tmp_path / name)
        photo, out = rewritten(tmp_path / name, "b" + name[1:])
        assert photo.picture[:, 2, 3].tolist() == pytest.approx([1, 0, 0], abs=0.02)
        assert photo.notes == ("CMYK brought to sRGB by a plain formula, as no color profile",)
        assert Image.open(out).mode == "RGB" and Image.open(out).info["icc_profile"] == photo.profile


def test_cmyk_goes_through_its_own_profile(tmp_path: Path) -> None:
    cyan = np.full((5, 6, 4), (255, 0, 0, 0), np.uint8)
    Image.fromarray(cyan, "CMYK").save(tmp_path / "a.jpg", icc_profile=cmyk_profile())
    photo = read_photo(tmp_path / "a.jpg")
    assert photo.notes == ("CMYK brought to sRGB by its color profile",)
    red, green, blue = photo.picture[:, 2, 3].tolist()  # a plain formula would give 0, 1, 1
    assert 0.7 > red > green > blue > 0.4


def test_numbers_outside_are_clipped_once_and_counted_where_they_are_seen(tmp_path: Path) -> None:
    values = pixels(channels=4, height=10, width=10)
    values[..., 3] = 255
    values[5:, :, 3] = 0
    Image.fromarray(values).save(tmp_path / "a.png")
    photo = read_photo(tmp_path / "a.png")
    picture = torch.full((3, 10, 10), 0.5)
    picture[0, 0, :5] = 1.2
    picture[1, 0, 4:6] = -0.1
    picture[2, 7] = 3.0  # in what is transparent
    picture[0, 1, 0] = 1.001  # rounds to 255
    written = write_photo(tmp_path / "b.png", picture, photo)
    assert written.clipped == 6 / 50
    stored = np.asarray(Image.open(tmp_path / "b.png"))
    assert stored[0, 0, 0] == 255 and stored[0, 4, 1] == 0 and stored[2, 2, 2] == 128


def test_a_format_that_holds_less_says_what_it_lost(tmp_path: Path) -> None:
    values = pixels("uint16", 4)
    write_tiff(tmp_path / "a.tif", values, Tags(PROFILE))
    photo = read_photo(tmp_path / "a.tif")
    written = write_photo(tmp_path / "a.bmp", photo.picture, photo)
    assert written.notes == (
        ".bmp cannot hold 16 bits a channel: 8 are written",
        ".bmp cannot hold alpha: the picture is laid on white",
        ".bmp cannot hold color profiles: the colors are written as sRGB",
    )
    share = values[..., 3:] / 65535
    expected = (values[..., :3] / 65535 * share + 1 - share) * 255
    assert np.abs(np.asarray(Image.open(tmp_path / "a.bmp")).astype(float) - expected).max() <= 1


def test_jpegs_keep_color_at_full_resolution(tmp_path: Path) -> None:
    values = np.zeros((16, 16, 3), np.uint8)
    values[:, ::2, 0] = 255
    Image.fromarray(values).save(tmp_path / "a.png")
    photo = read_photo(tmp_path / "a.png")
    write_photo(tmp_path / "a.jpg", photo.picture, photo)
    assert np.abs(np.asarray(Image.open(tmp_path / "a.jpg")).astype(int) - values).max() < 12


def test_lossy_webp_stays_lossy_and_a_photo_without_profile_is_said_once(tmp_path: Path) -> None:
    Image.fromarray(pixels()).save(tmp_path / "a.webp", quality=80)
    Image.fromarray(pixels()).save(tmp_path / "b.webp", lossless=True, exif=described())
    assert [read_photo(tmp_path / name).lossless for name in ("a.webp", "b.webp")] == [False, True]
    assert read_photo(tmp_path / "a.webp").notes == read_photo(tmp_path / "b.webp").notes == (ASSUMING_SRGB,)


def test_other_pages_of_a_tiff_are_noted_but_not_its_smaller_copies(tmp_path: Path) -> None:
    image = Image.fromarray(pixels())
    image.save(tmp_path / "two.tif", save_all=True, append_images=[image])
    assert "a TIFF of 2 pages: only the first is read" in read_photo(tmp_path / "two.tif").notes
    with rasterio.open(tmp_path / "one.tif", "w", driver="GTiff", width=64, height=64, count=3, dtype="uint8") as file:
        file.write(np.full((3, 64, 64), 9, np.uint8))
        file.build_overviews([2])
    assert read_photo(tmp_path / "one.tif").notes == (ASSUMING_SRGB,)


def test_a_half_written_file_is_never_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(pixels("uint16", 3).astype(np.uint8)).save(tmp_path / "a.png")
    photo = read_photo(tmp_path / "a.png")

    def half(_: Directory, file: BinaryIO) -> None:
        file.write(b"II*\0")
        raise ZeroDivisionError

    monkeypatch.setattr(Directory, "save", half)
    with pytest.raises(ZeroDivisionError):
        write_photo(tmp_path / "b.tif", photo.picture, photo)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_an_input_is_never_overwritten(tmp_path: Path) -> None:
    Image.fromarray(pixels()).save(tmp_path / "a.png")
    photo = read_photo(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"a\.png: is the photo that was read; choose another --out"):
        write_photo(tmp_path / ".." / tmp_path.name / "a.png", photo.picture, photo)


def test_folders_list_their_photos_sorted_and_once(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "notes.txt", ".hidden.png", "inner/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in list_photos([tmp_path / "b.JPG", tmp_path])] == ["b.JPG", "a.png"]


def test_results_collide_neither_with_inputs_nor_with_each_other(tmp_path: Path) -> None:
    photos = [tmp_path / name for name in ("a.jpg", "x/a.jpg", "y/A.JPG", "x/b.xyz", "out/c.png", "x/a.png")]
    results = output_paths(photos, tmp_path / "out", inputs=[tmp_path / "out" / "a.png"])
    names = [path.name for path in results]
    assert names == ["a.jpg", "a-recolored.jpg", "A-recolored-2.JPG", "b.png", "c-recolored.png", "a-recolored.png"]
    assert output_paths(photos, tmp_path / "out", inputs=[tmp_path / "out" / "a.png"]) == results
