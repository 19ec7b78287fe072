"""Which files hold polygons, told by how they begin, and GeoJSON that would make GDAL call another machine.

GDAL opens a file by whichever of its drivers knows it: a text called ``roofs.geojson`` may name a server. And the
reference system of a true GeoJSON may be a link, which GDAL follows.
"""

import json
import os
import re
import sqlite3
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from limner.foundation.errors import UserError
from limner.foundation.machine.memory import check_memory

SHAPEFILE, SQLITE = b"\0\0\x27\x0a", b"SQLite format 3\0"
BLOCK_BYTES = 1 << 22
SPAN_BYTES = 1 << 10
"""Of two blocks that are looked at together, so that no word is cut."""
LONGEST_SYSTEM = 1 << 16
"""Bytes of what a GeoJSON says of its reference system."""
SYSTEM = re.compile(rb"""["']crs["']\s*([:/]?)\s*""", re.IGNORECASE)
"""Followed by a colon it is a name; by a comment, which is no JSON but which GDAL reads over, it may be."""
HIDDEN = re.compile(rb"\\u00[2-7]", re.IGNORECASE)
"""A letter of ASCII written by its number, as no program does: it may hide the word that is looked for."""
LINKS = ("link", "url")
CALLING = ("ogr_geocode", "ogr_geocode_reverse", "gdal_get_pixel_value", "gdal_get_layer_pixel_value", "load_extension")
"""GDAL's and SQLite's functions that read servers or other files."""


def check_vector_file(path: Path) -> None:
    """Raise `UserError` unless a file is what its suffix says, a Shapefile, a GeoPackage or a GeoJSON, and names no
    server."""
    if not path.is_file():
        raise UserError(f"{path}: not a file; needed here: polygons")
    stat = path.stat()
    _check(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _check(path: Path, size: int, changed_ns: int) -> None:
    """See `check_vector_file`. size, changed_ns: of the file, so that one that changed is looked at again."""
    with path.open("rb") as file:
        head = file.read(1024)
    suffix = path.suffix.lower()
    if suffix == ".shp" and head.startswith(SHAPEFILE):
        return
    if suffix == ".gpkg" and head.startswith(SQLITE):
        _check_views(path)
    elif suffix == ".geojson" and head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        _check_system(path)
    else:
        what = {".shp": "a Shapefile", ".gpkg": "a GeoPackage"}.get(suffix, "a GeoJSON")
        raise UserError(f"{path}: not a vector file that can be read: it does not begin as {what} does")


def _check_views(path: Path) -> None:
    """Refuse a GeoPackage whose views or triggers call functions that read servers."""
    try:
        with closing(
            sqlite3.connect(f"file:{quote(os.path.abspath(os.fsencode(path)))}?mode=ro", uri=True)
        ) as database:
            statements = database.execute("SELECT sql FROM sqlite_master WHERE type IN ('view', 'trigger')").fetchall()
    except sqlite3.Error as error:
        raise UserError(f"{path}: not a vector file that can be read ({error})") from None
    for (statement,) in statements:
        if any(name in str(statement).lower() for name in CALLING):
            raise UserError(f"{path}: has a view that calls other machines or reads other files; export it anew")


def _check_system(path: Path) -> None:
    """Refuse a GeoJSON whose reference system is a link, however it is spelled."""
    with path.open("rb") as file:
        before = b""
        while block := file.read(BLOCK_BYTES):
            text = before + block
            if HIDDEN.search(text):
                _check_whole(path)
                return
            for found in SYSTEM.finditer(text):
                if not found[1]:
                    continue
                here = file.tell()
                file.seek(here - len(text) + found.end())
                _check_said(path, file.read(LONGEST_SYSTEM))
                file.seek(here)
            before = text[-SPAN_BYTES:]


def _check_said(path: Path, text: bytes) -> None:
    """Refuse what stands behind ``"crs":`` where it is a link."""
    try:
        said, _ = json.JSONDecoder().raw_decode(text.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise UserError(f"{path}: what it says of its reference system is not JSON; export it anew") from None
    _refuse_link(path, said)


def _refuse_link(path: Path, said: object) -> None:
    if not isinstance(said, dict):
        return
    kind = next((value for name, value in said.items() if name.lower() == "type"), "")
    if str(kind).strip().lower() in LINKS:
        raise UserError(
            f"{path}: its reference system is a link to another machine, which is not followed; export it anew, "
            "in longitude and latitude (in QGIS: Export, Save Features As)"
        )


def _check_whole(path: Path) -> None:
    """Read all of a GeoJSON that may hide words."""
    size = path.stat().st_size
    check_memory(12 * size, f"{path}: its text, written in numbers of letters, would", "export it anew")
    try:
        waiting = [json.loads(path.read_bytes().decode("utf-8-sig"))]
    except (ValueError, RecursionError):
        raise UserError(f"{path}: not a vector file that can be read: it is not JSON") from None
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            for name, each in value.items():
                if name.lower() == "crs":
                    _refuse_link(path, each)
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
