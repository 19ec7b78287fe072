"""Reading scenes, chips and masks of any format by windows; nodata and alpha never pass for data.

This file imports no torch: `limner check` and `limner score` stay light.
"""

import os
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window as RasterioWindow

from limner.errors import UserError

RASTER_SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".jp2", ".vrt")
VECTOR_SUFFIXES = (".geojson", ".gpkg", ".shp")
DATA_TYPES = ("uint8", "uint16", "int16", "float32", "float64")

os.environ.setdefault("GDAL_CACHEMAX", "128")  # MB: GDAL's own default is 5 % of the machine
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)  # plain pictures are welcome here


class Window(NamedTuple):
    """A rectangle of pixels: first row, first column, height, width. It may reach beyond the picture."""

    row: int
    column: int
    height: int
    width: int

    def clipped(self, height: int, width: int) -> "Window":
        """The part of this window that lies on a picture of ``height`` x ``width`` (perhaps empty)."""
        row, column = min(max(self.row, 0), height), min(max(self.column, 0), width)
        return Window(
            row,
            column,
            max(0, min(self.row + self.height, height) - row),
            max(0, min(self.column + self.width, width) - column),
        )

    def intersects(self, other: "Window") -> bool:
        """Whether the two windows share a pixel."""
        return (
            self.row < other.row + other.height
            and other.row < self.row + self.height
            and self.column < other.column + other.width
            and other.column < self.column + self.width
        )

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns as slices, for an array of the whole picture."""
        return slice(self.row, self.row + self.height), slice(self.column, self.column + self.width)


class Pixels(NamedTuple):
    """What a window holds. values: (bands, height, width) in the file's own type; valid: (height, width) bool."""

    values: np.ndarray
    valid: np.ndarray


@dataclass(frozen=True)
class Raster:
    """An open raster file. Use `open_raster`; close with a ``with`` block.

    A palette picture reads as RGB; an alpha band is taken for validity, not for data.
    """

    path: Path
    dataset: Any

    def __enter__(self) -> "Raster":
        return self

    def __exit__(self, *_: object) -> None:
        self.dataset.close()

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.dataset.height)

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.dataset.width)

    @cached_property
    def palette(self) -> np.ndarray | None:
        """(256, 3) uint8 colors of a one-band palette picture, or None."""
        if self.dataset.count != 1 or self.dataset.colorinterp[0] is not ColorInterp.palette:
            return None
        table = np.zeros((256, 3), np.uint8)
        for number, color in self.dataset.colormap(1).items():
            table[number] = color[:3]
        return table

    @cached_property
    def data_bands(self) -> tuple[int, ...]:
        """The file's band numbers (from 1) that hold data, alpha left out."""
        return tuple(
            number
            for number, meaning in zip(self.dataset.indexes, self.dataset.colorinterp, strict=True)
            if meaning is not ColorInterp.alpha
        )

    @property
    def bands(self) -> int:
        """How many bands of data `read` gives."""
        return 3 if self.palette is not None else len(self.data_bands)

    @property
    def dtype(self) -> str:
        """The pixels' type as numpy names it."""
        return str(self.dataset.dtypes[0])

    @property
    def nodata(self) -> float | None:
        """The value that means "no data", if the file names one."""
        return None if self.dataset.nodata is None else float(self.dataset.nodata)

    @property
    def crs(self) -> Any | None:
        """The coordinate reference system, or None."""
        return self.dataset.crs

    @property
    def transform(self) -> Any:
        """The affine transform from (column, row) to ground coordinates (the identity without a georeference)."""
        return self.dataset.transform

    @property
    def georeferenced(self) -> bool:
        """Whether the file says where on the ground its pixels lie."""
        return self.crs is not None and not self.transform.is_identity

    @cached_property
    def ground_m(self) -> float | None:
        """Meters on the ground a pixel covers at the scene's center, or None without a georeference.

        Measured on the ellipsoid, so that Web Mercator's stretched pixels and degrees count rightly.
        """
        if not self.georeferenced:
            return None
        from pyproj import Geod, Transformer

        row, column = self.height / 2, self.width / 2
        corners = [self.dataset.xy(row, column + step, offset="ul") for step in (0, 1)]
        to_degrees = Transformer.from_crs(self.crs.to_wkt(), "EPSG:4326", always_xy=True)
        (x0, y0), (x1, y1) = (to_degrees.transform(*corner) for corner in corners)
        return float(Geod(ellps="WGS84").inv(x0, y0, x1, y1)[2])

    def read(self, window: Window | None = None) -> Pixels:
        """The pixels of ``window`` (default: all) and which of them are data.

        What lies beyond the picture is zero and invalid, and so is nodata, a pixel with alpha 0 and NaN.
        """
        window = window or Window(0, 0, self.height, self.width)
        inside = window.clipped(self.height, self.width)
        values = np.zeros((self.bands, window.height, window.width), self.dtype)
        valid = np.zeros((window.height, window.width), bool)
        if inside.height == 0 or inside.width == 0:
            return Pixels(values, valid)
        area = RasterioWindow(inside.column, inside.row, inside.width, inside.height)
        try:
            read = self.dataset.read(list(self.data_bands), window=area)
            usable = self._usable(read, area)
        except RasterioError as error:
            raise UserError(
                f"{self.path}: cannot read its pixels ({_reason(error)}); is the file whole?"
            ) from None
        if self.palette is not None:
            read = np.moveaxis(self.palette[read[0]], -1, 0)
        rows, columns = Window(inside.row - window.row, inside.column - window.column, *inside[2:]).slices
        values[:, rows, columns] = np.where(usable, read, 0)
        valid[rows, columns] = usable
        return Pixels(values, valid)

    def _usable(self, values: np.ndarray, area: RasterioWindow) -> np.ndarray:
        usable = np.ones(values.shape[1:], bool)
        if self.nodata is not None:
            # A pixel is empty when every band says so: a single dark band that equals nodata is still a picture.
            usable &= ~np.all(values == self.nodata, axis=0)
        if np.issubdtype(values.dtype, np.floating):
            usable &= np.isfinite(values).all(axis=0)
        if len(self.data_bands) < self.dataset.count:
            alpha = next(n for n in self.dataset.indexes if n not in self.data_bands)
            usable &= self.dataset.read(alpha, window=area) > 0
        return usable


def open_raster(path: Path | str) -> Raster:
    """Open a picture or scene for reading by windows.

    Raises `UserError` for a file that is missing, empty, broken, or of a type that is not pictures' (complex numbers).
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path}: no such file")
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name a picture or scene file")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty (0 bytes)")
    try:
        dataset = rasterio.open(path)
    except RasterioError as error:
        raise UserError(f"{path}: not a picture that can be read ({_reason(error)})") from None
    if dataset.count == 0 or dataset.dtypes[0] not in DATA_TYPES:
        kind = dataset.dtypes[0] if dataset.count else "no bands"
        dataset.close()
        raise UserError(f"{path}: pixels of type {kind}; needed: {', '.join(DATA_TYPES)}")
    return Raster(path, dataset)


def _reason(error: Exception) -> str:
    return str(error).replace("\n", " ").removesuffix(".")[:160]
