"""Opening one raster file, or saying in one line why it cannot be.

This file imports no torch: `limner check` and `limner score` stay light.
"""

import os
import warnings
from pathlib import Path
from typing import Any

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from limner.foundation.errors import UserError

RASTER_SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".jp2", ".vrt")
DATA_TYPES = ("uint8", "uint16", "int16", "float32", "float64")
PNG_TAIL_BYTES = 4096  # its last chunk is looked for here: some programs add a few bytes after it

os.environ.setdefault("GDAL_CACHEMAX", "128")  # MB: GDAL's own default is 5 % of the machine
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)  # plain pictures are welcome here


def open_dataset(path: Path) -> Any:
    """The file as a rasterio dataset, to be closed by the caller.

    Raises `UserError` for a file that is missing, empty, broken, or of a type that is not pictures' (complex numbers).
    """
    if not path.exists():
        raise UserError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty (0 bytes)")
    try:
        dataset = rasterio.open(path)
    except RasterioError as error:
        raise UserError(f"{path}: not a picture that can be read ({reason(error)})") from None
    if dataset.driver == "PNG" and not _ends_like_png(path):
        dataset.close()
        raise UserError(f"{path}: the file is cut short; copy or download it again")
    if dataset.count == 0 or dataset.dtypes[0] not in DATA_TYPES:
        kind = dataset.dtypes[0] if dataset.count else "no bands"
        dataset.close()
        raise UserError(f"{path}: pixels of type {kind}; needed: {', '.join(DATA_TYPES)}")
    return dataset


def reason(error: Exception) -> str:
    """The library's own words on one line: rasterio hides GDAL's behind "see previous exception"."""
    cause = error.__cause__ or error
    return str(cause).replace("\n", " ").removesuffix(".")[:160]


def _ends_like_png(path: Path) -> bool:
    """Whether a PNG has its last chunk: GDAL reads one that is cut short as if the rest were black."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - PNG_TAIL_BYTES))
        return b"IEND" in file.read()
