"""Files delivered anew: other contents under the same name and times."""

import os
from pathlib import Path

import numpy as np
from PIL import Image


def change_pixel(path: Path) -> Path:
    """Give the first pixel of a picture another value; its times stay as they were."""
    before = path.stat()
    with Image.open(path) as picture:
        pixels = np.array(picture)
    pixels[0, 0] ^= 1
    Image.fromarray(pixels).save(path)
    return keep_times(path, before)


def change_byte(path: Path, place: int = -1) -> Path:
    """Give one byte of a file another value, as in an uncompressed raster; size and times stay as they were."""
    before, content = path.stat(), bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    return keep_times(path, before)


def keep_times(path: Path, before: os.stat_result) -> Path:
    """Give a file the times of change that it had before."""
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return path
