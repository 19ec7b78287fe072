"""TIFF photos of 8 and 16 bits and of floats: read by GDAL, written here, since no library keeps all of color, alpha,
profile and EXIF.

The format: TIFF 6.0 (Adobe 1992) and its Technical Notes 2 (deflate) and 3 (the predictor of floats).
"""

import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL.TiffImagePlugin import ImageFileDirectory_v2 as Directory
from rasterio.enums import MaskFlags
from rasterio.errors import RasterioError

from limner.foundation.errors import UserError
from limner.photos.exif import IPTC, XMP, tags_of, tiff_header
from limner.scenes.opening import open_dataset, reason

COMPRESSION, PHOTOMETRIC, EXTRA_SAMPLES, PROFILE = 259, 262, 338, 34675
STRIP_OFFSETS, STRIP_SIZES = 273, 279
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6
OF_PILLOW = (PALETTE, CMYK, YCBCR)  # colors that Pillow decodes and GDAL hands out raw
ASSOCIATED, UNASSOCIATED = 1, 2  # alpha that colors were multiplied by, or not
DEFLATE, DIFFERENCES, FLOAT_DIFFERENCES = 8, 2, 3
LEVEL = 2  # of zlib, as of 16-bit PNG
STRIP_BYTES = 1 << 21
LARGEST_BYTES = 2**32 - 2**24  # offsets are 32 bits; room for the directory


def read_bands(path: Path) -> tuple[np.ndarray, np.ndarray | None, int]:
    """The pixels of a TIFF or a 16-bit PNG, through GDAL: (colors, alpha, bits).

    colors: (H, W, 1 or 3) uint8, uint16 or float32. alpha: (H, W) of the same type, or None; 0 where the file marks
    pixels as nodata. bits: those in use, such as 12 of a uint16. Raises `UserError` for a file that is no such photo.
    """
    dataset = open_dataset(path)
    with dataset:
        if dataset.dtypes[0] not in ("uint8", "uint16", "float32", "float64"):
            raise UserError(f"{path}: pixels of type {dataset.dtypes[0]}; photos have 8 or 16 bits or floats")
        colors = _colors_of(path, dataset.count)
        try:
            values = dataset.read()
            nodata = MaskFlags.nodata in dataset.mask_flag_enums[0]
            valid = dataset.dataset_mask() if nodata and colors == dataset.count else None
        except (RasterioError, MemoryError) as error:
            raise UserError(f"{path}: the pixels cannot be read ({reason(error)}); copy the file again") from None
        bits = int(dataset.tags(1, ns="IMAGE_STRUCTURE").get("NBITS", 8 * values.dtype.itemsize))
    if values.dtype.kind == "f":
        values, bits = values.astype(np.float32, copy=False), 32
    full = 1 if bits == 32 else 2**bits - 1
    alpha = values[colors] if colors < len(values) else None
    if valid is not None:
        alpha = np.where(valid, full, 0).astype(values.dtype)
    return values[:colors].transpose(1, 2, 0), alpha, bits


def _colors_of(path: Path, bands: int) -> int:
    """How many of the bands are colors: 1 or 3; one more may follow, alpha."""
    if bands > 4:
        raise UserError(
            f"{path}: {bands} bands; a photo has gray or RGB, and perhaps alpha; "
            "scenes of other bands take --like RUN or --like SCENE"
        )
    return 1 if bands < 3 else 3


def check_tags(path: Path, tags: Directory) -> None:
    """Raise `UserError` for TIFFs that are no photos: of other colors,
    or with bands that are neither color nor alpha.
    """
    meaning, bands = tags.get(PHOTOMETRIC, BLACK_IS_ZERO), tags.get(277, 1)
    deep = max(tags.get(258, (1,))) > 8
    if meaning not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB) and (deep or meaning not in OF_PILLOW):
        raise UserError(f"{path}: a TIFF of color type {meaning} (tag 262){', 16 bits' * deep}; save it as RGB")
    if meaning in OF_PILLOW:
        return
    _colors_of(path, bands)
    extra = tags.get(EXTRA_SAMPLES, ())
    if bands in (2, 4) and (extra or (0,))[0] not in (ASSOCIATED, UNASSOCIATED):
        raise UserError(
            f"{path}: {bands} bands, of which the last is not marked as alpha; a photo has gray or RGB, and perhaps "
            "alpha; scenes of other bands take --like RUN or --like SCENE"
        )


def dpi_of(tags: Directory) -> tuple[float, float] | None:
    """Pixels an inch across and down, where the file says how large the picture is."""
    inches = {2: 1.0, 3: 2.54}.get(tags.get(296, 2))
    across, down = tags.get(282), tags.get(283)
    if not inches or not across or not down:
        return None
    return float(across) * inches, float(down) * inches


def pages_of(file: BinaryIO, tags: Directory) -> int:
    """How many full-size pictures the TIFF holds, of which ``tags`` is the first one's directory."""
    header = tiff_header(file)
    pages, place, seen = 1, tags.next, set()
    while place and place not in seen:
        seen.add(place)
        page = Directory(header)
        file.seek(place)
        page.load(file)
        pages += not page.get(254, 0) & 1  # a smaller copy
        place = page.next
    return pages


def write_tiff(
    path: Path,
    pixels: np.ndarray,
    *,
    exif: bytes | None = None,
    profile: bytes | None = None,
    xmp: bytes | None = None,
    iptc: bytes | None = None,
    dpi: tuple[float, float] | None = None,
) -> None:
    """Write ``pixels`` (H, W, 3 or 4) uint8, uint16 or float32, deflated, with what the source said of itself."""
    height, width, channels = pixels.shape
    floating = pixels.dtype.kind == "f"
    rows = max(1, STRIP_BYTES // (width * channels * pixels.itemsize))
    with ThreadPoolExecutor() as pool:
        strips = list(pool.map(_strip, (pixels[start : start + rows] for start in range(0, height, rows))))
    sizes = [len(strip) for strip in strips]
    if sum(sizes) > LARGEST_BYTES:
        raise UserError(f"{path}: {sum(sizes) / 1e9:.1f} GB of pixels; a TIFF holds 4 GB: write .png, or fewer pixels")
    tags = tags_of(exif)
    layout = {256: width, 257: height, 258: (8 * pixels.itemsize,) * channels, COMPRESSION: DEFLATE, PHOTOMETRIC: RGB}
    layout |= {277: channels, 278: rows, 284: 1, 317: FLOAT_DIFFERENCES if floating else DIFFERENCES}
    layout |= {339: (3 if floating else 1,) * channels, STRIP_SIZES: tuple(sizes)}
    layout |= {STRIP_OFFSETS: tuple(int(end) for end in np.cumsum([0, *sizes[:-1]]))}
    layout |= {EXTRA_SAMPLES: UNASSOCIATED} if channels == 4 else {}
    for tag, value in layout.items():
        tags[tag] = value
    if dpi is not None and 282 not in tags:
        tags[282], tags[283], tags[296] = dpi[0], dpi[1], 2
    _set_bytes(tags, {PROFILE: (7, profile), XMP: (1, xmp), IPTC: (7, iptc)})
    with path.open("wb") as file:
        tags.save(file)  # moves the strips' offsets behind itself
        file.writelines(strips)


def _set_bytes(tags: Directory, blocks: dict[int, tuple[int, bytes | None]]) -> None:
    for tag, (kind, value) in blocks.items():
        if value:
            tags.tagtype[tag] = kind
            tags[tag] = value


def _strip(pixels: np.ndarray) -> bytes:
    """Rows less what stands left of each value, deflated (section 14; Technical Note 3 for floats)."""
    height, width, channels = pixels.shape
    if pixels.dtype.kind == "f":  # the bytes of equal weight side by side, the highest first
        weights = np.ascontiguousarray(pixels.astype(">f4")).view(np.uint8).reshape(height, width * channels, 4)
        flat = weights.transpose(0, 2, 1).reshape(height, -1)
    else:
        flat = pixels.reshape(height, -1)
    differences = flat.copy()
    differences[:, channels:] -= flat[:, :-channels]
    return zlib.compress(differences.astype(differences.dtype.newbyteorder("<"), copy=False).tobytes(), LEVEL)


def separated(colors: np.ndarray, alpha: np.ndarray, extra: Sequence[int]) -> np.ndarray:
    """``colors`` as they were before alpha was multiplied into them, where ``extra`` (tag 338) says that it was."""
    if not extra or extra[0] != ASSOCIATED:
        return colors
    full = 1.0 if colors.dtype.kind == "f" else float(np.iinfo(colors.dtype).max)
    restored = colors * (full / np.maximum(alpha, np.finfo(np.float32).tiny).astype(np.float32))[..., None]
    restored[alpha == 0] = 0
    return restored if colors.dtype.kind == "f" else restored.round().clip(0, full).astype(colors.dtype)
