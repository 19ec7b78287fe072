"""A photo through a network that translates: bits, alpha, color profile and EXIF come back with it."""

import base64
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.foundation.files.records import Account
from limner.photos.masks import drawn_mask
from limner.photos.photos import Photo, read_photo, write_photo
from limner.scenes.windows import Window
from limner.scenes.writing import BLOCK_PX, RasterFile
from limner.translate.degrading.looks import luma
from limner.translate.translating.options import TranslateOptions
from limner.translate.translating.predictor import PictureTranslator
from limner.translate.translating.seams import measure_seams

MOST_PX = 40_000_000
"""Pixels of a result that is kept in memory whole; a larger one is written part by part, as TIFF."""


def translate_photo(
    translator: PictureTranslator, path: Path, out: Path, mask: Path | None, options: TranslateOptions
) -> Account:
    """Translate one photo file into another; ``out``'s suffix says the format.

    The photo's bits, profile, resolution, EXIF, XMP and IPTC are kept, and alpha, enlarged where the picture is. What
    the network is shown is sRGB.

    Raises `UserError` for a photo that cannot be read, a mask of another size, and a large result that is no TIFF.
    """
    began = time.perf_counter()
    photo = read_photo(path)
    source = as_source(translator, photo)
    hole, of_mask = (None, ()) if mask is None else read_hole(mask, photo)
    numbers: dict[str, float] = {}
    if options.check_seams:
        numbers["seams"] = round(measure_seams(translator, source, hole, options.tile_px), 6)
    height, width = (side * translator.scale for side in source.shape[1:])
    if height * width > MOST_PX:
        notes = _write_by_parts(translator, photo, source, hole, out, options.tile_px)
    else:
        # Where alpha hides something, what it hides is written as it was read, so the photo's memory must stay.
        made = translator.translate(source, hole, tile_px=options.tile_px, in_place=photo.seen is None)
        written = write_photo(out, _colors(made, photo), _enlarged(photo, translator.scale))
        notes = written.notes
    numbers["seconds"] = round(time.perf_counter() - began, 2)
    return Account(numbers, notes=(*photo.notes, *of_mask, *translator.size_notes(*source.shape[1:]), *notes))


def as_source(translator: PictureTranslator, photo: Photo) -> Tensor:
    """(C, H, W) in [0, 1]: the photo in sRGB as the network takes it. Raises `UserError` for a network of other
    channels."""
    picture = photo.to_srgb(photo.filled)
    low, high = picture.aminmax()
    if low < 0 or high > 1:  # else the photo's own memory serves
        picture = picture.clamp(0, 1)
    if translator.channels == 1:
        return luma(picture)
    if translator.channels != 3:
        raise UserError(
            f"{photo.path}: a photo of 3 channels; the run translates pictures of {translator.channels}: give it "
            "rasters "
            "with a place on the earth (GeoTIFF) of as many bands"
        )
    return picture


def read_hole(path: Path, photo: Photo) -> tuple[Tensor, tuple[str, ...]]:
    """((1, H, W) uint8, 1 where a mask picture is white; what to tell of it). Raises `UserError` for another size, and
    for a mask that is black, or white, all over."""
    mask, notes = drawn_mask(path, photo)
    hole = mask[None] >= 0.5
    if not hole.any() or hole.all():
        color = "black" if not hole.any() else "white"
        raise UserError(f"{path}: a mask that is {color} all over; needed: white where something is missing")
    return hole.byte(), notes


def _colors(made: Tensor, photo: Photo) -> Tensor:
    """(3, H, W) in the photo's profile."""
    if len(made) not in (1, 3):
        raise UserError(
            f"{photo.path}: the run makes pictures of {len(made)} channels, which no photo holds; give rasters"
        )
    return photo.from_srgb(made.expand(3, -1, -1))


def _enlarged(photo: Photo, scale: int) -> Photo:
    """What a result of that many times the size is written like."""
    if scale == 1:
        return photo
    alpha = photo.alpha
    if alpha is not None:
        alpha = functional.interpolate(alpha[None, None], scale_factor=scale, mode="bilinear", align_corners=False)[
            0, 0
        ]
    missing = photo.missing
    if missing is not None:
        missing = missing.repeat_interleave(scale, 0).repeat_interleave(scale, 1)
    height, width = (side * scale for side in photo.picture.shape[1:])
    picture = photo.picture
    if alpha is not None:  # what is not seen keeps its numbers
        picture = functional.interpolate(picture[None], size=(height, width), mode="nearest")[0]
    else:
        picture = picture[:, :1, :1].expand(-1, height, width)  # only its size is asked for
    return replace(photo, picture=picture, alpha=alpha, missing=missing)


def _write_by_parts(
    translator: PictureTranslator, photo: Photo, source: Tensor, hole: Tensor | None, out: Path, tile_px: int
) -> tuple[str, ...]:
    """A result too large for memory, as TIFF, tile by tile."""
    height, width = (side * translator.scale for side in source.shape[1:])
    if out.suffix.lower() not in (".tif", ".tiff"):
        raise UserError(
            f"{out}: {width} x {height} px are written part by part, which only TIFF can be; give --out a name that "
            "ends "
            "in .tif"
        )
    read = translator.reader(source, hole)
    kind, full = {8: (np.uint8, 255), 16: (np.uint16, 65535), 32: (np.float32, 1)}[photo.bits]
    profile = {} if photo.profile is None else {"SOURCE_ICC_PROFILE": base64.b64encode(photo.profile).decode()}
    layout: dict[str, Any] = {
        "tiled": True,
        "blockxsize": BLOCK_PX,
        "blockysize": BLOCK_PX,
        "compress": "deflate",
        "predictor": 2,
    }
    if photo.bits == 32:
        layout["predictor"] = 3
    scale = translator.scale
    with RasterFile(
        out, driver="GTiff", height=height, width=width, count=3, dtype=np.dtype(kind).name, photometric="rgb",
        bigtiff="if_safer", **layout, **profile,
    ) as file:  # fmt: skip
        rows, columns = source.shape[1:]
        tiles = translator.tiles(read, rows, columns, tile_px)
        for window, part in tiles:
            made = ((part + 1) / 2).clamp(0, 1)
            if hole is not None:
                place = (slice(None), *window.slices)
                made = torch.where(hole[place] > 0.5, made, source[place])
            colors = _colors(made, photo)
            values = colors if photo.bits == 32 else (colors * full).round().clamp(0, full)
            larger = Window(*(scale * each for each in window))
            file.write(values.numpy().astype(kind), window=larger.rasterio)
    lost = ["EXIF, XMP and IPTC"] if photo.tags.longest_block else []
    lost += ["alpha"] if photo.has_alpha else []
    return (f"so large a result is written part by part, without {' and '.join(lost)}",) if lost else ()
