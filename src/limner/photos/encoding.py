"""The formats that photos are written in, and what each can hold."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from limner.foundation.machine.disk import open_for_encoder
from limner.photos.deep_files import write_png16, write_tiff
from limner.photos.tags import Tags


@dataclass(frozen=True)
class Parts:
    """A photo file's parts.

    pixels: (H, W, 3 or 4) uint8, uint16 or float32, red, green, blue and perhaps alpha. lossless: of WebP. quality: of
    what is lossy, 1 to 100.
    """

    pixels: np.ndarray
    tags: Tags
    lossless: bool
    quality: int


@dataclass(frozen=True)
class Form:
    """A file format: how it is written, and what it can hold."""

    write: Callable[[Path, Parts], None]
    bits: tuple[int, ...]
    alpha: bool
    profile: bool
    longest_px: int = 2**31
    block_bytes: int = 2**31
    """Of EXIF, XMP or IPTC."""


def _write_jpeg(path: Path, parts: Parts) -> None:
    extra = _photoshop_segment(parts.tags.iptc) if parts.tags.iptc else b""
    # 4:4:4: a photo whose colors were just chosen keeps them at full resolution
    _save(path, "JPEG", parts, quality=parts.quality, subsampling=0, extra=extra, **_xmp(parts.tags))


def _write_png(path: Path, parts: Parts) -> None:
    if parts.pixels.dtype != np.uint8:
        write_png16(path, parts.pixels, parts.tags)
        return
    info = PngInfo()
    if parts.tags.xmp:
        info.add_itxt("XML:com.adobe.xmp", parts.tags.xmp.decode("utf-8", "replace"))
    _save(path, "PNG", parts, pnginfo=info, compress_level=4)


def _write_webp(path: Path, parts: Parts) -> None:
    _save(path, "WEBP", parts, quality=parts.quality, lossless=parts.lossless, exact=True, **_xmp(parts.tags))


def _write_tiff(path: Path, parts: Parts) -> None:
    write_tiff(path, parts.pixels, parts.tags)


def _write_bmp(path: Path, parts: Parts) -> None:
    with open_for_encoder(path) as file:
        Image.fromarray(parts.pixels).save(file, "BMP", **({"dpi": parts.tags.dpi} if parts.tags.dpi else {}))


def _save(path: Path, form: str, parts: Parts, **options: Any) -> None:
    tags = parts.tags
    if tags.profile:
        options["icc_profile"] = tags.profile
    if tags.exif:
        options["exif"] = b"Exif\0\0" + tags.exif
    if tags.dpi:
        options["dpi"] = tags.dpi
    with open_for_encoder(path) as file:
        Image.fromarray(parts.pixels).save(file, form, **options)


def _xmp(tags: Tags) -> dict[str, bytes]:
    return {"xmp": tags.xmp} if tags.xmp else {}


def _photoshop_segment(iptc: bytes) -> bytes:
    """IPTC as the segment APP13 of a JPEG: Photoshop's resource 0x0404, without a name."""
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">L", len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
    data = b"Photoshop 3.0\0" + resource
    return b"\xff\xed" + struct.pack(">H", len(data) + 2) + data


# A segment of a JPEG has 65535 bytes, of which up to 41 are its own head.
JPEG = Form(_write_jpeg, (8,), alpha=False, profile=True, longest_px=65500, block_bytes=65490)
PNG = Form(_write_png, (8, 16), alpha=True, profile=True)
WEBP = Form(_write_webp, (8,), alpha=True, profile=True, longest_px=16383)
TIFF = Form(_write_tiff, (8, 16, 32), alpha=True, profile=True)
BMP = Form(_write_bmp, (8,), alpha=False, profile=False)

FORMS = {".jpg": JPEG, ".jpeg": JPEG, ".png": PNG, ".webp": WEBP, ".tif": TIFF, ".tiff": TIFF, ".bmp": BMP}
