"""One command at a time makes a result: a second waits until the first has ended, or is refused.

A lock is a hidden file beside the result, held by the operating system (flock): it ends with its process, however that
ends, and the file that a killed one leaves is taken over and removed by the next. On a file system that knows no such
locks, and on Windows, commands run as if each were alone.
"""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from limner.foundation.errors import UserError
from limner.foundation.machine.disk import telling_full_disk
from limner.foundation.progress import say

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".lock"
FOLDER_LOCK = f".limner{SUFFIX}"
"""In a folder that is locked as a whole."""
POLL_S = 0.2
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
_held = threading.local()  # a second thread of this process waits as another process does


class BusyError(UserError):
    """Another command is at work on the same result."""


@contextmanager
def locked(result: Path, *, wait: bool = True) -> Iterator[bool]:
    """Alone with a file or folder that is made, while the block lasts; True unless nothing can be locked there.

    In a block on the same result the lock is had already. Where another command has it this one waits and says so on
    stderr, or, without ``wait``, raises `BusyError`. Raises `UserError` where nothing can be written beside ``result``.
    """
    with _holding(lock_of(result), result, wait) as alone:
        yield alone


@contextmanager
def locked_folder(folder: Path, *, wait: bool = True) -> Iterator[bool]:
    """As `locked`, for a folder in which a command makes and removes what it likes; it is there already."""
    with _holding(folder / FOLDER_LOCK, folder, wait) as alone:
        yield alone


@contextmanager
def _holding(lock: Path, shown: Path, wait: bool) -> Iterator[bool]:
    held: dict[str, bool] = _held.__dict__.setdefault("locks", {})
    name = os.path.abspath(lock)
    if name in held:
        yield held[name]
        return
    handle = _acquired(lock, shown, wait)
    held[name] = handle is not None
    try:
        yield held[name]
    finally:
        del held[name]
        if handle is not None:
            with suppress(OSError):  # its folder may be gone, with all that was in it
                lock.unlink()
            os.close(handle)


def lock_of(result: Path) -> Path:
    """Where the lock of a result lies."""
    return result.with_name(f".{result.name}{SUFFIX}")


def is_lock(path: Path) -> bool:
    """Whether the name is that of a lock."""
    return path.name.startswith(".") and path.name.endswith(SUFFIX)


def remove_if_free(lock: Path) -> None:
    """Remove the lock of a command that was killed; one that a living command holds stays."""
    if fcntl is None:
        return
    with suppress(OSError):
        handle = os.open(lock, os.O_RDWR)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(handle, lock):
                lock.unlink()
        finally:
            os.close(handle)


def _acquired(lock: Path, shown: Path, wait: bool) -> int | None:
    """The open, locked file; None where nothing can be locked."""
    if fcntl is None:
        return None
    told = False
    while True:
        handle = _opened(lock, shown)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = _owner(handle)
            os.close(handle)
        except OSError as error:
            os.close(handle)
            if error.errno not in NO_LOCKS:
                raise
            with suppress(OSError):
                lock.unlink()
            return None
        else:
            if _is_at(handle, lock):
                if os.fstat(handle).st_size:  # ext4 writes to the disk what was cut to nothing: 7 ms for each lock
                    os.ftruncate(handle, 0)
                with suppress(OSError):  # on a full disk nobody is told who it is
                    os.pwrite(handle, f"{os.getpid()} on {socket.gethostname()}".encode(), 0)
                return handle
            os.close(handle)  # whoever had it removed it in between
            continue
        if not wait:
            raise BusyError(
                f"{shown}: another limner{owner} is at work there; wait until it has ended, or choose another --out"
            )
        if not told:
            say(f"limner: {shown}: waiting for another limner{owner} that is at work there")
            told = True
        time.sleep(POLL_S)


def _opened(lock: Path, shown: Path) -> int:
    while True:
        try:
            with telling_full_disk(shown):
                return os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # a command that failed took the folder away that it had made
            lock.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            reason = (error.strerror or "").lower()
            raise UserError(f"cannot write to {lock.parent}: {reason}; choose another --out") from None


def _is_at(handle: int, lock: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(lock))
    except FileNotFoundError:
        return False


def _owner(handle: int) -> str:
    try:
        text = os.pread(handle, 200, 0).decode(errors="replace").strip()
    except OSError:
        text = ""
    return f" (process {text})" if text else ""
