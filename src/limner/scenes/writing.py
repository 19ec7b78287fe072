"""Rasters written: tiled, compressed, with overviews."""

from pathlib import Path
from typing import Any

import rasterio
from rasterio.enums import Resampling

from limner.foundation.errors import UserError
from limner.scenes.rasters import Raster

BLOCK_PX = 256  # height and width of the files' blocks


SMALLEST_OVERVIEW_PX = 256


def create_raster(
    path: Path, scene: Raster, dtype: str, bands: int = 1, nodata: float | None = None, predictor: int = 1
) -> Any:
    """A new tiled and compressed GeoTIFF on the scene's grid, open for writing (a rasterio dataset).

    predictor: 3 for floats that change smoothly. Raises `UserError` where it cannot be written.
    """
    place = {} if scene.transform.is_identity else {"transform": scene.transform}
    try:
        return rasterio.open(
            path,
            "w",
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
    except rasterio.errors.RasterioError as error:
        raise UserError(f"cannot write {path.name} in {path.parent}: {error}; choose another --out") from None


def build_overviews(path: Path, resampling: Resampling = Resampling.nearest) -> None:
    """Add halved copies inside the file, down to about 256 pixels, so that it opens at once at any zoom."""
    with rasterio.Env(ZLEVEL_OVERVIEW=1, GDAL_NUM_THREADS=2), rasterio.open(path, "r+") as dataset:
        longest = max(dataset.height, dataset.width)
        factors: list[int] = []
        while longest / 2 ** len(factors) > SMALLEST_OVERVIEW_PX:
            factors.append(2 ** (len(factors) + 1))
        if factors:
            dataset.build_overviews(factors, resampling)
