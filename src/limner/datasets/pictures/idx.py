"""Pictures in idx files, as MNIST and its kin are published: many in one file."""

import gzip
import math
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from limner.foundation.errors import UserError
from limner.foundation.progress import say

IDX_BYTES = 0x08
"""The code of unsigned bytes in an idx file's head."""
MOST_BYTES = 1 << 33
"""More no file of this kind holds, and a head that says so is damaged."""
PACKED = ".gz"


def read_idx(path: Path) -> np.ndarray:
    """The array in an idx file of unsigned bytes, plain or gzipped, in the shape that its head says.

    Raises `UserError` for a file of another kind or one that is cut short.
    """
    content = unpacked_bytes(path)
    if len(content) < 4 or not _is_head(content) or not 1 <= content[3] <= 4:
        raise UserError(f"{path}: not an idx file of unsigned bytes; needed: one as MNIST has (images-idx3-ubyte)")
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise UserError(f"{path}: cut short in its head; fetch it again")
    shape = struct.unpack(f">{content[3]}I", content[4:start])
    if len(content) - start != math.prod(shape):
        raise UserError(
            f"{path}: holds {len(content) - start:,} bytes after its head, which says {math.prod(shape):,}; "
            "fetch it again"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def is_idx(path: Path) -> bool:
    """Whether a file begins as an idx file of unsigned bytes does; False where it cannot be read, or only once."""
    if not path.is_file():
        return False
    try:
        with gzip.open(path) if path.suffix == PACKED else path.open("rb") as file:
            return _is_head(file.read(3))
    except (OSError, EOFError, zlib.error):
        return False


@contextmanager
def one_picture(path: Path, index: int | None) -> Iterator[Path]:
    """A file of one picture: ``path`` itself, or of an idx file the picture ``index``, from 0, as a PNG that is there
    within the block; without an index the first, which is said.

    Raises `UserError` for an index that no picture has, or of a file that holds one picture.
    """
    if not is_idx(path):
        if index is not None:
            raise UserError(
                f"--index {index} chooses a picture of an idx file, as of MNIST; {path} is none: leave it out"
            )
        yield path
        return
    pictures = read_idx(path)
    if pictures.ndim != 3 or not pictures.size:
        shape = " x ".join(map(str, pictures.shape))
        raise UserError(f"{path}: holds {shape} numbers; needed: pictures, N x height x width (images-idx3-ubyte)")
    if index is None:
        say(f"{path}: holds {len(pictures):,} pictures; the first is used; --index N takes another, from 0")
    elif not 0 <= index < len(pictures):
        raise UserError(f"--index {index}: {path} holds the pictures 0 to {len(pictures) - 1}")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{path.name}-{index or 0}.png"
        Image.fromarray(pictures[index or 0]).save(file)
        yield file


def unpacked_bytes(path: Path) -> bytes:
    """What a file holds, unpacked where its name ends in .gz. Raises `UserError` where it cannot be unpacked."""
    if path.suffix != PACKED:
        return path.read_bytes()
    try:
        return b"".join(_parts(path))
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: cannot be unpacked ({error}); fetch it again") from None


def _parts(path: Path) -> Iterator[bytes]:
    total = 0
    with gzip.open(path) as file:
        while part := file.read(1 << 24):
            total += len(part)
            if total > MOST_BYTES:
                raise UserError(
                    f"{path}: more than {MOST_BYTES >> 30} GB when unpacked; no set of this kind is so large"
                )
            yield part


def _is_head(content: bytes) -> bool:
    return content[:3] == bytes((0, 0, IDX_BYTES))
