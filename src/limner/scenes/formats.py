"""Which files are pictures, told by how they begin: none that GDAL would take for the description of something
elsewhere.

GDAL opens a file by whichever of its hundred drivers knows it. Most of them are of no use here, and some read a text
that names servers, programs or other files. So a file is opened by the one driver that its first bytes are of.
"""

import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from xml.etree import ElementTree

from limner.foundation.errors import UserError

SIGNATURES = {
    b"II*\0": "GTiff",
    b"MM\0*": "GTiff",
    b"II+\0": "GTiff",
    b"MM\0+": "GTiff",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JP2OpenJPEG",
    b"\xff\x4f\xff\x51": "JP2OpenJPEG",
    b"BM": "BMP",
    b"GIF8": "GIF",
    b"EHFA_HEADER_TAG": "HFA",
}
"""First bytes -> GDAL's driver."""
READABLE = (
    "GeoTIFF, PNG, JPEG, JPEG 2000, BMP, GIF, WebP, Erdas Imagine or, called .vrt, a virtual raster of such files"
)
VIRTUAL = ".vrt"
LARGEST_VIRTUAL_BYTES = 1 << 26
DEEPEST_VIRTUAL = 8
"""Virtual rasters of virtual rasters."""
SOURCES = ("sourcefilename", "sourcedataset", "dempath")
"""Elements of a virtual raster that name a file."""
FILE_KEYS = ("OVERVIEW_FILE", "X_DATASET", "Y_DATASET")
"""Entries of its metadata that do."""
NO_PLAIN_BANDS = ("vrtrawrasterband", "pixelfunctionlanguage", "pixelfunctioncode")
"""Bands that are any file's bytes, or a program's results."""


def driver_of(path: Path) -> str:
    """GDAL's driver for a raster file, by how it begins.

    Raises `UserError` for another file, and for a virtual raster that has another suffix than ``.vrt`` or names
    anything but raster files of this machine.
    """
    with path.open("rb") as file:
        head = file.read(256)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    for start, driver in SIGNATURES.items():
        if head.startswith(start):
            return driver
    if path.suffix.lower() == VIRTUAL and b"<" in head:
        check_virtual(path)
        return "VRT"
    raise UserError(f"{path}: not a picture that can be read; needed: {READABLE}")


def check_virtual(path: Path) -> None:
    """Raise `UserError` for a virtual raster (VRT) that names anything but raster files that are here, in plain
    words."""
    stat = path.stat()
    _check_virtual(Path(os.path.abspath(path)), (stat.st_size, stat.st_mtime_ns), 0)


@lru_cache(maxsize=1024)
def _check_virtual(path: Path, state: tuple[int, int], depth: int) -> None:
    """See `check_virtual`. state: size and time of change, so that a file that changed is looked at again."""
    if depth > DEEPEST_VIRTUAL:
        raise UserError(f"{path}: a virtual raster of virtual rasters, more than {DEEPEST_VIRTUAL} deep")
    for element in _parsed(path).iter():
        _check_element(path, element)
        for name, is_relative in _named_files(path, element):
            _check_source(path, name, path.parent / name if is_relative else Path(name), depth)


def _check_element(path: Path, element: ElementTree.Element) -> None:
    """Raise `UserError` for bands that are not read from rasters: any file's bytes, or what a program computes."""
    words = [_plain(element.tag), *(_plain(value) for name, value in element.items() if _plain(name) == "subclass")]
    if any(word in NO_PLAIN_BANDS for word in words):
        raise UserError(
            f"{path}: a virtual raster with {element.tag} {' '.join(element.attrib.values())}".strip()
            + "; needed: bands of raster files"
        )


def _plain(name: str) -> str:
    """The name of an element or attribute as GDAL compares it: in any case; of its namespace it knows nothing."""
    return name.rpartition("}")[2].lower()


def _parsed(path: Path) -> ElementTree.Element:
    if path.stat().st_size > LARGEST_VIRTUAL_BYTES:
        raise UserError(f"{path}: a virtual raster of more than {LARGEST_VIRTUAL_BYTES >> 20} MB")
    try:
        root = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise UserError(f"{path}: not a virtual raster ({error})") from None
    if root.tag != "VRTDataset":
        raise UserError(f"{path}: a {root.tag}, not a virtual raster (VRTDataset)")
    return root


def _named_files(path: Path, element: ElementTree.Element) -> Iterator[tuple[str, bool]]:
    """The files that an element of a virtual raster names, and whether by their place beside it.

    GDAL takes attributes for elements, too.
    """
    attributes = {_plain(name): value for name, value in element.items()}
    yield from ((value.strip(), False) for name, value in attributes.items() if name in SOURCES)
    relative = attributes.get("relativetovrt", "0")
    if _plain(element.tag) in SOURCES or attributes.get("key", "").upper() in FILE_KEYS:
        if len(element) or relative not in ("0", "1"):
            raise UserError(f"{path}: a source that is not named in plain words; write it anew with gdalbuildvrt")
        yield (element.text or "").strip(), relative == "1"


def _check_source(path: Path, name: str, source: Path, depth: int) -> None:
    """Raise `UserError` unless what a virtual raster names is a raster file."""
    if not name or name.startswith("<") or re.match(r"/vsi|\w\w+:", name):
        told = name if len(name) <= 80 else f"{name[:77]}..."
        raise UserError(f"{path}: its source '{told}' is no file of this machine; needed: raster files by their paths")
    if not source.is_file():
        raise UserError(f"{path}: its source {source} is not there")
    if source.suffix.lower() == VIRTUAL:
        stat = source.stat()
        _check_virtual(Path(os.path.abspath(source)), (stat.st_size, stat.st_mtime_ns), depth + 1)
        return
    try:
        driver_of(source)
    except UserError:
        raise UserError(f"{path}: its source {source} is not a picture that can be read; needed: {READABLE}") from None
