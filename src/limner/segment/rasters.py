"""Reading scenes, chips and masks of any format by windows; nodata and alpha never pass for data.

This file imports no torch: `limner check` and `limner score` stay light.
"""

import os
import warnings
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, MaskFlags, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from limner.errors import UserError
from limner.segment.windows import Pixels, Window

RASTER_SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".jp2", ".vrt")
DATA_TYPES = ("uint8", "uint16", "int16", "float32", "float64")
RGB_ALPHA = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
SAMPLES, SAMPLE_PX = 8, 32  # windows along each edge, and their size: enough of a band to know what it holds
ALPHA_STEPS = 8  # values between 0 and 255 that an alpha band may have all over
FEATHERED = 0.25  # share of what an alpha band shows that may be its soft edge
PNG_TAIL_BYTES = 4096  # its last chunk is looked for here: some programs add a few bytes after it

os.environ.setdefault("GDAL_CACHEMAX", "128")  # MB: GDAL's own default is 5 % of the machine
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)  # plain pictures are welcome here


@dataclass(frozen=True)
class Raster:
    """An open raster file. Use `open_raster`; close with a ``with`` block.

    A palette picture reads as RGB; an alpha band, a mask inside the file and a palette's transparent colors are taken
    for validity, not for data. A band that is only marked alpha is data, see `mistaken_alpha`.
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
        """(256, 4) uint8 red, green, blue and alpha of a one-band palette picture (65536 of 16 bit), or None."""
        if self.dataset.count != 1 or self.dataset.colorinterp[0] is not ColorInterp.palette:
            return None
        table = np.zeros((np.iinfo(self.dataset.dtypes[0]).max + 1, 4), np.uint8)
        for number, color in self.dataset.colormap(1).items():
            table[number] = color
        return table

    @cached_property
    def data_bands(self) -> tuple[int, ...]:
        """The file's band numbers (from 1) that hold data, alpha left out."""
        return tuple(
            number
            for number, meaning in zip(self.dataset.indexes, self.dataset.colorinterp, strict=True)
            if meaning is not ColorInterp.alpha or number == self.mistaken_alpha
        )

    @cached_property
    def mistaken_alpha(self) -> int | None:
        """The number of a band that is marked alpha but holds data, or None.

        GDAL marks the fourth band of an 8-bit GeoTIFF so unless whoever wrote it said otherwise, and an infrared band
        would be lost. Told by the content, on 256 x 256 pixels at most, spread over the picture: an alpha band is 0, 255
        and a few steps between, or in between only along the edges of what it shows. A PNG's alpha is always one.
        """
        if self.dataset.colorinterp != RGB_ALPHA or self.dtype != "uint8" or self.format == "PNG":
            return None
        stat = self.path.stat()
        return 4 if _fourth_band_is_data(self.path, stat.st_size, stat.st_mtime_ns) else None

    @property
    def bands(self) -> int:
        """How many bands of data `read` gives."""
        return 3 if self.palette is not None else len(self.data_bands)

    @property
    def dtype(self) -> str:
        """The type of the pixels that `read` gives, as numpy names it."""
        return "uint8" if self.palette is not None else str(self.dataset.dtypes[0])

    @property
    def format(self) -> str:
        """The format the file really has, as GDAL names it: "JPEG" even where the name ends in ``.tif``."""
        return str(self.dataset.driver)

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
        """Side in meters of the square as large as the ground of the scene's middle pixel; None without a georeference.

        Measured on the ellipsoid, so that Web Mercator's stretched pixels and degrees count rightly.
        """
        if self.crs is None or not self.georeferenced:
            return None
        from pyproj import Geod, Transformer
        from pyproj.exceptions import ProjError

        row, column = self.height / 2, self.width / 2
        corners = [self.dataset.xy(row + down, column + right, offset="ul") for right, down in ((0, 0), (1, 0), (0, 1))]
        try:
            to_degrees = Transformer.from_crs(self.crs.to_wkt(), "EPSG:4326", always_xy=True)
            start, right, below = (to_degrees.transform(*corner) for corner in corners)
            width_m, height_m = (Geod(ellps="WGS84").inv(*start, *end)[2] for end in (right, below))
        except (ProjError, ValueError):
            return None  # a local grid that nobody can place on the Earth
        side_m = float(np.sqrt(width_m * height_m))
        return side_m if np.isfinite(side_m) else None

    def read(self, window: Window | None = None) -> Pixels:
        """The pixels of ``window`` (default: all) and which of them are data.

        What lies beyond the picture is zero and invalid, and so is nodata, a pixel with alpha 0 and NaN.
        """
        window = window or Window(0, 0, self.height, self.width)
        inside = window.clipped(self.height, self.width)
        if inside == window and window.height and window.width:
            return self._read(window, window.height, window.width, Resampling.nearest)
        values = np.zeros((self.bands, window.height, window.width), self.dtype)
        valid = np.zeros((window.height, window.width), bool)
        if inside.height and inside.width:
            rows, columns = inside.seen_from(window).slices
            pixels = self._read(inside, inside.height, inside.width, Resampling.nearest)
            values[:, rows, columns], valid[rows, columns] = pixels
        return Pixels(values, valid)

    def read_decimated(self, height: int, width: int) -> Pixels:
        """The whole picture in ``height`` x ``width`` pixels, each the mean of those it covers (one of them for a
        palette or a mistaken alpha).

        The file is read piece by piece or from its overviews, so that the picture itself is never in memory.
        """
        # GDAL leaves pixels out of a mean where what it takes for alpha is 0.
        average = self.palette is None and self.mistaken_alpha is None
        resampling = Resampling.average if average else Resampling.nearest
        return self._read(Window(0, 0, self.height, self.width), height, width, resampling)

    def _read(self, window: Window, height: int, width: int, resampling: Resampling) -> Pixels:
        """The pixels of a window inside the picture, brought to ``height`` x ``width``."""
        options = {"window": window.rasterio, "resampling": resampling}
        try:
            values = self.dataset.read(
                list(self.data_bands), out_shape=(len(self.data_bands), height, width), **options
            )
            shown = self._shown(height, width, options)
        except RasterioError as error:
            raise UserError(f"{self.path}: cannot read its pixels ({_reason(error)}); is the file whole?") from None
        usable = self._filled(values) if shown is None else self._filled(values) & shown
        if self.palette is not None:
            colors = self.palette[values[0]]
            usable &= colors[..., 3] > 0
            values = np.ascontiguousarray(np.moveaxis(colors[..., :3], -1, 0))
        if not usable.all():
            values[:, ~usable] = 0
        return Pixels(values, usable)

    def _filled(self, values: np.ndarray) -> np.ndarray:
        """Which pixels of ``values`` (bands, H, W) hold a measurement: (H, W) bool."""
        filled = np.ones(values.shape[1:], bool)
        if self.nodata is not None:
            empty = values == self.nodata
            # One dark band that equals a nodata of 0 is still a picture, so every band must say so; a negative
            # nodata (-9999) is no measurement at all, so one band that says so spoils the pixel.
            filled &= ~(empty.any(axis=0) if self.nodata < 0 else empty.all(axis=0))
        if np.issubdtype(values.dtype, np.floating):
            filled &= np.isfinite(values).all(axis=0)
        return filled

    def _shown(self, height: int, width: int, options: dict[str, Any]) -> np.ndarray | None:
        """Which pixels the alpha band or the mask inside the file lets show: (H, W) bool; None without."""
        if self.mistaken_alpha is not None:
            return None
        if len(self.data_bands) < self.dataset.count:
            alpha = next(number for number in self.dataset.indexes if number not in self.data_bands)
            return np.asarray(self.dataset.read(alpha, out_shape=(height, width), **options)) > 0
        if MaskFlags.per_dataset in self.dataset.mask_flag_enums[0]:
            return np.asarray(self.dataset.read_masks(1, out_shape=(height, width), **options)) > 0
        return None


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
    if dataset.driver == "PNG" and not _ends_like_png(path):
        dataset.close()
        raise UserError(f"{path}: the file is cut short; copy or download it again")
    if dataset.count == 0 or dataset.dtypes[0] not in DATA_TYPES:
        kind = dataset.dtypes[0] if dataset.count else "no bands"
        dataset.close()
        raise UserError(f"{path}: pixels of type {kind}; needed: {', '.join(DATA_TYPES)}")
    return Raster(path, dataset)


@lru_cache(maxsize=4096)
def _fourth_band_is_data(path: Path, size: int, changed_ns: int) -> bool:
    """See `Raster.mistaken_alpha`. size, changed_ns: of the file, so that one that changed is looked at again."""
    try:
        with rasterio.open(path) as dataset:
            rows, columns = (
                np.unique(np.linspace(0, max(0, length - SAMPLE_PX), SAMPLES).round().astype(int)).tolist()
                for length in dataset.shape
            )
            windows = [Window(row, column, SAMPLE_PX, SAMPLE_PX) for row in rows for column in columns]
            parts = [dataset.read(4, window=window.clipped(*dataset.shape).rasterio).ravel() for window in windows]
    except RasterioError:
        return False  # who reads its pixels is told what is wrong with them
    seen = np.bincount(np.concatenate(parts), minlength=256)
    between = seen[1:255]
    return int(np.count_nonzero(between)) > ALPHA_STEPS and float(between.sum()) > FEATHERED * float(seen[1:].sum())


def _ends_like_png(path: Path) -> bool:
    """Whether a PNG has its last chunk: GDAL reads one that is cut short as if the rest were black."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - PNG_TAIL_BYTES))
        return b"IEND" in file.read()


def _reason(error: Exception) -> str:
    """The library's own words on one line: rasterio hides GDAL's behind "see previous exception"."""
    cause = error.__cause__ or error
    return str(cause).replace("\n", " ").removesuffix(".")[:160]
