"""Opening one raster file, or saying in one line why it cannot be.

This file imports no torch: `limner check` and `limner score` stay light.
"""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import Interleaving
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from limner.foundation.errors import UserError
from limner.foundation.files.names import spelled
from limner.foundation.machine.memory import check_memory
from limner.scenes.formats import driver_of

DATA_TYPES = ("uint8", "uint16", "int16", "float32", "float64")
MASK_TYPES = (*DATA_TYPES, "int8", "int32", "uint32", "int64", "uint64")
"""Of masks: class numbers are written in any integer type, whatever they need."""
MOST_PIXELS_A_BYTE = {"JPEG": 32 * 64, "PNG": 8 * 1040, "GIF": 8 * 1040}
"""A JPEG takes a bit or more for each 8 x 8 pixels (a quarter of one is let pass, for arithmetic coding); deflate makes
bytes at most 1032 times fewer, and a byte may hold 8 pixels."""
SMALL_BYTES = 1 << 28  # not worth asking for
PNG_TAIL_BYTES = 4096  # its last chunk is looked for here: some programs add a few bytes after it

CACHE_MB = 128
os.environ.setdefault("GDAL_CACHEMAX", str(CACHE_MB))  # GDAL's own default is 5 % of the machine
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)  # plain pictures are welcome here


def open_dataset(path: Path, types: Sequence[str] = DATA_TYPES) -> Any:
    """The file as a rasterio dataset of one of ``types``, to be closed by the caller.

    Raises `UserError` for a file that is missing, empty, broken, or of a type that is not pictures' (complex numbers).
    """
    if not path.exists():
        raise UserError(f"{path}: no such file")
    if not path.is_file():
        raise UserError(f"{path}: not a file; needed here: a picture")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty (0 bytes)")
    driver = driver_of(path)
    try:
        dataset = rasterio.open(spelled(path), driver=driver)
    except RasterioError as error:
        raise UserError(f"{path}: not a picture that can be read ({reason(error)})") from None
    try:
        _check_whole(path, dataset)
        _check_blocks(path, dataset)
    except UserError:
        dataset.close()
        raise
    wrong = [kind for kind in dataset.dtypes if kind not in types] if dataset.count else ["no bands"]
    if wrong:
        dataset.close()
        raise UserError(f"{path}: pixels of type {wrong[0]}; needed: {', '.join(types)}")
    return dataset


def common_type(dtypes: Sequence[str]) -> str:
    """The type that holds the pixels of bands of these types, as numpy names it: a VRT may join several.

    >>> common_type(["uint8", "uint8"]), common_type(["uint8", "uint16"]), common_type(["uint16", "int16"])
    ('uint8', 'uint16', 'float32')
    """
    if len(set(dtypes)) == 1:
        return str(dtypes[0])
    joined = np.result_type(*dtypes).name
    return joined if joined in DATA_TYPES else ("float32" if joined == "int32" else "float64")


def lossy_compression(dataset: Any) -> str | None:
    """The compression of a rasterio dataset's file that changes pixels ("JPEG"), or None; of a VRT, any file's."""
    if dataset.driver == "VRT":
        for name in dataset.files[1:]:
            try:
                with rasterio.open(name, driver=driver_of(Path(name))) as part:
                    found = None if part.driver == "VRT" else lossy_compression(part)
            except (RasterioError, OSError, UserError):
                continue  # who reads its pixels is told what is wrong with them
            if found is not None:
                return found
        return None
    tags = {**dataset.tags(1, ns="IMAGE_STRUCTURE"), **dataset.tags(ns="IMAGE_STRUCTURE")}
    name = tags.get("COMPRESSION", dataset.driver)
    is_lossy = tags.get("COMPRESSION_REVERSIBILITY", "").startswith("LOSSY") or float(tags.get("MAX_Z_ERROR", 0)) > 0
    return name if is_lossy or dataset.driver == "JPEG" or name.endswith("JPEG") else None


def reason(error: Exception) -> str:
    """The library's own words on one line: rasterio hides GDAL's behind "see previous exception"."""
    cause = error.__cause__ or error
    return str(cause).replace("\n", " ").removesuffix(".")[:160]


def _check_whole(path: Path, dataset: Any) -> None:
    """Raise `UserError` for a file that is cut short, or says that it has far more pixels than its bytes can hold.

    GDAL reads what is missing of a picture as if it were there, black or gray, for hours where the head says so.
    """
    size, pixels = path.stat().st_size, dataset.height * dataset.width
    too_few = size * MOST_PIXELS_A_BYTE.get(dataset.driver, pixels) < pixels
    if too_few or (dataset.driver == "PNG" and not _ends_like_png(path)):
        told = f": {dataset.width} x {dataset.height} pixels in {size} bytes" if too_few else ""
        raise UserError(f"{path}: the file is cut short{told}; copy or download it again")


def _check_blocks(path: Path, dataset: Any) -> None:
    """Raise `UserError` where a block of the file, which is decoded at once, is more than fits into memory."""
    if not dataset.count:
        return
    height, width = dataset.block_shapes[0]
    together = dataset.count if dataset.interleaving is Interleaving.pixel else 1
    needed = 3 * height * width * together * np.dtype(dataset.dtypes[0]).itemsize
    if needed > SMALL_BYTES:
        check_memory(needed, f"{path}: its blocks of {width} x {height} pixels", "write it anew with smaller tiles")


def _ends_like_png(path: Path) -> bool:
    """Whether a PNG has its last chunk: GDAL reads one that is cut short as if the rest were black."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - PNG_TAIL_BYTES))
        return b"IEND" in file.read()
