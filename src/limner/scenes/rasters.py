"""Reading scenes, chips and masks of any format by windows; nodata and alpha never pass for data.

This file imports no torch: `limner check` and `limner score` stay light.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError
from rasterio.transform import Affine

from limner.foundation.errors import UserError
from limner.foundation.orientation import UPRIGHT
from limner.scenes import alpha, georeference, resampling, validity
from limner.scenes.mosaic import open_mosaic
from limner.scenes.opening import DATA_TYPES, MASK_TYPES, common_type, open_dataset, reason
from limner.scenes.turning import TurnedDataset, upright
from limner.scenes.windows import Pixels, Window

NUMBERED = re.compile(r"band[ _-]?\d+")  # a description that names nothing
COLORS = {ColorInterp.red: "red", ColorInterp.green: "green", ColorInterp.blue: "blue", ColorInterp.gray: "gray"}
READ_PX = 2**22  # file pixels of a band that are in memory at once while they are brought to another scale


@dataclass(frozen=True)
class Raster:
    """An open raster file, or a folder of chips open as one. Use `open_raster`; close with a ``with`` block.

    A picture without a place on the ground that its EXIF turns is upright. A palette picture reads as RGB; an alpha
    band, a mask inside the file and a palette's transparent colors are taken for validity, not for data.
    A band that is only marked alpha is data, see `mistaken_alpha`.

    chosen: numbers (from 1) of the data bands that `read` gives, in that order; None for all. scale: how many times the
    file's pixels there are along each edge.
    """

    path: Path
    dataset: Any
    chosen: tuple[int, ...] | None = None
    scale: float = 1.0

    def __enter__(self) -> "Raster":
        return self

    def __exit__(self, *_: object) -> None:
        self.dataset.close()

    @property
    def height(self) -> int:
        """Rows, at the scale at which the raster is seen."""
        return self._seen(self.dataset.height)

    @property
    def width(self) -> int:
        """Columns, at the scale at which the raster is seen."""
        return self._seen(self.dataset.width)

    def _seen(self, length: int) -> int:
        return int(length) if self.scale == 1 else max(1, round(length * self.scale))

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
        """The file's band numbers (from 1) that hold data, alpha left out; all of them, whichever are chosen."""
        return alpha.data_bands(self.dataset, self.mistaken_alpha)

    @cached_property
    def mistaken_alpha(self) -> int | None:
        """The number of a band that is marked alpha but holds data, or None: see `limner.scenes.alpha`."""
        return alpha.mistaken_alpha(self.path, self.dataset)

    @property
    def bands(self) -> int:
        """How many bands of data `read` gives."""
        return self._file_bands if self.chosen is None else len(self.chosen)

    @property
    def _file_bands(self) -> int:
        return 3 if self.palette is not None else len(self.data_bands)

    @cached_property
    def band_names(self) -> tuple[str, ...] | None:
        """Names of the bands that `read` gives, where the file says them: as described, else as colors, else None."""
        chosen = self.chosen or tuple(range(1, self._file_bands + 1))
        if self.palette is not None:
            return tuple(("red", "green", "blue")[number - 1] for number in chosen)
        places = [self.data_bands[number - 1] - 1 for number in chosen]
        described = [(self.dataset.descriptions[place] or "").strip().lower() for place in places]
        if all(described) and not any(NUMBERED.fullmatch(name) for name in described):
            return tuple(described)
        colors = [COLORS.get(self.dataset.colorinterp[place]) for place in places]
        return tuple(color for color in colors if color) if all(colors) else None

    @property
    def dtype(self) -> str:
        """The type of the pixels that `read` gives, as numpy names it; at any scale the file's own."""
        return "uint8" if self.palette is not None else common_type(self.dataset.dtypes)

    @property
    def orientation(self) -> int:
        """EXIF's orientation by which the stored picture was turned upright; 1 where it was not."""
        return self.dataset.orientation if isinstance(self.dataset, TurnedDataset) else UPRIGHT

    @property
    def format(self) -> str:
        """The format the file really has, as GDAL names it: "JPEG" even where the name ends in ``.tif``."""
        return str(self.dataset.driver)

    @property
    def nodata(self) -> float | None:
        """The value that means "no data", if the file names one: that of the first band that does."""
        return next((value for value in self._nodata if value is not None), None)

    @cached_property
    def _nodata(self) -> tuple[float | None, ...]:
        """The value that means "no data" in each data band."""
        # The mask of a mosaic tells what no chip covers; what masks say in the chips is in its nodata already.
        return validity.nodata_of(self.dataset, self.data_bands, outranked=not self.path.is_dir())

    @cached_property
    def _place(self) -> georeference.Place | None:
        return georeference.place_of(self.path, self.dataset)

    @property
    def crs(self) -> Any | None:
        """The coordinate reference system, or None."""
        return self.dataset.crs if self._place is None else self._place.crs

    @property
    def transform(self) -> Affine:
        """The affine transform from (column, row) to ground coordinates (the identity without a georeference)."""
        transform = self.dataset.transform if self._place is None else self._place.transform
        if self.scale == 1 or transform.is_identity:
            return transform
        return georeference.scaled(transform, self.dataset.width / self.width, self.dataset.height / self.height)

    @property
    def georeferenced(self) -> bool:
        """Whether the file says where on the ground its pixels lie, in itself or by its name."""
        return self._place is not None

    @property
    def placed_by_name(self) -> bool:
        """Whether only the name or folders say where the pixels lie: ``z19_386690_220241.png``, a map's tile."""
        return self._place is not None and georeference.own_place(self.dataset) is None

    @property
    def misfit(self) -> str | None:
        """What the file says of its place that is no straight grid, in words; None where it does not."""
        return georeference.misfit(self.dataset)

    @property
    def lacks_system(self) -> bool:
        """Whether the file says by a transform where it lies, but not in which reference system."""
        return self._place is None and georeference.lacks_system(self.dataset)

    @cached_property
    def not_degrees(self) -> str | None:
        """What is wrong with a place that is told in degrees and cannot be in degrees; None where nothing is."""
        place = self._place
        corner = None if place is None else georeference.beyond_degrees(place, self.dataset.height, self.dataset.width)
        if place is None or corner is None:
            return None
        return (
            f"says {place.crs.to_string()}, which is in degrees, but lies at x {corner[0]:.9g}, y {corner[1]:.9g}: "
            "these are no degrees, and areas and the size of a pixel are unknown; set the right reference system "
            "(gdal_edit.py -a_srs EPSG:N FILE)"
        )

    @cached_property
    def ground_m(self) -> float | None:
        """Side in meters of the square as large as the ground of the scene's middle pixel; None without a georeference.

        Measured on the ellipsoid, so that Web Mercator's stretched pixels and degrees count rightly.
        """
        if self._place is None:
            return None
        return georeference.ground_m(georeference.Place(self.crs, self.transform), self.height, self.width)

    @property
    def may_lack_data(self) -> bool:
        """Whether any pixel can be no data: known without reading them."""
        hidden = len(self.data_bands) < self.dataset.count or validity.has_mask(self.dataset, self.data_bands)
        return hidden or self.nodata is not None or self.palette is not None or self.dtype.startswith("float")

    def read(self, window: Window | None = None) -> Pixels:
        """The pixels of ``window`` (default: all) and which of them are data.

        What lies beyond the picture is zero and invalid, and so is nodata, a pixel with alpha 0 and NaN. At a scale
        below 1 a pixel is the mean of those it covers, above 1 it lies between its neighbors; it is valid where all of
        those are, so that what is no data never bleeds into data. Integers are rounded.
        """
        return self._window(window, resampling.blended, colors=True)

    def read_classes(self, window: Window | None = None) -> Pixels:
        """As `read`, for masks: a palette's numbers in place of its colors, and at any scale the nearest pixel's value.

        values: (1, height, width) for a palette, in the type of its numbers.
        """
        return self._window(window, resampling.nearest, colors=False)

    def read_decimated(self, height: int, width: int) -> Pixels:
        """The whole picture in ``height`` x ``width`` pixels, each the mean of those it covers (one of them for a
        palette or a mistaken alpha).

        The file is read piece by piece or from its overviews, so that the picture itself is never in memory.
        """
        # GDAL leaves pixels out of a mean where what it takes for alpha is 0.
        average = self.palette is None and self.mistaken_alpha is None
        method = Resampling.average if average else Resampling.nearest
        return self._read(Window(0, 0, self.dataset.height, self.dataset.width), height, width, method)

    def _window(self, window: Window | None, taps: Callable[..., resampling.FilterWeights], colors: bool) -> Pixels:
        """The pixels of a window that may reach beyond the picture, at this raster's scale."""
        window = window or Window(0, 0, self.height, self.width)
        inside = window.clipped(self.height, self.width)
        if inside == window and window.height and window.width:
            return self._inside(window, taps, colors)
        bands, dtype = self.bands, self.dtype
        if self.palette is not None and not colors:
            bands, dtype = 1, str(self.dataset.dtypes[0])
        values = np.zeros((bands, window.height, window.width), dtype)
        valid = np.zeros((window.height, window.width), bool)
        if inside.height and inside.width:
            rows, columns = inside.seen_from(window).slices
            values[:, rows, columns], valid[rows, columns] = self._inside(inside, taps, colors)
        return Pixels(values, valid)

    def _inside(self, window: Window, taps: Callable[..., resampling.FilterWeights], colors: bool) -> Pixels:
        """The pixels of a window inside the picture, at this raster's scale."""
        if self.scale == 1:
            return self._read(window, window.height, window.width, Resampling.nearest, colors)
        rows = taps(self.dataset.height, self.height, window.row, window.height)
        columns = taps(self.dataset.width, self.width, window.column, window.width)
        step = max(1, READ_PX * window.height // (rows.count * columns.count))
        parts = []
        for start in range(0, window.height, step):
            part = rows.part(start, start + step)
            source = Window(part.first, columns.first, part.count, columns.count)
            pixels = self._read(source, source.height, source.width, Resampling.nearest, colors)
            parts.append(resampling.resampled(pixels, part, columns))
        return Pixels(*(np.concatenate(arrays, axis=-2) for arrays in zip(*parts, strict=True)))

    def _read(self, window: Window, height: int, width: int, method: Resampling, colors: bool = True) -> Pixels:
        """The pixels of a window inside the file, brought to ``height`` x ``width``."""
        options = {"window": window.rasterio, "resampling": method}
        places = list(range(len(self.data_bands)))
        if self.chosen is not None and self.palette is None:
            places = [number - 1 for number in self.chosen]
        numbers = [self.data_bands[place] for place in places]
        dtypes = [self.dataset.dtypes[number - 1] for number in numbers]
        try:
            if len(set(dtypes)) == 1:
                values = self.dataset.read(numbers, out_shape=(len(numbers), height, width), **options)
                values = values.astype(common_type(self.dataset.dtypes), copy=False)
            else:
                values = np.empty((len(numbers), height, width), common_type(self.dataset.dtypes))
                for band, number in zip(values, numbers, strict=True):
                    band[...] = self.dataset.read(number, out_shape=(height, width), **options)
            shown = validity.shown(self.dataset, self.data_bands, height, width, options)
        except RasterioError as error:
            raise UserError(f"{self.path}: cannot read its pixels ({reason(error)}); is the file whole?") from None
        usable = validity.filled(values, [self._nodata[place] for place in places], dtypes)
        if shown is not None:
            usable &= shown
        if self.palette is not None and colors:
            table = self.palette[values[0]]
            usable &= table[..., 3] > 0
            places = [0, 1, 2] if self.chosen is None else [number - 1 for number in self.chosen]
            values = np.ascontiguousarray(np.moveaxis(table[..., places], -1, 0))
        if not usable.all():
            values[:, ~usable] = 0
        return Pixels(values, usable)


def open_mask(path: Path | str) -> Raster:
    """Open a file of class numbers or colors, or a folder of such chips: as `open_raster`, of any integer type."""
    return open_raster(path, types=MASK_TYPES)


def open_raster(
    path: Path | str,
    *,
    bands: tuple[int, ...] | None = None,
    scale: float = 1.0,
    types: Sequence[str] = DATA_TYPES,
) -> Raster:
    """Open a picture or scene, or a folder of georeferenced chips as one scene, for reading by windows.

    Args:
        bands: numbers (from 1) of the data bands to read, in that order; alpha is not counted, a palette has 3.
        scale: see the raster with this many times the pixels along each edge (0.5: half as many).
        types: those that its pixels may have.

    Raises:
        UserError: for a file that is missing, empty, broken, or of a type that is not pictures' (complex numbers); for
        a
            folder that is no mosaic (`limner.scenes.mosaic`); for a band that is not there or named twice.
    """
    path = Path(path)
    if not 0 < scale < math.inf:
        raise UserError(f"{path}: cannot be seen at scale {scale:g}; needed is a number above 0")
    dataset = open_mosaic(path, types) if path.is_dir() else upright(path, open_dataset(path, types))
    raster = Raster(path, dataset, bands, scale)
    if bands is not None:
        try:
            _check_bands(raster, bands)
        except UserError:
            raster.dataset.close()
            raise
    return raster


def _check_bands(raster: Raster, bands: tuple[int, ...]) -> None:
    count = len(raster.data_bands) if raster.palette is None else 3
    named = ", ".join(map(str, bands))
    if not bands or len(set(bands)) < len(bands):
        raise UserError(f"{raster.path}: bands {named or 'none'}; name each band to read once")
    for number in bands:
        if not 1 <= number <= count:
            there = f"its bands are 1 to {count}" if count > 1 else "it has one band"
            raise UserError(f"{raster.path}: has no band {number} ({there}; alpha is not counted)")
