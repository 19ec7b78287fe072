"""Which pixels of a raster are data, as GDAL reads its nodata, mask and alpha.

This file imports no torch: `limner check` and `limner score` stay light.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from rasterio.enums import ColorInterp, MaskFlags

NEVER_REACHED = 1e37  # the greatest float32, 3.4e38, is written where no data is, and tags tell it in too few digits
FLOAT_STEPS = 4  # relative distance, in machine epsilons, at which GDAL takes a float for its nodata: tags are rounded


def nodata_of(dataset: Any, numbers: Sequence[int], *, outranked: bool = True) -> tuple[float | None, ...]:
    """The value that means "no data" in each of a rasterio dataset's bands (from 1), None where a band has none.

    A mask outranks a nodata tag, as it does in GDAL: a black pixel that the mask shows is black. Only a value that no
    picture holds stays no data under a mask, see `never_measured`. outranked: False where the mask tells other ground.
    """
    masked = outranked and has_mask(dataset, numbers)
    found = []
    for number in numbers:
        value, dtype = dataset.nodatavals[number - 1], dataset.dtypes[number - 1]
        usable = value is not None and (not masked or never_measured(float(value), dtype))
        found.append(float(value) if usable else None)
    return tuple(found)


def never_measured(nodata: float, dtype: str) -> bool:
    """Whether a nodata value is none that a picture of this type holds: negative, or the highest of its type.

    One dark band that equals a nodata of 0, or one white band that equals 255 in 8 bits, is still a picture, so all
    bands must say so; but -9999 in one band is a fill, and the pixel holds no measurement of it.

    >>> never_measured(-9999, "int16"), never_measured(65535, "uint16"), never_measured(0, "uint16")
    (True, True, False)
    >>> never_measured(255, "uint8"), never_measured(1e20, "float32")
    (False, True)
    """
    if nodata < 0 or dtype.startswith("float"):
        return not 0 <= nodata <= 255
    return dtype != "uint8" and nodata >= np.iinfo(dtype).max


def filled(values: np.ndarray, nodata: Sequence[float | None], dtypes: Sequence[str]) -> np.ndarray:
    """Which pixels of ``values`` (bands, H, W) hold a measurement: (H, W) bool.

    NaN, infinity and what is no smaller than `NEVER_REACHED` are none. A band's fill that no picture holds
    (`never_measured`) spoils the pixel; where nodata is a value that pictures hold, all bands with such a nodata must
    say so. nodata, dtypes: of each band in the file.
    """
    found = np.ones(values.shape[1:], bool)
    dark: np.ndarray | None = None
    for band, value, dtype in zip(values, nodata, dtypes, strict=True):
        if value is None or value != value:
            continue
        empty = _equal(band, value)
        if never_measured(value, dtype):
            found &= ~empty
        else:
            dark = empty if dark is None else dark & empty
    if dark is not None:
        found &= ~dark
    if np.issubdtype(values.dtype, np.floating):
        with np.errstate(invalid="ignore"):  # of NaN, which is not below anything
            found &= (np.abs(values) < NEVER_REACHED).all(axis=0)
    return found


def _equal(band: np.ndarray, nodata: float) -> np.ndarray:
    """Where a band is its nodata; of floats also where the tag says it in fewer digits."""
    if not np.issubdtype(band.dtype, np.floating):
        return np.asarray(band == nodata)
    near = FLOAT_STEPS * float(np.finfo(band.dtype).eps) * abs(nodata)
    if near == 0 or not np.isfinite(near):
        return np.asarray(band == nodata)
    low, high = nodata - near, nodata + near
    limits = np.finfo(band.dtype)
    return np.asarray((band >= max(low, float(limits.min))) & (band <= min(high, float(limits.max))))


def has_mask(dataset: Any, numbers: Sequence[int]) -> bool:
    """Whether a mask (in the file, beside it, or of several bands' nodata together) says which pixels show."""
    return any(_has_mask(dataset, number) for number in numbers)


def _has_mask(dataset: Any, number: int) -> bool:
    flags = dataset.mask_flag_enums[number - 1]
    if MaskFlags.alpha in flags:
        return False
    return MaskFlags.per_dataset in flags or not flags  # no flag at all: a mask of this one band


def shown(dataset: Any, numbers: Sequence[int], height: int, width: int, options: dict[str, Any]) -> np.ndarray | None:
    """Which pixels an alpha band or a mask lets show: (height, width) bool; None without either.

    numbers: the data bands (from 1). options: of rasterio's ``read``.
    """
    hidden = [number for number in dataset.indexes if dataset.colorinterp[number - 1] is ColorInterp.alpha]
    hidden = [number for number in hidden if number not in numbers]
    if hidden:
        return np.asarray(dataset.read(hidden[0], out_shape=(height, width), **options)) > 0
    visible: np.ndarray | None = None
    for number in _masked_bands(dataset, numbers):
        mask = np.asarray(dataset.read_masks(number, out_shape=(height, width), **options)) > 0
        visible = mask if visible is None else visible & mask
    return visible


def _masked_bands(dataset: Any, numbers: Sequence[int]) -> list[int]:
    """The bands whose masks must be read: all that have one of their own, and one for the mask of all."""
    masked = [number for number in numbers if _has_mask(dataset, number)]
    of_all = [number for number in masked if MaskFlags.per_dataset in dataset.mask_flag_enums[number - 1]]
    return of_all[:1] + [number for number in masked if number not in of_all]
