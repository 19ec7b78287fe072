"""One picture from a file, whatever its mode, as gray, RGB or RGBA of 8 bits."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from limner.foundation.errors import UserError

PIXEL_LIMIT = 100_000_000
BEHIND_ALPHA = (51, 255, 51)
"""What shows through transparent pixels: the background of cut-outs, so that both kinds of cut-outs are alike."""
Colors = Literal["rgb", "rgba", "gray"]
MODES: dict[Colors, str] = {"rgb": "RGB", "rgba": "RGBA", "gray": "L"}
"""Pillow's name of each."""
CHANNELS: dict[Colors, int] = {"rgb": 3, "rgba": 4, "gray": 1}
DAMAGES = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, Image.DecompressionBombError)
"""What Pillow raises on broken files, by format."""


def decode(path: Path, colors: Colors, *, least_px: int) -> Image.Image:
    """The picture in a file, turned as its EXIF says, in the mode that ``colors`` means.

    Gray becomes RGB by repetition and RGB gray by its luma (ITU-R BT.601); 16 bits are scaled to 8; palettes are looked
    up; CMYK is converted by a plain formula, without its color profile. Where alpha is not wanted, `BEHIND_ALPHA` shows
    through, as behind cut-outs; where it is, the color of what cannot be seen at all is 0.

    least_px: neither edge needs to be larger, so that a JPEG may be decoded at a half, a quarter or an eighth of its
    size.

    Raises `UserError` for a file that is damaged, holds fractions, or has more than `PIXEL_LIMIT` pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, about sizes that are checked here
            with Image.open(path) as image:
                if image.width * image.height > PIXEL_LIMIT:
                    raise UserError(_too_large(path, f"{image.width} x {image.height} pixels"))
                image.draft(None, (least_px, least_px))
                return _in_mode(ImageOps.exif_transpose(_in_eight_bits(image, path)), MODES[colors])
    except UserError:
        raise
    except Image.DecompressionBombError:
        raise UserError(_too_large(path, "more pixels than Pillow opens")) from None
    except UnidentifiedImageError:
        raise UserError(
            f"{path}: not a picture, or of a kind that Pillow cannot read; remove it or save it as PNG"
        ) from None
    except DAMAGES as error:
        words = " ".join(str(error).split())[-80:]
        raise UserError(f"{path}: cut short or damaged ({words}); remove it or save it again") from None


def _too_large(path: Path, got: str) -> str:
    return f"{path}: {got}; needed: at most {PIXEL_LIMIT // 10**6} million; make it smaller or remove it"


def _in_eight_bits(image: Image.Image, path: Path) -> Image.Image:
    if image.mode == "F":
        raise UserError(f"{path}: a picture of fractions, which have no one meaning in 8 bits; save it as PNG")
    if not image.mode.startswith("I"):
        image.load()
        return image
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise UserError(f"{path}: values from {values.min()} to {values.max()}; needed: 0 to 65535; save it as 16 bit")
    gray = Image.fromarray(((values + 128) // 257).astype(np.uint8))
    gray.info["exif"] = image.info.get("exif", b"")
    return gray


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    """The picture in mode L, RGB or RGBA."""
    if not image.has_transparency_data:
        return image if image.mode == mode else image.convert("RGB").convert(mode)
    layered = image.convert("RGBA")
    if mode == "RGBA":
        pixels = np.array(layered)
        pixels[pixels[..., 3] == 0] = 0
        return Image.fromarray(pixels, "RGBA")
    behind = Image.new("RGBA", layered.size, (*BEHIND_ALPHA, 255))
    return Image.alpha_composite(behind, layered).convert("RGB").convert(mode)
