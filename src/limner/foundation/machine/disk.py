"""A disk without room, told in one line, and files whose failed writes cannot pass unseen.

Some libraries go on after a write that failed: Pillow's encoders of JPEG and BMP, and GDAL, whose close says nothing.
What they would leave is a file cut short that looks whole.
"""

import errno
import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from limner.foundation.errors import UserError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
PROBE_BYTES = 1 << 16


class DiskFullError(UserError):
    """There was no room for a file."""

    def __init__(self, path: Path, reason: int | None = errno.ENOSPC) -> None:
        free = shutil.disk_usage(_existing(path)).free
        if reason == errno.EFBIG:
            message = "may not grow further, by a limit of this system (ulimit -f) or of the disk's format"
            super().__init__(f"{path}: {message}; {size(free)} are free; raise it, or choose another --out")
            return
        what = "the quota is used up" if reason == errno.EDQUOT else "the disk is full"
        super().__init__(f"{path}: {what} ({size(free)} free); make room and run the same command again")


def size(count: int) -> str:
    """Bytes for people.

    >>> size(0), size(2_500_000), size(41_000_000_000)
    ('0.0 MB', '2.5 MB', '41.0 GB')
    """
    return f"{count / 1e9:.1f} GB" if count >= 10**9 else f"{count / 1e6:.1f} MB"


def _existing(path: Path) -> Path:
    return next((part for part in (path, *path.parents) if part.exists()), Path())


def no_room(error: BaseException, unfinished: Path) -> int | None:
    """The system's number of the reason why a write failed, where that was want of room; else None.

    unfinished: the file or folder that was being written. Many libraries raise errors of their own when a write
    fails: of these it is found out by writing a little more.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno if error.errno in (*NO_ROOM, errno.EFBIG) else None
    if isinstance(error, UserError) or not isinstance(error, Exception):
        return None
    probe = unfinished / ".probe" if unfinished.is_dir() else unfinished
    try:
        with probe.open("ab", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            try:
                _write_all(file, bytes(PROBE_BYTES))
            finally:
                file.truncate(end)
    except OSError as failed:
        return failed.errno if failed.errno in (*NO_ROOM, errno.EFBIG) else None
    finally:
        if probe != unfinished:
            with suppress(OSError):
                probe.unlink()
    return None


@contextmanager
def telling_full_disk(path: Path, unfinished: Path | None = None) -> Iterator[None]:
    """Raise `DiskFullError`, which names ``path``, where the block fails for want of room.

    unfinished: what the block writes, where it has another name than ``path``.
    """
    try:
        yield
    except DiskFullError:
        if unfinished is None:
            raise
        raise DiskFullError(path) from None  # the block's own name would be one that nobody knows
    except Exception as error:
        if (reason := no_room(error, unfinished or path)) is None:
            raise
        raise DiskFullError(path, reason) from None


def _write_all(file: io.FileIO, data: bytes | memoryview) -> None:
    """Write all of it: the system may write a part, and say only by the next write that there is no room."""
    view = memoryview(data).cast("B")
    while view:
        view = view[file.write(view) or 0 :]


def append(path: Path, data: bytes) -> None:
    """Add bytes to the end of a file, all or none of them. Raises `DiskFullError` where there is no room."""
    with telling_full_disk(path), io.FileIO(path, "ab") as file:
        end = file.seek(0, os.SEEK_END)
        try:
            _write_all(file, data)
        except OSError:
            file.truncate(end)
            raise


class _Unnumbered(io.BufferedWriter):
    def fileno(self) -> int:
        raise io.UnsupportedOperation("fileno")


def open_for_encoder(path: Path) -> BinaryIO:
    """A new file for an encoder in C, which shall not write by the file's number but through Python, where failing
    raises.

    Pillow writes JPEG and BMP by the number, and does not look at how much was written.
    """
    return _Unnumbered(io.FileIO(path, "wb"))


class WatchedFile:
    """A file for a library that overlooks failed writes: the first failure is kept in ``error``.

    From then on it takes whatever is written, and keeps nothing, so that the library comes to its end quietly;
    whoever opened the file must look at ``error``.
    """

    def __init__(self, path: str, mode: str) -> None:
        mode = mode.replace("b", "")
        self.file = io.FileIO(path, "w+" if mode == "w" else mode)
        self.error: OSError | None = None
        self.place = 0

    def __enter__(self) -> "WatchedFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, data: bytes | memoryview) -> int:
        """Write all of ``data`` where the file stands."""
        count = memoryview(data).nbytes
        if self.error is None:
            try:
                self.file.seek(self.place)
                _write_all(self.file, data)
            except OSError as error:
                self.error = error
        self.place += count
        return count

    def read(self, count: int = -1) -> bytes:
        """Up to ``count`` bytes."""
        self.file.seek(self.place)
        parts = []
        while count and (part := self.file.read(count)):
            parts.append(part)
            count -= len(part) if count > 0 else 0
        found = b"".join(parts)
        if self.error is not None and count > 0:
            found += bytes(count)  # what was written after the failure is not kept
        self.place += len(found)
        return found

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, which may lie behind the end."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.place}.get(whence)
        self.place = (os.fstat(self.file.fileno()).st_size if base is None else base) + offset
        return self.place

    def tell(self) -> int:
        """Where the file stands."""
        return self.place

    def flush(self) -> None:
        """Nothing is held back."""

    def truncate(self, length: int) -> int:
        """Cut or lengthen the file."""
        if self.error is None:
            try:
                self.file.truncate(length)
            except OSError as error:
                self.error = error
        return length

    def close(self) -> None:
        """Close it; on some disks this is when a failed write is told."""
        try:
            self.file.close()
        except OSError as error:
            self.error = self.error or error
