"""The pixels and tags of a photo file as they stand in it, or one line that says why there are none."""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageCms
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from limner.foundation.errors import UserError
from limner.foundation.machine.memory import check_memory
from limner.foundation.orientation import UPRIGHT
from limner.photos import tiffs
from limner.photos.exif import ADOBE_RGB, IPTC, ORIENTATION, SRGB, XMP, color_space, directory, exif_of, orientation
from limner.photos.made_profiles import ADOBE_GAMMA, ADOBE_PRIMARIES, gamma_curve, rgb_profile
from limner.photos.png_chunks import read_tags
from limner.photos.profiles import srgb_profile, usable
from limner.photos.tags import NOTHING, Tags

PIXEL_LIMIT = 500_000_000
BYTES_A_PIXEL = 40
"""In memory while a photo is recolored, at least: as it was decoded, as floats, and as floats in new colors."""
# Pillow's readers are called one by one rather than by Image.open, whose own limit is lower, warns, and is one global
# number for the whole process.
READERS: dict[bytes, type[ImageFile]] = {
    b"\xff\xd8\xff": JpegImageFile,
    b"\x89PNG\r\n\x1a\n": PngImageFile,
    b"RIFF": WebPImageFile,
    b"II*\0": TiffImageFile,
    b"MM\0*": TiffImageFile,
    b"II+\0": TiffImageFile,
    b"MM\0+": TiffImageFile,
    b"BM": BmpImageFile,
    b"GIF8": GifImageFile,
}
DAMAGES = (
    OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, OverflowError, struct.error,
    zlib.error,
)  # fmt: skip
IPTC_RESOURCE = 0x0404  # in Photoshop's part of a JPEG


@dataclass(frozen=True)
class Decoded:
    """What a file holds.

    colors: (H, W, 1 or 3) uint8, uint16 or float32, as stored, not yet turned upright. alpha: (H, W) of that type.
    full: the number that means 1. space: what the numbers are, "RGB" or "GRAY", as ICC calls it. turn: EXIF's
    orientation, 1 to 8. says_srgb: the file says so, without a profile.
    """

    colors: np.ndarray
    alpha: np.ndarray | None
    full: float
    bits: int
    space: str
    tags: Tags = NOTHING
    turn: int = UPRIGHT
    lossless: bool = True
    says_srgb: bool = False
    notes: tuple[str, ...] = ()


def decode(path: Path, longest_px: int | None = None) -> Decoded:
    """See `limner.photos.photos.read_photo`, whose errors these are.

    longest_px: of a JPEG, decode by an eighth, a quarter or half as long as it stays no shorter, which is quicker.
    """
    with _opened(path) as file, _damage_as_one_line(path):
        reader = _reader(path, file)
        if reader is TiffImageFile:
            return _by_exif(_tiff(path, file))
        with reader(file) as image:
            _check_size(path, *image.size)
            _check_still(path, image)
            if isinstance(image, PngImageFile):
                return _by_exif(_png(path, file, image))
            if longest_px is not None and isinstance(image, JpegImageFile):
                longest = max(image.size)
                image.draft(None, (image.width * longest_px // longest, image.height * longest_px // longest))
            decoded = _small(image)
        lossy = reader is JpegImageFile or (reader is WebPImageFile and _is_lossy_webp(path))
        return _by_exif(replace(decoded, lossless=not lossy))


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UserError(f"{path}: a folder; needed here: a photo") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    with file:
        yield file


def _reader(path: Path, file: BinaryIO) -> type[ImageFile]:
    head = file.read(16)
    file.seek(0)
    if not head:
        raise UserError(f"{path}: the file is empty (0 bytes)")
    reader = next((reader for start, reader in READERS.items() if head.startswith(start)), None)
    if reader is None or (reader is WebPImageFile and head[8:12] != b"WEBP"):
        raise UserError(f"{path}: not a photo, whatever its name; needed: JPEG, PNG, WebP, TIFF or BMP")
    return reader


@contextmanager
def _damage_as_one_line(path: Path) -> Iterator[None]:
    """Pillow's many ways to say that a file is broken as one, and its warnings not at all."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UserError:
        raise
    except Image.DecompressionBombError:  # of WebP and of TIFF with a palette or CMYK, which Pillow limits by itself
        raise UserError(f"{path}: more pixels than Pillow reads of this format; save it as PNG") from None
    except DAMAGES as error:
        words = " ".join(str(error).split())[:120]
        raise UserError(f"{path}: the photo is cut short or damaged ({words}); copy or save it again") from None


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > PIXEL_LIMIT:
        raise UserError(
            f"{path}: {width} x {height} pixels; a photo has at most {PIXEL_LIMIT // 10**6} million; "
            "larger scenes take --like RUN or --like SCENE"
        )
    advice = "make it smaller, or give --like RUN or --like SCENE, which reads by blocks"
    check_memory(BYTES_A_PIXEL * width * height, f"{path}: {width} x {height} pixels", advice)


def _check_still(path: Path, image: ImageFile) -> None:
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise UserError(f"{path}: an animation of {frames} frames; save it as a video, or one frame as a photo")
    if isinstance(image, GifImageFile):
        raise UserError(f"{path}: a GIF, which has 256 colors at most; save it as PNG")


def _small(image: ImageFile) -> Decoded:
    """A photo of 8 bits, or fewer."""
    image.load()
    info = image.info
    converted, profile, notes = _as_rgb_or_gray(image, info.get("icc_profile"))
    if "mp" in info:  # MPO: stereo pairs, previews, and the maps of phones' high dynamic range
        notes = (*notes, "holds more pictures behind the first (MPO); they are left out")
    pixels = np.asarray(converted)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    exif = info.get("exif", b"").removeprefix(b"Exif\0\0") or None
    xmp = info.get("xmp") or None
    return Decoded(
        pixels[..., : 3 if pixels.shape[2] >= 3 else 1],
        pixels[..., -1] if converted.mode.endswith("A") else None,
        full=255,
        bits=8,
        space="GRAY" if pixels.shape[2] < 3 else "RGB",
        tags=Tags(profile, exif, xmp, _iptc(info), _dpi(info)),
        turn=orientation(exif, xmp),
        notes=notes,
    )


def _dpi(info: dict[Any, Any]) -> tuple[float, float] | None:
    dpi = info.get("dpi")
    return (float(dpi[0]), float(dpi[1])) if dpi and min(dpi) >= 1 else None


def _as_rgb_or_gray(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, bytes | None, tuple[str, ...]]:
    """(The picture in mode RGB, RGBA, L or LA, the profile that it then has, what to tell the user)."""
    if image.mode == "CMYK":
        return _from_cmyk(image, profile)
    if image.mode in ("RGB", "L") and "transparency" not in image.info:
        return image, profile, ()
    if image.mode in ("1", "L", "LA", "La"):
        return image.convert("LA" if image.has_transparency_data else "L"), profile, ()
    return image.convert("RGBA" if image.has_transparency_data else "RGB"), profile, ()


def _from_cmyk(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, bytes, tuple[str, ...]]:
    source, note = usable(profile, "CMYK")
    if source is None:
        said = "no color profile" if profile is None else str(note).removesuffix(": assuming sRGB")
        return image.convert("RGB"), srgb_profile(), (f"CMYK brought to sRGB by a plain formula, as {said}",)
    converted = ImageCms.profileToProfile(
        image,
        ImageCms.ImageCmsProfile(BytesIO(source)),
        ImageCms.ImageCmsProfile(BytesIO(srgb_profile())),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert converted is not None  # as it was not asked to work in place
    return converted, srgb_profile(), ("CMYK brought to sRGB by its color profile",)


def _iptc(info: dict[Any, Any]) -> bytes | None:
    resources = info.get("photoshop")
    return resources.get(IPTC_RESOURCE) if isinstance(resources, dict) else None


def _is_lossy_webp(path: Path) -> bool:
    """Whether the pixels do not stand in a chunk VP8L (RFC 9649), behind any of metadata."""
    with path.open("rb") as file:
        file.seek(12)
        while len(head := file.read(8)) == 8:
            kind, size = struct.unpack("<4sL", head)
            if kind in (b"VP8L", b"VP8 "):
                return kind == b"VP8 "
            file.seek(size + size % 2, 1)
    return True


def _png(path: Path, file: BinaryIO, image: PngImageFile) -> Decoded:
    if "16" in str(image.tile[0].args):  # such as RGB;16B
        colors, alpha, bits = tiffs.read_bands(path)
        space = "GRAY" if colors.shape[2] == 1 else "RGB"
        own = Tags(image.info.get("icc_profile"), dpi=_dpi(image.info))
        decoded = Decoded(colors, alpha, 65535, bits, space, own)
    else:
        decoded = _small(image)
    said = read_tags(file)
    tags = replace(decoded.tags, exif=said.exif, xmp=said.xmp)
    decoded = replace(decoded, tags=tags, turn=orientation(said.exif, said.xmp))
    meaning = said.meaning(gray=decoded.space == "GRAY")
    if tags.profile is not None and not (said.overrules and meaning.says):
        return decoded
    return replace(
        decoded,
        tags=replace(tags, profile=meaning.profile),
        says_srgb=meaning.says and meaning.profile is None,
        notes=decoded.notes if meaning.note is None else (*decoded.notes, meaning.note),
    )


def _tiff(path: Path, file: BinaryIO) -> Decoded:
    tags = directory(file)
    _check_size(path, int(tags.get(256, 0)), int(tags.get(257, 0)))
    tiffs.check_is_full(path, file, tags)
    tiffs.check_tags(path, tags)
    pages = tiffs.pages_of(file, tags)
    if tags.get(tiffs.PHOTOMETRIC) in tiffs.OF_PILLOW:
        file.seek(0)
        with TiffImageFile(file) as image:
            decoded = replace(_small(image), turn=UPRIGHT)  # Pillow has turned it
    else:
        colors, alpha, bits = tiffs.read_bands(path)
        full = 1 if bits == 32 else 2**bits - 1
        if tags.get(tiffs.PHOTOMETRIC) == tiffs.WHITE_IS_ZERO:
            colors = full - colors
        if alpha is not None:
            colors = tiffs.separated(colors, alpha, tags.get(tiffs.EXTRA_SAMPLES, ()))
        space = "GRAY" if colors.shape[2] == 1 else "RGB"
        bits = next(size for size in (8, 16, 32) if bits <= size)
        turn = tags.get(ORIENTATION, UPRIGHT)
        turn = turn if turn in range(1, 9) else UPRIGHT
        decoded = Decoded(colors, alpha, full, bits, space, Tags(tags.get(tiffs.PROFILE)), turn)
    notes = (*decoded.notes, f"a TIFF of {pages} pages: only the first is read") if pages > 1 else decoded.notes
    xmp, iptc = (value if isinstance(value := tags.get(tag), bytes) else None for tag in (XMP, IPTC))
    described = None
    with suppress(*DAMAGES):  # a photo is not lost because what it says of itself is damaged
        described = exif_of(file)
    own = Tags(decoded.tags.profile, described, xmp, iptc, tiffs.dpi_of(tags))
    return replace(decoded, tags=own, notes=notes)


def _by_exif(decoded: Decoded) -> Decoded:
    """What EXIF says of the colors counts where nothing else does: cameras name Adobe RGB in no other way."""
    if decoded.tags.profile is not None or decoded.says_srgb or decoded.space != "RGB" or decoded.bits > 16:
        return decoded
    said = color_space(decoded.tags.exif)
    if said == ADOBE_RGB:
        note = "no color profile: taken as Adobe RGB (1998), as its EXIF says, and written with a profile of it"
        profile = rgb_profile(ADOBE_PRIMARIES, gamma_curve(ADOBE_GAMMA))
        return replace(decoded, tags=replace(decoded.tags, profile=profile), notes=(*decoded.notes, note))
    return replace(decoded, says_srgb=said == SRGB)
