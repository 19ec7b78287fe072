"""Tiles of web maps: which one a picture is, by its name or its folders, and the files of a folder of them.

This file imports no torch: `limner check` and `limner score` stay light.
"""

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from limner.foundation.files.suffixes import RASTERS, ends_with

HIGHEST_ZOOM = 24
NAMES = (
    re.compile(r"z(?P<zoom>[0-9]{1,2})([_-])(?P<column>[0-9]{1,8})\2(?P<row>[0-9]{1,8})"),
    re.compile(r"OAM-(?P<column>[0-9]{1,8})-(?P<row>[0-9]{1,8})-(?P<zoom>[0-9]{1,2})", re.IGNORECASE),
)
NUMBER = re.compile(r"0|[1-9][0-9]{0,7}")
SIDES_PX = (128, 256, 512, 1024, 2048)  # of tiles that only their folders call so: other pictures lie in such ones, too
FROM_THE_SOUTH = "tilemapresource.xml"  # gdal2tiles writes it beside tiles whose rows count from the south (TMS)


class MapTile(NamedTuple):
    """A tile of a web map (XYZ): at zoom Z the Web Mercator square is 2**Z x 2**Z tiles, rows from the north."""

    zoom: int
    column: int
    row: int

    @property
    def exists(self) -> bool:
        """Whether a web map has it."""
        return self.zoom <= HIGHEST_ZOOM and max(self.column, self.row) < 2**self.zoom


def tile_of(path: Path, height: int, width: int) -> MapTile | None:
    """The tile that a picture of ``height`` x ``width`` pixels is by its name or its folders, or None.

    Names are ``z19_386690_220241`` (or with ``-``) and ``OAM-386690-220241-19``; folders ``19/386690/220241.png``,
    whose pictures are square, of 128 to 2048 pixels. Folders that gdal2tiles wrote with rows from the south are known
    by the file that it leaves beside them.
    """
    named = _by_name(path.stem)
    if named is not None:
        return named
    return tile_by_folders(path) if height == width and height in SIDES_PX else None


def _by_name(stem: str) -> MapTile | None:
    for pattern in NAMES:
        if found := pattern.fullmatch(stem):
            tile = MapTile(int(found["zoom"]), int(found["column"]), int(found["row"]))
            return tile if tile.exists else None
    return None


def tile_by_folders(path: Path) -> MapTile | None:
    """The tile that a file ``Z/X/Y.png`` is, or None."""
    column = Path(os.path.abspath(path)).parent
    parts = (column.parent.name, column.name, path.stem)
    if not all(NUMBER.fullmatch(part) for part in parts):
        return None
    tile = MapTile(*map(int, parts))
    if not tile.exists:
        return None
    if _counts_from_the_south(column.parent.parent):
        return tile._replace(row=2**tile.zoom - 1 - tile.row)
    return tile


@lru_cache(maxsize=256)
def _counts_from_the_south(folder: Path) -> bool:
    return (folder / FROM_THE_SOUTH).exists()


def tiles_below(folder: Path) -> list[Path]:
    """The rasters ``Z/X/Y`` below a folder of zooms, or ``X/Y`` below one zoom's; sorted.

    Nothing for folders of other names, and for one that holds files of its own.
    """
    found = []
    for inner in _numbered(folder):
        columns = [inner] if NUMBER.fullmatch(Path(os.path.abspath(folder)).name) else []
        for column in (*columns, *_numbered(inner)):
            found += [
                file
                for file in column.iterdir()
                if ends_with(file, RASTERS) and file.is_file() and tile_by_folders(file) is not None
            ]
    return sorted(found)


def _numbered(folder: Path) -> list[Path]:
    """The folders in a folder that are called by a number."""
    return [inner for inner in folder.iterdir() if NUMBER.fullmatch(inner.name) and inner.is_dir()]
