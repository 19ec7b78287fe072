"""What browsers are shown of pictures, scenes and maps: small, of one size where they lie on each other."""

import io
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyogrio.raw
import rasterio
import shapely
from PIL import Image
from rasterio.enums import Resampling

from limner.foundation.errors import UserError
from limner.foundation.files.names import spelled
from limner.foundation.unexpected import expected_line
from limner.reporting.pictures import IGNORE, class_colors, overlay, to_display
from limner.scenes.rasters import open_raster

LONGEST_PX, THUMBNAIL_PX = 1400, 360
DOUBT = (214, 0, 147)
"""The color of doubt: magenta is rare on the ground."""
OUTLINE = "#ffd400"
MOST_OUTLINES = 20_000
MOST_FRAMES = 120
KEPT = 64
"""Answers that are kept in memory, at most a megabyte or two each."""
Answer = tuple[bytes, str]
"""A picture as a file holds it, and its media type."""


def size_of(path: Path, longest_px: int) -> tuple[int, int]:
    """Height and width of a picture brought to at most ``longest_px``."""
    with open_raster(path) as raster:
        shrink = min(1.0, longest_px / max(raster.height, raster.width))
        return max(1, round(raster.height * shrink)), max(1, round(raster.width * shrink))


def scene(path: Path, longest_px: int) -> Answer:
    """The picture or scene itself, as JPEG; what is no data is white."""
    height, width = size_of(path, longest_px)
    with open_raster(path) as raster:
        pixels = raster.read_decimated(height, width)
    return _jpeg(to_display(pixels.values, pixels.valid))


def classes(path: Path, longest_px: int) -> Answer:
    """A map's classes in their colors, as PNG; the background and what is no data are clear."""
    height, width = size_of(path, longest_px)
    with rasterio.open(spelled(path)) as file:
        numbers = file.read(1, out_shape=(height, width), resampling=Resampling.nearest)
    shown = (numbers != IGNORE) & (numbers != 0)
    colors = class_colors(int(numbers[shown].max(initial=0)) + 1)
    picture = np.zeros((height, width, 4), np.uint8)
    picture[shown, :3], picture[shown, 3] = colors[numbers[shown]], 255
    return _png(picture)


def doubt(path: Path, longest_px: int) -> Answer:
    """A map's entropy, as PNG: magenta, the stronger the more doubt; what is certain is clear."""
    height, width = size_of(path, longest_px)
    with rasterio.open(spelled(path)) as file:
        bits = file.read(1, out_shape=(height, width), resampling=Resampling.average, masked=True)
    bits = np.nan_to_num(np.ma.filled(bits.astype(np.float32), 0.0))
    picture = np.empty((height, width, 4), np.uint8)
    picture[..., :3] = DOUBT
    picture[..., 3] = (bits / max(1.0, float(bits.max())) * 255).round()
    return _png(picture)


def overlaid(path: Path, longest_px: int, ground: Path) -> Answer:
    """A map's classes over the scene that they are of, as JPEG. ground: that scene."""
    height, width = size_of(ground, longest_px)
    with open_raster(ground) as raster:
        pixels = raster.read_decimated(height, width)
    with rasterio.open(spelled(path)) as file:
        numbers = file.read(1, out_shape=(height, width), resampling=Resampling.nearest)
    return _jpeg(overlay(to_display(pixels.values, pixels.valid), numbers))


def outlines(path: Path, longest_px: int, ground: Path) -> Answer:
    """The polygons of a vector file as lines over a raster on the same ground, as SVG. ground: that raster."""
    height, width = size_of(ground, longest_px)
    with open_raster(ground) as raster:
        a, b, c, d, e, f = tuple(~raster.transform)[:6]
        scale = np.array([width / raster.width, height / raster.height])
    _, _, geometries, _ = pyogrio.raw.read(spelled(path, as_address=True), columns=[], max_features=MOST_OUTLINES)
    shapes = shapely.from_wkb(geometries)

    def placed(points: np.ndarray) -> np.ndarray:
        x, y = points[:, 0], points[:, 1]
        return np.stack([a * x + b * y + c, d * x + e * y + f], axis=1) * scale

    shapes = shapely.simplify(shapely.transform(shapes, placed), 0.4)
    paths = "".join(_path(ring) for ring in shapely.get_rings(shapes))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<path d="{paths}" fill="none" stroke="#000" stroke-opacity=".55" stroke-width="3"/>'
        f'<path d="{paths}" fill="none" stroke="{OUTLINE}" stroke-width="1.4"/></svg>'
    ).encode(), "image/svg+xml"


def _path(ring: shapely.LinearRing) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in shapely.get_coordinates(ring)[:-1]) + "z"


def frame_count(path: Path) -> int:
    """How many frames a GIF has."""
    with Image.open(path) as film:
        return int(getattr(film, "n_frames", 1))


def frame(path: Path, number: int) -> Answer:
    """A frame of a GIF, from 0, as PNG."""
    with Image.open(path) as film:
        if not 0 <= number < getattr(film, "n_frames", 1):
            raise UserError(f"{path.name}: has no frame {number}")
        film.seek(number)
        return _png(np.asarray(film.convert("RGB")))


SHOWN: dict[str, Callable[[Path, int], Answer]] = {"scene": scene, "classes": classes, "doubt": doubt}
"""What can be asked for, by name."""


def shown(kind: str, path: Path, longest_px: int, ground: Path | None = None, number: int = 0) -> Answer:
    """A picture as it is asked for; what was asked for lately is not made again.

    Raises `UserError` for what cannot be shown.
    """
    try:
        return _kept(kind, path, path.stat().st_mtime_ns, longest_px, ground, number)
    except UserError:
        raise
    except Exception as error:
        line = expected_line(error)
        if line is None:
            raise
        raise UserError(f"{path.name}: cannot be shown ({line})") from None


@lru_cache(KEPT)
def _kept(kind: str, path: Path, changed: int, longest_px: int, ground: Path | None, number: int) -> Answer:
    if kind == "outlines" and ground is not None:
        return outlines(path, longest_px, ground)
    if kind == "overlay" and ground is not None:
        return overlaid(path, longest_px, ground)
    if kind == "frame":
        return frame(path, number)
    if kind not in SHOWN:
        raise UserError(f"'{kind}' cannot be shown; known: {', '.join(SHOWN)}, outlines, overlay, frame")
    return SHOWN[kind](path, longest_px)


def _jpeg(picture: np.ndarray) -> Answer:
    return _encoded(Image.fromarray(picture), "JPEG", quality=86), "image/jpeg"


def _png(picture: np.ndarray) -> Answer:
    return _encoded(Image.fromarray(picture), "PNG", compress_level=3), "image/png"


def _encoded(image: Image.Image, form: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()
