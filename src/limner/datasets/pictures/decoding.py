"""One picture from a file, whatever its mode, as gray, RGB or RGBA of 8 bits."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ExifTags import Base
from PIL.TiffImagePlugin import TiffImageFile

from limner.foundation.errors import UserError
from limner.foundation.orientation import UPRIGHT

PIXEL_LIMIT = 100_000_000
WHOLE_PX = 1 << 20
"""A size that no picture has: none is decoded smaller than it is."""
ORIENTATION = Base.Orientation
KIND, OLD_KIND, SUB_DIRECTORIES, DNG_VERSION = Base.NewSubfileType, Base.SubfileType, Base.SubIFDs, Base.DNGVersion
SAY_ORIENTATION = ("exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp")
"""Where Pillow keeps what says how a picture is turned."""
BEHIND_ALPHA = (51, 255, 51)
"""What shows through transparent pixels: the background of cut-outs, so that both kinds of cut-outs are alike."""
Colors = Literal["rgb", "rgba", "gray"]
MODES: dict[Colors, str] = {"rgb": "RGB", "rgba": "RGBA", "gray": "L"}
"""Pillow's name of each."""
CHANNELS: dict[Colors, int] = {"rgb": 3, "rgba": 4, "gray": 1}
DAMAGES = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, Image.DecompressionBombError)
"""What Pillow raises on broken files, by format."""


def decode(path: Path, colors: Colors, *, least_px: int = WHOLE_PX) -> Image.Image:
    """`decode_turned`, without the orientation."""
    return decode_turned(path, colors, least_px=least_px)[0]


def decode_turned(path: Path, colors: Colors, *, least_px: int = WHOLE_PX) -> tuple[Image.Image, int]:
    """The picture in a file, turned as its EXIF says, in the mode that ``colors`` means, and the orientation, 1 to 8,
    that it was turned by.

    Gray becomes RGB by repetition and RGB gray by its luma (ITU-R BT.601); 16 bits are scaled to 8; palettes are looked
    up; CMYK is converted by a plain formula, without its color profile. Where alpha is not wanted, `BEHIND_ALPHA` shows
    through, as behind cut-outs; where it is, the color of what cannot be seen at all is 0.

    least_px: neither edge needs to be larger, so that a JPEG may be decoded at a half, a quarter or an eighth of its
    size; by default all have their own size.

    Raises `UserError` for a file that is damaged, holds fractions, or has more than `PIXEL_LIMIT` pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, about sizes that are checked here
            with Image.open(path) as image:
                if image.width * image.height > PIXEL_LIMIT:
                    raise UserError(_too_large(path, f"{image.width} x {image.height} pixels"))
                if isinstance(image, TiffImageFile):
                    _refuse_previews(path, image)
                image.draft(None, (least_px, least_px))
                # Loading a TIFF turns it and forgets that; a PNG's EXIF may stand behind its pixels.
                orientation = _orientation(image) if isinstance(image, TiffImageFile) else None
                loaded = _in_eight_bits(image, path)
                orientation = orientation or _orientation(image)
                return _in_mode(ImageOps.exif_transpose(loaded), MODES[colors]), orientation
    except UserError:
        raise
    except Image.DecompressionBombError:
        raise UserError(_too_large(path, "more pixels than Pillow opens")) from None
    except UnidentifiedImageError:
        raise UserError(
            f"{path}: not a picture, or of a kind that Pillow cannot read; remove it or save it as PNG"
        ) from None
    except FileNotFoundError:
        what = "a link that leads to no file" if path.is_symlink() else "no such file"
        raise UserError(f"{path}: {what}; remove it, or put the picture there") from None
    except DAMAGES as error:
        words = " ".join(str(error).split())[-80:]
        raise UserError(f"{path}: cut short or damaged ({words}); remove it or save it again") from None


def _refuse_previews(path: Path, image: TiffImageFile) -> None:
    """Raise `UserError` where the first picture of a TIFF says that it is a smaller copy of another in the file."""
    if DNG_VERSION in image.tag_v2:
        raise UserError(f"{path}: a raw file of a camera, whose first picture is a preview; develop it to TIFF or JPEG")
    is_copy = image.tag_v2.get(KIND, 0) & 1 or image.tag_v2.get(OLD_KIND) == 2
    if is_copy and (SUB_DIRECTORIES in image.tag_v2 or image.tag_v2.next):
        raise UserError(
            f"{path}: its first picture is a preview of another in the file; save that as a file of its own"
        )


def _orientation(image: Image.Image) -> int:
    found = image.getexif().get(ORIENTATION, UPRIGHT)
    return found if found in range(1, 9) else UPRIGHT


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
    gray.info |= {key: image.info[key] for key in SAY_ORIENTATION if key in image.info}
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
