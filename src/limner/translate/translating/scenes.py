"""A georeferenced raster through a network that translates: it keeps its place, and its pixels become smaller where the
picture is enlarged. Read, translated and written tile by tile."""

import time
from pathlib import Path

import numpy as np
import rasterio
import torch
from torch import Tensor

from limner.foundation.errors import UserError
from limner.foundation.files.records import Account
from limner.scenes.georeference import scaled
from limner.scenes.rasters import Raster, open_raster
from limner.scenes.windows import Window
from limner.scenes.writing import BLOCK_PX, RasterFile, explained_writing
from limner.translate.translating.options import TranslateOptions
from limner.translate.translating.predictor import PictureTranslator


def translate_scene(translator: PictureTranslator, path: Path, out: Path, options: TranslateOptions) -> Account:
    """Translate a raster into a GeoTIFF of its type on its ground.

    Integers are brought to [0, 1] by the largest number of their type, floats are taken as they are, as in training.
    What is no data stays none. Raises `UserError` for other bands than the run's and for types that cannot be written.
    """
    if options.mask is not None:
        raise UserError(f"{path}: --mask is for photos; holes in rasters are not filled so far")
    began = time.perf_counter()
    with open_raster(path) as raster:
        translator.check(raster.bands, None)
        dtype = np.dtype(raster.dtype)
        if dtype.kind not in "uf":
            raise UserError(f"{path}: holds {dtype.name}; needed: uint8, uint16 or float32; convert it first")
        full = 1.0 if dtype.kind == "f" else float(np.iinfo(dtype).max)
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), _created(out, raster, translator) as file:
            masked = raster.may_lack_data and raster.nodata is None and dtype.kind != "f"

            def read(window: Window) -> Tensor:
                pixels = raster.read(window)
                values = np.where(pixels.valid[None], pixels.values, 0).astype(np.float32) / full
                return torch.from_numpy(values) * 2 - 1

            for window, part in translator.tiles(read, raster.height, raster.width, options.tile_px):
                made = ((part + 1) / 2).clamp(0, 1).numpy() * full
                values = made.astype(dtype) if dtype.kind == "f" else np.rint(made).astype(dtype)
                _write_part(file, raster, window, values, translator.scale, masked=masked)
        notes = translator.size_notes(raster.height, raster.width)
    return Account({"seconds": round(time.perf_counter() - began, 2)}, notes=notes)


def _created(out: Path, raster: Raster, translator: PictureTranslator) -> RasterFile:
    scale = translator.scale
    place = {}
    if not raster.transform.is_identity:
        place["transform"] = scaled(raster.transform, 1 / scale, 1 / scale)
    floats = raster.dtype.startswith("float")
    nodata = float("nan") if floats and raster.nodata is None else raster.nodata
    with explained_writing(out):
        return RasterFile(
            out, driver="GTiff", height=raster.height * scale, width=raster.width * scale, count=translator.outputs,
            dtype=raster.dtype, crs=raster.crs, nodata=nodata, tiled=True, blockxsize=BLOCK_PX, blockysize=BLOCK_PX,
            compress="deflate", predictor=3 if floats else 2, bigtiff="if_safer",
            photometric="rgb" if translator.outputs == 3 and raster.dtype == "uint8" else "minisblack", **place,
        )  # fmt: skip


def _write_part(
    file: RasterFile, raster: Raster, window: Window, values: np.ndarray, scale: int, *, masked: bool
) -> None:
    place = Window(window.row * scale, window.column * scale, window.height * scale, window.width * scale)
    if raster.may_lack_data:
        valid = raster.read(window).valid.repeat(scale, 0).repeat(scale, 1)
        nodata = file.dataset.nodata
        if nodata is not None:
            if not np.isnan(nodata):  # what is data shall not be taken for none
                values = np.where(
                    (values == nodata) & valid, np.asarray(_beside(nodata, values.dtype), values.dtype), values
                )
            values = np.where(valid[None], values, np.asarray(nodata, values.dtype))
        if masked:
            file.write_mask(valid, window=place.rasterio)
    file.write(values, window=place.rasterio)


def _beside(nodata: float, dtype: np.dtype) -> float:
    if dtype.kind == "f":
        return float(np.nextafter(dtype.type(nodata), dtype.type(0.5)))
    return nodata - 1 if nodata == np.iinfo(dtype).max else nodata + 1
