"""Files of 16 bits and of floats: pixels and profile written by GDAL, what the photo says of itself added here.

The formats: Portable Network Graphics (Third Edition), W3C 2025; TIFF 6.0 (Adobe 1992).
"""

import base64
import struct
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from limner.foundation.errors import UserError
from limner.photos.exif import IPTC, XMP, directory, tags_of
from limner.photos.png_chunks import SIGNATURE, XMP_KEYWORD
from limner.photos.tags import NOTHING, Tags
from limner.scenes.opening import reason

LEVEL = 2  # of zlib: 6, its default, gained one percent on a noisy photo and took nearly twice as long
DIFFERENCES, FLOAT_DIFFERENCES = 2, 3
STRIP_BYTES = 1 << 21
LARGEST_BYTES = 2**32 - 2**24  # offsets of a TIFF are 32 bits; room for the directory
STRIP_OFFSETS, STRIP_SIZES, UNDEFINED, BYTE = 273, 279, 7, 1
HEAD_BYTES = len(SIGNATURE) + 25  # of a PNG: up to the end of its first chunk


def write_png16(
    path: Path,
    pixels: np.ndarray,
    tags: Tags = NOTHING,
) -> None:
    """Write ``pixels`` (H, W, 3 or 4) uint16 as PNG, which Pillow cannot in color."""
    encoded = _by_gdal(path, pixels, "PNG", tags.profile, ZLEVEL=LEVEL)
    chunks: dict[bytes, bytes] = {}
    if tags.dpi:  # pixels a meter
        chunks[b"pHYs"] = struct.pack(">LLB", *(round(value / 0.0254) for value in tags.dpi), 1)
    if tags.exif:
        chunks[b"eXIf"] = tags.exif
    if tags.xmp:  # not compressed, no language
        chunks[b"iTXt"] = XMP_KEYWORD + b"\0\0\0\0\0" + tags.xmp
    with path.open("wb") as file:
        file.write(encoded[:HEAD_BYTES])
        file.writelines(_chunks(chunks))
        file.write(encoded[HEAD_BYTES:])


def _chunks(chunks: Mapping[bytes, bytes]) -> list[bytes]:
    return [
        struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(data, zlib.crc32(kind)))
        for kind, data in chunks.items()
    ]


def write_tiff(
    path: Path,
    pixels: np.ndarray,
    tags: Tags = NOTHING,
) -> None:
    """Write ``pixels`` (H, W, 3 or 4) uint8, uint16 or float32, deflated, with what the source said of itself."""
    height, width, channels = pixels.shape
    rows = min(height, max(1, STRIP_BYTES // (width * channels * pixels.itemsize)))
    options = {"COMPRESS": "DEFLATE", "ZLEVEL": LEVEL, "INTERLEAVE": "PIXEL", "BLOCKYSIZE": rows, "PHOTOMETRIC": "RGB"}
    options |= {"PREDICTOR": FLOAT_DIFFERENCES if pixels.dtype.kind == "f" else DIFFERENCES, "NUM_THREADS": "ALL_CPUS"}
    options |= {"ALPHA": "NON-PREMULTIPLIED"} if channels == 4 else {}
    encoded = _by_gdal(path, pixels, "GTiff", tags.profile, **options)
    written = directory(BytesIO(encoded))
    starts, sizes = written[STRIP_OFFSETS], written[STRIP_SIZES]
    if sum(sizes) > LARGEST_BYTES:
        raise UserError(f"{path}: {sum(sizes) / 1e9:.1f} GB of pixels; a TIFF holds 4 GB: write .png, or fewer pixels")
    listed = tags_of(tags.exif)
    for tag, value in written.items():
        listed.tagtype[tag] = written.tagtype[tag]
        listed[tag] = value
    listed[STRIP_OFFSETS] = tuple(int(end) for end in np.cumsum([0, *sizes[:-1]]))
    if tags.dpi is not None and 282 not in listed:
        listed[282], listed[283], listed[296] = *tags.dpi, 2
    for tag, kind, block in ((XMP, BYTE, tags.xmp), (IPTC, UNDEFINED, tags.iptc)):
        if block:
            listed.tagtype[tag] = kind
            listed[tag] = block
    with path.open("wb") as file:
        listed.save(file)  # moves the strips' offsets behind itself
        file.writelines(encoded[start : start + size] for start, size in zip(starts, sizes, strict=True))


def _by_gdal(path: Path, pixels: np.ndarray, driver: str, profile: bytes | None, **options: Any) -> bytes:
    """The bytes of a file that GDAL writes in memory: disks that are full are met by Python's own writing, which
    raises."""
    if profile:
        options["SOURCE_ICC_PROFILE"] = base64.b64encode(profile).decode("ascii")
    height, width, count = pixels.shape
    shape = {"height": height, "width": width, "count": count, "dtype": pixels.dtype.name}
    try:
        with rasterio.Env(), MemoryFile() as memory:
            with memory.open(driver=driver, **shape, **options) as dataset:
                dataset.write(pixels.transpose(2, 0, 1))
            return memory.read()
    except RasterioError as error:
        raise UserError(f"{path}: cannot be written ({reason(error)}); write .png or .tif, or fewer pixels") from None
