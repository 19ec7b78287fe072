"""Rasters written: tiled, compressed, with overviews; a write that failed is never taken for done."""

import logging
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import Resampling

from limner.foundation.errors import UserError
from limner.foundation.files.names import is_plain, plain
from limner.foundation.machine.disk import WatchedFile
from limner.scenes.rasters import Raster

BLOCK_PX = 256  # height and width of the files' blocks
SMALLEST_OVERVIEW_PX = 256

logging.getLogger("rasterio").addHandler(logging.NullHandler())  # or Python prints GDAL's errors beside our one line


class RasterFile:
    """A GeoTIFF being written. Use it in a ``with`` block.

    dataset: rasterio's, for all but pixels and closing: GDAL compresses and writes behind, and says of a write that
    failed neither then nor when the file is closed, so its writes go through `WatchedFile`.
    """

    def __init__(self, path: Path, mode: str = "w", **profile: Any) -> None:
        self._path, self._files = str(path), list[WatchedFile]()
        name = self._path if is_plain(self._path) else f"/{uuid.uuid4().hex}{plain(path.suffix)}"  # GDAL's for it
        self._name = name
        with rasterio.Env():
            self.dataset = rasterio.open(name, mode, opener=self._open, **profile)
        # Other threads may write: rasterio finds who opens its files by a variable of the context it was opened in.
        self._context = copy_context()
        self._raise()

    def _open(self, path: str, mode: str = "rb", **_: Any) -> WatchedFile:
        self._files.append(WatchedFile(self._path + path.removeprefix(self._name), mode))
        return self._files[-1]

    def __enter__(self) -> "RasterFile":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with rasterio.Env():
            self.dataset.close()
        if kind is None:
            self._raise()

    def _raise(self) -> None:
        for file in self._files:
            if file.error is not None:
                raise file.error

    def write(self, values: np.ndarray, bands: int | Sequence[int] | None = None, window: Any = None) -> None:
        """Write pixels, as rasterio does. Raises `OSError` where these or earlier ones could not be written."""
        with rasterio.Env():
            self._context.run(self.dataset.write, values, bands, window=window)
        self._raise()

    def write_mask(self, valid: np.ndarray, window: Any = None) -> None:
        """Write which pixels are valid, (height, width) bool. Raises `OSError` as `write` does."""
        with rasterio.Env():
            self._context.run(self.dataset.write_mask, valid, window=window)
        self._raise()


def create_raster(
    path: Path, scene: Raster, dtype: str, bands: int = 1, nodata: float | None = None, predictor: int = 1
) -> RasterFile:
    """A new tiled and compressed GeoTIFF on the scene's grid, open for writing.

    predictor: 3 for floats that change smoothly. Raises `UserError` where it cannot be written.
    """
    place = {} if scene.transform.is_identity else {"transform": scene.transform}
    with explained_writing(path):
        return RasterFile(
            path,
            driver="GTiff",
            height=scene.height,
            width=scene.width,
            count=bands,
            dtype=dtype,
            nodata=nodata,
            crs=scene.crs,
            tiled=True,
            blockxsize=BLOCK_PX,
            blockysize=BLOCK_PX,
            compress="deflate",
            zlevel=1,  # maps of classes shrink 20 times already; level 6 takes thrice the time for little
            predictor=predictor,
            num_threads=2,
            bigtiff="if_safer",
            **place,
        )


@contextmanager
def explained_writing(path: Path) -> Iterator[None]:
    """GDAL's refusal to begin a file as one line."""
    try:
        yield
    except rasterio.errors.RasterioError as error:
        raise UserError(f"cannot write {path.name} in {path.parent}: {error}; choose another --out") from None


def build_overviews(path: Path, resampling: Resampling = Resampling.nearest) -> None:
    """Add halved copies inside the file, down to about 256 pixels, so that it opens at once at any zoom."""
    with RasterFile(path, "r+") as file:
        longest = max(file.dataset.height, file.dataset.width)
        factors: list[int] = []
        while longest / 2 ** len(factors) > SMALLEST_OVERVIEW_PX:
            factors.append(2 ** (len(factors) + 1))
        add_overviews(file, factors, resampling)


def add_overviews(file: RasterFile, factors: Sequence[int], resampling: Resampling) -> None:
    """Add copies inside an open file that are so many times smaller."""
    if factors:
        with rasterio.Env(ZLEVEL_OVERVIEW=1, GDAL_NUM_THREADS=2):
            file.dataset.build_overviews(list(factors), resampling)
