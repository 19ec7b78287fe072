"""TIFF photos read: pixels by GDAL, directories by Pillow; and what looks like a photo and is a preview of one.

The format: TIFF 6.0 (Adobe 1992), its supplement for SubIFDs (TIFF Technical Note 1), DNG 1.7 (Adobe 2023).
"""

import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL.TiffImagePlugin import ImageFileDirectory_v2 as Directory
from rasterio.enums import MaskFlags
from rasterio.errors import RasterioError

from limner.foundation.errors import UserError
from limner.photos.exif import tiff_header
from limner.scenes.opening import open_dataset, reason

PHOTOMETRIC, EXTRA_SAMPLES, PROFILE = 262, 338, 34675
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6
OF_PILLOW = (PALETTE, CMYK, YCBCR)  # colors that Pillow decodes and GDAL hands out raw
ASSOCIATED, UNASSOCIATED = 1, 2  # alpha that colors were multiplied by, or not
KIND, OLD_KIND, SUB_DIRECTORIES = 254, 255, 330
SMALLER, OLD_SMALLER = 1, 2
DNG_VERSION, SENSOR_COLORS = 50706, (32803, 34892)
"""Of raw files: a mosaic of sensor cells, or its linear values."""
CANON_RAW = b"CR"  # behind the header of CR2
MOST_DIRECTORIES = 100


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
    return 1 + sum(not _is_smaller(page) for page in _pages(file, tags))


def check_is_full(path: Path, file: BinaryIO, tags: Directory) -> None:
    """Raise `UserError` where the first picture, of which ``tags`` is the directory, is a preview of another one in the
    file: of raw files from cameras, and of TIFFs whose full picture stands in a SubIFD or on a later page.
    """
    file.seek(8)
    is_raw = DNG_VERSION in tags or tags.get(PHOTOMETRIC) in SENSOR_COLORS or file.read(2) == CANON_RAW
    others = list(_sub_directories(file, tags))
    others += _pages(file, tags) if _is_smaller(tags) else []
    sizes = [_size(other) for other in others if not _is_smaller(other)]
    if is_raw:
        raise UserError(
            f"{path}: a raw file of a camera (DNG or the like), whose first picture is a preview; develop it, and give "
            "the TIFF or JPEG"
        )
    own = _size(tags)
    largest = max(sizes, default=own, key=lambda size: size[0] * size[1])
    if largest[0] * largest[1] > own[0] * own[1]:
        raise UserError(
            f"{path}: its first picture is a preview of {own[0]} x {own[1]}, the full one of {largest[0]} x "
            f"{largest[1]} stands in another part of the file; save that as a file of its own"
        )


def _is_smaller(tags: Directory) -> bool:
    """Whether a directory says that its picture is a smaller copy of another."""
    return bool(tags.get(KIND, 0) & SMALLER) or tags.get(OLD_KIND) == OLD_SMALLER


def _size(tags: Directory) -> tuple[int, int]:
    return int(tags.get(256, 0)), int(tags.get(257, 0))


def _pages(file: BinaryIO, tags: Directory) -> Iterator[Directory]:
    """The directories that follow the first."""
    header = tiff_header(file)
    place, seen = tags.next, set()
    while place and place not in seen:
        seen.add(place)
        page = _directory_at(file, header, place)
        yield page
        place = page.next


def _sub_directories(file: BinaryIO, tags: Directory) -> Iterator[Directory]:
    """The directories within the first; damaged ones are left out."""
    places = tags.get(SUB_DIRECTORIES, ())
    header = tiff_header(file)
    for place in (places if isinstance(places, tuple) else (places,))[:MOST_DIRECTORIES]:
        with suppress(OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error):
            yield _directory_at(file, header, int(place))


def _directory_at(file: BinaryIO, header: bytes, place: int) -> Directory:
    found = Directory(header)
    file.seek(place)
    found.load(file)
    return found


def separated(colors: np.ndarray, alpha: np.ndarray, extra: Sequence[int]) -> np.ndarray:
    """``colors`` as they were before alpha was multiplied into them, where ``extra`` (tag 338) says that it was."""
    if not extra or extra[0] != ASSOCIATED:
        return colors
    full = 1.0 if colors.dtype.kind == "f" else float(np.iinfo(colors.dtype).max)
    restored = colors * (full / np.maximum(alpha, np.finfo(np.float32).tiny).astype(np.float32))[..., None]
    restored[alpha == 0] = 0
    return restored if colors.dtype.kind == "f" else restored.round().clip(0, full).astype(colors.dtype)
