"""One picture from a file as a tensor: photos of 8 and 16 bits and floats, and rasters of any number of bands."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from limner.foundation.errors import UserError
from limner.foundation.files.suffixes import TIFFS, ends_with
from limner.foundation.machine.cores import allowed_cores
from limner.foundation.progress import Progress
from limner.photos.photos import read_photo
from limner.scenes.rasters import open_raster
from limner.translate.degrading.looks import luma
from limner.translate.degrading.sizes import resized

Colors = Literal["rgb", "gray", "bands"]
"""What is kept of a file: red, green and blue; their luma; or all bands as they stand in it."""
MOST_THREADS = 8


def read_image(path: Path, colors: Colors = "rgb") -> Tensor:
    """(C, H, W): uint8 of files of 8 bits, float32 in [0, 1] of others (16 bits divided by 65,535, floats as they are).

    Photos come upright and without alpha: where nothing is seen stands the nearest color that is. With ``bands`` a
    GeoTIFF or other raster of any number of bands is taken as it is; where it has no data stands 0.

    Raises `UserError` for a file that cannot be read.
    """
    if colors == "bands" and ends_with(path, TIFFS):
        return _bands(path)
    photo = read_photo(path)
    picture = photo.filled
    if colors == "gray":
        picture = luma(picture)
    elif colors == "bands" and photo.is_gray:
        picture = picture[:1]
    return (picture * 255).round().to(torch.uint8) if photo.bits == 8 else picture.clone()


def read_images(paths: Sequence[Path], colors: Colors = "rgb", size_px: int | None = None) -> tuple[Tensor, ...]:
    """Many files, each as `read_image` gives it, by several threads.

    size_px: bring them to squares of this side; None: leave them as large as they are. Raises `UserError` as
    `read_image` does, and for pictures of different channels.
    """
    pictures: list[Tensor] = []
    with (
        ThreadPoolExecutor(min(MOST_THREADS, allowed_cores()), thread_name_prefix="decode") as pool,
        Progress("pictures", len(paths), "pictures") as progress,
    ):
        for path, picture in zip(paths, pool.map(lambda path: read_image(path, colors), paths), strict=True):
            if pictures and len(picture) != len(pictures[0]):
                raise UserError(
                    f"{path}: {len(picture)} channels, {paths[0]} {len(pictures[0])}; all must have as many"
                )
            pictures.append(picture if size_px is None else squared(picture, size_px))
            progress.advance()
    return tuple(pictures)


def as_float(picture: Tensor) -> Tensor:
    """float32 in [0, 1] of what `read_image` gives."""
    return picture.float() / 255 if picture.dtype == torch.uint8 else picture


def squared(picture: Tensor, size_px: int) -> Tensor:
    """A picture as a square of this side, by Lanczos' filter, in its own type; one that is such a square already stays
    as it is."""
    if picture.shape[1:] == (size_px, size_px):
        return picture
    made = resized(as_float(picture), size_px, size_px, "lanczos")
    return (made * 255).round().to(torch.uint8) if picture.dtype == torch.uint8 else made


def _bands(path: Path) -> Tensor:
    with open_raster(path) as raster:
        pixels = raster.read()
    values = np.where(pixels.valid[None], pixels.values, 0).astype(pixels.values.dtype)
    if values.dtype == np.uint8:
        return torch.from_numpy(np.ascontiguousarray(values))
    if np.issubdtype(values.dtype, np.integer):
        return torch.from_numpy(values.astype(np.float32) / np.iinfo(values.dtype).max)
    if not np.isfinite(values).all():
        raise UserError(f"{path}: holds NaN or infinity where it says that there is data; set a nodata value")
    return torch.from_numpy(values.astype(np.float32))
