"""Pictures for people: bringing values to display, class and error overlays, contact sheets, and writing them.

A picture here is (H, W, 3) uint8 RGB. This file imports no torch.
"""

import colorsys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from limner.foundation.errors import UserError
from limner.foundation.files.suffixes import SHOWN_PICTURES, ends_with
from limner.foundation.files.writing import replacing
from limner.foundation.machine.disk import open_for_encoder

IGNORE = 255
INK, PAPER, GRAY = (31, 35, 40), (255, 255, 255), (150, 150, 150)
GAP_PX = 8

# Okabe and Ito's colors, distinct to the color-blind (jfly.uni-koeln.de/color, 2008); class 0 is black, the background.
PALETTE = (
    (0, 0, 0),
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
# The colors of the paper's own error maps (github.com/sinaghassemi/eusipco2018), and one for a wrong object class.
TRUE_NEGATIVE, TRUE_POSITIVE, FALSE_POSITIVE, FALSE_NEGATIVE, WRONG_CLASS = range(5)
ERROR_COLORS = {
    TRUE_NEGATIVE: (255, 255, 255),
    TRUE_POSITIVE: (0, 160, 0),
    FALSE_POSITIVE: (220, 0, 0),
    FALSE_NEGATIVE: (0, 70, 230),
    WRONG_CLASS: (230, 150, 0),
}


def class_colors(classes: int) -> np.ndarray:
    """(classes, 3) uint8: a fixed color for each class; a class keeps its color however many there are.

    The first eight are safe for the color-blind; the rest differ in hue and lightness as far as they can.

    >>> class_colors(2).tolist()
    [[0, 0, 0], [230, 159, 0]]
    """
    if not 1 <= classes <= 255:
        raise ValueError(f"{classes} classes; colors are for 1 to 255")
    colors = list(PALETTE[:classes])
    for number in range(len(PALETTE), classes):
        hue = (number * 0.61803398875) % 1  # the golden ratio spreads hues evenly, however many follow
        lightness = (0.35, 0.65, 0.5)[number % 3]
        red, green, blue = colorsys.hls_to_rgb(hue, lightness, 0.75)
        colors.append((round(255 * red), round(255 * green), round(255 * blue)))
    return np.array(colors, np.uint8)


def write_picture(path: Path, picture: np.ndarray, quality: int = 90) -> None:
    """Write a picture as PNG or JPEG (by the suffix), whole or not at all.

    picture: (H, W, 3) or (H, W) uint8. quality: of a JPEG, 1 to 95. Raises `UserError` for another suffix.
    """
    if not ends_with(path, SHOWN_PICTURES):
        raise UserError(f"{path}: pictures are written as .png or .jpg; give a name that ends so")
    if picture.dtype != np.uint8:
        raise ValueError(f"a picture of {picture.dtype}; needed: uint8 (see to_display)")
    with replacing(path) as temporary, open_for_encoder(temporary) as file:
        form = "PNG" if path.suffix.lower() == ".png" else "JPEG"
        Image.fromarray(picture).save(file, form, quality=quality)


def to_display(values: np.ndarray, valid: np.ndarray | None = None, bands: Sequence[int] | None = None) -> np.ndarray:
    """(H, W, 3) uint8 of a raster's values, to look at.

    uint8 stays as it is; other types are stretched, each band by itself, from its 2nd to its 98th percentile. One or
    two bands are shown gray (the first), more as red, green and blue (the first three). What is not valid is white.

    values: (bands, H, W), any real type. valid: (H, W) bool. bands: which to show, from 0: one or three.
    """
    if values.ndim != 3:
        raise ValueError(f"values of shape {values.shape}; needed: (bands, H, W)")
    chosen = tuple(bands) if bands is not None else ((0, 1, 2) if len(values) >= 3 else (0,))
    if len(chosen) not in (1, 3) or not all(0 <= band < len(values) for band in chosen):
        raise ValueError(f"bands {chosen} of {len(values)}; needed: one or three of them, from 0")
    usable = np.ones(values.shape[1:], bool) if valid is None else valid
    shown = [values[band] if values.dtype == np.uint8 else _stretched(values[band], usable) for band in chosen]
    picture = np.stack(shown * (3 // len(shown)), axis=-1)
    picture[~usable] = 255
    return picture


def _stretched(band: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """uint8: ``band`` from its 2nd (0) to its 98th percentile (255) over the valid, finite pixels."""
    usable = valid & np.isfinite(band)
    if not usable.any():
        return np.zeros(band.shape, np.uint8)
    low, high = np.percentile(band[usable].astype(np.float64), (2, 98))
    if high == low:
        return np.where(usable, np.uint8(128), np.uint8(0))
    stretched = (np.where(usable, band, low).astype(np.float64) - low) / (high - low)
    return (stretched.clip(0, 1) * 255).round().astype(np.uint8)


def resized(picture: np.ndarray, longest_px: int) -> np.ndarray:
    """The picture with its longest edge at most ``longest_px``; never enlarged."""
    height, width = picture.shape[:2]
    scale = longest_px / max(height, width)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def overlay(
    picture: np.ndarray,
    mask: np.ndarray,
    colors: np.ndarray | None = None,
    alpha: float = 0.5,
    background: int | None = 0,
) -> np.ndarray:
    """The picture with the color of each pixel's class laid over it.

    picture: (H, W, 3) uint8. mask: (H, W) classes; 255 = ignore is hatched in gray. colors: (classes, 3) uint8, by
    default `class_colors`. alpha: 0 shows the picture alone, 1 the colors alone. background: the class that is left
    clear, or None to color all.
    """
    _check_same_size(picture, mask)
    known = mask != IGNORE
    if colors is None:
        colors = class_colors(int(mask[known].max(initial=0)) + 1)
    painted = known if background is None else known & (mask != background)
    result = picture.copy()
    result[painted] = _mixed(picture[painted], colors[mask[painted]], alpha)
    return _hatched(result, ~known)


def error_kinds(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """What happened at each pixel: a uint8 number of `ERROR_COLORS`, or 255 where either mask is 255 (ignore).

    truth, prediction: class masks of one shape; class 0 is the background.
    """
    right = truth == prediction
    cases = {
        TRUE_NEGATIVE: right & (truth == 0),
        TRUE_POSITIVE: right,
        FALSE_POSITIVE: truth == 0,
        FALSE_NEGATIVE: prediction == 0,
    }
    kinds = np.select(list(cases.values()), [np.uint8(kind) for kind in cases], np.uint8(WRONG_CLASS))
    kinds[(truth == IGNORE) | (prediction == IGNORE)] = IGNORE
    return kinds


def luma(picture: np.ndarray) -> np.ndarray:
    """(H, W) float32: how bright each pixel of a picture, (H, W, 3) in any unit, is, by the weights of ITU-R BT.601."""
    brightness: np.ndarray = picture.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return brightness


def error_map(picture: np.ndarray, truth: np.ndarray, prediction: np.ndarray, classes: int = 2) -> np.ndarray:
    """What a map gets wrong, in colors over the picture dimmed to gray; ignored ground is hatched.

    Two classes: found green, invented red, missed blue (a wrong class that is an object in both would be orange). With
    more, "invented" and "missed" say too little: what is right stays gray, and each wrong pixel has the color of the
    class it was called (`class_colors`); what it should have been stands in an `overlay` of the truth beside it.

    picture: (H, W, 3) uint8. truth, prediction: (H, W) classes, 0 = background, 255 = ignore. classes: how many there
    are.
    """
    _check_same_size(picture, truth)
    _check_same_size(picture, prediction)
    result = np.repeat((110 + 0.5 * luma(picture))[..., None], 3, axis=2).astype(np.uint8)
    kinds = error_kinds(truth, prediction)
    if classes > 2:
        wrong = (truth != prediction) & (kinds != IGNORE)
        result[wrong] = _mixed(result[wrong], class_colors(classes)[prediction[wrong]], 0.85)
    else:
        for kind, color in ERROR_COLORS.items():
            if kind != TRUE_NEGATIVE:
                result[kinds == kind] = _mixed(result[kinds == kind], np.array(color), 0.75)
    return _hatched(result, kinds == IGNORE)


def legend(entries: Mapping[str, Sequence[int]], width_px: int, font_px: int = 18) -> np.ndarray:
    """A strip that says what colors mean: (H, width_px, 3) uint8, in as many lines as the names need.

    entries: name -> (red, green, blue) 0..255.
    """
    font = ImageFont.load_default(font_px)
    line_px = round(font_px * 1.7)
    places: list[tuple[str, Sequence[int], int, int]] = []
    x, y = GAP_PX, GAP_PX
    for name, color in entries.items():
        text = _shortened(name, font, width_px - 4 * GAP_PX - font_px)
        wide = round(font_px * 1.5 + font.getlength(text)) + 2 * GAP_PX
        if x > GAP_PX and x + wide > width_px:
            x, y = GAP_PX, y + line_px
        places.append((text, color, x, y))
        x += wide
    strip = Image.new("RGB", (width_px, y + line_px), PAPER)
    draw = ImageDraw.Draw(strip)
    for text, color, x, y in places:
        draw.rectangle((x, y, x + font_px, y + font_px), fill=tuple(color), outline=INK)
        draw.text((x + round(font_px * 1.5), y - font_px // 8), text, INK, font)
    return np.asarray(strip)


def contact_sheet(
    pictures: Sequence[np.ndarray],
    labels: Sequence[str] = (),
    *,
    columns: int | None = None,
    cell_px: int = 240,
    title: str = "",
) -> np.ndarray:
    """Pictures side by side in cells of one size, each with its label below; (H, W, 3) uint8.

    pictures: (H, W, 3) uint8 of any sizes, made to fit (small ones are enlarged by whole factors). labels: none, or
    one a picture; shortened where too long. columns: by default about as many as rows, at most 6.
    """
    if not pictures or (labels and len(labels) != len(pictures)):
        raise ValueError(f"{len(pictures)} pictures and {len(labels)} labels; needed: at least one, and a label each")
    columns = columns or min(6, round(np.sqrt(len(pictures)) + 0.49))
    rows = [list(pictures[start : start + columns]) for start in range(0, len(pictures), columns)]
    captions = [list(labels[start : start + columns]) for start in range(0, len(pictures), columns)]
    return captioned_rows(rows, captions, cell_px=cell_px, title=title)


def captioned_rows(
    rows: Sequence[Sequence[np.ndarray]],
    captions: Sequence[Sequence[str]] = (),
    *,
    heads: Sequence[str] = (),
    cell_px: int = 320,
    title: str = "",
) -> np.ndarray:
    """Rows of pictures in one grid, such as picture, truth, map and errors of several places; (H, W, 3) uint8.

    A row is as high as its highest picture, made to fit ``cell_px``.

    captions: for each row its pictures' captions (below), or none. heads: what each column shows (above the first row).
    """
    font_px, small_px = min(30, max(14, cell_px // 14)), min(24, max(12, cell_px // 18))
    font, small = ImageFont.load_default(font_px), ImageFont.load_default(small_px)
    columns = max([1, len(heads), *map(len, rows)])
    title_px = round(font_px * 2.2) if title else 0
    head_px = round(font_px * 1.8) if heads else 0
    caption_px = round(small_px * 1.9) if any(any(row) for row in captions) else 0
    fitted = [[_fitted(picture, cell_px) for picture in row] for row in rows]
    heights = [max(picture.height for picture in row) for row in fitted]
    height = title_px + head_px + sum(heights) + len(rows) * (caption_px + GAP_PX) + GAP_PX
    sheet = Image.new("RGB", (columns * (cell_px + GAP_PX) + GAP_PX, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP_PX, GAP_PX), _shortened(title, font, sheet.width - 2 * GAP_PX), INK, font)
    for column, head in enumerate(heads):
        place = GAP_PX + column * (cell_px + GAP_PX), title_px + GAP_PX // 2
        draw.text(place, _shortened(head, font, cell_px), INK, font)
    y = title_px + head_px + GAP_PX
    for number, row in enumerate(fitted):
        texts = list(captions[number]) if number < len(captions) else []
        for column, picture in enumerate(row):
            x = GAP_PX + column * (cell_px + GAP_PX)
            sheet.paste(picture, (x + (cell_px - picture.width) // 2, y + (heights[number] - picture.height) // 2))
            if column < len(texts):
                text = _shortened(texts[column], small, cell_px)
                draw.text((x, y + heights[number] + small_px // 3), text, INK, small)
        y += heights[number] + caption_px + GAP_PX
    return np.asarray(sheet)


def _fitted(picture: np.ndarray, cell_px: int) -> Image.Image:
    """The picture shrunk into a cell, or enlarged by a whole factor so that its pixels stay visible."""
    smaller = Image.fromarray(resized(picture, cell_px)).convert("RGB")
    factor = max(1, cell_px // max(smaller.size))
    return smaller.resize((smaller.width * factor, smaller.height * factor), Image.Resampling.NEAREST)


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width_px: int) -> str:
    if font.getlength(text) <= width_px:
        return text
    while text and font.getlength(text + "...") > width_px:
        text = text[:-1]
    return text + "..."


def _mixed(below: np.ndarray, above: np.ndarray, alpha: float) -> np.ndarray:
    return (below * (1 - alpha) + above * alpha).round().astype(np.uint8)


def _hatched(picture: np.ndarray, where: np.ndarray) -> np.ndarray:
    """``picture`` with gray stripes over the pixels ``where``."""
    rows, columns = np.nonzero(where)
    striped = (rows + columns) % 8 < 3
    picture[rows[striped], columns[striped]] = GRAY
    return picture


def _check_same_size(picture: np.ndarray, mask: np.ndarray) -> None:
    if picture.shape[:2] != mask.shape:
        raise ValueError(f"a mask of {mask.shape} on a picture of {picture.shape[:2]}; needed: one size")
