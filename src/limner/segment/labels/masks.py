"""What mask files hold: numbers, or colors, whatever they mean.

This file imports no torch: `limner check` and `limner score` stay light.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from limner.foundation.errors import UserError
from limner.reporting.pictures import IGNORE
from limner.scenes.opening import lossy_compression
from limner.scenes.rasters import Raster, open_mask
from limner.scenes.windows import Window, row_bands

MANY_COLORS = 64  # more in one mask is a photograph, or a mask that was saved as JPEG


class MaskContent(NamedTuple):
    """What a mask file holds.

    numbers: its values but nodata, None for a color picture. colors: pixels of each color (0xRRGGBB) of a color
    picture or a palette, None without. pixels: of the file; silent_px: those without a number. nodata: the number that
    is tagged as none. lossy: the compression that changed its values, or None.
    """

    numbers: frozenset[int] | None
    colors: Mapping[int, int] | None
    pixels: int = 0
    silent_px: int = 0
    nodata: int | None = None
    lossy: str | None = None


def has_colors(raster: Raster) -> bool:
    """Whether a mask file is a color picture or has a palette."""
    return raster.palette is not None or len(raster.data_bands) == 3


def read_numbers(raster: Raster, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """A one-band mask's values (height, width), a palette's numbers among them; and where it has any.

    Class maps carry a color table only to look well. Raises `UserError` for a color picture.
    """
    if len(raster.data_bands) != 1:
        raise UserError(
            f"{raster.path}: a mask of {len(raster.data_bands)} bands is a color picture; say what its colors mean in "
            "a classes.yaml ('limner check' drafts one)"
        )
    values, known = raster.read_classes(window)
    return values[0], known


def read_colors(raster: Raster, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """The colors of a picture of three bands or of a palette, as 0xRRGGBB in (height, width) int32;
    where it has any.
    """
    if raster.dtype != "uint8" and raster.palette is None:
        raise UserError(f"{raster.path}: a color mask of {raster.dtype}; needed is one of 8 bits a band")
    values, known = raster.read_classes(window)
    if raster.palette is not None:
        values = np.moveaxis(raster.palette[values[0], :3], -1, 0)
    red, green, blue = values.astype(np.int32)
    return (red << 16) | (green << 8) | blue, known


def mask_content(path: Path) -> MaskContent:
    """All that a mask file holds.

    Raises `UserError` for fractions, numbers above 255, far too many colors, and several classes in a lossy
    compression, which makes numbers that nobody drew: between 2 and 4 lies 3.
    """
    with open_mask(path) as raster:
        lossy, nodata, pixels = lossy_compression(raster.dataset), raster.nodata, raster.height * raster.width
        numbers: set[int] | None = set() if len(raster.data_bands) == 1 else None
        colors: dict[int, int] | None = {} if has_colors(raster) else None
        if numbers is None and colors is None:
            raise UserError(f"{path}: a mask of {len(raster.data_bands)} bands; needed is one band, or three of color")
        silent_px = 0
        for window in row_bands(raster.height, raster.width):
            if numbers is not None:
                values, known = read_numbers(raster, window)
                silent_px += int(np.count_nonzero(~known))
                numbers.update(_whole_numbers(values[known], path))
            if colors is not None:
                found, known = read_colors(raster, window)
                for color, count in zip(*np.unique(found[known], return_counts=True), strict=True):
                    colors[int(color)] = colors.get(int(color), 0) + int(count)
    if numbers is None and colors is not None and len(colors) > MANY_COLORS:
        raise UserError(
            f"{path}: a color picture of {len(colors)} colors is a photograph or was saved as JPEG, not a mask; "
            "save masks as PNG or GeoTIFF"
        )
    if lossy is not None and numbers is not None and not (numbers <= {0, IGNORE} or numbers <= {0, 1}):
        raise UserError(
            f"{path}: class numbers saved with lossy compression ({lossy}) are not those that were drawn (it holds "
            f"{len(numbers)} values up to {max(numbers)}); save masks as PNG, or as GeoTIFF with deflate"
        )
    return MaskContent(
        None if numbers is None else frozenset(numbers), colors, pixels, silent_px, _tagged_number(nodata), lossy
    )


def _tagged_number(nodata: float | None) -> int | None:
    """The class number that a nodata tag names, if it names one."""
    return int(nodata) if nodata is not None and nodata in range(IGNORE + 1) else None


def _whole_numbers(values: np.ndarray, path: Path) -> list[int]:
    if values.dtype == np.uint8:
        return np.flatnonzero(np.bincount(values, minlength=256)).tolist()
    numbers = np.unique(values)
    wrong = numbers[(numbers != np.round(numbers)) | (numbers < 0) | (numbers > IGNORE)]
    if wrong.size:
        raise UserError(f"{path}: a mask with the value {wrong[0]:g}; needed are whole numbers from 0 to 255")
    return [int(number) for number in numbers]


def draft_class_file(contents: Mapping[Path, MaskContent]) -> str:
    """A ``classes.yaml`` to begin with, of the colors that color pictures hold, the commonest first; or nothing."""
    total: dict[int, int] = {}
    for content in contents.values():
        for color, count in (content.colors or {}).items() if content.numbers is None else ():
            total[color] = total.get(color, 0) + count
    if not total:
        return ""
    everything = sum(total.values())
    lines = [
        f'  class-{number}: "#{color:06X}"  # {count / everything:.1%} of the pixels'
        for number, (color, count) in enumerate(sorted(total.items(), key=lambda item: -item[1]))
    ]
    return "\n".join(
        ["classes:  # the first is class 0; give them their names", *lines, 'ignore: []  # such as "#000000"']
    )
