"""Folders of pictures as batches for a network: decoded by threads while the network works."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from limner.errors import UserError
from limner.generate.scores.quantized import as_rgb

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
LOSSY = (".jpg", ".jpeg", ".webp")
PIXEL_LIMIT = 100_000_000
DECODERS = 4
AHEAD = 4
"""Batches that are decoded before the network asks for them."""
_SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N")


def picture_files(folder: Path | str) -> list[Path]:
    """The pictures in a folder and those below it, hidden ones left out, sorted by path.

    Raises `UserError` for no folder, a file, or a folder without pictures.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "a file" if folder.exists() else "no such folder"
        raise UserError(f"{folder}: {what}; needed: a folder of pictures ({', '.join(SUFFIXES)})")
    found = [
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    if not found:
        raise UserError(f"{folder}: no pictures in it; needed: {', '.join(SUFFIXES)} files")
    return sorted(found)


def read_picture(path: Path) -> Tensor:
    """(3, H, W) uint8 of one file: gray is repeated, 16 bit is rounded to 8, transparent pixels show green (`as_rgb`).

    Raises `UserError` for a file that is damaged, too large, or holds fractions.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, about a size that is checked here
            with Image.open(path) as image:
                if image.width * image.height > PIXEL_LIMIT:
                    raise UserError(f"{path}: {image.width} x {image.height} pixels; needed: at most {PIXEL_LIMIT:,}")
                pixels = np.array(_in_eight_bits(image, path))
    except UserError:
        raise
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        words = " ".join(str(error).split())[-80:]
        raise UserError(f"{path}: not a picture, or cut short ({words}); remove it or save it again") from None
    return as_rgb(torch.from_numpy(pixels).permute(2, 0, 1)[None])[0]


def _in_eight_bits(image: Image.Image, path: Path) -> Image.Image:
    if image.mode in _SIXTEEN_BIT or image.mode == "I":
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise UserError(f"{path}: values outside 0..65535; needed: a picture of 8 or 16 bits")
        image = Image.fromarray(((values + 128) // 257).astype(np.uint8))
    elif image.mode == "F":
        raise UserError(f"{path}: a picture of fractions has no one meaning in 8 bits; save it as PNG")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def decoded_batches(files: Sequence[Path], batch: int) -> Iterator[Tensor]:
    """The pictures in their order as (b, 3, H, W) uint8, b at most ``batch``; where sizes change, a batch ends."""
    parts = [files[start : start + batch] for start in range(0, len(files), batch)]
    with ThreadPoolExecutor(DECODERS, thread_name_prefix="decode") as pool:
        waiting: deque[list[Future[Tensor]]] = deque()
        try:
            for part in parts:
                waiting.append([pool.submit(read_picture, path) for path in part])
                if len(waiting) > AHEAD:
                    yield from _same_sizes(waiting.popleft())
            while waiting:
                yield from _same_sizes(waiting.popleft())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _same_sizes(futures: Sequence[Future[Tensor]]) -> Iterator[Tensor]:
    pictures = [future.result() for future in futures]
    for _, alike in groupby(pictures, key=lambda picture: picture.shape):
        yield torch.stack(list(alike))
