"""Photos in and out: pixels as floats, and all that must come back with them.

A photo keeps its kind: bits, alpha, color profile, EXIF, XMP, IPTC and resolution of the file that was read are those
of the file that is written. Only which way is up changes: it is turned upright on reading.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.foundation.files.writing import replacing
from limner.foundation.orientation import UPRIGHT, turned
from limner.photos.decoding import Decoded, decode
from limner.photos.encoding import FORMS, Parts
from limner.photos.hidden import fill_hidden
from limner.photos.profiles import ASSUMING_SRGB, to_profile, usable
from limner.photos.tags import NOTHING, Tags

ROWS_BYTES = 1 << 23  # of floats at a time between a picture and a file's numbers: stays in the cache
BEYOND = 1 / 512  # of 0 to 1: half a level of 8 bits, by which floats may stray


@dataclass(frozen=True)
class Photo:
    """A photo file as a picture, and what is needed to write another of its kind."""

    path: Path
    picture: Tensor
    """(3, H, W) float32 on the CPU, gamma-encoded as ``profile`` says, upright. Integers are divided by the largest
    number of their bits; floats are as in the file, and may exceed 1. 0 where ``missing``."""
    alpha: Tensor | None = None
    """(H, W) float32: 0 where nothing is to be seen, such as where ``missing``; None where the file has none. Pixels of
    alpha 0 have numbers, but are no colors of the picture."""
    missing: Tensor | None = None
    """(H, W) bool: where a float file had NaN or infinity; written back as NaN. None where it had none."""
    tags: Tags = NOTHING
    """What the file says besides its pixels, as it is true of the upright picture."""
    bits: int = 8
    """Of a channel in the file: 8, 16 or, for floats, 32."""
    is_gray: bool = False
    """The file had one channel, here three times. It is written in color."""
    has_alpha: bool = False
    """The file had an alpha channel of its own."""
    lossless: bool = True
    """Matters for WebP, which may be either."""
    turn: int = UPRIGHT
    """EXIF's orientation in the file, 1 to 8, by which the picture was turned upright."""
    notes: tuple[str, ...] = ()
    """What the user should know, one line each; the same words for the same thing, so that a run can say it once."""

    @property
    def profile(self) -> bytes | None:
        """ICC; None means sRGB."""
        return self.tags.profile

    @property
    def notes_as_reference(self) -> tuple[str, ...]:
        """What to tell of it where only its colors are taken: that it names no profile, as most do not, is no news."""
        return tuple(note for note in self.notes if note != ASSUMING_SRGB)

    @property
    def seen(self) -> Tensor | None:
        """(H, W) bool: where alpha is above 0; None where there is no alpha."""
        return None if self.alpha is None else self.alpha > 0

    @cached_property
    def filled(self) -> Tensor:
        """The picture with the nearest visible color where none is seen: see `limner.photos.hidden.fill_hidden`."""
        return self.picture if self.seen is None else fill_hidden(self.picture, self.seen)

    def to_srgb(self, picture: Tensor) -> Tensor:
        """A picture in this photo's profile, such as its own or what became of it, in sRGB; not clipped."""
        return to_profile(picture, self.profile, None)

    def from_srgb(self, picture: Tensor) -> Tensor:
        """A picture in sRGB in this photo's profile; not clipped."""
        return to_profile(picture, None, self.profile)

    def in_profile_of(self, other: Photo) -> Tensor:
        """What is seen of this photo, `filled`, in the profile of another; not clipped."""
        return to_profile(self.filled, self.profile, other.profile)


@dataclass(frozen=True)
class Written:
    """What became of a picture on its way into a file."""

    path: Path
    clipped: float
    """Share of the visible pixels of which a channel lay outside what the file's numbers can hold; 0 for floats."""
    notes: tuple[str, ...] = ()


def read_photo(path: Path, *, longest_px: int | None = None) -> Photo:
    """The photo in a JPEG, PNG, WebP, TIFF (8 or 16 bits, floats) or BMP file, told by its content.

    Gray comes as three equal channels. CMYK, and gray with a profile, come as sRGB. Of several pages the first is read.
    longest_px: read it `shrunk` so, in less time than it takes to read and to shrink it.

    Raises `UserError` for a file that is no such photo, is damaged, has more than 500 million pixels, is an animation,
    has other bands than gray or RGB and alpha, or has no visible pixel.
    """
    decoded = decode(path, longest_px)
    picture, alpha = _as_tensors(decoded)
    missing = None
    if decoded.bits == 32:
        unknown = ~torch.isfinite(picture).all(0)
        if unknown.any():
            missing = unknown
            picture[:, missing] = 0
            alpha = torch.ones_like(picture[0]) if alpha is None else alpha
            alpha[missing] = 0
    if alpha is not None and not (alpha > 0).any():
        raise UserError(f"{path}: no visible pixel: all are transparent or NaN; give a photo that shows something")
    profile, note = usable(decoded.tags.profile, decoded.space)
    if note == ASSUMING_SRGB and decoded.says_srgb:
        note = None
    beyond = _beyond(picture, alpha) if decoded.bits == 32 else None
    notes = (*decoded.notes, *(told for told in (note, beyond) if told))
    gray = decoded.space == "GRAY"
    if gray and profile is not None:
        # A gray profile would not be valid in the file that is written, which has color.
        picture, profile = to_profile(picture, profile, None), None
        notes += ("gray with a color profile: brought to sRGB",)
    photo = Photo(
        path,
        picture,
        alpha,
        missing,
        replace(decoded.tags.upright(decoded.turn), profile=profile),
        bits=decoded.bits,
        is_gray=gray,
        has_alpha=decoded.alpha is not None,
        lossless=decoded.lossless,
        turn=decoded.turn,
        notes=notes,
    )
    return photo if longest_px is None else shrunk(photo, longest_px)


def shrunk(photo: Photo, longest_px: int) -> Photo:
    """A photo to look at: no edge longer than ``longest_px``, of 8 bits, with no more than its profile beside it."""
    height, width = photo.picture.shape[1:]
    scale = min(1.0, longest_px / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    small = [None if part is None else _by_areas(part, size) for part in (photo.picture, photo.alpha)]
    tags = Tags(photo.profile)
    assert small[0] is not None  # photos have pictures
    return replace(photo, picture=small[0], alpha=small[1], missing=None, tags=tags, bits=8)


def _by_areas(values: Tensor, size: tuple[int, int]) -> Tensor:
    """(..., h, w) of (..., H, W): each pixel the mean of the area that it covers."""
    stacked = values.reshape(1, -1, *values.shape[-2:])
    return functional.interpolate(stacked, size, mode="area")[0].reshape(*values.shape[:-2], *size)


def write_photo(path: Path, picture: Tensor, photo: Photo, *, quality: int = 95) -> Written:
    """Write ``picture`` as a file of the kind of ``photo``, whole or not at all; the suffix says the format.

    Where the format cannot hold it, bits become fewer (a note says so), the picture is laid on white where it is
    transparent, and the profile is left out (as well). Pixels of alpha 0 are written as they were read, whatever
    ``picture`` has there. Numbers outside the format's range are clipped once, here, and rounded to the nearest.

    picture: (3, H, W) floating, of the photo's size and in its profile, on any device. quality: of a JPEG (whose color
    has full resolution) or lossy WebP, 1 to 100. Raises `UserError` for an unknown suffix and for the photo's own path.
    """
    if picture.shape != photo.picture.shape:
        raise ValueError(f"a picture of {tuple(picture.shape)} for a photo of {tuple(photo.picture.shape)}")
    form = FORMS.get(path.suffix.lower())
    if form is None:
        raise UserError(f"{path}: photos are written as {', '.join(FORMS)}; give a name that ends so")
    if path.exists() and photo.path.exists() and os.path.samefile(path, photo.path):
        raise UserError(f"{path}: is the photo that was read; choose another --out")
    if max(picture.shape[1:]) > form.longest_px:
        raise UserError(
            f"{path}: {path.suffix} holds {form.longest_px} pixels along an edge at most; write .png or .tif"
        )
    bits = max(bits for bits in form.bits if bits <= photo.bits)
    alpha = photo.alpha if photo.has_alpha or (photo.missing is not None and bits < 32) else None
    tags = photo.tags.within(form.block_bytes)
    if photo.seen is not None:
        picture = torch.where(photo.seen.to(picture.device), picture, photo.picture.to(picture))
    if photo.profile is not None and not form.profile:
        picture, tags = photo.to_srgb(picture), replace(tags, profile=None)
    pixels, clipped = _as_numbers(picture, alpha, photo, bits, alpha_kept=form.alpha)
    lost = {
        f"{photo.bits} bits a channel: {bits} are written": bits < photo.bits,
        "alpha: the picture is laid on white": alpha is not None and not form.alpha,
        "color profiles: the colors are written as sRGB": tags.profile is not photo.profile,
        "so much EXIF, XMP or IPTC: it is left out": photo.tags.longest_block > form.block_bytes,
    }
    with replacing(path) as temporary:
        form.write(temporary, Parts(pixels, tags, photo.lossless, quality))
    return Written(
        path, clipped, tuple(f"{path.suffix} cannot hold {what}" for what, is_lost in lost.items() if is_lost)
    )


def _beyond(picture: Tensor, alpha: Tensor | None) -> str | None:
    """What to tell of floats that leave 0 to 1 where they are seen."""
    colors = picture if alpha is None else picture[:, alpha > 0]
    low, high = float(colors.min()), float(colors.max())
    if low >= -BEYOND and high <= 1 + BEYOND:
        return None
    advice = "; if 255 or 65535 is their white, divide by it first" if high > 16 else ""
    told = f"floats from {low:.3g} to {high:.3g}: methods are made for 0 (black) to 1 (white), and scores end there"
    return told + advice


def _as_tensors(decoded: Decoded) -> tuple[Tensor, Tensor | None]:
    colors = turned(decoded.colors, decoded.turn)
    height, width, channels = colors.shape
    picture = torch.empty(3, height, width)
    for channel in range(channels):
        np.divide(colors[..., channel], decoded.full, out=picture[channel].numpy(), casting="unsafe")
    if channels == 1:
        picture[1:] = picture[0]
    if decoded.alpha is None:
        return picture, None
    alpha = turned(decoded.alpha, decoded.turn).astype(np.float32) / np.float32(decoded.full)
    return picture, torch.from_numpy(alpha)


def _as_numbers(
    picture: Tensor, alpha: Tensor | None, photo: Photo, bits: int, *, alpha_kept: bool
) -> tuple[np.ndarray, float]:
    """((H, W, 3 or 4) uint8, uint16 or float32, the share of visible pixels that were clipped)."""
    _, height, width = picture.shape
    kind, full = {8: (torch.uint8, 255), 16: (torch.uint16, 65535), 32: (torch.float32, 1)}[bits]
    pixels = torch.empty(height, width, 4 if alpha is not None and alpha_kept else 3, dtype=kind)
    rows = max(1, ROWS_BYTES // (12 * width))
    clipped = 0
    for part in (slice(start, start + rows) for start in range(0, height, rows)):
        colors = picture[:, part].detach().to(torch.float32)
        if bits < 32:
            colors = colors * full
            outside = ((colors < -0.5) | (colors >= full + 0.5)).any(0)
            if photo.alpha is not None:
                outside &= (photo.alpha[part] > 0).to(outside.device)
            clipped += int(outside.sum())
            colors.clamp_(0, full)
            if alpha is not None and not alpha_kept:
                colors.sub_(full).mul_(alpha[part].to(colors.device)).add_(full)
            colors.round_()
        elif photo.missing is not None:
            colors = colors.masked_fill(photo.missing[part].to(colors.device), torch.nan)
        pixels[part, :, :3] = colors.to(kind).permute(1, 2, 0).cpu()
        if alpha is not None and alpha_kept:
            pixels[part, :, 3] = (alpha[part] * full).round() if bits < 32 else alpha[part]
    visible = height * width if photo.alpha is None else int((photo.alpha > 0).sum())
    return pixels.numpy(), clipped / max(1, visible)
