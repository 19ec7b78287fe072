"""Files that are no photos, each made by a function of its path."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from PIL import Image

from limner.photos.deep_files import write_tiff
from limner.photos.photos import Photo, write_photo

NOISE = np.random.default_rng(0).integers(0, 256, (33, 47, 4), np.uint8)


def text(path: Path) -> None:
    path.write_text("not a picture at all")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut_short(path: Path) -> None:
    Image.fromarray(NOISE[..., :3]).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut_short_16_bits(path: Path) -> None:
    write_photo(path, *deep_photo())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def deep_photo() -> tuple:
    import torch

    picture = torch.from_numpy(NOISE[..., :3]).permute(2, 0, 1) / 255
    return picture, Photo(Path("none"), picture, bits=16)


def transparent(path: Path) -> None:
    Image.fromarray(NOISE * np.uint8([1, 1, 1, 0])).save(path)


def all_nan(path: Path) -> None:
    write_tiff(path, np.full((4, 5, 3), np.nan, np.float32))


def of_bands(bands: int, **options: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with rasterio.open(
            path, "w", driver="GTiff", width=9, height=8, count=bands, dtype="uint16", **options
        ) as file:
            file.write(np.ones((bands, 8, 9), np.uint16))

    return write


def of_type(dtype: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with rasterio.open(path, "w", driver="GTiff", width=9, height=8, count=3, dtype=dtype) as file:
            file.write(np.ones((3, 8, 9), dtype))

    return write


def huge_png(path: Path) -> None:
    header = struct.pack(">4sLLBBBBB", b"IHDR", 60000, 60000, 8, 2, 0, 0, 0)
    pixels = b"IDAT" + zlib.compress(b"\0" * 1000)
    chunks = [
        struct.pack(">L", len(data) - 4) + data + struct.pack(">L", zlib.crc32(data)) for data in (header, pixels)
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def huge_tiff(path: Path) -> None:
    with rasterio.open(
        path, "w", driver="GTiff", width=40000, height=40000, count=3, dtype="uint8", sparse_ok=True, tiled=True
    ):
        pass


def animation(path: Path) -> None:
    frames = [Image.fromarray(NOISE[..., band]) for band in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def still_gif(path: Path) -> None:
    Image.fromarray(NOISE[..., 0]).save(path)


def folder(path: Path) -> None:
    path.mkdir()


def nothing(path: Path) -> None:
    pass
