"""What a photo file says besides its pixels: which way is up, and the tags that travel with it.

EXIF is a small TIFF structure: a header of 8 bytes, then directories of 12-byte entries (CIPA DC-008, section 4.6).
`upright` changes it in place, so that a camera's maker notes, which count bytes from its beginning, stay readable.
"""

import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from typing import Any, BinaryIO

from PIL.TiffImagePlugin import ImageFileDirectory_v2 as Directory

from limner.foundation.orientation import UPRIGHT

ORIENTATION, EXIF_DIRECTORY, GPS_DIRECTORY, INTEROPERABILITY = 0x0112, 0x8769, 0x8825, 0xA005
WIDTH, HEIGHT = 0xA002, 0xA003
SHORT, LONG = 3, 4
COLOR_SPACE, INTEROPERABILITY_INDEX = 0xA001, 0x0001
SRGB, ADOBE_RGB, UNCALIBRATED = 1, 2, 65535
IN_XMP = re.compile(rb"(tiff:Orientation(?:=[\"']|>))([1-8])")
HEADER = b"II*\0\x08\0\0\0"

# Tags that describe a picture whatever its layout: what it is called, who made it with what and when, its resolution,
# Windows' titles and stars, XMP and IPTC, and where it lies on the ground.
DESCRIPTIVE = frozenset({
    269, 270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 700, 18246, 18249, 33432, 33550, 33723, 33922,
    34264, 34735, 34736, 34737, 40091, 40092, 40093, 40094, 40095, 42112,
})  # fmt: skip
XMP, IPTC = 700, 33723


def orientation(exif: bytes | None, xmp: bytes | None = None) -> int:
    """How the stored picture is turned: 1 (upright) to 8; 1 where neither says or both are damaged. EXIF counts
    first."""
    with suppress(struct.error):
        for tag, _, value in _entries(exif or b"", _first(exif or b"")):
            if tag == ORIENTATION and 1 <= value <= 8:
                return value
    found = IN_XMP.search(xmp or b"")
    return int(found[2]) if found else UPRIGHT


def color_space(exif: bytes | None) -> int | None:
    """`SRGB` or `ADOBE_RGB`, where ``exif`` says so (CIPA DC-008, section 4.6.5; DCF 2.0 for Adobe RGB)."""
    block = exif or b""
    with suppress(struct.error, KeyError):
        places = {tag: value for tag, _, value in _entries(block, _first(block))}
        inner = {tag: value for tag, _, value in _entries(block, places[EXIF_DIRECTORY])}
        said = inner.get(COLOR_SPACE)
        if said == UNCALIBRATED and INTEROPERABILITY in inner:
            for tag, place, _ in _entries(block, inner[INTEROPERABILITY]):
                if tag == INTEROPERABILITY_INDEX and block[place + 8 : place + 11] == b"R03":
                    return ADOBE_RGB
        return said if said in (SRGB, ADOBE_RGB) else None
    return None


def upright(exif: bytes, swapped: bool) -> bytes | None:
    """``exif`` of the picture after it was turned upright: orientation 1, and no thumbnail, which has the old colors.

    swapped: whether width and height changed places. None where ``exif`` is damaged.
    """
    block = bytearray(exif)
    order = _order(exif)
    try:
        first = _first(exif)
        for tag, place, value in _entries(exif, first):
            if tag == ORIENTATION:
                struct.pack_into(order + "HHLHH", block, place, tag, SHORT, 1, 1, 0)
            elif tag == EXIF_DIRECTORY and swapped:
                sizes = {tag: place for tag, place, _ in _entries(exif, value) if tag in (WIDTH, HEIGHT)}
                if len(sizes) == 2:
                    across, down = (slice(sizes[tag] + 2, sizes[tag] + 12) for tag in (WIDTH, HEIGHT))
                    block[across], block[down] = block[down], block[across]
        (count,) = struct.unpack_from(order + "H", exif, first)
        struct.pack_into(order + "L", block, first + 2 + 12 * count, 0)  # the thumbnail's directory is next
    except struct.error:
        return None
    return bytes(block)


def upright_xmp(xmp: bytes) -> bytes:
    """``xmp`` with its own copy of the orientation set to 1, too: some editors believe it more than EXIF."""
    return IN_XMP.sub(rb"\g<1>1", xmp)


def directory(file: BinaryIO) -> Directory:
    """The first directory of a TIFF file, or of EXIF, which is one. Raises what Pillow does for a damaged one."""
    tags = Directory(tiff_header(file))
    file.seek(tags.next)
    tags.load(file)
    return tags


def descriptive(file: BinaryIO) -> Directory:
    """The tags of ``file`` (see `directory`) that describe the picture, whatever its layout, with EXIF and GPS."""
    tags, kept = directory(file), Directory(HEADER)
    for tag in DESCRIPTIVE:
        if tag in tags:
            kept.tagtype[tag] = tags.tagtype[tag]
            kept[tag] = tags[tag]
    for tag in (EXIF_DIRECTORY, GPS_DIRECTORY):
        if tag in tags:
            inner = _inner_directory(file, tags, tag)
            if inner:
                kept.tagtype[tag] = LONG
                kept[tag] = inner
    return kept


def exif_of(file: BinaryIO) -> bytes | None:
    """EXIF made of what a TIFF file says of itself; XMP and IPTC aside, which other files keep elsewhere."""
    kept = descriptive(file)
    for tag in (XMP, IPTC):
        if tag in kept:
            del kept[tag]
    return HEADER + kept.tobytes(len(HEADER)) if len(kept) else None


def tags_of(exif: bytes | None) -> Directory:
    """What ``exif`` says, as the beginning of a TIFF file's directory."""
    with suppress(struct.error, SyntaxError, OSError, ValueError):
        if exif:
            return descriptive(BytesIO(exif))
    return Directory(HEADER)


def _inner_directory(file: BinaryIO, tags: Directory, tag: int) -> dict[int, Any]:
    inner = Directory(tiff_header(file), group=tag)
    offset = tags[tag]
    file.seek(offset[0] if isinstance(offset, tuple) else offset)
    inner.load(file)
    return {number: value for number, value in inner.items() if number != INTEROPERABILITY}


def tiff_header(file: BinaryIO) -> bytes:
    """The first 8 bytes, which say the order of bytes and where the first directory is; 16 of a BigTIFF."""
    file.seek(0)
    header = file.read(8)
    return header + file.read(8) if b"\x2b" in header[2:4] else header  # BigTIFF's is longer


def _order(exif: bytes) -> str:
    return "<" if exif[:2] == b"II" else ">"


def _first(exif: bytes) -> int:
    """Where the first directory begins."""
    return int(struct.unpack_from(_order(exif) + "L", exif, 4)[0])


def _entries(exif: bytes, start: int) -> Iterator[tuple[int, int, int]]:
    """(tag, place of the entry, value or offset) of each entry of the directory that begins at ``start``."""
    order = _order(exif)
    (count,) = struct.unpack_from(order + "H", exif, start)
    for place in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(order + "HH", exif, place)
        (value,) = struct.unpack_from(order + ("H" if kind == SHORT else "L"), exif, place + 8)
        yield tag, place, value
