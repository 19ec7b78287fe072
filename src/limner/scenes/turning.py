"""Plain pictures that their EXIF turns, read upright by windows: as people see them, and draw masks on them.

GDAL gives pixels as they are stored and knows nothing of EXIF. This file imports no torch: `limner check` and `limner
score` stay light.
"""

import struct
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.ExifTags import Base
from PIL.PngImagePlugin import PngImageFile
from rasterio.windows import Window

from limner.foundation.orientation import FLIPS_COLUMNS, FLIPS_ROWS, UPRIGHT, swaps_edges, turned

TURNED_FORMATS = ("JPEG", "PNG", "WEBP", "GTiff", "COG")
"""GDAL's names of those that cameras and viewers turn."""
PNG_HEAD = b"\x89PNG\r\n\x1a\n"


class TurnedDataset:
    """A rasterio dataset as it is when its picture stands upright: size, windows, pixels and masks; all else is its
    own.

    orientation: EXIF's, 2 to 8. The dataset must have no place on the ground, which would count the stored pixels.
    """

    def __init__(self, dataset: Any, orientation: int) -> None:
        self.stored, self.orientation = dataset, orientation

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stored, name)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the upright picture."""
        height, width = self.stored.shape
        return (width, height) if swaps_edges(self.orientation) else (height, width)

    @property
    def height(self) -> int:
        """Rows of the upright picture."""
        return self.shape[0]

    @property
    def width(self) -> int:
        """Columns of the upright picture."""
        return self.shape[1]

    @property
    def block_shapes(self) -> list[tuple[int, int]]:
        """(height, width) of the blocks of each band, in the upright picture."""
        shapes = self.stored.block_shapes
        return [shape[::-1] for shape in shapes] if swaps_edges(self.orientation) else shapes

    def read(self, indexes: Any = None, *, out_shape: tuple[int, ...] | None = None, **options: Any) -> np.ndarray:
        """As rasterio's ``read``, of a window of the upright picture: (..., height, width)."""
        return self._read(self.stored.read, indexes, out_shape, options)

    def read_masks(
        self, indexes: Any = None, *, out_shape: tuple[int, ...] | None = None, **options: Any
    ) -> np.ndarray:
        """As rasterio's ``read_masks``, of a window of the upright picture."""
        return self._read(self.stored.read_masks, indexes, out_shape, options)

    def _read(self, read: Any, indexes: Any, out_shape: tuple[int, ...] | None, options: dict[str, Any]) -> np.ndarray:
        window = options.pop("window", None) or Window(0, 0, self.width, self.height)
        if out_shape is not None and swaps_edges(self.orientation):
            out_shape = (*out_shape[:-2], out_shape[-1], out_shape[-2])
        values = read(indexes, out_shape=out_shape, window=self._as_stored(window), **options)
        upright = turned(np.moveaxis(values, (-2, -1), (0, 1)), self.orientation)
        return np.ascontiguousarray(np.moveaxis(upright, (0, 1), (-2, -1)))

    def _as_stored(self, window: Any) -> Any:
        """Where a window of the upright picture lies in the stored one: the steps of `turned`, backwards."""
        row, column, height, width = window.row_off, window.col_off, window.height, window.width
        if self.orientation in FLIPS_COLUMNS:
            column = self.width - column - width
        if self.orientation in FLIPS_ROWS:
            row = self.height - row - height
        if swaps_edges(self.orientation):
            row, column, height, width = column, row, width, height
        return Window(column, row, width, height)


def orientation_of(path: Path, dataset: Any) -> int:
    """How EXIF says that a picture file, open as rasterio ``dataset``, is to be turned: 1 (not at all) to 8."""
    if dataset.driver not in TURNED_FORMATS or not path.is_file():
        return UPRIGHT
    stat = path.stat()
    return _told(path, stat.st_size, stat.st_mtime_ns)


def upright(path: Path, dataset: Any) -> Any:
    """The dataset, turned where its EXIF says so and it has no place on the ground."""
    placed = dataset.crs is not None or not dataset.transform.is_identity or dataset.gcps[0]
    orientation = UPRIGHT if placed else orientation_of(path, dataset)
    return dataset if orientation == UPRIGHT else TurnedDataset(dataset, orientation)


@lru_cache(maxsize=65536)
def _told(path: Path, size: int, changed_ns: int) -> int:
    """See `orientation_of`. size, changed_ns: of the file, so that one that changed is looked at again."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, about sizes: no pixel is decoded
            with Image.open(path) as image:
                exif = Image.Image.getexif(image)  # not a PNG's own, which decodes the picture first
                if isinstance(image, PngImageFile) and Base.Orientation not in exif:
                    exif.load(_png_exif(path))
                found = exif.get(Base.Orientation, UPRIGHT)
    except Exception:  # what is broken here says nothing; whoever reads the pixels tells what is wrong with them
        return UPRIGHT
    return int(found) if found in range(1, 9) else UPRIGHT


def _png_exif(path: Path) -> bytes:
    """The chunk of EXIF of a PNG, which may stand behind the pixels; nothing without one."""
    with path.open("rb") as file:
        if file.read(len(PNG_HEAD)) != PNG_HEAD:
            return b""
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind == b"eXIf":
                return b"Exif\x00\x00" + file.read(length)
            file.seek(length + 4, 1)
    return b""
