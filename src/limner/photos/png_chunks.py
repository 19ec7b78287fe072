"""What a PNG says besides its pixels, wherever in the file: EXIF, XMP, and what its numbers mean where it has no
profile.

The format: Portable Network Graphics (Third Edition), W3C 2025. Chunks may stand behind the pixels, and writers that
add EXIF or XMP to a finished file put them there; readers of pixels stop before.
"""

from __future__ import annotations

import re
import struct
import zlib
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from limner.photos.made_profiles import (
    CURVES,
    HIGH_DYNAMIC_RANGE,
    PRIMARIES,
    SRGB_PRIMARIES,
    Primaries,
    gamma_curve,
    gray_profile,
    rgb_profile,
    srgb_curve,
)

SIGNATURE = b"\x89PNG\r\n\x1a\n"
XMP_KEYWORD = b"XML:com.adobe.xmp"
RAW_EXIF = (b"Raw profile type exif", b"Raw profile type APP1")
"""Keywords of texts in which ImageMagick hides EXIF as hexadecimal numbers."""
LARGEST_BYTES = 2**26
"""Of a chunk that is read: what is larger is no description."""
USUAL_GAMMA, NEAR_GAMMA, NEAR_XY = 0.45455, 0.005, 0.005
"""The gamma and the primaries that programs write for sRGB are taken as sRGB itself."""
NO_PROFILE_OF_ITS_OWN = (b"sRGB", b"gAMA", b"cHRM", b"cICP")
READ = (*NO_PROFILE_OF_ITS_OWN, b"eXIf", b"iTXt", b"zTXt", b"tEXt")


@dataclass(frozen=True)
class Meaning:
    """What the numbers of a PNG without an ICC profile mean. profile: ICC; None for sRGB. says: whether the file says
    so. note: what a user should know of it."""

    profile: bytes | None = None
    says: bool = False
    note: str | None = None


@dataclass(frozen=True)
class PngTags:
    """exif: without the "Exif" before it. chunks: the first of each kind that says what numbers mean."""

    exif: bytes | None
    xmp: bytes | None
    chunks: dict[bytes, bytes]

    def meaning(self, *, gray: bool) -> Meaning:
        """By the chunks in the order of section 12.1: cICP (overrides a profile: `overrules`), sRGB, gAMA with cHRM."""
        if b"cICP" in self.chunks:
            return _by_code_points(self.chunks[b"cICP"], gray)
        if b"sRGB" in self.chunks:
            return Meaning(says=True)
        if b"gAMA" in self.chunks or b"cHRM" in self.chunks:
            return _by_gamma(self.chunks, gray)
        return Meaning()

    @property
    def overrules(self) -> bool:
        """Whether the chunks count more than an ICC profile."""
        return b"cICP" in self.chunks


def read_tags(file: BinaryIO) -> PngTags:
    """The tags of a PNG file; what is cut short or damaged is left out."""
    file.seek(len(SIGNATURE))
    found: dict[bytes, bytes] = {}
    exif: bytes | None = None
    xmp: bytes | None = None
    while len(head := file.read(8)) == 8:
        size, kind = struct.unpack(">L4s", head)
        if kind not in READ or size > LARGEST_BYTES:
            file.seek(size + 4, 1)
            continue
        data = file.read(size)
        file.seek(4, 1)
        if len(data) < size:
            break
        if kind == b"eXIf":
            exif = data.removeprefix(b"Exif\0\0")
        elif kind in NO_PROFILE_OF_ITS_OWN:
            found.setdefault(kind, data)
        else:
            keyword, text = _text(kind, data)
            if keyword == XMP_KEYWORD:
                xmp = xmp or text
            elif keyword in RAW_EXIF:
                exif = exif or _from_hexadecimal(text)
    return PngTags(exif or None, xmp or None, found)


def _text(kind: bytes, data: bytes) -> tuple[bytes, bytes]:
    """(Keyword, text) of a chunk of text; nothing for one that is damaged."""
    keyword, _, rest = data.partition(b"\0")
    with suppress(zlib.error, ValueError, IndexError):
        if kind == b"tEXt":
            return keyword, rest
        if kind == b"zTXt":
            return keyword, _inflated(rest[1:])
        packed, languages = rest[0], rest[2:].split(b"\0", 2)
        return keyword, _inflated(languages[2]) if packed else languages[2]
    return b"", b""


def _inflated(data: bytes) -> bytes:
    inflater = zlib.decompressobj()
    text = inflater.decompress(data, LARGEST_BYTES)
    return text if inflater.eof else b""


def _from_hexadecimal(text: bytes) -> bytes | None:
    r"""``\nexif\n    length\n`` and hexadecimal numbers."""
    with suppress(ValueError):
        found = re.fullmatch(rb"\s*\w+\s+\d+\s+([0-9a-fA-F\s]*)", text)
        if found:
            block = bytes.fromhex(found[1].decode("ascii"))
            return block.removeprefix(b"Exif\0\0") if block.startswith((b"Exif\0\0", b"II*\0", b"MM\0*")) else None
    return None


def _by_code_points(data: bytes, gray: bool) -> Meaning:
    """cICP: numbers of H.273 for primaries, transfer, matrix, and whether the range is full."""
    if len(data) != 4:
        return Meaning(note="its chunk cICP is damaged: assuming sRGB")
    primaries, transfer, matrix, full = data
    if transfer in HIGH_DYNAMIC_RANGE:
        name = HIGH_DYNAMIC_RANGE[transfer]
        return Meaning(note=f"a PNG of high dynamic range ({name}): its numbers are taken as if they were sRGB's")
    if primaries not in PRIMARIES or transfer not in CURVES or matrix != 0 or full != 1:
        told = f"{primaries}, {transfer}, {matrix}, {full}"
        return Meaning(note=f"its chunk cICP ({told}) is none that limner knows: assuming sRGB")
    return _meant(PRIMARIES[primaries], CURVES[transfer], gray)


def _by_gamma(chunks: dict[bytes, bytes], gray: bool) -> Meaning:
    curve, primaries = srgb_curve(), SRGB_PRIMARIES
    try:
        if b"gAMA" in chunks:
            (gamma,) = struct.unpack(">L", chunks[b"gAMA"])
            if abs(gamma / 100_000 - USUAL_GAMMA) > NEAR_GAMMA:
                curve = gamma_curve(100_000 / gamma)
        if b"cHRM" in chunks:
            values = [value / 100_000 for value in struct.unpack(">8L", chunks[b"cHRM"])]
            found = Primaries(*zip(values[::2], values[1::2], strict=True))
            pairs = zip(values, (xy for point in SRGB_PRIMARIES for xy in point), strict=True)
            primaries = SRGB_PRIMARIES if all(abs(one - other) <= NEAR_XY for one, other in pairs) else found
        return _meant(primaries, curve, gray)
    except (struct.error, ZeroDivisionError, ValueError):
        return Meaning(note="its chunks gAMA and cHRM mean no colors: assuming sRGB")


def _meant(primaries: Primaries, curve: bytes, gray: bool) -> Meaning:
    """Raises `ValueError` for primaries that span no colors."""
    if curve == srgb_curve() and (gray or primaries == SRGB_PRIMARIES):
        return Meaning(says=True)
    profile = gray_profile(curve) if gray else rgb_profile(primaries, curve)
    return Meaning(
        profile, says=True, note="no color profile: its gAMA, cHRM or cICP are taken for one, and written as one"
    )
